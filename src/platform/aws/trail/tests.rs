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
use crate::platform::events::{EventFormat, Fields, RawEvent, RawRow, Sort, Take, Translated};

/// The fields of one record.
pub(super) struct Extracted(Vec<Vec<u8>>);

impl<'a> Fields<'a> for &'a Extracted {
    fn get(&self, field: usize) -> &'a [u8] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }
}

pub(super) fn extract(record: &Value) -> Extracted {
    let one = |field: &crate::platform::events::Field| {
        let value = field
            .path
            .iter()
            .try_fold(record, |value, key| value.get(*key));
        match (field.take, value) {
            (_, None | Some(Value::Null)) => Vec::new(),
            (Take::Text | Take::Scalar, Some(Value::String(text))) => text.clone().into_bytes(),
            (Take::Text, _) | (Take::Scalar, Some(Value::Object(_) | Value::Array(_))) => {
                Vec::new()
            }
            (_, Some(value)) => value.to_string().into_bytes(),
        }
    };
    Extracted(FORMAT.fields().iter().map(one).collect())
}

pub(super) fn event(record: &Value) -> (Sort, RawEvent) {
    let fields = extract(record);
    let mut event = RawEvent::default();
    let sort = FORMAT.event(&&fields, &mut event);
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
        flate2::read::GzDecoder::new(bytes.as_slice())
            .read_to_end(&mut out)
            .unwrap();
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

fn scope(row: &UsageRow) -> &str {
    row.scope.as_str()
}

fn actions(rows: &[UsageRow]) -> Vec<(&str, &str, &str, bool)> {
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
        let found = meaning(
            key.get(Part::Source),
            key.get(Part::Error),
            key.get(Part::Detail),
        );
        let failed = found != outcome::Meaning::Succeeded;
        *outcomes.entry((found.outcome(), failed)).or_default() += row.count;
        assert_ne!(
            found,
            outcome::Meaning::Unlisted,
            "{}",
            key.get(Part::Error)
        );
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
        assert!(
            known || row.action.starts_with("no-permission:"),
            "{}",
            row.action
        );
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
    assert_eq!(
        calls("ec2-get-password-data"),
        denied("ec2:GetPasswordData", 29)
    );
    assert_eq!(
        calls("get-usr-data"),
        denied("ec2:DescribeInstanceAttribute", 15)
    );
    let mut stolen = of("ec2-steal-credentials");
    stolen.retain(|(action, _), _| action != "no-permission:AssumeRole");
    assert_eq!(stolen.len(), 8, "{stolen:?}");
    assert!(
        stolen
            .keys()
            .any(|(action, _)| action == "no-permission:GetCallerIdentity")
    );
    let session: Vec<&str> = out
        .usage
        .iter()
        .filter(|row| row.identity.ends_with("ec2-steal-credentials-role"))
        .filter(|row| !row.action.starts_with("no-permission:"))
        .flat_map(|row| row.sessions.values.iter().map(|name| &**name))
        .collect();
    assert!(session.contains(&"i-0dbc91f429e48eeed"));
    assert!(
        of("ec2-get-password-data")
            .keys()
            .any(|(action, _)| action == "no-permission:AssumeRole")
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
    let classes: Vec<_> = spans
        .iter()
        .map(|span| (&*span.class, span.read_only))
        .collect();
    let both = |class| [(class, Some(false)), (class, Some(true))];
    assert_eq!(
        classes,
        [both("management"), [("management:kms", Some(true)); 2]].concat()[..3].to_vec()
    );
    for span in &spans {
        assert_eq!(
            (&*span.account, &*span.region),
            ("123837392027", "us-east-1")
        );
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
        let mut rows: Vec<_> = out
            .usage
            .iter()
            .filter(|row| *row.identity == *identity)
            .collect();
        rows.sort_by_key(|row| row.action.clone());
        rows
    };
    let instance = rows("arn:aws:iam::222222222222:role/ecs-cluster-instance");
    assert_eq!(&*instance[0].action, "ssm:UpdateInstanceInformation");
    assert!(instance[0].sessions.values.contains("i-06125b883c50e9d63"));
    let lambda = rows("arn:aws:iam::222222222222:role/my-LambdaFunctionRole-54321GFDSX");
    assert_eq!(&*lambda[0].action, "kms:Decrypt");
    assert!(
        lambda[0]
            .sessions
            .values
            .contains("my-LambdaFunction-12345XSDFG")
    );
    let honeycomb = rows("arn:aws:iam::222222222222:role/Honeycomb-Logs-LogStreamRole-1234567890a");
    assert_eq!(&*honeycomb[0].action, "no-permission:AssumeRole");
    assert_eq!(honeycomb[0].via.as_deref(), Some("logs.amazonaws.com"));
    // The trail's own checks of its bucket are nobody's use.
    assert!(
        out.usage
            .iter()
            .all(|row| &*row.action != "s3:GetBucketAcl")
    );
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
            (
                &*row.identity,
                &*row.action,
                behalf,
                row.via.as_deref().unwrap_or("-"),
            )
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
            (
                integration,
                "no-permission:AssumeRole",
                "-",
                "AROA3ISBVQKHHSGTEMQ45"
            ),
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
    let lines: Vec<&[u8]> = body
        .split(|byte| *byte == b'\n')
        .filter(|l| !l.is_empty())
        .collect();
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
    assert!(
        unmapped.contains(&"ec2:DeleteBucketEncryption".to_string()),
        "{unmapped:?}"
    );
    assert!(unmapped.contains(&"iam:NotCreateUser".to_string()));
}

#[test]
fn trap_01_a_session_is_credited_to_its_role_with_path() {
    let call = json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances"});
    let out = translated(&[record(call.clone())]);
    assert_eq!(&*out.usage[0].identity, ROLE);
    assert!(out.usage[0].sessions.values.contains("build-7"));
    // Without an issuer the session's ARN has no path: the name is enough if the logs show its path.
    let mut bare = record(call);
    bare["userIdentity"]["sessionContext"] = Value::Null;
    let alone = translated(std::slice::from_ref(&bare));
    assert_eq!(
        &*alone.usage[0].identity,
        "arn:aws:iam::111122223333:role/deploy"
    );
    let full = record(json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeVpcs"}));
    let both = translated(&[bare, full]);
    assert!(both.usage.iter().all(|row| &*row.identity == ROLE));
}

#[test]
fn trap_05_list_objects_is_a_data_event_of_list_bucket() {
    // An old record says neither category nor management event.
    let mut old = record(json!({
        "eventVersion": "1.05", "eventSource": "s3.amazonaws.com", "eventName": "ListObjects",
        "readOnly": true, "requestParameters": {"bucketName": "b", "list-type": "2"}
    }));
    old["eventCategory"] = Value::Null;
    let out = translated(&[old]);
    assert_eq!(
        actions(&out.usage),
        [("s3:ListBucket", "arn:aws:s3:::b", "allowed", false)]
    );
    let span = &out.spans[0];
    assert_eq!(&*span.class, "data:AWS::S3::Object");
    assert_eq!(span.resource.as_deref(), Some("arn:aws:s3:::b"));
    assert_eq!(span.read_only, Some(true));
}

#[test]
fn trap_06_a_passed_role_is_inferred_from_the_call_that_passes_it() {
    let function = |role: &str| {
        json!({
            "eventSource": "lambda.amazonaws.com", "eventName": "CreateFunction20150331",
            "readOnly": false, "requestParameters": {"functionName": "f", "role": role}
        })
    };
    let role = "arn:aws:iam::111122223333:role/service-role/worker";
    let function_arn = "arn:aws:lambda:eu-west-1:111122223333:function:f";
    let out = translated(&[record(function(role))]);
    assert_eq!(
        actions(&out.usage),
        [
            ("iam:PassRole", role, "allowed", true),
            ("lambda:CreateFunction", function_arn, "allowed", false),
        ]
    );
    // A refusal names the action: it is iam:PassRole's, not the outer call's.
    let mut refused = record(function(role));
    refused["errorCode"] = "AccessDeniedException".into();
    refused["errorMessage"] = format!(
        "User: arn:aws:sts::111122223333:assumed-role/deploy/build-7 is not authorized to perform: \
         iam:PassRole on resource: {role} because no identity-based policy allows the iam:PassRole \
         action"
    )
    .into();
    let out = translated(&[refused]);
    assert_eq!(
        actions(&out.usage),
        [
            ("iam:PassRole", role, "denied", false),
            ("lambda:CreateFunction", function_arn, "undetermined", false),
        ]
    );
    // A profile is no role, and a profile that does not exist was not passed.
    let mut run = record(json!({
        "eventSource": "ec2.amazonaws.com", "eventName": "RunInstances", "readOnly": false,
        "requestParameters": {"iamInstanceProfile": {"name": "web"}}
    }));
    let passed = |record: &Value| {
        let out = translated(std::slice::from_ref(record));
        let rows = out
            .usage
            .iter()
            .filter(|row| &*row.action == "iam:PassRole");
        rows.map(|row| scope(row).to_string()).collect::<Vec<_>>()
    };
    assert_eq!(passed(&run), ["*"]);
    run["errorCode"] = "Client.InvalidParameterValue".into();
    run["errorMessage"] = "Value (web) is invalid. Invalid IAM Instance Profile name".into();
    assert_eq!(passed(&run), [""; 0]);
}

#[test]
fn trap_07_a_failed_sign_in_without_code_is_no_success() {
    let login = |result: &str| {
        json!({
            "eventSource": "signin.amazonaws.com", "eventName": "ConsoleLogin",
            "eventType": "AwsConsoleSignIn", "responseElements": {"ConsoleLogin": result},
            "userIdentity": {"type": "IAMUser", "accountId": "111122223333",
                "arn": "arn:aws:iam::111122223333:user/ops", "principalId": "AIDAEXAMPLE"}
        })
    };
    let mut failed = record(login("Failure"));
    failed["errorMessage"] = "Failed authentication".into();
    let out = translated(&[failed]);
    assert_eq!(
        actions(&out.usage),
        [("no-permission:ConsoleLogin", "*", "undetermined", false)]
    );
    let mut fine = record(login("Success"));
    fine["errorCode"] = "".into();
    assert_eq!(translated(&[fine]).usage[0].outcome, Outcome::Allowed);
}

#[test]
fn trap_08_an_event_counts_once_in_the_callers_account() {
    let shared = "6e410184-19dd-4d7d-a8f0-c17c584957a0";
    let copy = |account: &str, id: &str| {
        let mut copy = record(json!({
            "eventSource": "s3.amazonaws.com", "eventName": "GetObject", "eventCategory": "Data",
            "sharedEventID": shared, "eventID": id, "recipientAccountId": account,
            "requestParameters": {"bucketName": "b", "key": "k"}
        }));
        if account != "111122223333" {
            copy["userIdentity"] = json!({
                "type": "AWSAccount", "accountId": "111122223333", "principalId": "AROAEXAMPLE:build-7"
            });
        }
        copy
    };
    let mut network = copy("111122223333", "00000000-0000-0000-0000-000000000003");
    network["eventCategory"] = "NetworkActivity".into();
    let records = [
        copy("444455556666", "00000000-0000-0000-0000-000000000001"),
        copy("111122223333", "00000000-0000-0000-0000-000000000002"),
        copy("111122223333", "00000000-0000-0000-0000-000000000002"),
        network.clone(),
    ];
    let read = read(&records);
    assert_eq!(read.skipped.len(), 1);
    let mut out = Translated::default();
    FORMAT.translate(read.rows, &mut out);
    let mut counts: Vec<_> = out
        .usage
        .iter()
        .map(|row| (&*row.identity, row.count))
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [("AROAEXAMPLE", 0), (ROLE, 1)]);
    network["errorCode"] = "VpceAccessDenied".into();
    let denied = translated(&[network]);
    assert_eq!(denied.usage[0].outcome, Outcome::Denied);
    // Without any id nothing tells two deliveries from two calls.
    let mut bare = copy("111122223333", "");
    bare["sharedEventID"] = Value::Null;
    assert_eq!(event(&bare).1.id, 0);
}

#[test]
fn trap_12_forwarded_calls_are_the_identitys_and_service_calls_nobodys() {
    let decrypt = json!({"eventSource": "kms.amazonaws.com", "eventName": "Decrypt",
        "resources": [{"type": "AWS::KMS::Key", "accountId": "111122223333",
            "ARN": "arn:aws:kms:eu-west-1:111122223333:key/k"}]});
    let mut forwarded = record(decrypt.clone());
    forwarded["userIdentity"]["invokedBy"] = "secretsmanager.amazonaws.com".into();
    let out = translated(&[forwarded]);
    assert_eq!(&*out.usage[0].identity, ROLE);
    assert_eq!(
        out.usage[0].via.as_deref(),
        Some("secretsmanager.amazonaws.com")
    );
    assert_eq!(
        scope(&out.usage[0]),
        "arn:aws:kms:eu-west-1:111122223333:key/k"
    );
    let mut service = record(decrypt);
    service["userIdentity"] =
        json!({"type": "AWSService", "invokedBy": "cloudfront.amazonaws.com"});
    let out = translated(&[service]);
    assert!(out.usage.is_empty());
    assert_eq!(
        out.remarks,
        [("calls by AWS services, nobody's use".to_string(), 1)]
    );
    assert_eq!(&*out.spans[0].class, "management:kms");
}

#[test]
fn identity_types_without_a_session_issuer() {
    let credited = |identity: Value| {
        let call = json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeVpcs",
            "userIdentity": identity});
        let out = translated(&[record(call)]);
        let found = out.usage.first().map(|row| row.identity.to_string());
        found.unwrap_or_else(|| out.remarks[0].0.clone())
    };
    let cases = [
        (
            json!({"type": "Root", "accountId": "1"}),
            "arn:aws:iam::1:root",
        ),
        (
            json!({"type": "IAMUser", "accountId": "1", "userName": "bert-jan"}),
            "arn:aws:iam::1:user/bert-jan",
        ),
        (
            json!({"type": "IAMUser", "accountId": "1", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
            "not attributed: users whose name is hidden",
        ),
        (
            json!({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "u-1"}}),
            "arn:aws:identitystore:::user/u-1",
        ),
        (
            json!({"type": "AWSAccount", "accountId": "ANONYMOUS_PRINCIPAL"}),
            "not attributed: anonymous callers",
        ),
        (
            json!({"type": "AWSAccount", "accountId": "2"}),
            "aws-account:2",
        ),
        (
            json!({"type": "Unknown", "accountId": "2"}),
            "not attributed: callers that CloudTrail calls unknown",
        ),
        (Value::Null, "not attributed: records without a caller"),
        (
            json!({"arn": "arn:aws:iam::1:user/x"}),
            "arn:aws:iam::1:user/x",
        ),
        (
            json!({"type": "Root", "accountId": "1", "arn": "é"}),
            "arn:aws:iam::1:root",
        ),
    ];
    for (identity, expected) in cases {
        assert_eq!(credited(identity.clone()), expected, "{identity}");
    }
}

#[test]
fn a_call_with_several_permissions_keeps_them_all() {
    let call = |event: &str, parameters: Value| {
        record(
            json!({"eventSource": "s3.amazonaws.com", "eventName": event,
            "eventCategory": "Data", "readOnly": false, "requestParameters": parameters}),
        )
    };
    let copy = call(
        "CopyObject",
        json!({"bucketName": "to", "x-amz-copy-source": "/from/key", "x-amz-acl": "private"}),
    );
    let out = translated(std::slice::from_ref(&copy));
    assert_eq!(
        actions(&out.usage),
        [
            ("s3:GetObject", "arn:aws:s3:::from", "allowed", true),
            (
                "s3:GetObjectTagging",
                "arn:aws:s3:::from",
                "undetermined",
                true
            ),
            ("s3:PutObject", "arn:aws:s3:::to", "allowed", false),
            ("s3:PutObjectAcl", "arn:aws:s3:::to", "allowed", true),
        ]
    );
    // Which one was refused is not said.
    let mut refused = copy;
    refused["errorCode"] = "AccessDenied".into();
    refused["errorMessage"] = "Access Denied".into();
    let out = translated(&[refused]);
    assert!(
        out.usage
            .iter()
            .all(|row| row.outcome == Outcome::Undetermined)
    );
    let version = call("GetObject", json!({"bucketName": "b", "versionId": "v1"}));
    assert_eq!(
        &*translated(&[version]).usage[0].action,
        "s3:GetObjectVersion"
    );
    let statement = record(json!({"eventSource": "dynamodb.amazonaws.com",
        "eventName": "ExecuteStatement"}));
    let out = translated(&[statement]);
    assert_eq!(out.usage.len(), 4);
    assert!(out.usage.iter().all(|row| row.inferred));
    let scaling = record(json!({"eventSource": "autoscaling.amazonaws.com",
        "eventName": "PutScalingPolicy",
        "additionalEventData": {"service": "application-autoscaling"}}));
    let action = translated(&[scaling]).usage[0].action.clone();
    assert_eq!(&*action, "application-autoscaling:PutScalingPolicy");
    let tagged = record(
        json!({"eventSource": "sqs.amazonaws.com", "eventName": "CreateQueue",
        "readOnly": false, "requestParameters": {"queueName": "q", "tags": {"team": "a"}}}),
    );
    assert_eq!(
        actions(&translated(&[tagged]).usage),
        [
            (
                "sqs:CreateQueue",
                "arn:aws:sqs:eu-west-1:111122223333:q",
                "allowed",
                false
            ),
            ("sqs:TagQueue", "*", "allowed", true),
        ]
    );
}

#[test]
fn context_of_a_call_is_bounded() {
    let mut call = record(
        json!({"eventSource": "ec2.amazonaws.com", "eventName": "DescribeVpcs",
        "sourceIPAddress": "2001:db8:1:2::3", "userAgent": "[S3Console/0.4 x]",
        "sessionCredentialFromConsole": "true"}),
    );
    call["userIdentity"]["inScopeOf"] =
        json!({"sourceArn": "arn:aws:ecs:eu-west-1:111122223333:task/prod/0123456789"});
    let (_, raw) = event(&call);
    assert_eq!(raw.network, b"2001:db8:1::/48");
    assert_eq!(raw.agent, b"S3Console");
    let row = &translated(&[call]).usage[0];
    assert_eq!(row.via.as_deref(), Some("console"));
    let workload = "arn:aws:ecs:eu-west-1:111122223333:task/prod";
    assert_eq!(row.on_behalf_of.as_deref(), Some(workload));
    let huge = "x".repeat(100_000);
    let long = record(
        json!({"eventSource": "ec2.amazonaws.com", "eventName": huge,
        "errorCode": huge, "errorMessage": huge}),
    );
    assert!(event(&long).1.key().len() < 20_000);
}
