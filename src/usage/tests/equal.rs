//! The fast reader equals the slow one, and nothing depends on threads, pieces or order.

use proptest::prelude::*;

use super::*;
use crate::usage::plan::{Plan, Ranges};
use crate::usage::twin::{self, Broken};
use crate::usage::walk::{PAD, Stop, Walker};

/// JSON text with all that is allowed: blanks, escapes, keys that come twice, any order.
fn json(depth: u32) -> BoxedStrategy<String> {
    let leaf = prop_oneof![
        Just("null".to_string()),
        Just("true".to_string()),
        (-1000i32..1000).prop_map(|n| n.to_string()),
        Just("-1.5e+3".to_string()),
        string(),
    ];
    leaf.prop_recursive(depth, 40, 6, |inner| {
        prop_oneof![
            object(inner.clone()),
            (prop::collection::vec(inner, 0..4), blank()).prop_map(|(values, blank)| format!(
                "[{blank}{}]",
                values.join(&format!(",{blank}"))
            )),
        ]
    })
    .boxed()
}

fn blank() -> impl Strategy<Value = &'static str> {
    prop_oneof![5 => Just(""), 1 => Just(" "), 1 => Just("\n\t ")]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z:/0-9]{0,40}".prop_map(|text| format!("\"{text}\"")),
        1 => any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        1 => Just("\"\\u0061\\ud83d\\ude00\\\\\\\"\"".to_string()),
        1 => Just("\"\\ud800x\"".to_string()),
        1 => Just("\"2026-03-02T09:15:00Z\"".to_string()),
    ]
}

fn key() -> impl Strategy<Value = String> {
    let known = [
        "t",
        "id",
        "who",
        "name",
        "session",
        "arn",
        "action",
        "things",
        "tags",
        "n",
        "params",
        "bucketNameWithAVeryLongKey",
        "ip",
        "agent",
        "other",
        "",
    ];
    prop_oneof![
        12 => prop::sample::select(known.to_vec()).prop_map(|key| format!("\"{key}\"")),
        1 => Just("\"acti\\u006fn\"".to_string()),
        1 => string(),
    ]
}

fn object(value: impl Strategy<Value = String> + Clone + 'static) -> impl Strategy<Value = String> {
    let member = (key(), blank(), blank(), value);
    prop::collection::vec(member, 0..8).prop_map(|members| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(key, one, two, value)| format!("{one}{key}{two}:{one}{value}{two}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

fn record_text() -> impl Strategy<Value = String> {
    object(json(4))
}

/// Changes at places of a text: replace, delete, insert.
fn mutate(text: &str, changes: &[(prop::sample::Index, u8, u8)]) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for (place, kind, byte) in changes {
        let at = place.index(bytes.len().max(1));
        match kind % 3 {
            0 if at < bytes.len() => bytes[at] = *byte,
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            _ => bytes.insert(at, *byte),
        }
    }
    bytes
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
    let byte = prop_oneof![
        4 => prop::sample::select(b"\"\\{}[],:\n 0atn\x00\xff".to_vec()),
        1 => any::<u8>(),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), byte), 1..4)
}

type Values = Vec<Vec<u8>>;

fn values(ranges: &Ranges, text: &[u8]) -> Values {
    (0..FIELDS.len())
        .map(|field| {
            let value = ranges.record(text).get(field);
            String::from_utf8_lossy(value).into_owned().into_bytes()
        })
        .collect()
}

fn fast(walker: &mut Walker, text: &[u8]) -> Result<(usize, Values), Stop> {
    let padded = [text, &[0; PAD]].concat();
    let mut ranges = Ranges::new();
    let length = walker.walk(&padded, &mut ranges)?;
    Ok((length, values(&ranges, &padded)))
}

fn slow(plan: &Plan, text: &[u8]) -> Result<(usize, Values), Broken> {
    let (mut arena, mut ranges) = (Vec::new(), Ranges::new());
    let length = twin::read(plan, text, &mut arena, &mut ranges)?;
    Ok((length, values(&ranges, &arena)))
}

/// Equal, or left to the slow one, or the slow one rejects.
fn agree(walker: &mut Walker, plan: &Plan, text: &[u8]) -> Result<(), TestCaseError> {
    match (fast(walker, text), slow(plan, text)) {
        (Ok(fast), Ok(slow)) => prop_assert_eq!(fast, slow),
        // More text is not needed for what the slow one has read.
        (Err(stop), Ok(_)) => prop_assert_eq!(stop, Stop::Slow),
        (_, Err(_)) => {}
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn records_are_read_alike_by_both(records in prop::collection::vec(record_text(), 1..6)) {
        let (mut walker, plan) = (Walker::new(Plan::new(FIELDS)), Plan::new(FIELDS));
        for record in &records {
            let slow = slow(&plan, record.as_bytes());
            prop_assert!(slow.is_ok(), "{record} {slow:?}");
            agree(&mut walker, &plan, record.as_bytes())?;
            let tail = format!("{record},{{");
            agree(&mut walker, &plan, tail.as_bytes())?;
        }
    }

    #[test]
    fn every_cut_asks_for_more(record in record_text()) {
        let (mut walker, plan) = (Walker::new(Plan::new(FIELDS)), Plan::new(FIELDS));
        let _ = fast(&mut walker, record.as_bytes());
        for cut in 1..record.len() {
            let text = &record.as_bytes()[..cut];
            prop_assert_eq!(slow(&plan, text), Err(Broken::More));
            // The fast one may have met an escape before the cut.
            prop_assert!(fast(&mut walker, text).is_err(), "{:?}", text);
            if !record.contains('\\') {
                prop_assert_eq!(fast(&mut walker, text), Err(Stop::More));
            }
        }
    }

    #[test]
    fn mutated_records_are_read_alike_or_rejected(
        records in prop::collection::vec((record_text(), changes()), 1..4),
    ) {
        let (mut walker, plan) = (Walker::new(Plan::new(FIELDS)), Plan::new(FIELDS));
        for (record, changes) in &records {
            agree(&mut walker, &plan, &mutate(record, changes))?;
        }
    }
}

/// Bytes that print as text.
struct Text(Vec<u8>);

impl std::fmt::Debug for Text {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}", self.0.escape_ascii())
    }
}

/// A text of some form, perhaps broken.
fn text() -> impl Strategy<Value = Text> {
    let records = prop::collection::vec(
        prop_oneof![
            3 => (0u32..60).prop_map(record),
            1 => record_text(),
        ],
        1..30,
    );
    let changes = prop_oneof![2 => Just(Vec::new()), 3 => changes()];
    (records, 0..5u8, changes).prop_map(|(records, form, changes)| {
        let text = match form {
            0 | 1 => records.iter().map(|record| record.replace('\n', " ") + "\n").collect(),
            2 => records.concat(),
            3 => format!("[{}]", records.join(",")),
            _ => format!("{{\"Events\":[{}],\"x\":1}}", records.join(",")),
        };
        Text(mutate(&text, &changes))
    })
}

fn with(threads: usize, block_bytes: usize) -> ReadOptions {
    ReadOptions { threads, block_bytes, max_record: 3_000, ..ReadOptions::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn pieces_and_threads_change_nothing(text in text()) {
        let stream = Logs::new().with("log", zst(&text.0));
        let expected = show(&stream.read(&with(1, 1 << 20)));
        for block in [1, 13, 400, 1_024] {
            prop_assert_eq!(&show(&stream.read(&with(1, block))), &expected, "stream, {}", block);
        }
        let plain = Logs::new().with("log", &text.0);
        let expected = show(&plain.read(&with(1, 1 << 20)));
        for (threads, block) in [(3, 64), (2, 1_024), (8, 400)] {
            prop_assert_eq!(&show(&plain.read(&with(threads, block))), &expected, "plain, {}", block);
        }
        // In memory and as a stream the same records are seen.
        let whole = Logs::new().with("log", gzip(&text.0)).read(&with(1, 1 << 20));
        let streamed = stream.read(&with(1, 1 << 20));
        prop_assert_eq!(rows(&whole), rows(&streamed));
        prop_assert_eq!(&whole.files[0].intake, &streamed.files[0].intake);
    }

    #[test]
    fn files_are_read_alike_by_both(records in prop::collection::vec(record_text(), 1..20)) {
        for text in [records.concat(), format!("[{}]", records.join(","))] {
            let logs = Logs::new().with("log", &text);
            let slow = ReadOptions { slow_twin: true, ..with(1, 1 << 20) };
            prop_assert_eq!(show(&logs.read(&with(1, 1 << 20))), show(&logs.read(&slow)));
        }
    }
}

#[test]
fn threads_blocks_and_the_order_of_files_change_nothing() {
    let mut logs = Logs::new();
    for file in 0..12 {
        let (from, to) = (file * 100, file * 100 + 300);
        logs = match file % 4 {
            0 => logs.with(&format!("{file}"), lines(from..to)),
            1 => logs.with(&format!("{file}"), gzip(array(from..to))),
            2 => logs.with(&format!("{file}"), zst(lines(from..to))),
            _ => {
                logs.with(&format!("{file}"), [gzip(lines(from..to)), gzip(lines(0..10))].concat())
            }
        };
    }
    let expected = show(&logs.read(&with(1, 1 << 20)));
    for threads in [1, 2, 3, 8] {
        for block in [1_024, 1 << 20] {
            assert!(show(&logs.read(&with(threads, block))) == expected, "{threads} {block}");
        }
    }
    let mut turned = logs.files();
    turned.reverse();
    assert!(show(&read_logs(&turned, &with(2, 1 << 20), &NoProgress)) == expected);
}
