//! The tables of cases: requests and outcomes.

use serde_json::{Value, json};

use super::*;
use crate::platform::kubernetes::audit::request::{Target, attributes};

fn cases(file: &str, key: &str) -> Option<Vec<Value>> {
    let table = json_of(&shared(file)?);
    Some(table[key].as_array().unwrap().clone())
}

#[test]
fn requests_become_what_the_authorizer_is_asked() {
    let Some(cases) = cases("request-cases.json", "cases") else { return };
    for case in &cases {
        let (method, uri) = (case["method"].as_str().unwrap(), case["uri"].as_str().unwrap());
        let found = attributes(method, uri);
        let read = match found.target {
            Target::Path(path) => {
                json!({ "resource_request": false, "verb": found.verb, "path": path })
            }
            Target::Resource(resource) => json!({
                "resource_request": true,
                "apiGroup": resource.group,
                "apiVersion": resource.version,
                "namespace": resource.namespace,
                "resource": resource.resource,
                "subresource": resource.subresource,
                "name": found.name,
                "verb": found.verb,
            }),
        };
        assert_eq!(read, case["expect"], "{}", case["id"]);
    }
    println!("{} request cases", cases.len());
    assert_eq!(cases.len(), 43);
}

/// The case as a whole record.
fn record(case: &Value) -> Value {
    let mut event = case["event"].clone();
    let fields = event.as_object_mut().unwrap();
    for (key, value) in [
        ("auditID", case["id"].as_str().unwrap()),
        ("requestReceivedTimestamp", "2026-05-12T10:00:00.000000Z"),
        ("requestURI", "/api/v1/namespaces/shop/x"),
    ] {
        fields.entry(key).or_insert_with(|| value.into());
    }
    event
}

#[test]
fn events_end_as_the_table_has_it() {
    let Some(cases) = cases("outcome-cases.json", "cases") else { return };
    let mut also = Vec::new();
    for case in &cases {
        let read = read_events(&[record(case)]);
        let own = read.out.usage.iter().find(|row| !row.inferred);
        let outcome = own.map_or("no-identity", |row| row.outcome.as_str());
        assert_eq!(outcome, case["outcome"].as_str().unwrap(), "{}", case["id"]);
        let inferred = read.out.usage.iter().filter(|row| row.inferred).map(super::line);
        also.extend(inferred.map(|line| format!("{} {line}", case["id"].as_str().unwrap())));
    }
    let api = "shop/serviceaccount/api";
    assert_eq!(
        also,
        [
            format!(
                "out-06 {api} k8s:escalate:rbac.authorization.k8s.io/roles shop/* denied inferred x1"
            ),
            format!("out-21 {api} k8s:impersonate:core/users /bob denied inferred x1"),
            format!("out-22 {api} k8s:impersonate:core/users /alice inferred x1"),
            format!("out-24 {api} k8s:create:core/configmaps shop/* inferred x1"),
            format!("out-25 {api} k8s:create:core/configmaps shop/a denied inferred x1"),
        ]
    );
    println!("{} outcome cases", cases.len());
    assert_eq!(cases.len(), 26);
}

/// A 403 without a decision is admission's only where the log never states one.
#[test]
fn one_stated_decision_changes_what_silence_means() {
    let Some(cases) = cases("outcome-cases.json", "cases") else { return };
    let find = |id: &str| record(cases.iter().find(|case| case["id"] == id).unwrap());
    let alone = read_events(&[find("out-09")]);
    assert_eq!(alone.out.usage[0].outcome, Outcome::Allowed);
    let beside = read_events(&[find("out-09"), find("out-01")]);
    let create = beside.out.usage.iter().find(|row| row.action.starts_with("k8s:create"));
    assert_eq!(create.unwrap().outcome, Outcome::Undetermined);
}
