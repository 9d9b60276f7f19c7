use super::*;
use crate::model::Intervals;

fn covered(files: &[(&str, &str)], spans: Vec<LogSpan>) -> Vec<String> {
    let logs = LogSummary { spans, ..LogSummary::default() };
    let run = run_with(files, &logs);
    let mut lines: Vec<String> = run.tables.claims.iter().map(line).collect();
    lines.sort();
    lines
}

const DAYS: &[&str] = &["2026-01-01T06:00:00Z", "2026-01-02T06:00:00Z", "2026-01-04T06:00:00Z"];
const SPAN: &str =
    "2026-01-01T06:00:00Z/2026-01-03T00:00:00Z 2026-01-04T00:00:00Z/2026-01-04T06:00:01Z";

#[test]
fn without_a_trail_only_what_is_seen_is_covered_and_empty_days_are_gaps() {
    let lines = covered(&[], vec![span("eu-west-1", "management", true, DAYS)]);
    assert_eq!(lines, [format!("111122223333 management not-seen read eu-west-1 * {SPAN}")]);
}

#[test]
fn a_record_of_another_region_fills_a_gap_of_the_account() {
    let lines = covered(
        &[],
        vec![
            span("eu-west-1", "management", true, DAYS),
            span("eu-west-2", "management", false, &["2026-01-03T01:00:00Z"]),
        ],
    );
    assert!(lines[0].ends_with("2026-01-01T06:00:00Z/2026-01-04T06:00:01Z"), "{lines:?}");
    // Its own coverage is from its first to its last record.
    assert!(lines[1].contains(" write eu-west-2 * 2026-01-03T01:00:00Z/2026-01-03T01:00:01Z"));
}

#[test]
fn global_services_are_covered_by_records_of_their_region_only() {
    let lines = covered(&[], vec![span("us-east-1", "management", false, DAYS)]);
    assert_eq!(
        lines,
        [
            format!("111122223333 management not-seen write us-east-1 * {SPAN}"),
            format!("111122223333 management:global not-seen write * * {SPAN}"),
        ]
    );
}

#[test]
fn excludable_classes_and_data_need_their_own_records() {
    let mut data = span("eu-west-1", "data:AWS::S3::Object", true, DAYS);
    data.resource = Some("arn:aws:s3:::b".into());
    let mut unnamed = data.clone();
    unnamed.class = "data:AWS::SQS::Queue".into();
    unnamed.resource = None;
    let mut unsaid = span("eu-west-1", "management:rdsdata", true, DAYS);
    unsaid.read_only = None;
    let kms = span("eu-west-1", "management:kms", true, DAYS);
    let lines = covered(&[], vec![data, unnamed, unsaid, kms]);
    let heads: Vec<&str> = lines.iter().map(|line| line.split(" 2026").next().unwrap()).collect();
    assert_eq!(
        heads,
        [
            "111122223333 data:AWS::S3::Object not-seen read eu-west-1 arn:aws:s3:::b",
            "111122223333 data:AWS::S3::Object not-seen read eu-west-1 arn:aws:s3:::b/*",
            "111122223333 management:kms not-seen read eu-west-1 *",
        ]
    );
}

#[test]
fn damaged_files_are_gaps() {
    let logs = LogSummary {
        spans: vec![span("eu-west-1", "management", true, &["2026-01-01", "2026-01-02"])],
        damaged: vec![(
            "aws".into(),
            "".into(),
            Intervals::span(time("2026-01-01T10:00:00Z"), time("2026-01-01T12:00:00Z")),
        )],
        ..LogSummary::default()
    };
    let run = run_with(&[], &logs);
    assert_eq!(run.tables.claims[0].covered.parts().len(), 2);
}

const TRAIL: &str = r#"{"Region":"eu-west-1","trailList":[{"Name":"t","TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/t","HomeRegion":"eu-west-1","IsMultiRegionTrail":true,"IncludeGlobalServiceEvents":true,"HasCustomEventSelectors":true}]}"#;
const STATUS: &str = r#"{"TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/t","IsLogging":true,"StartLoggingTime":"2026-01-02T00:00:00Z"}"#;

fn selectors(body: &str) -> String {
    format!(r#"{{"TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/t",{body}}}"#)
}

fn two_regions() -> Vec<LogSpan> {
    vec![span("eu-west-1", "management", true, DAYS), span("us-east-1", "management", false, DAYS)]
}

#[test]
fn a_trail_states_what_it_records_from_its_start_to_the_last_record() {
    let basic = selectors(
        r#""EventSelectors":[{"ReadWriteType":"WriteOnly","IncludeManagementEvents":true,"ExcludeManagementEventSources":["kms.amazonaws.com"],"DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3:::b/","arn:aws:s3:::c/p"]},{"Type":"AWS::Lambda::Function","Values":["arn:aws:lambda"]}]}]"#,
    );
    let files = [("t.json", TRAIL), ("s.json", &basic), ("u.json", STATUS)];
    let lines = covered(&files, two_regions());
    let span =
        "2026-01-02T00:00:00Z/2026-01-03T00:00:00Z 2026-01-04T00:00:00Z/2026-01-04T06:00:01Z";
    // Only the changes in us-east-1 can come from a trail that records changes.
    let texts: Vec<String> = [
        "data:AWS::Lambda::Function not-seen write us-east-1 *",
        "data:AWS::S3::Object not-seen write us-east-1 arn:aws:s3:::b",
        "data:AWS::S3::Object not-seen write us-east-1 arn:aws:s3:::b/*",
        "data:AWS::S3::Object not-seen write us-east-1 arn:aws:s3:::c/p*",
        "management not-seen write us-east-1 *",
        "management:global not-seen write * *",
        "management:rdsdata not-seen write us-east-1 *",
    ]
    .iter()
    .map(|text| format!("111122223333 {text} {span}"))
    .collect();
    assert_eq!(lines, texts);
}

#[test]
fn records_of_two_regions_make_a_multi_region_trail_cover_all() {
    let basic = selectors(r#""EventSelectors":[{"ReadWriteType":"All"}]"#);
    let lines = covered(&[("t.json", TRAIL), ("s.json", &basic)], two_regions());
    assert!(
        lines[0].starts_with("111122223333 management not-seen all * * 2026-01-01"),
        "{lines:?}"
    );
    assert_eq!(lines.len(), 4);
}

#[test]
fn configuration_without_records_proves_nothing() {
    let basic = selectors(r#""EventSelectors":[{"ReadWriteType":"All"}]"#);
    assert!(covered(&[("t.json", TRAIL), ("s.json", &basic)], Vec::new()).is_empty());
}

#[test]
fn a_trail_with_unknown_selectors_is_inferred() {
    let logs = LogSummary { spans: two_regions(), ..LogSummary::default() };
    let run = run_with(&[("t.json", TRAIL)], &logs);
    assert!(run.claims(Source::StatedLog).is_empty());
    assert_eq!(run.claims(Source::InferredLog).len(), 3);
    assert!(run.notes().contains("is not in the evidence: coverage is inferred"));
}

#[test]
fn advanced_selectors_count_only_where_they_do_not_narrow_by_more() {
    let data = |rest: &str| {
        let body = format!(
            r#""AdvancedEventSelectors":[{{"FieldSelectors":[{{"Field":"eventCategory","Equals":["Data"]}},{{"Field":"resources.type","Equals":["AWS::DynamoDB::Table"]}}{rest}]}},{{"FieldSelectors":[{{"Field":"eventCategory","Equals":["Management"]}},{{"Field":"eventSource","NotEquals":["kms.amazonaws.com"]}}]}}]"#
        );
        let lines = covered(&[("t.json", TRAIL), ("s.json", &selectors(&body))], two_regions());
        let table: Vec<String> = lines
            .iter()
            .filter(|line| line.contains("DynamoDB"))
            .map(|line| line.split(' ').skip(3).take(3).collect::<Vec<&str>>().join(" "))
            .collect();
        assert_eq!(lines.len() - table.len(), 3, "{lines:?}");
        table
    };
    assert_eq!(data(""), ["all * *"]);
    assert_eq!(data(r#",{"Field":"readOnly","Equals":["true"]}"#), ["read * *"]);
    let prefix =
        r#",{"Field":"resources.ARN","StartsWith":["arn:aws:dynamodb:eu-west-1:1:table/a"]}"#;
    assert_eq!(data(prefix), ["all * arn:aws:dynamodb:eu-west-1:1:table/a*"]);
    for narrow in [
        r#",{"Field":"eventName","Equals":["GetItem"]}"#,
        r#",{"Field":"resources.ARN","NotStartsWith":["arn:aws:dynamodb:eu-west-1:1:table/a"]}"#,
        r#",{"Field":"userIdentity.arn","NotEquals":["x"]}"#,
    ] {
        assert!(data(narrow).is_empty(), "{narrow}");
    }
}

#[test]
fn a_trail_that_is_off_or_of_another_account_states_nothing() {
    let basic = selectors(r#""EventSelectors":[{"ReadWriteType":"All"}]"#);
    let off = STATUS.replace("true", "false");
    let files = [("t.json", TRAIL), ("s.json", &basic), ("u.json", &off)];
    let logs = LogSummary { spans: two_regions(), ..LogSummary::default() };
    assert!(run_with(&files, &logs).claims(Source::StatedLog).is_empty());
    let other = TRAIL.replace(":111122223333:", ":999999999999:");
    let foreign = basic.replace(":111122223333:", ":999999999999:");
    let files = [("t.json", other.as_str()), ("s.json", &foreign)];
    assert!(run_with(&files, &logs).claims(Source::StatedLog).is_empty());
}

#[test]
fn data_of_a_trail_whose_records_are_not_shown_is_not_covered() {
    // Two trails record management events; only the second one records objects.
    let two = TRAIL.replace(
        "]}",
        r#",{"Name":"d","TrailARN":"arn:aws:cloudtrail:eu-west-1:111122223333:trail/d","HomeRegion":"eu-west-1","IsMultiRegionTrail":true,"HasCustomEventSelectors":true}]}"#,
    );
    let first = selectors(r#""EventSelectors":[{"ReadWriteType":"All"}]"#);
    let second = selectors(r#""EventSelectors":[{"ReadWriteType":"All","DataResources":[{"Type":"AWS::S3::Object","Values":["arn:aws:s3"]}]}]"#)
        .replace("trail/t", "trail/d");
    let files = [("t.json", two.as_str()), ("s.json", &first), ("d.json", &second)];
    let hidden = covered(&files, two_regions());
    assert!(!hidden.iter().any(|line| line.contains("data:")), "{hidden:?}");
    let mut spans = two_regions();
    spans.push(span("eu-west-1", "data:AWS::S3::Object", true, DAYS));
    let shown = covered(&files, spans);
    assert!(
        shown.iter().any(|line| line.contains("data:AWS::S3::Object not-seen all * *")),
        "{shown:?}"
    );
}
