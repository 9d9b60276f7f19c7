//! Forms of files, fields of records, and places.

use super::*;

#[test]
fn every_form_gives_the_same_records() {
    let all: Vec<String> = (0..9).map(record).collect();
    let pretty: Vec<String> = all
        .iter()
        .map(|record| {
            let value: serde_json::Value = serde_json::from_str(record).unwrap();
            serde_json::to_string_pretty(&value).unwrap()
        })
        .collect();
    let forms = [
        all.join("\n"),
        all.join("\n") + "\n",
        all.join("\r\n\r\n"),
        all.join(""),
        all.join("\u{1e}"),
        pretty.join("\n"),
        format!("[{}]", all.join(",")),
        format!("[\n{}\n]\n", pretty.join(",\n")),
        array(0..9),
        format!(
            "\n {{ \"Next\" : {{\"a\":[1]}} , \"Events\" : [ {} ] , \"x\":[{{}}]}} \n",
            all.join(" , ")
        ),
        format!("{}\n{}", array(0..4), array(4..9)),
        format!("{}[{}]", array(0..4), all[4..].join(",")),
    ];
    let expected = rows(&read(&forms[0]));
    assert_eq!(expected.iter().map(|(_, count)| count).sum::<u64>(), 9);
    for form in &forms {
        for bytes in [form.clone().into_bytes(), gzip(form), zst(form)] {
            let result = read(bytes);
            assert_eq!(rows(&result), expected, "{form}");
            assert_eq!(rejected(&result), [], "{form}");
            assert_eq!(result.files[0].damaged, None, "{form}");
        }
    }
}

#[test]
fn fields_are_taken_as_the_format_says() {
    let key = |record: &str| {
        let record = format!("{{\"t\":\"2026-01-01\",{record}}}");
        let result = read(&record);
        assert_eq!(count(&result), 1, "{record} {:?}", result.files);
        rows(&result).remove(0).0
    };
    assert_eq!(key(r#""action":"get","action":"put""#), "put", "the last of two counts");
    assert_eq!(key(r#""action":"get","action":null"#), "", "also if it is null");
    assert_eq!(key(r#""action":7,"who":"x","tags":{"a":"b"}"#), "", "wrong types are absent");
    assert_eq!(
        key(r#""who":{"name":"a","session":{"arn":"b"}},"who":{"name":"c"}"#),
        "c",
        "an object that comes again replaces the whole"
    );
    assert_eq!(key(r#""things":[{"arn":null},{"arn":"a"},{"arn":"b"}]"#), "a");
    assert_eq!(key(r#""things":[{"x":1},7,{"arn":"a","arn":"b"},{"arn":"c"}]"#), "b");
    assert_eq!(key(r#""things":[{"arn":"a"}],"things":[{"arn":"b"}]"#), "b");
    assert_eq!(key(r#""tags":[1,{"a":2},"x","y"]"#), "x");
    assert_eq!(key(r#""n":1588"#), "1588");
    assert_eq!(key(r#""n":true"#), "true");
    assert_eq!(key(r#""n":"text""#), "text");
    assert_eq!(key(r#""n":null"#), "");
    assert_eq!(key(r#""n":[1]"#), "");
    assert_eq!(key(r#""params": [ 1, "\u0041" ] "#), r#"[ 1, "\u0041" ]"#);
    assert_eq!(key(r#""params":"\u0041""#), r#""\u0041""#);
    assert_eq!(
        key(r#""params":{"bucketNameWithAVeryLongKey":"b", "x":1}"#),
        r#"{"bucketNameWithAVeryLongKey":"b", "x":1}|b"#
    );
    assert_eq!(key(r#""acti\u006fn":"g\u0065t""#), "get", "escapes in keys and values");
    assert_eq!(key(r#""action":"😀""#), "😀");
}

#[test]
fn lone_surrogates_and_bad_utf8_become_replacement_characters() {
    let result = read(r#"{"t":"2026-01-01","action":"a\ud800b","skipped":"\udfff"}"#);
    assert_eq!(rejected(&result), []);
    assert!(rows(&result)[0].0.contains('\u{fffd}'), "{:?}", rows(&result));
    let result = read(b"{\"t\":\"2026-01-01\",\"action\":\"a\xffb\",\"skipped\":\"\xff\"}\n{\"t\":\"2026-01-01\",\"action\":\"a\xfeb\"}");
    assert_eq!(rows(&result), [("a\u{fffd}b".to_string(), 2)]);
}

#[test]
fn places_are_lines_of_plain_lines_and_records_of_all_else() {
    let text = format!("\n{}\n{}", record(0), "{\"t\":7}\n");
    assert_eq!(rejected(&read(&text)), [(At::Line(3, 1), "no readable time")]);
    assert_eq!(rejected(&read(gzip(&text))), [(At::Record(2), "no readable time")]);
    let result = read(&text);
    assert_eq!(result.rows[0].rows[0].first.1.at, At::Line(2, 1));
    let array = format!("[{},\n{{\"t\":7}}]", record(0));
    assert_eq!(rejected(&read(array)), [(At::Record(2), "no readable time")]);
}

#[test]
fn first_last_slots_and_days() {
    let times = [
        "2026-03-02T10:00:00Z",
        "2026-03-02T10:14:59Z",
        "2026-03-01T00:00:00Z",
        "2026-03-02T10:14:59Z",
    ];
    let text: String = times.iter().map(|time| format!("{{\"t\":\"{time}\"}}\n")).collect();
    let result = read(text);
    let row = &result.rows[0].rows[0];
    let time = |text: &str| Time::parse(text).unwrap();
    assert_eq!(row.first, (time(times[2]), Place::line(0, 3, 1)));
    assert_eq!(row.last, (time(times[1]), Place::line(0, 2, 1)), "the earlier of two places");
    let slots: Vec<u32> = row.slots.iter().collect();
    assert_eq!(slots, [time(times[2]).slot(), time(times[0]).slot()]);
    assert_eq!(result.days, [(time(times[2]).day(), 1), (time(times[0]).day(), 3)].into());
    assert_eq!(result.last_in_day[&time(times[0]).day()], time(times[1]));
    assert_eq!(result.files[0].span, Some((time(times[2]), time(times[1]))));
}

#[test]
fn bounded_sets_keep_the_smallest_and_tell_of_more() {
    let text: String = (0..40)
        .map(|n| {
            format!("{{\"t\":\"2026-01-01\",\"ip\":\"10.0.0.{:02}\",\"agent\":\"cli\"}}\n", 39 - n)
        })
        .collect();
    let row = &read(text).rows[0].rows[0];
    assert_eq!(row.networks.values().len(), crate::model::usage::BOUNDED_CAP);
    assert_eq!(row.networks.values().first().map(|value| &**value), Some("10.0.0.00"));
    assert!(row.networks.overflow);
    assert_eq!((row.agents.values().len(), row.agents.overflow), (1, false));
}

#[test]
fn what_is_left_out_is_counted_by_reason() {
    let text =
        "{\"t\":\"2026-01-01\",\"action\":\"skip\"}\n".repeat(3) + "{\"action\":\"reject\"}\n";
    let result = read(text);
    assert_eq!(result.skipped, [("told to skip", 3)].into());
    let intake = &result.files[0].intake;
    assert_eq!((intake.records, intake.used, intake.rejected_count), (4, 0, 1));
    assert_eq!(intake.notes, ["3 left out: told to skip"]);
}

#[test]
fn wrapped_records_are_read_one_by_one() {
    let mut logs = Logs::new();
    logs.format = &WRAPPED;
    let text = format!("x`{}`y` {} `z`{{oops`", record(1), record(2));
    let logs = logs.with("log", gzip(&text)).with("open", format!("`{}`x`", record(3)));
    let result = logs.read(&options());
    assert_eq!(count(&result), 3);
    assert_eq!(rejected(&result).len(), 1);
    assert_eq!(rejected(&result)[0].0, At::Record(3));
    let open = &result.files[1];
    assert_eq!(open.intake.rejected[0].0, Place::record(1, 2));
    assert!(open.damaged.is_some());
}
