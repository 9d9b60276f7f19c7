//! What an AWS file is, told by its content: top-level keys of JSON, or the header of a table.
//!
//! Only the first 64 KiB are seen, so nothing here needs a whole document. Names of files are lies that
//! break ties. The shapes and their sources: `docs/evidence-aws.md`.

use std::borrow::Cow;

use super::kinds;
use super::scan::{Value, blank};
use crate::model::Time;
use crate::platform::{Detected, Kind, Sample};

/// What a file is; `None` if it is nothing that this platform knows.
pub fn detect(sample: &Sample<'_>) -> Option<Detected> {
    let head = sample.head;
    match head.get(blank(head, 0)) {
        Some(b'{') => {
            let value = Value::first(head)?;
            object(&value, sample, 0)
        }
        Some(b'[') => {
            let value = Value::first(head)?;
            let first = value.elements().next()?;
            object(&first, sample, 0)
        }
        Some(_) => text(sample),
        None => None,
    }
}

fn sure(kind: &'static Kind) -> Option<Detected> {
    found(kind, 95)
}

fn found(kind: &'static Kind, certainty: u8) -> Option<Detected> {
    Some(Detected { kind, certainty })
}

/// Tools wrap records in records; more levels than this are no evidence.
const DEPTH: usize = 4;

/// A decision about one object: a document, a record, or a wrapper around records.
fn object(value: &Value<'_>, sample: &Sample<'_>, depth: usize) -> Option<Detected> {
    if depth > DEPTH || !value.is_object() {
        return None;
    }
    let members: Vec<(Cow<'_, str>, Value<'_>)> = value.members().collect();
    let keys = Keys { members: &members };
    document(&keys, value)
        .or_else(|| organisation(&keys))
        .or_else(|| events(&keys, value, sample, depth))
        .or_else(|| policies(&keys))
        .or_else(|| accounts(&keys, sample, depth))
}

/// The top-level members of an object.
struct Keys<'v, 'a> {
    members: &'v [(Cow<'a, str>, Value<'a>)],
}

impl<'a> Keys<'_, 'a> {
    fn get(&self, name: &str) -> Option<Value<'a>> {
        self.members.iter().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.has(name))
    }

    /// The first element of an array.
    fn first(&self, name: &str) -> Option<Value<'a>> {
        self.get(name)?.elements().next()
    }

    fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.string()
    }
}

/// Answers of IAM, CloudTrail and Access Analyzer.
fn document(keys: &Keys<'_, '_>, value: &Value<'_>) -> Option<Detected> {
    if keys.any(&["UserDetailList", "GroupDetailList", "RoleDetailList"])
        || keys.first("Policies").is_some_and(|policy| policy.get("PolicyVersionList").is_some())
    {
        return sure(&kinds::AUTHORIZATION_DETAILS);
    }
    if keys.has("Content") && keys.any(&["ReportFormat", "GeneratedTime"]) {
        return sure(&kinds::CREDENTIAL_REPORT);
    }
    if keys.has("ServicesLastAccessed") || (keys.has("JobStatus") && keys.has("JobCreationDate")) {
        return sure(&kinds::LAST_ACCESSED);
    }
    if keys.has("JobId") && keys.members.len() <= 3 && value.is_whole {
        return found(&kinds::LAST_ACCESSED_JOB, 80);
    }
    if keys.has("AccessKeyMetadata") {
        return sure(&kinds::ACCESS_KEYS);
    }
    if keys.has("AccessKeyLastUsed") {
        return sure(&kinds::ACCESS_KEY_LAST_USED);
    }
    let role = keys.get("Role");
    if role.is_some_and(|role| role.get("RoleName").is_some() || role.get("Arn").is_some()) {
        return sure(&kinds::ROLE);
    }
    let finding = keys.first("findings");
    if keys.any(&["findingType", "findingDetails"])
        || finding.is_some_and(|finding| finding.get("findingType").is_some())
        || keys.first("analyzers").is_some_and(|analyzer| analyzer.get("type").is_some())
    {
        return sure(&kinds::UNUSED_ACCESS);
    }
    if keys.any(&["trailList", "TrailList"]) || is_trail(keys.get("Trail")) {
        return sure(&kinds::TRAILS);
    }
    if keys.any(&["EventSelectors", "AdvancedEventSelectors"]) {
        return sure(&kinds::EVENT_SELECTORS);
    }
    if keys.has("IsLogging") {
        return sure(&kinds::TRAIL_STATUS);
    }
    if keys.any(&["digestStartTime", "digestS3Object"]) {
        return sure(&kinds::CLOUDTRAIL_DIGEST);
    }
    if keys.has("SummaryMap") {
        return sure(&kinds::ACCOUNT_SUMMARY);
    }
    if keys.has("Collector") && keys.has("Complete") {
        let ours = keys.text("Collector")? == "authgap evidence aws";
        return ours.then(|| sure(&kinds::COLLECTION)).flatten();
    }
    let plan = ["planned_values", "resource_changes", "values", "terraform_version"];
    if keys.has("format_version") && keys.any(&plan) {
        return sure(&kinds::TERRAFORM_PLAN);
    }
    // The first may be of a kind of its owner's.
    let is_templated = keys.get("Resources").is_some_and(|all| {
        let kinds = all.members().filter_map(|(_, resource)| resource.get("Type")?.string());
        kinds.take(20).any(|kind| kind.starts_with("AWS::"))
    });
    if keys.has("AWSTemplateFormatVersion") || is_templated {
        return sure(&kinds::CLOUDFORMATION);
    }
    None
}

fn is_trail(value: Option<Value<'_>>) -> bool {
    value.is_some_and(|trail| trail.get("TrailARN").is_some())
}

/// Answers of Organizations.
fn organisation(keys: &Keys<'_, '_>) -> Option<Detected> {
    if keys.get("Policy").is_some_and(|policy| policy.get("PolicySummary").is_some()) {
        return sure(&kinds::ORGANIZATION_POLICY);
    }
    let target = keys.first("Targets");
    let is_target = target.is_some_and(|target| target.get("TargetId").is_some());
    let is_summary = keys.first("Policies").is_some_and(|policy| {
        let kind = policy.get("Type").and_then(|kind| kind.string());
        kind.is_some_and(|kind| kind.ends_with("_POLICY") || kind.contains("_POLICY_"))
    });
    if is_target
        || is_summary
        || (keys.has("PolicyId") && keys.has("Targets"))
        || (keys.has("TargetId") && keys.has("Policies"))
    {
        return sure(&kinds::ORGANIZATION_TARGETS);
    }
    let in_organisation = |name: &str| {
        keys.first(name)
            .and_then(|item| item.get("Arn")?.string())
            .is_some_and(|arn| arn.contains(":organizations:"))
    };
    if keys.any(&["OrganizationalUnits", "Organization"])
        || in_organisation("Roots")
        || in_organisation("Accounts")
        || (keys.any(&["ParentId", "ChildId"])
            && keys.any(&["Accounts", "Children", "Parents", "Roots"]))
    {
        return sure(&kinds::ORGANIZATION_TREE);
    }
    None
}

/// Policies: of a resource, or alone.
fn policies(keys: &Keys<'_, '_>) -> Option<Detected> {
    let attributes = keys.get("Attributes");
    let of_attribute = attributes.is_some_and(|all| {
        ["Policy", "QueueArn", "TopicArn"].iter().any(|name| all.get(name).is_some())
    });
    let is_document = |text: Cow<'_, str>| {
        let text = text.trim_start();
        text.starts_with('{') || text.starts_with("%7B") || text.starts_with("%7b")
    };
    let secret = keys.text("ARN").is_some_and(|arn| arn.contains(":secretsmanager:"));
    if (keys.has("ResourceArn") && keys.has("Policy"))
        || of_attribute
        || keys.any(&["policyText", "ResourcePolicy"])
        || keys.text("Policy").is_some_and(is_document)
        || (secret && keys.has("Name") && !keys.has("SecretString"))
    {
        return found(&kinds::RESOURCE_POLICY, 90);
    }
    if keys.get("PolicyVersion").is_some_and(|version| version.get("Document").is_some()) {
        return found(&kinds::POLICY, 90);
    }
    let statement = keys.get("Statement")?;
    let first = statement.elements().next().unwrap_or(statement);
    let has_effect = first.get("Effect").is_some();
    (has_effect || keys.has("Version")).then(|| found(&kinds::POLICY, 85))?
}

/// Maps from account numbers to exports.
fn accounts(keys: &Keys<'_, '_>, sample: &Sample<'_>, depth: usize) -> Option<Detected> {
    let (name, value) = keys.members.first()?;
    let is_account = name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit());
    if !is_account {
        return None;
    }
    let inner = if value.is_array() { value.elements().next()? } else { *value };
    let detected = object(&inner, sample, depth + 1)?;
    (detected.kind == &kinds::AUTHORIZATION_DETAILS).then_some(detected)
}

/// Members that CloudTrail records have (CloudTrail User Guide, record-contents).
const RECORD: [&str; 14] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "eventID",
    "eventType",
    "eventCategory",
    "recipientAccountId",
    "requestParameters",
    "responseElements",
    "sourceIPAddress",
    "userAgent",
];

/// One record, or a wrapper around records, in any of the layouts of CloudTrail events.
fn events(
    keys: &Keys<'_, '_>,
    value: &Value<'_>,
    sample: &Sample<'_>,
    depth: usize,
) -> Option<Detected> {
    if let Some(detected) = record(keys, sample) {
        return Some(detected);
    }
    if let Some(records) = keys.get("Records") {
        return match records.elements().next() {
            Some(first) => object(&first, sample, depth + 1)
                .filter(|inner| inner.kind.id.starts_with("aws-cloudtrail")),
            None => empty(sample),
        };
    }
    if let Some(list) = keys.get("Events") {
        return match list.elements().next() {
            Some(first) if first.get("CloudTrailEvent").is_some() => sure(&kinds::CLOUDTRAIL),
            Some(_) => None,
            None => empty(sample),
        };
    }
    if let Some(kind) = keys.text("detail-type") {
        let is_trail = kind.ends_with("via CloudTrail") && keys.has("detail");
        return is_trail.then(|| sure(&kinds::CLOUDTRAIL)).flatten();
    }
    if let Some(list) = keys.get("logEvents") {
        let of_trail = messages(&list) || is_trail_name(keys.text("logGroup"));
        return of_trail.then(|| sure(&kinds::CLOUDTRAIL)).flatten();
    }
    if keys.has("events") && keys.first("events").is_some_and(|e| e.get("message").is_some()) {
        let of_trail = messages(&keys.get("events")?);
        return of_trail.then(|| sure(&kinds::CLOUDTRAIL)).flatten();
    }
    products(keys, value, sample, depth)
}

fn record(keys: &Keys<'_, '_>, sample: &Sample<'_>) -> Option<Detected> {
    let count = RECORD.iter().filter(|name| keys.has(name)).count();
    let is_insight = keys.has("insightDetails")
        || keys.text("eventCategory").is_some_and(|text| text == "Insight");
    if is_insight && count >= 3 {
        return sure(&kinds::CLOUDTRAIL_INSIGHT);
    }
    // Notifications of S3 use the same names: `"eventSource": "aws:s3"`.
    let foreign = keys.text("eventSource").is_some_and(|source| source.starts_with("aws:"));
    let named = keys.has("eventName") && keys.has("eventSource");
    let certainty = match count {
        _ if foreign => return None,
        5.. if named => 95,
        3.. if named => 80,
        2.. if named && is_trail_path(sample.path) => 60,
        // A first member that fills the whole head hides the others.
        1.. if !sample.is_whole && keys.has("eventVersion") && keys.has("userIdentity") => 80,
        _ => return None,
    };
    found(&kinds::CLOUDTRAIL, certainty)
}

/// Wrappers of other products: Elasticsearch, Splunk.
fn products(
    keys: &Keys<'_, '_>,
    value: &Value<'_>,
    sample: &Sample<'_>,
    depth: usize,
) -> Option<Detected> {
    let inner = |value: Option<Value<'_>>| {
        object(&value?, sample, depth + 1).filter(|inner| inner.kind == &kinds::CLOUDTRAIL)
    };
    if value.path(&["aws", "cloudtrail"]).is_some() {
        return sure(&kinds::CLOUDTRAIL);
    }
    if let Some(original) = value.path(&["event", "original"]).and_then(|v| v.string()) {
        return is_record_text(&original).then(|| sure(&kinds::CLOUDTRAIL)).flatten();
    }
    if keys.has("sourcetype") && keys.has("event") {
        let ours = keys.text("sourcetype")? == "aws:cloudtrail";
        return ours.then(|| sure(&kinds::CLOUDTRAIL)).flatten();
    }
    if let Some(raw) = keys.text("_raw") {
        return is_record_text(&raw).then(|| sure(&kinds::CLOUDTRAIL)).flatten();
    }
    inner(keys.get("_source"))
        .or_else(|| inner(value.path(&["hits", "hits"])?.elements().next()))
        .or_else(|| inner(keys.get("result")))
        .or_else(|| inner(keys.first("results")))
}

/// Whether a list of log events holds records as text.
fn messages(list: &Value<'_>) -> bool {
    list.elements()
        .take(3)
        .filter_map(|event| event.get("message")?.string())
        .any(|text| is_record_text(&text))
}

/// Whether a text looks like a record, from its first bytes.
fn is_record_text(text: &str) -> bool {
    Value::first(text.as_bytes()).is_some_and(|value| {
        let count = value.members().filter(|(key, _)| RECORD.contains(&key.as_ref())).count();
        count >= 3 || (!value.is_whole && count >= 1)
    })
}

fn is_trail_name(name: Option<Cow<'_, str>>) -> bool {
    name.is_some_and(|name| is_trail_path(&name))
}

fn is_trail_path(path: &str) -> bool {
    path.to_ascii_lowercase().contains("cloudtrail")
}

/// A wrapper without a record: only its name says what the records would have been.
fn empty(sample: &Sample<'_>) -> Option<Detected> {
    let kind = if sample.path.contains("CloudTrail-Insight") {
        &kinds::CLOUDTRAIL_INSIGHT
    } else {
        &kinds::CLOUDTRAIL
    };
    is_trail_path(sample.path).then(|| found(kind, 50)).flatten()
}

/// Tables, exports of log lines, and templates.
fn text(sample: &Sample<'_>) -> Option<Detected> {
    let head = String::from_utf8_lossy(sample.head);
    let line = head.lines().find(|line| !line.trim().is_empty())?;
    if let Some((time, rest)) = line.split_once([' ', '\t'])
        && rest.trim_start().starts_with('{')
        && Time::parse(time).is_some()
    {
        return is_record_text(rest.trim_start()).then(|| sure(&kinds::CLOUDTRAIL)).flatten();
    }
    if line.starts_with("command\texit_code\terror") {
        return sure(&kinds::REFUSED);
    }
    let columns: Vec<String> = line
        .split(',')
        .map(|column| column.trim().trim_matches('"').to_ascii_lowercase())
        .collect();
    let has = |name: &str| columns.iter().any(|column| column == name);
    if has("user") && has("arn") && has("user_creation_time") && has("password_enabled") {
        return sure(&kinds::CREDENTIAL_REPORT);
    }
    if has("eventname") && has("eventsource") && (has("eventtime") || has("useridentity")) {
        return sure(&kinds::CLOUDTRAIL);
    }
    // Columns that hold whole records: Splunk, CloudWatch Logs Insights.
    let of_record = head.contains("eventSource") && head.contains("eventName");
    if (has("_raw") || has("@message")) && of_record {
        return found(&kinds::CLOUDTRAIL, 85);
    }
    is_template(&head).then(|| sure(&kinds::CLOUDFORMATION)).flatten()
}

/// Whether a text is a template in YAML: its version, or resources of AWS's types at its top.
fn is_template(head: &str) -> bool {
    let unquoted = |line: &str, key: &str| {
        let line = line.trim_start_matches(['"', '\'']);
        line.strip_prefix(key)
            .is_some_and(|rest| rest.trim_start_matches(['"', '\'']).trim_start().starts_with(':'))
    };
    let has = |key: &str| head.lines().any(|line| unquoted(line, key));
    let is_kind = |line: &str| {
        let line = line.trim_start();
        let kind = unquoted(line, "Type").then(|| line.split_once(':')).flatten();
        kind.is_some_and(|(_, kind)| {
            kind.trim_start().trim_start_matches(['"', '\'']).starts_with("AWS::")
        })
    };
    has("AWSTemplateFormatVersion") || (has("Resources") && head.lines().any(is_kind))
}

#[cfg(test)]
mod tests;
