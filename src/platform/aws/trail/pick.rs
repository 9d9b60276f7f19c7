//! Which resources and features a record's request names: the half of scopes that runs once a record.
//!
//! It writes lines of a kind (one letter, [`Kind`]) and a raw value; [`super::scope`] builds ARNs from them once
//! a row. Values that would make every record its own row are reduced here (an object to its bucket).
//! Fields by service: `requestParameters` members of the API models (botocore 1.44.8) as CloudTrail writes
//! them, first letter lowered.

use serde_json::Value;

use super::fields::{self as f, Record};
use super::json::{self, Items, Members};

/// Kinds of raw resource values, as the letter that the key holds.
#[allow(missing_docs, reason = "the names say it")]
pub(super) mod kind {
    pub(crate) const ARN: u8 = b'a';
    pub(crate) const BUCKET: u8 = b'b';
    pub(crate) const TABLE: u8 = b't';
    pub(crate) const QUEUE_URL: u8 = b'q';
    pub(crate) const QUEUE_NAME: u8 = b'Q';
    pub(crate) const TOPIC_NAME: u8 = b'p';
    pub(crate) const FUNCTION: u8 = b'f';
    pub(crate) const SECRET_ID: u8 = b's';
    pub(crate) const SECRET_NAME: u8 = b'S';
    pub(crate) const PARAMETER: u8 = b'm';
    pub(crate) const DOCUMENT: u8 = b'd';
    pub(crate) const KEY: u8 = b'k';
    pub(crate) const ROLE: u8 = b'r';
    pub(crate) const USER: u8 = b'u';
    pub(crate) const GROUP: u8 = b'g';
    pub(crate) const PROFILE: u8 = b'i';
    pub(crate) const PATH: u8 = b'P';
    pub(crate) const EC2_ID: u8 = b'e';
    pub(crate) const ECS_CLUSTER: u8 = b'c';
    pub(crate) const ECS_SERVICE: u8 = b'v';
    pub(crate) const ECS_TASK_DEFINITION: u8 = b'T';
    pub(crate) const REPOSITORY: u8 = b'y';
    pub(crate) const REGISTRY: u8 = b'Y';
    pub(crate) const LOG_GROUP: u8 = b'l';
    pub(crate) const RULE: u8 = b'R';
    pub(crate) const BUS: u8 = b'B';
    pub(crate) const STREAM: u8 = b'n';
    pub(crate) const DELIVERY_STREAM: u8 = b'h';
    pub(crate) const GLUE_DATABASE: u8 = b'G';
    pub(crate) const GLUE_TABLE: u8 = b'H';
    pub(crate) const WORKGROUP: u8 = b'W';
    pub(crate) const DB_INSTANCE: u8 = b'D';
    pub(crate) const DB_CLUSTER: u8 = b'C';
    pub(crate) const DB_SNAPSHOT: u8 = b'N';
    /// There is a resource, but its value cannot be kept.
    pub(crate) const UNKNOWN: u8 = b'?';
    /// There are more than are kept.
    pub(crate) const MORE: u8 = b'+';
}

/// Letters for features of a request.
pub(super) mod flag {
    /// A stated version of an object (`versionId`).
    pub(crate) const VERSION: u8 = b'v';
    /// An access control list (`x-amz-acl`, `x-amz-grant-*`).
    pub(crate) const ACL: u8 = b'a';
    /// Object tags (`x-amz-tagging`).
    pub(crate) const OBJECT_TAGS: u8 = b't';
    /// Object lock retention.
    pub(crate) const RETENTION: u8 = b'r';
    /// Object lock legal hold.
    pub(crate) const LEGAL_HOLD: u8 = b'h';
    /// A stated version of the object that a copy reads.
    pub(crate) const SOURCE_VERSION: u8 = b'V';
    /// Tags on a resource that the call creates.
    pub(crate) const TAGS: u8 = b'T';
}

/// How many resources of one record are kept.
const RESOURCES_KEPT: usize = 16;

/// How long a kept value may be; ARNs are at most 2,048 characters (IAM User Guide, "IAM and AWS STS quotas",
/// for the longest), names far less.
const VALUE_BYTES: usize = 1_024;

/// How many values of a request are looked at.
const VALUES_SEEN: usize = 2_000;

/// Resources being collected.
pub(super) struct Found<'b> {
    lines: &'b mut Vec<u8>,
    count: usize,
}

impl<'b> Found<'b> {
    /// Collects into a buffer, which is emptied.
    pub(super) fn new(lines: &'b mut Vec<u8>) -> Found<'b> {
        lines.clear();
        Found { lines, count: 0 }
    }

    /// Adds a value, once. Empty values are none.
    fn add(&mut self, kind: u8, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        // Without an early end, so that it is done many bytes at a time.
        let is_text = || value.iter().fold(true, |fits, byte| fits & (*byte >= 0x20));
        let fits = value.len() <= VALUE_BYTES && is_text();
        let (kind, value) = if fits { (kind, value) } else { (kind::UNKNOWN, &[][..]) };
        let is_known = !self.lines.is_empty()
            && self
                .lines
                .split(|byte| *byte == b'\n')
                .any(|line| line.split_first() == Some((&kind, value)));
        if is_known {
            return;
        }
        self.count += 1;
        if self.count > RESOURCES_KEPT {
            if self.count == RESOURCES_KEPT + 1 {
                self.lines.extend_from_slice(&[kind::MORE, b'\n']);
            }
            return;
        }
        self.lines.push(kind);
        self.lines.extend_from_slice(value);
        self.lines.push(b'\n');
    }

    /// Adds the text of a raw string.
    fn add_raw(&mut self, kind: u8, raw: Option<&[u8]>) {
        if let Some(text) = raw.and_then(json::text) {
            self.add(kind, &text);
        }
    }

    fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

/// The part of an ARN that names the container: an object's bucket, an index's or stream's table, a log
/// stream's group. Other ARNs stay as they are.
pub(super) fn container(arn: &[u8]) -> &[u8] {
    let Some((service, resource_at)) = arn_service(arn) else {
        return arn;
    };
    let Some(resource) = arn.get(resource_at..) else {
        return arn;
    };
    let end = match service {
        b"s3" if !resource.starts_with(b"accesspoint/") => memchr::memchr(b'/', resource),
        b"dynamodb" if resource.starts_with(b"table/") => nth(resource, b'/', 2),
        b"logs" if resource.starts_with(b"log-group:") => nth(resource, b':', 2),
        b"lambda" if resource.starts_with(b"function:") => nth(resource, b':', 2),
        _ => None,
    };
    end.map_or(arn, |end| arn.get(..resource_at + end).unwrap_or(arn))
}

/// Service of an ARN, and where its resource part begins.
fn arn_service(arn: &[u8]) -> Option<(&[u8], usize)> {
    if !arn.starts_with(b"arn:") {
        return None;
    }
    let mut colons = memchr::memchr_iter(b':', arn).skip(1);
    let (second, third) = (colons.next()?, colons.next()?);
    let (_, fifth) = (colons.next()?, colons.next()?);
    Some((arn.get(second + 1..third)?, fifth + 1))
}

fn nth(text: &[u8], byte: u8, n: usize) -> Option<usize> {
    memchr::memchr_iter(byte, text).nth(n - 1)
}

/// The ARNs in a record's `resources`. Members are `ARN` and, in tools' rewritings, `arn`.
fn from_resources(raw: &[u8], found: &mut Found<'_>) {
    for item in Items::of_array(raw).take(VALUES_SEEN) {
        for (key, value) in Members::new(item) {
            if key.eq_ignore_ascii_case(b"ARN")
                && let Some(text) = value.and_then(json::text)
                && text.starts_with(b"arn:")
            {
                found.add(kind::ARN, container(&text));
            }
        }
    }
}

/// The first resource type in a record's `resources`.
pub(super) fn resource_type(raw: &[u8]) -> Option<&[u8]> {
    Items::of_array(raw)
        .take(VALUES_SEEN)
        .filter_map(|item| json::member(item, "type"))
        .find_map(|value| value.strip_prefix(b"\"")?.strip_suffix(b"\""))
        .filter(|text| text.starts_with(b"AWS::") && !text.contains(&b'\\'))
}

/// The resources that a record names.
pub(super) fn resources<'a>(fields: &Record<'a>, service: &[u8], found: &mut Found<'_>) {
    let get = |field: usize| fields.get(field);
    let raw = |key: &str| json::member(fields.get(f::PARAMETERS), key);
    match service {
        b"s3" | b"s3express" | b"s3-outposts" => {
            let bucket = get(f::BUCKET_NAME);
            if bucket.starts_with(b"arn:") {
                found.add(kind::ARN, container(bucket));
            } else {
                found.add(kind::BUCKET, bucket);
            }
        }
        b"dynamodb" | b"streams.dynamodb" => found.add(kind::TABLE, get(f::TABLE_NAME)),
        b"sqs" => {
            found.add(kind::QUEUE_URL, get(f::QUEUE_URL));
            found.add(kind::QUEUE_NAME, get(f::QUEUE_NAME));
        }
        b"sns" => {
            found.add(kind::ARN, get(f::TOPIC_ARN));
            found.add(kind::ARN, get(f::TARGET_ARN));
            if found.is_empty() && fields.get(f::EVENT_NAME) == b"CreateTopic" {
                found.add(kind::TOPIC_NAME, get(f::NAME));
            }
        }
        b"lambda" => found.add(kind::FUNCTION, get(f::FUNCTION_NAME)),
        b"sts" => found.add(kind::ARN, get(f::ROLE_ARN)),
        b"iam" => iam(fields, found),
        b"ecr" => {
            found.add(kind::REPOSITORY, get(f::REPOSITORY_NAME));
            if !found.is_empty() {
                found.add_raw(kind::REGISTRY, raw("registryId"));
            }
        }
        b"logs" => {
            found.add(kind::LOG_GROUP, get(f::LOG_GROUP_NAME));
            found.add(kind::LOG_GROUP, get(f::LOG_GROUP));
        }
        b"states" => found.add(kind::ARN, get(f::STATE_MACHINE_ARN)),
        b"kinesis" => {
            found.add_raw(kind::ARN, raw("streamARN"));
            found.add(kind::STREAM, get(f::STREAM_NAME));
        }
        b"firehose" => found.add_raw(kind::DELIVERY_STREAM, raw("deliveryStreamName")),
        b"athena" => found.add_raw(kind::WORKGROUP, raw("workGroup")),
        b"glue" => {
            found.add(kind::GLUE_DATABASE, get(f::DATABASE_NAME));
            if !found.is_empty() {
                found.add_raw(kind::GLUE_TABLE, raw("tableName"));
                found.add(kind::GLUE_TABLE, get(f::NAME));
            }
        }
        b"rds" => rds(fields, found),
        b"events" => events(fields, found),
        b"ecs" => {
            found.add(kind::ECS_CLUSTER, get(f::CLUSTER));
            found.add(kind::ECS_SERVICE, get(f::SERVICE));
            found.add_raw(kind::ECS_SERVICE, raw("serviceName"));
            found.add(kind::ECS_TASK_DEFINITION, get(f::TASK_DEFINITION));
        }
        b"ec2" => ec2(fields, found),
        _ => {}
    }
    if found.is_empty() {
        from_resources(get(f::RESOURCES), found);
    }
    if found.is_empty() {
        fallback(fields, service, found);
    }
}

/// Names that are used only if `resources` holds no ARN, and ARNs anywhere at the request's top.
fn fallback<'a>(fields: &Record<'a>, service: &[u8], found: &mut Found<'_>) {
    let parameters = fields.get(f::PARAMETERS);
    match service {
        b"kms" => found.add(kind::KEY, fields.get(f::KEY_ID)),
        b"secretsmanager" => {
            found.add(kind::SECRET_ID, fields.get(f::SECRET_ID));
            if fields.get(f::EVENT_NAME) == b"CreateSecret" {
                found.add(kind::SECRET_NAME, fields.get(f::NAME));
            }
            for item in list(parameters, "secretIdList") {
                found.add_raw(kind::SECRET_ID, Some(item));
            }
        }
        b"ssm" => ssm(fields, found),
        b"dynamodb" => {
            let items = json::member(parameters, "requestItems").unwrap_or_default();
            for (table, _) in Members::new(items).take(VALUES_SEEN) {
                found.add(kind::TABLE, table);
            }
        }
        b"s3" | b"ec2" | b"iam" | b"sts" | b"sqs" => {}
        _ => {
            for (_, value) in Members::new(parameters).take(VALUES_SEEN) {
                if let Some(text) = value.and_then(json::text)
                    && text.starts_with(b"arn:")
                {
                    found.add(kind::ARN, container(&text));
                }
            }
        }
    }
}

fn list<'a>(parameters: &'a [u8], key: &str) -> impl Iterator<Item = &'a [u8]> {
    let raw = json::member(parameters, key).unwrap_or_default();
    Items::of_array(raw).take(VALUES_SEEN)
}

fn iam<'a>(fields: &Record<'a>, found: &mut Found<'_>) {
    found.add(kind::ARN, fields.get(f::POLICY_ARN));
    found.add(kind::ROLE, fields.get(f::ROLE_NAME));
    found.add(kind::USER, fields.get(f::IAM_USER_NAME));
    found.add(kind::GROUP, fields.get(f::GROUP_NAME));
    found.add(kind::PROFILE, fields.get(f::PROFILE_NAME));
    if found.is_empty() {
        return;
    }
    // Only calls that create say the path; without one it is `/` (IAM API reference, CreateRole).
    let event = fields.get(f::EVENT_NAME);
    if matches!(event, b"CreateRole" | b"CreateUser" | b"CreateGroup" | b"CreateInstanceProfile") {
        let path = fields.get(f::PATH);
        found.add(kind::PATH, if path.is_empty() { b"/" } else { path });
    }
}

fn ssm<'a>(fields: &Record<'a>, found: &mut Found<'_>) {
    let (parameters, event) = (fields.get(f::PARAMETERS), fields.get(f::EVENT_NAME));
    let has = |word: &[u8]| memchr::memmem::find(event, word).is_some();
    if has(b"Parameter") {
        found.add(kind::PARAMETER, fields.get(f::NAME));
        for item in list(parameters, "names") {
            found.add_raw(kind::PARAMETER, Some(item));
        }
        if event == b"GetParametersByPath" {
            found.add(kind::PARAMETER, fields.get(f::PATH));
        }
    } else if has(b"Document") {
        found.add(kind::DOCUMENT, fields.get(f::NAME));
    }
}

fn rds<'a>(fields: &Record<'a>, found: &mut Found<'_>) {
    found.add(kind::DB_INSTANCE, fields.get(f::DB_INSTANCE));
    let parameters = fields.get(f::PARAMETERS);
    for (key, kind) in [
        ("dBClusterIdentifier", kind::DB_CLUSTER),
        ("dBSnapshotIdentifier", kind::DB_SNAPSHOT),
        ("resourceName", kind::ARN),
    ] {
        found.add_raw(kind, json::member(parameters, key));
    }
}

fn events<'a>(fields: &Record<'a>, found: &mut Found<'_>) {
    let parameters = fields.get(f::PARAMETERS);
    match fields.get(f::EVENT_NAME) {
        b"PutEvents" => {
            for entry in list(parameters, "entries") {
                match json::member(entry, "eventBusName").and_then(json::text) {
                    Some(bus) => found.add(kind::BUS, &bus),
                    None => found.add(kind::BUS, b"default"),
                }
            }
        }
        event if memchr::memmem::find(event, b"EventBus").is_some() => {
            found.add(kind::BUS, fields.get(f::NAME));
        }
        b"PutTargets" | b"RemoveTargets" | b"ListTargetsByRule" => {
            found.add_raw(kind::RULE, json::member(parameters, "rule"));
            found.add_raw(kind::BUS, json::member(parameters, "eventBusName"));
        }
        event if event.ends_with(b"Rule") => {
            found.add(kind::RULE, fields.get(f::NAME));
            found.add_raw(kind::BUS, json::member(parameters, "eventBusName"));
        }
        _ => {}
    }
}

/// Every id in the request of an EC2 call that changes something: they are told by their form, so it does not
/// matter in which of EC2's many shapes they stand. Describing calls take no resource (Service Authorization
/// Reference, Amazon EC2), so theirs are not looked up.
fn ec2<'a>(fields: &Record<'a>, found: &mut Found<'_>) {
    if fields.get(f::EVENT_NAME).starts_with(b"Describe") {
        return;
    }
    let text = fields.get(f::PARAMETERS);
    let mut at = 0;
    for _ in 0..VALUES_SEEN {
        let Some(open) = memchr::memchr(b'"', text.get(at..).unwrap_or_default()) else {
            return;
        };
        let start = at + open;
        let Some(end) = json::value_end(text, start) else {
            return;
        };
        let value = text.get(start + 1..end - 1).unwrap_or_default();
        if is_ec2_id(value) {
            found.add(kind::EC2_ID, value);
        }
        at = end;
    }
    found.add(kind::MORE, b" ");
}

/// Whether a text has the form of an EC2 resource id: letters and hyphens, then 8 or 17 hexadecimal digits
/// (EC2 User Guide, "Resource IDs").
fn is_ec2_id(text: &[u8]) -> bool {
    let Some(hyphen) = memchr::memrchr(b'-', text) else {
        return false;
    };
    let (prefix, digits) = text.split_at(hyphen);
    let digits = digits.get(1..).unwrap_or_default();
    matches!(digits.len(), 8 | 17)
        && digits.iter().all(u8::is_ascii_hexdigit)
        && super::scope::ec2_type(prefix).is_some()
}

/// The bucket that a copy reads from: `x-amz-copy-source` is `bucket/key`, with or without a slash before it,
/// or an access point's ARN (S3 API reference, CopyObject).
pub(super) fn copy_source<'a>(fields: &Record<'a>, found: &mut Found<'_>) {
    let raw = json::member(fields.get(f::PARAMETERS), "x-amz-copy-source");
    let Some(text) = raw.and_then(json::text) else {
        return;
    };
    let source = text.strip_prefix(b"/").unwrap_or(&text);
    if source.starts_with(b"arn:") {
        found.add(kind::UNKNOWN, b" ");
        return;
    }
    let bucket = source.split(|byte| *byte == b'/').next();
    let encoded = bucket.is_some_and(|bucket| bucket.contains(&b'%'));
    match bucket {
        Some(bucket) if !encoded => found.add(kind::BUCKET, bucket),
        _ => found.add(kind::UNKNOWN, b" "),
    }
}

/// Writes the letters of the request's features that need more permissions ([`flag`]).
pub(super) fn flags<'a>(fields: &Record<'a>, service: &[u8], letters: &mut [u8; 8]) -> usize {
    let mut count = 0;
    let mut push = |letter: u8| {
        let known = letters.get(..count).is_some_and(|seen| seen.contains(&letter));
        if !known && let Some(place) = letters.get_mut(count) {
            *place = letter;
            count += 1;
        }
    };
    let event = fields.get(f::EVENT_NAME);
    if service == b"s3" {
        if !fields.get(f::VERSION_ID).is_empty() {
            push(flag::VERSION);
        }
        if event.starts_with(b"Put") || event.starts_with(b"C") {
            for (key, value) in Members::new(fields.get(f::PARAMETERS)).take(VALUES_SEEN) {
                match key.strip_prefix(b"x-amz-") {
                    Some(b"copy-source") if has_version(value) => push(flag::SOURCE_VERSION),
                    Some(b"acl") => push(flag::ACL),
                    Some(rest) if rest.starts_with(b"grant-") => push(flag::ACL),
                    Some(b"tagging") => push(flag::OBJECT_TAGS),
                    Some(b"object-lock-mode" | b"object-lock-retain-until-date") => {
                        push(flag::RETENTION);
                    }
                    Some(b"object-lock-legal-hold" | b"object-lock-legal-hold-status") => {
                        push(flag::LEGAL_HOLD);
                    }
                    _ => {}
                }
            }
        }
    } else if fields.get(f::EVENT_CATEGORY) != b"Data"
        && fields.get(f::READ_ONLY) != b"true"
        && may_tag(event)
        && has_tags(fields)
    {
        push(flag::TAGS);
    }
    count
}

fn has_version(source: Option<&[u8]>) -> bool {
    source.is_some_and(|text| memchr::memmem::find(text, b"versionId=").is_some())
}

/// Whether a call makes something that can get tags at once.
fn may_tag(event: &[u8]) -> bool {
    [
        "Create", "Run", "Allocate", "Import", "Register", "Copy", "Restore", "Put", "Request",
        "Start",
    ]
    .iter()
    .any(|verb| event.starts_with(verb.as_bytes()))
}

/// Whether the request holds tags for what it makes: `tags`, `tagsList`, EC2's `tagSpecificationSet`, at the top
/// or within the `…Request` member of newer EC2 calls.
fn has_tags<'a>(fields: &Record<'a>) -> bool {
    const NAMES: [&str; 5] = ["tags", "tag", "tagList", "tagsList", "tagSet"];
    const SPECIFICATION: &[u8] = b"tagSpecification";
    let is_tags = |key: &[u8], value: &[u8]| {
        let head = key.get(..SPECIFICATION.len()).unwrap_or_default();
        let names_tags = NAMES.iter().any(|name| key.eq_ignore_ascii_case(name.as_bytes()))
            || head.eq_ignore_ascii_case(SPECIFICATION);
        names_tags && matches!(value.first(), Some(b'{' | b'[')) && value.len() > 4
    };
    Members::new(fields.get(f::PARAMETERS)).take(VALUES_SEEN).any(|(key, value)| {
        let value = value.unwrap_or_default();
        is_tags(key, value)
            || (key.ends_with(b"Request")
                && Members::new(value)
                    .take(VALUES_SEEN)
                    .any(|(key, value)| is_tags(key, value.unwrap_or_default())))
    })
}

/// The roles and instance profiles that a request passes, as lines `KIND\tVALUE` (`passrole-parameters.json`).
/// Only requests of calls that can pass a role are parsed.
pub(super) fn passed_roles<'a>(fields: &Record<'a>, out: &mut Vec<u8>) {
    let source = fields.get(f::EVENT_SOURCE);
    let event = super::actions::strip_version(source, fields.get(f::EVENT_NAME));
    let rows = super::facts::facts().passed(source, event);
    let raw = fields.get(f::PARAMETERS);
    if rows.is_empty() || !may_hold(raw, rows) {
        return;
    }
    let Ok(parameters) = serde_json::from_slice::<Value>(raw) else {
        return;
    };
    let mut seen = Vec::new();
    for row in rows {
        let mut values = Vec::new();
        let path: Vec<&str> = row.path.split('.').collect();
        values_at(&parameters, &path, &mut values);
        for value in values {
            let is_new = !seen.contains(&(row.kind.as_str(), value));
            let fits = value.len() <= VALUE_BYTES && value.bytes().all(|byte| byte >= 0x20);
            if !value.is_empty() && fits && is_new && seen.len() < RESOURCES_KEPT {
                seen.push((row.kind.as_str(), value));
                out.extend_from_slice(row.kind.as_bytes());
                out.push(b'\t');
                out.extend_from_slice(value.as_bytes());
                out.push(b'\n');
            }
        }
    }
}

/// Whether a request may hold one of the parameters: parsing is slow, and most requests of such calls pass no
/// role. One of its strings has to be the first key of a path; escaped keys are left to the parser.
pub(super) fn may_hold(raw: &[u8], rows: &[super::facts::Passed]) -> bool {
    let mut at = 0;
    while let Some(open) = memchr::memchr(b'"', raw.get(at..).unwrap_or_default()) {
        let start = at + open + 1;
        let rest = raw.get(start..).unwrap_or_default();
        let Some(length) = memchr::memchr2(b'"', b'\\', rest) else {
            return true;
        };
        if rest.get(length) == Some(&b'\\') {
            return true;
        }
        let text = rest.get(..length).unwrap_or_default();
        if rows.iter().any(|row| text.eq_ignore_ascii_case(row.first_key())) {
            return true;
        }
        at = start + length + 1;
    }
    false
}

/// The texts at a path, keys compared without case. EC2 writes lists as `{"items": […]}`, and lists of one as the
/// element itself, so both are looked through wherever they stand.
fn values_at<'v>(value: &'v Value, path: &[&str], out: &mut Vec<&'v str>) {
    if out.len() >= VALUES_SEEN {
        return;
    }
    if let Value::Array(items) = value {
        for item in items {
            values_at(item, path, out);
        }
        return;
    }
    let Some((first, rest)) = path.split_first() else {
        if let Value::String(text) = value {
            out.push(text);
        }
        return;
    };
    let Value::Object(members) = value else {
        return;
    };
    let wanted = first.strip_suffix("[]").unwrap_or(first);
    for (key, inner) in members {
        if key.eq_ignore_ascii_case(wanted) {
            values_at(inner, rest, out);
        } else if key == "items" || key == "item" {
            values_at(inner, path, out);
        }
    }
}
