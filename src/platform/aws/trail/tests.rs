//! Real and synthetic records through a small driver, which stands in for the log reader.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::key::Key;
use super::outcome::meaning;
use super::*;
use crate::catalogue::Catalogue;
use crate::model::{Bounded, Outcome, Place, UsageRow};
use crate::platform::events::{EventFormat, MAX_FIELDS, RawEvent, RawRow, Sort, Take, Translated};

/// The fields of one record, one after the other.
pub(super) struct Extracted {
    text: Vec<u8>,
    ranges: [(u32, u32); MAX_FIELDS],
}

impl Extracted {
    pub(super) fn record(&self) -> Record<'_> {
        Record::new(&self.text, &self.ranges, u64::MAX)
    }
}

pub(super) fn extract(record: &Value) -> Extracted {
    let one = |field: &crate::platform::events::Field| {
        let value = field.path.iter().try_fold(record, |value, key| value.get(*key));
        match (field.take, value) {
            (_, None | Some(Value::Null)) => Vec::new(),
            (Take::Text | Take::Scalar, Some(Value::String(text))) => text.clone().into_bytes(),
            (Take::Text, _) | (Take::Scalar, Some(Value::Object(_) | Value::Array(_))) => {
                Vec::new()
            }
            (_, Some(value)) => value.to_string().into_bytes(),
        }
    };
    let mut extracted = Extracted { text: Vec::new(), ranges: [(0, 0); MAX_FIELDS] };
    for (field, range) in FORMAT.fields().iter().zip(&mut extracted.ranges) {
        let from = extracted.text.len() as u32;
        extracted.text.extend(one(field));
        *range = (from, extracted.text.len() as u32);
    }
    extracted
}

pub(super) fn event(record: &Value) -> (Sort, RawEvent) {
    let fields = extract(record);
    let mut event = RawEvent::default();
    let sort = FORMAT.event("", &fields.record(), &mut event);
    (sort, event)
}

/// Aggregates like the reader: rows by key, each event counted once, in the row with the smallest rank.
#[derive(Default)]
pub(super) struct Read {
    pub(super) rows: Vec<RawRow>,
    pub(super) skipped: BTreeMap<&'static str, u64>,
    pub(super) rejected: BTreeMap<&'static str, u64>,
}

pub(super) fn read(records: &[Value]) -> Read {
    let mut out = Read::default();
    let mut rows: BTreeMap<Vec<u8>, RawRow> = BTreeMap::new();
    let mut owners: HashMap<u128, (u8, Vec<u8>)> = HashMap::new();
    for (number, record) in records.iter().enumerate() {
        let (sort, event) = event(record);
        match sort {
            Sort::Skip(why) => *out.skipped.entry(why).or_default() += 1,
            Sort::Reject(why) => *out.rejected.entry(why).or_default() += 1,
            Sort::Use => {
                let at = (event.time.unwrap(), Place::record(0, number as u64 + 1));
                let row = rows.entry(event.key().to_vec()).or_insert_with(|| RawRow {
                    key: event.key().to_vec(),
                    count: 0,
                    first: at,
                    last: at,
                    slots: roaring::RoaringBitmap::new(),
                    networks: Bounded::default(),
                    agents: Bounded::default(),
                    sessions: Bounded::default(),
                });
                row.first = row.first.min(at);
                row.last = row.last.max(at);
                row.slots.insert(at.0.slot());
                for (set, value) in [
                    (&mut row.networks, &event.network),
                    (&mut row.agents, &event.agent),
                    (&mut row.sessions, &event.session),
                ] {
                    set.insert(String::from_utf8_lossy(value).as_ref().into());
                }
                let owner = (event.rank, event.key().to_vec());
                if event.id == 0 {
                    row.count += 1;
                } else {
                    let best = owners.entry(event.id).or_insert_with(|| owner.clone());
                    *best = owner.min(best.clone());
                }
            }
        }
    }
    for (_, key) in owners.into_values() {
        rows.get_mut(&key).unwrap().count += 1;
    }
    out.rows = rows.into_values().collect();
    out
}

pub(super) fn translated(records: &[Value]) -> Translated {
    let mut out = Translated::default();
    FORMAT.translate(read(records).rows, &mut out);
    out
}

pub(super) fn shared() -> Option<PathBuf> {
    let stated = std::env::var_os("AUTHGAP_SHARED").map(PathBuf::from);
    let path = stated.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    let trail = path.join("data/aws/cloudtrail");
    if !trail.is_dir() {
        println!("skipped: no {}", trail.display());
        return None;
    }
    Some(trail)
}

pub(super) fn text(path: &Path) -> Vec<u8> {
    let bytes = std::fs::read(path).unwrap();
    if path.extension().is_some_and(|end| end == "gz") {
        let mut out = Vec::new();
        flate2::read::GzDecoder::new(bytes.as_slice()).read_to_end(&mut out).unwrap();
        return out;
    }
    bytes
}

fn records_of(path: &Path) -> Vec<Value> {
    let body: Value = serde_json::from_slice(&text(path)).unwrap();
    body["Records"].as_array().unwrap().clone()
}

fn invictus() -> Option<Vec<Value>> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(shared()?.join("invictus"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    Some(files.iter().flat_map(|file| records_of(file)).collect())
}

/// A record of a successful management call by a role, with members replaced or added.
pub(super) fn record(changes: Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.08", "eventTime": "2026-03-02T09:15:00Z", "awsRegion": "eu-west-1",
        "sourceIPAddress": "192.0.2.7", "userAgent": "aws-sdk-go/1.44", "eventType": "AwsApiCall",
        "eventCategory": "Management", "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "AssumedRole", "principalId": "AROAEXAMPLE:build-7", "accountId": "111122223333",
            "arn": "arn:aws:sts::111122223333:assumed-role/deploy/build-7",
            "sessionContext": {"sessionIssuer": {
                "type": "Role", "principalId": "AROAEXAMPLE", "accountId": "111122223333",
                "arn": "arn:aws:iam::111122223333:role/ci/deploy", "userName": "deploy"}}
        }
    });
    for (key, value) in changes.as_object().unwrap() {
        record[key] = value.clone();
    }
    record
}

pub(super) const ROLE: &str = "arn:aws:iam::111122223333:role/ci/deploy";

pub(super) fn scope(row: &UsageRow) -> &str {
    row.scope.as_str()
}

pub(super) fn actions(rows: &[UsageRow]) -> Vec<(&str, &str, &str, bool)> {
    let mut out: Vec<_> = rows
        .iter()
        .map(|row| (&*row.action, scope(row), row.outcome.as_str(), row.inferred))
        .collect();
    out.sort_unstable();
    out
}

#[test]
fn invictus_counts_are_those_of_its_index() {
    let Some(records) = invictus() else { return };
    assert_eq!(records.len(), 2_900);
    let read = read(&records);
    assert_eq!(read.skipped.values().sum::<u64>(), 42);
    assert!(read.rejected.is_empty());
    let mut outcomes: BTreeMap<(Outcome, bool), u64> = BTreeMap::new();
    let mut through_service = BTreeMap::new();
    for row in &read.rows {
        let key = Key::new(&row.key);
        let found = meaning(key.get(Part::Source), key.get(Part::Error), key.get(Part::Detail));
        let failed = found != outcome::Meaning::Succeeded;
        *outcomes.entry((found.outcome(), failed)).or_default() += row.count;
        assert_ne!(found, outcome::Meaning::Unlisted, "{}", key.get(Part::Error));
        let by = key.get(Part::InvokedBy);
        let is_forward = matches!(by, "AWS Internal" | "secretsmanager.amazonaws.com");
        if key.get(Part::Type) == "IAMUser" && is_forward {
            *through_service.entry(key.get(Part::Source)).or_insert(0) += row.count;
        }
    }
    let expected = [
        ((Outcome::Allowed, false), 2_558),
        ((Outcome::Allowed, true), 129),
        ((Outcome::Denied, true), 58),
        ((Outcome::Undetermined, true), 113),
    ];
    assert_eq!(outcomes.into_iter().collect::<Vec<_>>(), expected);
    let expected = [("kms.amazonaws.com", 240), ("s3.amazonaws.com", 6)];
    assert_eq!(through_service.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn invictus_maps_whole_and_credits_the_attack_roles() {
    let Some(records) = invictus() else { return };
    let out = translated(&records);
    let catalogue = Catalogue::aws();
    for row in &out.usage {
        assert!(!row.unmapped, "{}", row.action);
        let known = catalogue.position(&row.action).is_some();
        assert!(known || row.action.starts_with("no-permission:"), "{}", row.action);
    }
    let of = |name: &str| {
        let id = format!("arn:aws:iam::123837392027:role/stratus-red-team-{name}-role");
        let mut totals: BTreeMap<(String, &str), u64> = BTreeMap::new();
        for row in out.usage.iter().filter(|row| *row.identity == *id) {
            let key = (row.action.to_string(), row.outcome.as_str());
            *totals.entry(key).or_default() += row.count;
        }
        totals
    };
    let calls = |name: &str| {
        let mut totals = of(name);
        totals.retain(|(action, _), _| !action.starts_with("no-permission:"));
        totals.into_iter().collect::<Vec<_>>()
    };
    let denied = |action: &str, count| vec![((action.to_string(), "denied"), count)];
    assert_eq!(calls("ec2-get-password-data"), denied("ec2:GetPasswordData", 29));
    assert_eq!(calls("get-usr-data"), denied("ec2:DescribeInstanceAttribute", 15));
    let mut stolen = of("ec2-steal-credentials");
    stolen.retain(|(action, _), _| action != "no-permission:AssumeRole");
    assert_eq!(stolen.len(), 8, "{stolen:?}");
    assert!(stolen.keys().any(|(action, _)| action == "no-permission:GetCallerIdentity"));
    let session: Vec<&str> = out
        .usage
        .iter()
        .filter(|row| row.identity.ends_with("ec2-steal-credentials-role"))
        .filter(|row| !row.action.starts_with("no-permission:"))
        .flat_map(|row| row.sessions.values().iter().map(|name| &**name))
        .collect();
    assert!(session.contains(&"i-0dbc91f429e48eeed"));
    assert!(
        of("ec2-get-password-data").keys().any(|(action, _)| action == "no-permission:AssumeRole")
    );
    let passes: Vec<_> = out
        .usage
        .iter()
        .filter(|row| &*row.action == "iam:PassRole" && row.outcome == Outcome::Allowed)
        .map(scope)
        .collect();
    assert!(passes.contains(&"arn:aws:iam::123837392027:role/stratus-red-team-trust-anchor-role"));
}

#[test]
fn invictus_coverage_is_one_account_and_region_without_data_events() {
    let Some(records) = invictus() else { return };
    let spans = translated(&records).spans;
    let classes: Vec<_> = spans.iter().map(|span| (&*span.class, span.read_only)).collect();
    let both = |class| [(class, Some(false)), (class, Some(true))];
    assert_eq!(
        classes,
        [both("management"), [("management:kms", Some(true)); 2]].concat()[..3].to_vec()
    );
    for span in &spans {
        assert_eq!((&*span.account, &*span.region), ("123837392027", "us-east-1"));
        assert_eq!(span.days, [19_548]);
    }
}

#[test]
fn cloud_snitch_truths() {
    let Some(trail) = shared() else { return };
    let set = trail.join("cloud-snitch");
    let tail = "CloudTrail/us-east-1/2025/03/06";
    let mut records = records_of(&set.join(format!(
        "AWSLogs/o-1234abcde/222222222222/{tail}/\
         222222222222_CloudTrail_us-east-1_20250306T0230Z_QF6qcgyiaVnSueXa.json.gz"
    )));
    records.extend(records_of(&set.join(format!(
        "AWSLogs/333333333333/{tail}/\
         333333333333_CloudTrail_us-east-1_20250306T0320Z_ZgdYr0lP8M9fWEH8.json.gz"
    ))));
    assert_eq!(records.len(), 21);
    let out = translated(&records);
    let rows = |identity: &str| {
        let mut rows: Vec<_> = out.usage.iter().filter(|row| *row.identity == *identity).collect();
        rows.sort_by_key(|row| row.action.clone());
        rows
    };
    let instance = rows("arn:aws:iam::222222222222:role/ecs-cluster-instance");
    assert_eq!(&*instance[0].action, "ssm:UpdateInstanceInformation");
    assert!(instance[0].sessions.contains("i-06125b883c50e9d63"));
    let lambda = rows("arn:aws:iam::222222222222:role/my-LambdaFunctionRole-54321GFDSX");
    assert_eq!(&*lambda[0].action, "kms:Decrypt");
    assert!(lambda[0].sessions.contains("my-LambdaFunction-12345XSDFG"));
    let honeycomb = rows("arn:aws:iam::222222222222:role/Honeycomb-Logs-LogStreamRole-1234567890a");
    assert_eq!(&*honeycomb[0].action, "no-permission:AssumeRole");
    assert_eq!(honeycomb[0].via.as_deref(), Some("logs.amazonaws.com"));
    // The trail's own checks of its bucket are nobody's use.
    assert!(out.usage.iter().all(|row| &*row.action != "s3:GetBucketAcl"));
}

#[test]
fn cloud_snitch_chains_and_outside_callers() {
    let Some(trail) = shared() else { return };
    let records = records_of(&trail.join("cloud-snitch/test-records.json"));
    assert_eq!(read(&records).skipped.values().sum::<u64>(), 1);
    let out = translated(&records);
    let mut seen: Vec<_> = out
        .usage
        .iter()
        .map(|row| {
            let behalf = row.on_behalf_of.as_deref().unwrap_or("-");
            (&*row.identity, &*row.action, behalf, row.via.as_deref().unwrap_or("-"))
        })
        .collect();
    seen.sort_unstable();
    let integration = "arn:aws:iam::123412341234:role/\
                       cloud-snitch-dev-CloudSnitchIntegrationRole03668212-LXdv1ZrGg24c";
    let github = "arn:aws:iam::774305579662:role/\
                  cloud-snitch-github-actio-GithubActionsRoleF5CC769F-MoeCHSu77MYt";
    let provider = "arn:aws:iam::774305579662:oidc-provider/token.actions.githubusercontent.com";
    assert_eq!(
        seen,
        [
            ("AROA3ISBVQKHHSGTEMQ45", "sts:AssumeRole", "-", "-"),
            (integration, "no-permission:AssumeRole", "-", "AROA3ISBVQKHHSGTEMQ45"),
            (
                github,
                "no-permission:AssumeRoleWithWebIdentity",
                "repo:ccbrown/cloud-snitch:ref:refs/heads/main",
                provider
            ),
        ]
    );
}

#[test]
fn panther_examples_never_panic_and_impossible_pairs_end_unmapped() {
    let Some(trail) = shared() else { return };
    let body = text(&trail.join("panther-rule-tests.jsonl.gz"));
    let lines: Vec<&[u8]> = body.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()).collect();
    assert_eq!(lines.len(), 431);
    let (mut no_time, mut network, mut unmapped) = (0, 0, Vec::new());
    for line in lines {
        let record: Value = serde_json::from_slice(line).unwrap();
        let read = read(std::slice::from_ref(&record));
        no_time += read.rejected.get("no time").copied().unwrap_or(0);
        network += read
            .skipped
            .iter()
            .filter(|(why, _)| why.starts_with("network"))
            .map(|(_, count)| count)
            .sum::<u64>();
        let mut out = Translated::default();
        FORMAT.translate(read.rows, &mut out);
        for row in out.usage.iter().filter(|row| row.unmapped) {
            unmapped.push(row.action.to_string());
            let text = format!("unmapped event {}", row.action);
            assert!(out.remarks.iter().any(|(remark, _)| *remark == text));
        }
    }
    // Thirteen have no time, of which one is a service event; two have a word in its place.
    assert_eq!((no_time, network), (14, 8));
    unmapped.sort();
    unmapped.dedup();
    assert!(unmapped.contains(&"ec2:DeleteBucketEncryption".to_string()), "{unmapped:?}");
    assert!(unmapped.contains(&"iam:NotCreateUser".to_string()));
}

#[test]
fn the_short_ways_agree_with_the_standard_library() {
    let addresses = [
        "203.0.113.10",
        "0.0.0.0",
        "255.255.255.255",
        "256.1.1.1",
        "1.2.3",
        "1.2.3.4.5",
        "01.2.3.4",
        "1..2.3",
        ".1.2.3",
        "1.2.3.",
        "1.2.3.4 ",
        "1.2.3.400",
        "00.1.2.3",
        "1.2.3.04",
        "a.b.c.d",
        "",
        "::1",
        "s3.amazonaws.com",
    ];
    for text in addresses {
        let parsed = text.parse::<std::net::Ipv4Addr>().ok();
        let network = super::ipv4_network(text.as_bytes());
        assert_eq!(network.is_some(), parsed.is_some(), "{text}");
        if let (Some(network), Some(ip)) = (network, parsed) {
            let [a, b, c, _] = ip.octets();
            assert_eq!(network, format!("{a}.{b}.{c}.").as_bytes(), "{text}");
        }
    }
    let id = "8b2d0b3e-9c7d-4e0f-A1b2-0123456789aB";
    let plain = id.replace('-', "");
    assert_eq!(super::guid(id.as_bytes()), u128::from_str_radix(&plain, 16).ok());
    for wrong in
        ["8b2d0b3e-9c7d-4e0f-a1b2-0123456789ag", "8b2d0b3e-9c7d-4e0f-a1b2-0123456789a", &plain]
    {
        assert_eq!(super::guid(wrong.as_bytes()), None, "{wrong}");
    }
    // Each byte in each place, as the standard parser has it.
    for place in 0..id.len() {
        for byte in 0..=u8::MAX {
            let mut text = id.as_bytes().to_vec();
            text[place] = byte;
            let hyphens = id.bytes().zip(&text).all(|(was, is)| (was == b'-') == (*is == b'-'));
            let digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b'-').collect();
            let is_hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
            let number = String::from_utf8(digits).ok();
            let number = number.and_then(|digits| u128::from_str_radix(&digits, 16).ok());
            let expected = number.filter(|_| hyphens && is_hexadecimal);
            assert_eq!(super::guid(&text), expected, "{place} {byte}");
        }
    }
    assert_eq!(super::guid(b"8b2d0b3e-9c7d-4e0f-a1b2--123456789ab"), None);
}

#[test]
fn the_quick_time_reads_what_the_full_parser_reads() {
    let mut texts: Vec<String> = [
        "2026-02-28T23:59:59Z",
        "2024-02-29T00:00:00Z",
        "2026-01-01T00:00:00.5Z",
        "0000-01-01T00:00:00Z",
    ]
    .map(str::to_string)
    .to_vec();
    for place in 0..20 {
        for other in ["/", ":", "a", "9", " ", "-", "P", "\u{0}", "\u{7f}"] {
            let mut text = texts[0].clone();
            text.replace_range(place..=place, other);
            texts.push(text);
        }
    }
    for text in texts {
        assert_eq!(super::time(text.as_bytes()), Time::parse(&text), "{text:?}");
    }
    assert_eq!(super::time(b"\xb2026-02-28T23:59:59Z"), None);
    assert_eq!(super::time(b"\xb026-02-28T23:59:59Z"), None);
}

#[test]
fn a_passed_role_is_found_under_an_escaped_key() {
    let source = b"lambda.amazonaws.com";
    let rows = super::facts::facts().passed(source, b"CreateFunction");
    assert!(!rows.is_empty());
    for held in
        [br#"{"Role":"r"}"#.as_slice(), br#"{"r\u006fle":"r"}"#, br#"{"a":[{"role":null}]}"#]
    {
        assert!(super::pick::may_hold(held, rows), "{}", String::from_utf8_lossy(held));
    }
    assert!(!super::pick::may_hold(br#"{"functionName":"f","roles":1}"#, rows));
}

#[test]
fn rows_beyond_one_part_are_joined_in_their_order() {
    let alone = [
        record(json!({"eventSource": "sqs.amazonaws.com", "eventName": "PurgeQueue"})),
        record(json!({"eventSource": "sqs.amazonaws.com", "eventName": "Unheard"})),
    ];
    let few = translated(&alone);
    const TIMES: usize = 6_000;
    let rows = read(&alone).rows;
    let mut many = Translated::default();
    FORMAT.translate((0..TIMES).flat_map(|_| rows.clone()).collect(), &mut many);
    assert_eq!(many.usage.len(), TIMES * few.usage.len());
    for usage in many.usage.chunks(few.usage.len()) {
        assert_eq!(usage, few.usage);
    }
    assert_eq!(many.spans, few.spans);
    let times = |(text, events): &(String, u64)| (text.clone(), events * TIMES as u64);
    assert_eq!(many.remarks, few.remarks.iter().map(times).collect::<Vec<_>>());
    assert!(!few.remarks.is_empty() && !few.spans.is_empty());
}
