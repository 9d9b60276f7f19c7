//! Records that Elastic's AWS integration mapped to its own fields without keeping the original.
//!
//! Field names: elastic/integrations, `aws` package, data stream `cloudtrail` (`aws.cloudtrail.*`, ECS `event`,
//! `cloud`, `source`, `user_agent`).

use serde_json::{Map, Value};

/// The record as CloudTrail would have written it, as far as the document has it; `None` if the document is no
/// mapped CloudTrail record.
pub(super) fn record(document: &Value) -> Option<Value> {
    let trail = at(document, "aws.cloudtrail")?;
    let mut out = Map::new();
    let mut put = |key: &str, value: Option<&Value>| {
        if let Some(value) = value.filter(|value| !value.is_null()) {
            out.insert(key.to_string(), value.clone());
        }
    };
    put("eventTime", at(document, "@timestamp"));
    put("eventSource", at(document, "event.provider"));
    put("eventName", at(document, "event.action"));
    put("eventID", at(document, "event.id"));
    put("awsRegion", at(document, "cloud.region"));
    put("sourceIPAddress", at(document, "source.address").or_else(|| at(document, "source.ip")));
    put("userAgent", at(document, "user_agent.original"));
    put("errorCode", at(trail, "error_code"));
    put("errorMessage", at(trail, "error_message"));
    put("eventType", at(trail, "event_type"));
    put("eventCategory", at(trail, "event_category"));
    put("managementEvent", at(trail, "management_event"));
    put("readOnly", at(trail, "read_only"));
    put("sharedEventID", at(trail, "shared_event_id"));
    put(
        "recipientAccountId",
        at(trail, "recipient_account_id").or_else(|| at(document, "cloud.account.id")),
    );
    put("requestParameters", at(trail, "flattened.request_parameters"));
    put("responseElements", at(trail, "flattened.response_elements"));
    put("additionalEventData", at(trail, "flattened.additional_eventdata"));
    if let Some(identity) = at(trail, "user_identity") {
        out.insert("userIdentity".into(), user_identity(document, identity));
    }
    if let Some(Value::Array(resources)) = at(trail, "resources") {
        let renamed = resources.iter().map(resource).collect();
        out.insert("resources".into(), Value::Array(renamed));
    }
    Some(Value::Object(out))
}

fn user_identity(document: &Value, identity: &Value) -> Value {
    let mut out = Map::new();
    for (key, path) in [
        ("type", "type"),
        ("arn", "arn"),
        ("principalId", "principal_id"),
        ("accessKeyId", "access_key_id"),
        ("accountId", "account_id"),
        ("invokedBy", "invoked_by"),
        ("userName", "user_name"),
    ] {
        if let Some(value) = at(identity, path) {
            out.insert(key.into(), value.clone());
        }
    }
    // The integration moves the principal and the user's name to ECS fields.
    for (key, path) in [("principalId", "user.id"), ("userName", "user.name")] {
        if !out.contains_key(key)
            && let Some(value) = at(document, path)
        {
            out.insert(key.into(), value.clone());
        }
    }
    if !out.contains_key("accountId")
        && let Some(account) = at(document, "cloud.account.id")
    {
        out.insert("accountId".into(), account.clone());
    }
    let mut issuer = Map::new();
    for (key, path) in [
        ("type", "type"),
        ("arn", "arn"),
        ("principalId", "principal_id"),
        ("accountId", "account_id"),
    ] {
        if let Some(value) =
            at(identity, "session_context.session_issuer").and_then(|issuer| at(issuer, path))
        {
            issuer.insert(key.into(), value.clone());
        }
    }
    if !issuer.is_empty() {
        let context = Map::from_iter([("sessionIssuer".to_string(), Value::Object(issuer))]);
        out.insert("sessionContext".into(), Value::Object(context));
    }
    Value::Object(out)
}

fn resource(resource: &Value) -> Value {
    let renamed = [("arn", "ARN"), ("account_id", "accountId"), ("type", "type")];
    let members = renamed.iter().filter_map(|(from, to)| {
        let value = resource.get(from)?;
        Some(((*to).to_string(), value.clone()))
    });
    Value::Object(members.collect())
}

/// The value at a dotted path, whether the document nests the names or joins them with dots.
fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if let Some(found) = value.get(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(dot, _)| {
        let inner = value.get(&path[..dot])?;
        at(inner, &path[dot + 1..])
    })
}
