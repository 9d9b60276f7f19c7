//! Each event counts once.

use super::*;

fn event(id: &str, name: &str, rank: u32) -> String {
    format!(
        "{{\"t\":\"2026-03-01T00:00:00Z\",\"id\":\"{id}\",\"who\":{{\"name\":\"{name}\"}},\"n\":{rank}}}\n"
    )
}

#[test]
fn copies_within_and_across_files_count_once() {
    let logs = Logs::new()
        .with("a", lines(0..500))
        .with("b.gz", gzip(lines(300..800) + &lines(300..310)))
        .with("c.zst", zst(array(0..100)));
    let result = logs.read(&options());
    assert_eq!(count(&result), 800);
    assert_eq!((result.records, result.duplicates, result.events), (1_110, 310, 800));
}

#[test]
fn events_without_an_id_all_count() {
    assert_eq!(count(&read("{\"t\":\"2026-01-01\"}\n".repeat(5))), 5);
}

#[test]
fn the_smallest_rank_and_then_the_smallest_row_keeps_the_count() {
    let result =
        read(event("x", "a", 1) + &event("x", "b", 0) + &event("x", "c", 0) + &event("y", "b", 1));
    let expected = [("a|1", 0), ("b|0", 1), ("b|1", 1), ("c|0", 0)];
    let expected: Vec<(String, u64)> = expected.map(|(key, count)| (key.to_string(), count)).into();
    assert_eq!(rows(&result), expected);
}

#[test]
fn spilling_changes_nothing() {
    let logs = Logs::new()
        .with("a", lines(0..20_000))
        .with("b", lines(5_000..30_000))
        .with("c", lines(29_000..31_000));
    let listed = show(&logs.read(&options()));
    for spill_after in [0, 1_000, 40_000] {
        let spilled = ReadOptions { spill_after, ..options() };
        assert!(show(&logs.read(&spilled)) == listed, "{spill_after}");
    }
    assert!(listed.contains("47000 16000 31000"), "{}", &listed[listed.len() - 300..]);
}

#[test]
fn a_file_that_is_given_twice_counts_once() {
    // No ids, so that only the bytes tell.
    let text = "{\"t\":\"2026-01-01\"}\n".repeat(5);
    let other = "{\"t\":\"2026-01-02\"}\n".repeat(5);
    let logs = Logs::new().with("a", &text).with("b", &text).with("c", &other);
    let result = logs.read(&options());
    assert_eq!(count(&result), 10);
    assert_eq!(result.files[1].same_as, Some(0));
    assert_eq!(result.files[1].intake.notes, ["the same bytes as a: counted once"]);
    assert_eq!(result.files[1].sha256, result.files[0].sha256);
    assert_eq!(result.files[2].same_as, None);
}
