//! Bad input costs itself and nothing else: beside every bad file lies good evidence, and what the report says
//! of that must not change.

use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{Run, authgap_in};

/// Good evidence: a role with two grants, used on 100 days.
fn good() -> TempDir {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "iam.json", details().to_string().as_bytes());
    let mut log = String::new();
    for day in 0..100 {
        for (name, read_only) in [("DescribeInstances", true), ("StartInstances", false)] {
            let _ = writeln!(log, "{}", event(day, name, read_only));
        }
    }
    write(dir.path(), "log.json", log.as_bytes());
    dir
}

pub(crate) fn details() -> Value {
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Run",
            "Effect": "Allow",
            "Action": ["ec2:DescribeInstances", "ec2:StartInstances", "ec2:StopInstances"],
            "Resource": "*",
        }],
    });
    json!({
        "UserDetailList": [],
        "GroupDetailList": [],
        "RoleDetailList": [{
            "Path": "/",
            "RoleName": "runner",
            "RoleId": "AROAEXAMPLE0000000001",
            "Arn": "arn:aws:iam::111122223333:role/runner",
            "CreateDate": "2020-01-01T00:00:00+00:00",
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": "ec2.amazonaws.com" },
                    "Action": "sts:AssumeRole",
                }],
            },
            "InstanceProfileList": [],
            "RolePolicyList": [{ "PolicyName": "run", "PolicyDocument": policy }],
            "AttachedManagedPolicies": [],
            "Tags": [],
        }],
        "Policies": [],
        "IsTruncated": false,
    })
}

pub(crate) fn event(day: u32, name: &str, read_only: bool) -> Value {
    let date = authgap::model::Time::parse("2026-01-01").expect("a date").plus_days(i64::from(day));
    json!({
        "eventVersion": "1.10",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE0000000001:i-0123456789abcdef0",
            "arn": "arn:aws:sts::111122223333:assumed-role/runner/i-0123456789abcdef0",
            "accountId": "111122223333",
            "accessKeyId": "ASIAEXAMPLE000000001",
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLE0000000001",
                    "arn": "arn:aws:iam::111122223333:role/runner",
                    "accountId": "111122223333",
                    "userName": "runner",
                },
            },
        },
        "eventTime": format!("{}T12:00:00Z", date.date()),
        "eventSource": "ec2.amazonaws.com",
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "203.0.113.10",
        "userAgent": "aws-sdk-go/1.0",
        "requestParameters": null,
        "responseElements": null,
        "requestID": "r",
        "eventID": format!("00000000-0000-4000-8000-{:08x}{:04x}", day, name.len()),
        "readOnly": read_only,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    })
}

pub(crate) fn write(dir: &Path, name: &str, bytes: &[u8]) {
    std::fs::write(dir.join(name), bytes).expect("a file");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(bytes).expect("memory");
    out.finish().expect("memory")
}

fn analyse(dir: &Path) -> (Run, Value) {
    let run = authgap_in(dir, &["analyze", ".", "--format", "json"]);
    assert_eq!(run.status, 0, "{}", run.stderr);
    let report = serde_json::from_str(&run.stdout).expect("the report is JSON");
    (run, report)
}

/// What the report says beyond its inputs.
fn rest(report: &Value) -> Value {
    let mut rest = report.clone();
    let map = rest.as_object_mut().expect("an object");
    map.remove("inputs");
    map.remove("coverage");
    if let Some(summary) = map.get_mut("summary").and_then(Value::as_object_mut) {
        summary.remove("remarks");
        summary.remove("events");
        summary.remove("duplicates");
        summary.remove("notes");
    }
    // Places name files by path, and those do not change.
    rest
}

fn input<'a>(report: &'a Value, path: &str) -> &'a Value {
    let inputs = report["inputs"].as_array().expect("inputs");
    inputs.iter().find(|one| one["path"] == path).unwrap_or_else(|| panic!("{path} is not listed"))
}

/// Adds a bad file and demands that it is listed with a reason and that nothing else changes.
fn costs_itself(name: &str, bytes: &[u8]) -> Value {
    let dir = good();
    let (_, before) = analyse(dir.path());
    write(dir.path(), name, bytes);
    let (_, after) = analyse(dir.path());
    assert_eq!(rest(&before), rest(&after), "{name} changed the report");
    let listed = input(&after, name).clone();
    let rejected = listed["rejected_count"].as_u64().unwrap_or(0);
    let notes = listed["notes"].as_array().map_or(0, Vec::len);
    assert!(rejected > 0 || notes > 0, "{name} is not explained: {listed}");
    listed
}

#[test]
fn good_evidence_is_concluded() {
    let dir = good();
    let (_, report) = analyse(dir.path());
    let runner = crate::common::identity(&report, "aws:role/runner");
    let statuses = crate::common::statuses(runner);
    let status = |action: &str| {
        statuses.iter().find(|(name, ..)| name == action).map(|(_, status, _)| status.clone())
    };
    assert_eq!(status("ec2:DescribeInstances").as_deref(), Some("used"));
    assert_eq!(status("ec2:StopInstances").as_deref(), Some("excess"));
}

#[test]
fn an_empty_file() {
    costs_itself("empty.json", b"");
}

#[test]
fn text_of_no_known_kind() {
    costs_itself("notes.txt", b"nothing to see here\n");
}

#[test]
fn half_a_json_document() {
    let text = details().to_string();
    let listed = costs_itself("half.json", &text.as_bytes()[..text.len() / 2]);
    assert!(listed["rejected_count"].as_u64().unwrap_or(0) > 0, "{listed}");
}

#[test]
fn half_a_json_record() {
    let line = event(3, "DescribeInstances", true).to_string();
    let both = format!("{line}\n{}", &line[..line.len() / 2]);
    let listed = costs_itself("half-log.json", both.as_bytes());
    assert_eq!(listed["used"], 1, "{listed}");
    assert_eq!(listed["rejected_count"], 1);
    let reason = listed["rejected"][0]["place"].as_str().expect("a place");
    assert!(reason.contains(":2"), "{reason}");
}

#[test]
fn a_truncated_gzip_gives_its_whole_records_and_a_gap_for_the_rest_of_its_day() {
    let dir = good();
    let (_, before) = analyse(dir.path());
    let mut log = String::new();
    // Text that compresses badly, so that half of the bytes hold about half of the records.
    for number in 0..100_u32 {
        let mut one = event(50, "DescribeInstances", true);
        one["requestID"] =
            json!(format!("{:x}", u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        one["eventID"] = json!(format!("00000000-0000-4000-b000-{number:012x}"));
        let _ = writeln!(log, "{one}");
    }
    let packed = gzip(log.as_bytes());
    write(dir.path(), "cut.json.gz", &packed[..packed.len() / 2]);
    let (_, after) = analyse(dir.path());
    let listed = input(&after, "cut.json.gz");
    let used = listed["used"].as_u64().unwrap_or(0);
    assert!(used > 0 && used < 100, "{listed}");
    assert!(listed["notes"].to_string().contains("gap in coverage"), "{listed}");
    let (before, after) = (&before["identities"][0], &after["identities"][0]);
    assert_eq!(before["by_status"], after["by_status"]);
    let days = |one: &Value| one["observed_days"].as_u64().unwrap_or(0);
    assert!(days(after) < days(before) && days(after) + 2 >= days(before), "{after}");
}

#[test]
fn a_gzip_with_garbage_behind_it() {
    let mut packed = gzip(format!("{}\n", event(3, "DescribeInstances", true)).as_bytes());
    packed.extend_from_slice(b"garbage");
    let listed = costs_itself("garbage.json.gz", &packed);
    assert_eq!(listed["used"], 1, "{listed}");
}

#[test]
fn a_gzip_of_several_members_is_read_whole() {
    let dir = good();
    let (_, before) = analyse(dir.path());
    let mut packed = gzip(format!("{}\n", event(3, "DescribeInstances", true)).as_bytes());
    packed.extend(gzip(format!("{}\n", event(4, "DescribeInstances", true)).as_bytes()));
    write(dir.path(), "members.json.gz", &packed);
    let (_, after) = analyse(dir.path());
    assert_eq!(input(&after, "members.json.gz")["used"], 2);
    assert_eq!(rest(&before), rest(&after), "copies are counted once");
}

#[test]
fn utf_16_and_a_byte_order_mark() {
    let dir = good();
    let (_, before) = analyse(dir.path());
    let text = std::fs::read_to_string(dir.path().join("iam.json")).expect("text");
    let mut marked = b"\xef\xbb\xbf".to_vec();
    marked.extend_from_slice(text.as_bytes());
    write(dir.path(), "iam.json", &marked);
    let (_, with_mark) = analyse(dir.path());
    let mut wide = vec![0xff, 0xfe];
    wide.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    write(dir.path(), "iam.json", &wide);
    let (_, in_utf_16) = analyse(dir.path());
    assert_eq!(before["identities"], with_mark["identities"]);
    assert_eq!(before["identities"], in_utf_16["identities"]);
    assert!(input(&in_utf_16, "iam.json")["notes"].to_string().contains("UTF-16"));
}

#[test]
fn lone_surrogates_and_deep_nesting() {
    let line = event(3, "DescribeInstances", true).to_string();
    let lone = line.replace("aws-sdk-go/1.0", "\\ud800");
    costs_or_reads("lone.json", &lone);
    let deep = format!("{{\"Records\":[{}{}]}}", "[".repeat(100_000), "]".repeat(100_000));
    costs_itself("deep.json", deep.as_bytes());
    let deep = line.replace(
        "\"requestParameters\":null",
        &format!("\"requestParameters\":{}", "[".repeat(100_000)),
    );
    costs_itself("deep-record.json", format!("{line}\n{deep}\n").as_bytes());
}

/// Whether it is rejected or read, the rest stays and nothing panics.
fn costs_or_reads(name: &str, text: &str) {
    let dir = good();
    let (_, before) = analyse(dir.path());
    write(dir.path(), name, text.as_bytes());
    let (_, after) = analyse(dir.path());
    assert_eq!(before["identities"][0]["counts"], after["identities"][0]["counts"]);
    assert_eq!(input(&after, name)["records"], 1);
}

#[test]
fn a_line_of_100_megabytes() {
    let line = event(3, "DescribeInstances", true).to_string();
    let long = line.replace("aws-sdk-go/1.0", &"x".repeat(100 << 20));
    let listed = costs_itself("long.json", format!("{line}\n{long}\n{line}\n").as_bytes());
    assert_eq!(listed["used"], 2, "{listed}");
}

#[test]
fn a_decompression_bomb() {
    // 3 GiB of blanks in some 3 MB.
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(b"{\"RoleDetailList\":[").expect("memory");
    let blanks = vec![b' '; 1 << 20];
    for _ in 0..3_072 {
        out.write_all(&blanks).expect("memory");
    }
    costs_itself("bomb.json.gz", &out.finish().expect("memory"));
}

#[cfg(unix)]
#[test]
fn a_symlink_loop() {
    let dir = good();
    let (_, before) = analyse(dir.path());
    std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).expect("a link");
    let (_, after) = analyse(dir.path());
    assert_eq!(before["identities"], after["identities"]);
}

#[test]
fn a_policy_with_an_unknown_version_or_without_an_action() {
    for (what, policy) in [
        ("version", json!({ "Version": "2030-01-01", "Statement": [] })),
        (
            "action",
            json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Resource": "*" }] }),
        ),
    ] {
        let dir = good();
        let mut more = details();
        let mut role = more["RoleDetailList"][0].clone();
        role["RoleName"] = json!("broken");
        role["RoleId"] = json!("AROAEXAMPLE0000000002");
        role["Arn"] = json!("arn:aws:iam::111122223333:role/broken");
        role["RolePolicyList"][0]["PolicyDocument"] = policy;
        more["RoleDetailList"].as_array_mut().expect("a list").push(role);
        write(dir.path(), "iam.json", more.to_string().as_bytes());
        let (_, report) = analyse(dir.path());
        let runner = crate::common::identity(&report, "aws:role/runner");
        assert_eq!(runner["counts"]["granted"], 3, "{what}");
        let broken = crate::common::identity(&report, "aws:role/broken");
        assert!(!broken["holes"].as_array().expect("holes").is_empty(), "{what}: {broken}");
        assert!(input(&report, "iam.json")["rejected_count"].as_u64().unwrap_or(0) > 0, "{what}");
    }
}

#[test]
fn times_in_1970_and_2100_do_not_set_the_clock() {
    let dir = good();
    let (_, before) = analyse(dir.path());
    let at = |time: &str, id: u32| {
        let mut one = event(3, "DescribeInstances", true);
        one["eventTime"] = json!(time);
        one["eventID"] = json!(format!("00000000-0000-4000-9000-{id:012x}"));
        one.to_string()
    };
    let lines = [at("1970-01-01T00:00:00Z", 1), at("2100-01-01T00:00:00Z", 2)].join("\n");
    write(dir.path(), "times.json", lines.as_bytes());
    let (_, after) = analyse(dir.path());
    assert_eq!(before["as_of"], after["as_of"]);
    // Noon in London in winter, written with an offset, is noon UTC.
    write(dir.path(), "times.json", at("2026-04-10T14:00:00+02:00", 3).as_bytes());
    let (_, after) = analyse(dir.path());
    assert_eq!(after["as_of"], "2026-04-10T12:00:00Z");
}

#[test]
fn a_yaml_alias_bomb_and_ragged_csv() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_string();
    for level in 1..12 {
        let before = level - 1;
        let _ =
            writeln!(bomb, "a{level}: &a{level} [{}]", vec![format!("*a{before}"); 9].join(", "));
    }
    let dir = good();
    write(dir.path(), "authgap.yaml", bomb.as_bytes());
    let run = authgap_in(dir.path(), &["analyze", "."]);
    assert_eq!(run.status, 2, "{}", run.stdout);
    assert!(run.stderr.contains("authgap.yaml"), "{}", run.stderr);
    let ragged =
        "identity,action,effect\nsvc:a,x:read,allow\nsvc:b\nsvc:c,x:write,allow,more,fields\n";
    let dir = good();
    write(dir.path(), "grants.csv", ragged.as_bytes());
    let (_, report) = analyse(dir.path());
    let listed = input(&report, "grants.csv");
    assert_eq!(listed["kind"], "generic-grants");
    assert!(listed["used"].as_u64().unwrap_or(0) >= 1, "{listed}");
    assert!(listed["rejected_count"].as_u64().unwrap_or(0) >= 1, "{listed}");
}

#[test]
fn nothing_readable_is_an_error_and_never_a_clean_answer() {
    let dir = tempfile::tempdir().expect("a folder");
    write(dir.path(), "empty.json", b"");
    write(dir.path(), "notes.txt", b"hello");
    let run = authgap_in(dir.path(), &["analyze", "."]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("nothing was read"), "{}", run.stderr);
    let run = authgap_in(dir.path(), &["analyze", "absent"]);
    assert_eq!(run.status, 2);
    assert!(run.stderr.contains("absent"), "{}", run.stderr);
}

#[test]
fn strict_makes_a_rejected_record_an_error() {
    let dir = good();
    let line = event(3, "DescribeInstances", true).to_string();
    write(dir.path(), "half.json", format!("{line}\n{}", &line[..40]).as_bytes());
    let run = authgap_in(dir.path(), &["analyze", ".", "--strict"]);
    assert_eq!(run.status, 2, "{}", run.stderr);
    assert!(run.stdout.contains("aws:role/runner"), "the report is still printed");
}

#[test]
fn hostile_text_never_reaches_an_output_unescaped() {
    let dir = good();
    let name = "=cmd|'/c calc'!A1\u{1b}[31m|`<img src=x>`\u{202e}";
    let mut one = event(3, "DescribeInstances", true);
    one["eventID"] = json!("00000000-0000-4000-a000-000000000001");
    one["userIdentity"] = json!({
        "type": "IAMUser",
        "principalId": "AIDAEXAMPLE0000000009",
        "arn": format!("arn:aws:iam::111122223333:user/{name}"),
        "accountId": "111122223333",
        "userName": name,
    });
    write(dir.path(), "hostile.json", one.to_string().as_bytes());
    for format in ["table", "csv", "markdown"] {
        let run = authgap_in(
            dir.path(),
            &["analyze", ".", "--format", format, "--table", "identities", "--all"],
        );
        assert_eq!(run.status, 0, "{}", run.stderr);
        assert!(run.stdout.contains("calc"), "{format}: the identity is there");
        assert!(!run.stdout.contains('\u{1b}'), "{format}");
        if format != "csv" {
            assert!(!run.stdout.contains('\u{202e}'), "{format}");
        }
        if format == "markdown" {
            assert!(!run.stdout.contains("<img"), "{format}");
        }
        for line in run.stdout.lines().filter(|_| format == "csv") {
            assert!(!line.starts_with('='), "{line}");
        }
    }
}
