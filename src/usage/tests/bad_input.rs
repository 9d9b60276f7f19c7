//! Input that is broken, cut, or hostile: it costs itself and nothing else.

use super::*;

/// Options with a limit that a test can reach.
fn short_records() -> ReadOptions {
    ReadOptions { max_record: 10_000, block_bytes: 1_000, ..options() }
}

#[test]
fn a_cut_gzip_file_gives_its_whole_records_and_the_time_of_the_last() {
    let text = array(0..3_000);
    let packed = gzip(&text);
    let result = read(&packed[..packed.len() / 2]);
    let used = result.files[0].intake.used;
    assert!(used > 500 && used < 2_500, "{used}");
    let damage = result.files[0].damaged.as_ref().unwrap();
    assert!(damage.reason.starts_with("gzip data is cut off"), "{damage:?}");
    let last = record(used as u32 - 1);
    let last = Time::parse(&last[6..26]).unwrap();
    assert_eq!(damage.last_good, Some(last));
    // The half record is the only one that is lost.
    assert_eq!(
        rejected(&result),
        [(At::Record(used + 1), "the text ends in the middle of this record")]
    );
}

#[test]
fn garbage_members_and_wrong_sizes_do_not_hide_records() {
    let (one, two) = (gzip(lines(0..50)), gzip(lines(50..120)));
    let members = [one.clone(), two.clone()].concat();
    assert_eq!(count(&read(&members)), 120);
    let garbage = read([one.clone(), b"garbage".to_vec()].concat());
    assert_eq!(count(&garbage), 50);
    assert_eq!(
        garbage.files[0].intake.notes,
        ["7 bytes after the end of the gzip data were ignored"]
    );
    assert_eq!(garbage.files[0].damaged, None);
    for size in [0u32, 1, 7_000_000, u32::MAX] {
        let mut lying = one.clone();
        let at = lying.len() - 4;
        lying[at..].copy_from_slice(&size.to_le_bytes());
        let result = read(&lying);
        assert_eq!(count(&result), 50, "size {size}");
        assert!(result.files[0].damaged.is_some(), "size {size}");
    }
}

#[test]
fn a_file_that_expands_a_thousandfold_is_read_in_bounded_memory() {
    let mut text = " ".repeat(4 << 20);
    text.push_str(&lines(0..3));
    text.push_str(&"\n".repeat(4 << 20));
    for bytes in [gzip(&text), zst(&text)] {
        assert!(bytes.len() < 100_000);
        assert_eq!(count(&read(bytes)), 3);
    }
}

#[test]
fn a_broken_line_costs_that_line() {
    for broken in [
        "{\"t\":\"2026-01-01\",\"acti",
        "{\"t\":\"2026-01-01\"",
        "{\"t\":\"2026-01-01\",}",
        "{\"t\":oops}",
        "{\"a\":{\"b\":[",
        "{\"a\":\"\\",
        "nonsense",
        "\"text\"",
        "[1,2]",
        "}",
        "{\"t\":\"2026-01-01\",\"action\":\"\\q\"}",
    ] {
        for (before, after) in [(5, 5), (0, 5), (5, 0)] {
            let text = lines(0..before) + broken + "\n" + &lines(10..10 + after);
            let result = read(&text);
            assert_eq!(count(&result), u64::from(before + after), "{text}");
            assert_eq!(rejected(&result).len(), 1, "{text}");
            if before > 0 {
                assert_eq!(rejected(&result)[0].0, At::Line(before + 1, 1), "{broken}");
            }
        }
    }
}

#[test]
fn a_broken_record_of_an_array_costs_that_record() {
    for broken in [
        "{\"t\":\"2026-01-01\",\"id",
        "{\"t\":\"2026-01-01\",\"action\":\"a}",
        "{\"t\":oops}",
        "{\"t\":[[[}",
        "{\"t\":\"2026-01-01\",\"skipped\":{\"a\":1,}",
        "7",
        "\"text\"",
        "[{\"a\":1}]",
        "?",
    ] {
        let records: Vec<String> =
            (0..5).map(record).chain([broken.to_string()]).chain((5..9).map(record)).collect();
        for text in [
            format!("{{\"Records\":[{}]}}", records.join(",")),
            format!("[{}]", records.join(",\n")),
        ] {
            let result = read(&text);
            assert_eq!(count(&result), 9, "{text}");
            assert_eq!(rejected(&result).len(), 1, "{broken} {:?}", rejected(&result));
            assert_eq!(rejected(&result)[0].0, At::Record(6), "{broken}");
        }
    }
}

#[test]
fn half_a_record_at_the_end_is_told() {
    let text = array(0..4);
    let result = read(&text[..text.len() - 30]);
    assert_eq!(count(&result), 3);
    assert_eq!(rejected(&result), [(At::Record(4), "the text ends in the middle of this record")]);
    assert!(result.files[0].damaged.is_some());
    let unclosed = read(&text[..text.len() - 2]);
    assert_eq!(count(&unclosed), 4);
    assert!(unclosed.files[0].damaged.is_some());
    let half = read(&record(0)[..50]);
    assert_eq!(rejected(&half), [(At::Record(1), "the text ends in the middle of this record")]);
}

#[test]
fn encodings_are_read_and_marks_removed() {
    let text = lines(0..300);
    let mut utf16 = vec![0xff, 0xfe];
    utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    let marked = [&[0xef, 0xbb, 0xbf], text.as_bytes()].concat();
    let expected = rows(&read(&text));
    for bytes in [utf16.clone(), gzip(&utf16), zst(&utf16), marked.clone(), gzip(&marked)] {
        let result = read(&bytes);
        assert_eq!(rows(&result), expected);
        assert_eq!(rejected(&result), []);
    }
    let blocks = ReadOptions { block_bytes: 512, ..options() };
    assert_eq!(rows(&Logs::new().with("log", &marked).read(&blocks)), expected);
    assert_eq!(rows(&Logs::new().with("log", &utf16).read(&blocks)), expected);
}

#[test]
fn a_hundred_thousand_brackets_are_rejected() {
    for open in ["[", "{\"a\":"] {
        let deep = open.repeat(100_000);
        let close = if open == "[" { "]" } else { "}" }.repeat(100_000);
        let inner = format!("{{\"t\":\"2026-01-01\",\"skipped\":{deep}1{close}}}");
        let wanted = format!("{{\"t\":\"2026-01-01\",\"params\":{deep}1{close}}}");
        for record in [inner, wanted] {
            let text = lines(0..2) + &record + "\n" + &lines(2..4);
            let result = read(&text);
            assert_eq!(count(&result), 4);
            assert_eq!(rejected(&result), [(At::Line(3, 1), "nested deeper than 512 levels")]);
            let text = format!("[{},{record},{}]", super::record(0), super::record(1));
            assert_eq!(count(&read(&text)), 2);
        }
        let result = read(&deep);
        assert_eq!(count(&result), 0);
        assert_eq!(rejected(&result).len(), 1, "{:?}", rejected(&result));
    }
}

#[test]
fn nesting_up_to_the_limit_is_read() {
    let nested = |levels: usize| {
        format!("{{\"t\":\"2026-01-01\",\"x\":{}{}}}", "[".repeat(levels), "]".repeat(levels))
    };
    assert_eq!(count(&read(nested(511))), 1);
    assert_eq!(count(&read(nested(512))), 0);
}

#[test]
fn a_long_line_costs_that_line() {
    let long = format!("{{\"t\":\"2026-01-01\",\"x\":\"{}\"}}\n", "y".repeat(50_000));
    let text = lines(0..20) + &long + &lines(20..40);
    for bytes in [text.clone().into_bytes(), gzip(&text), zst(&text)] {
        let result = Logs::new().with("log", &bytes).read(&short_records());
        assert_eq!(count(&result), 40);
        assert_eq!(rejected(&result).len(), 1);
        assert_eq!(rejected(&result)[0].1, "line longer than 10000 bytes");
    }
    let endless = lines(0..20) + &long.replace('\n', "");
    let result = Logs::new().with("log", endless).read(&short_records());
    assert_eq!((count(&result), rejected(&result).len()), (20, 1));
}

#[test]
fn a_long_record_of_an_array_costs_that_record() {
    let long = format!("{{\"t\":\"2026-01-01\",\"x\":\"{}\"}}", "y".repeat(50_000));
    let records: Vec<String> = (0..4).map(record).collect();
    let text = format!("[{},{long},{}]", records[..2].join(","), records[2..].join(","));
    for bytes in [text.clone().into_bytes(), gzip(&text), zst(&text)] {
        let result = Logs::new().with("log", &bytes).read(&short_records());
        assert_eq!(count(&result), 4);
        assert_eq!(rejected(&result), [(At::Record(3), "record longer than 10000 bytes")]);
    }
}

#[test]
fn many_broken_records_do_not_take_quadratic_time() {
    let text = format!("[{}{}]", record(0), ",{\"t\":\"x\",\"skipped\":{\"a\":[1,".repeat(60_000));
    let start = std::time::Instant::now();
    let result = read(&text);
    assert_eq!(count(&result), 1);
    assert!(result.files[0].intake.rejected_count > 0);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn empty_and_missing_files_are_told() {
    let logs = Logs::new().with("empty", "").with("blank", " \n\n").with("log", lines(0..2));
    let mut files = logs.files();
    let none = logs.folder.path().join("none");
    assert!(!exists(&none));
    files.push(LogFile { file: 3, path: &none, printed: "none", format: &SMALL, context: "" });
    files.push(LogFile {
        file: 4,
        path: logs.folder.path(),
        printed: "folder",
        format: &SMALL,
        context: "",
    });
    let result = read_logs(&files, &options(), &NoProgress);
    assert_eq!(count(&result), 2);
    assert_eq!(result.files[0].intake, Intake::default());
    assert_eq!(result.files[1].intake, Intake::default());
    assert_eq!(
        result.files[0].sha256,
        crate::evidence::hex(&<sha2::Sha256 as sha2::Digest>::digest(b""))
    );
    for failed in &result.files[3..] {
        assert!(failed.failed.is_some());
        assert_eq!(failed.intake.rejected[0].0, Place::file(failed.file));
    }
}
