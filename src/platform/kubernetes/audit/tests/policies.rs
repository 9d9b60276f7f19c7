//! Audit policies: the tables of cases, the presets, and what they leave unseen.

use serde_json::Value;

use super::*;
use crate::platform::kubernetes::audit::policy::{
    AuditPolicy, Level, Observability, Request, presets,
};
use crate::platform::kubernetes::audit::presets::preset;

fn level(text: &str) -> Level {
    match text {
        "Metadata" => Level::Metadata,
        "Request" => Level::Request,
        "RequestResponse" => Level::RequestResponse,
        _ => Level::None,
    }
}

/// Asks a policy about a case's request.
fn asked(policy: &AuditPolicy, case: &Value) -> (Level, i64) {
    let request = &case["request"];
    let text = |value: &'static str| request[value].as_str().unwrap_or_default();
    let groups = request["user"]["groups"].as_array().cloned().unwrap_or_default();
    let groups: Vec<&str> = groups.iter().filter_map(Value::as_str).collect();
    let request = Request {
        user: request["user"]["name"].as_str().unwrap_or_default(),
        groups: &groups,
        verb: text("verb"),
        group: text("apiGroup"),
        resource: text("resource"),
        subresource: text("subresource"),
        namespace: text("namespace"),
        name: text("name"),
        path: text("path"),
    };
    let number = policy.matching(&request).map_or(-1, |(number, _)| number as i64);
    (policy.level(&request), number)
}

fn check(policy: &AuditPolicy, case: &Value) {
    let expected = (level(case["level"].as_str().unwrap()), case["rule_index"].as_i64().unwrap());
    assert_eq!(asked(policy, case), expected, "{case}");
}

#[test]
fn the_first_rule_that_matches_decides() {
    let Some(path) = shared("audit-policy-cases.json") else { return };
    let table = json_of(&path);
    let policies = table["policy_cases"].as_array().unwrap();
    for case in policies {
        let path = shared(case["policy"].as_str().unwrap()).unwrap();
        let policy = AuditPolicy::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
        check(&policy, case);
    }
    let inline = table["inline_cases"].as_array().unwrap();
    for case in inline {
        let text = serde_json::json!({ "rules": case["rules"] }).to_string();
        check(&AuditPolicy::parse(&text).unwrap(), case);
    }
    println!("{} policy cases, {} inline cases", policies.len(), inline.len());
    assert_eq!((policies.len(), inline.len()), (46, 22));
}

/// The presets are the published policies: the same answers to all cases about these.
#[test]
fn presets_answer_as_the_published_policies_do() {
    let names: Vec<&str> = presets().iter().map(|preset| preset.name).collect();
    assert_eq!(names, ["aks", "aks-admin", "eks", "gke", "gke-data", "kube-up", "openshift"]);
    for preset in presets() {
        assert!(!preset.policy.rules.is_empty(), "{} does not parse", preset.name);
    }
    let Some(path) = shared("audit-policy-cases.json") else { return };
    let mut count = 0;
    for (file, name) in [
        ("audit/kube-up/audit-policy.yaml", "kube-up"),
        ("audit/eks/audit-policy.yaml", "eks"),
        ("audit/openshift-policies/default.yaml", "openshift"),
    ] {
        let published = std::fs::read_to_string(shared(file).unwrap()).unwrap();
        let published = AuditPolicy::parse(&published).unwrap();
        let policy = &preset(name).unwrap().policy;
        assert_eq!(published.rules.len(), policy.rules.len(), "{name}");
        for case in json_of(&path)["policy_cases"].as_array().unwrap() {
            assert_eq!(asked(policy, case), asked(&published, case), "{name} {case}");
            count += 1;
        }
    }
    println!("{count} comparisons");
    assert_eq!(count, 3 * 46);
}

fn logged(policy: &AuditPolicy, verb: &str, group: &str, resource: &str) -> Observability {
    let groups = ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"];
    let user = "system:serviceaccount:shop:api";
    policy.is_logged(user, &groups, verb, group, resource, "", &[], &[])
}

#[test]
fn what_a_platform_does_not_record_is_not_logged() {
    use Observability::{Logged, NotLogged};
    let of = |name: &str| &preset(name).unwrap().policy;
    for name in ["kube-up", "eks", "gke", "gke-data"] {
        assert_eq!(logged(of(name), "create", "", "events"), NotLogged, "{name}");
        assert_eq!(logged(of(name), "create", "events.k8s.io", "events"), Logged, "{name}");
        assert_eq!(logged(of(name), "delete", "", "secrets"), Logged, "{name}");
    }
    assert_eq!(logged(of("openshift"), "create", "", "events"), Logged);
    for (name, expected) in
        [("gke", NotLogged), ("gke-data", Logged), ("aks-admin", NotLogged), ("aks", Logged)]
    {
        for verb in ["get", "list", "watch"] {
            assert_eq!(logged(of(name), verb, "", "secrets"), expected, "{name} {verb}");
        }
    }
    let metrics = of("openshift").is_path_logged("u", &["system:authenticated"], "get", "/metrics");
    assert_eq!(metrics, Logged);
    let health = of("openshift").is_path_logged("u", &["system:authenticated"], "get", "/healthz*");
    assert_eq!(health, Observability::Mixed(vec!["/healthz".to_string()]));
}

#[test]
fn exceptions_within_a_grant_make_it_mixed() {
    let policy = AuditPolicy::parse(
        "rules:
- level: None
  namespaces: [quiet]
  resources: [{group: '', resources: [configmaps]}]
- level: None
  verbs: [get]
  resources: [{group: '', resources: [secrets], resourceNames: [noisy]}]
- level: Metadata
",
    )
    .unwrap();
    let ask = |verb: &str, resource: &str, namespaces: &[&str], names: &[&str]| {
        policy.is_logged("u", &[], verb, "", resource, "", namespaces, names)
    };
    let mixed = |place: &str| Observability::Mixed(vec![place.to_string()]);
    assert_eq!(ask("get", "configmaps", &[], &[]), mixed("quiet/*"));
    assert_eq!(ask("get", "configmaps", &["quiet"], &[]), Observability::NotLogged);
    assert_eq!(ask("get", "configmaps", &["shop"], &[]), Observability::Logged);
    assert_eq!(ask("get", "secrets", &["shop"], &[]), mixed("shop/noisy"));
    assert_eq!(ask("get", "secrets", &["shop"], &["noisy"]), Observability::NotLogged);
    assert_eq!(ask("get", "secrets", &["shop"], &["db"]), Observability::Logged);
    // A create has no name that a rule could have left out.
    assert_eq!(ask("create", "secrets", &["shop"], &[]), Observability::Logged);
}

#[test]
fn stages_that_are_left_out_hide_how_a_request_ended() {
    let policy = |omits: &str| {
        AuditPolicy::parse(&format!("omitStages: [{omits}]\nrules:\n- level: Metadata\n")).unwrap()
    };
    let ask = |policy: &AuditPolicy, verb: &str, subresource: &str| {
        policy.is_logged("u", &[], verb, "", "pods", subresource, &["shop"], &[])
    };
    assert_eq!(ask(&policy("RequestReceived"), "get", ""), Observability::Logged);
    assert_eq!(ask(&policy("ResponseComplete"), "get", ""), Observability::ReceivedOnly);
    let neither = policy("RequestReceived, ResponseComplete");
    assert_eq!(ask(&neither, "get", ""), Observability::NotLogged);
    // The answer of a watch, and of a terminal, starts with a record of its own.
    assert_eq!(ask(&neither, "watch", ""), Observability::Logged);
    assert_eq!(ask(&neither, "create", "exec"), Observability::Logged);
}

#[test]
fn broken_policies_are_refused_with_a_reason() {
    for text in
        ["", "rules: []", "kind: Policy", "rules: [{level: Everything}]", "rules: [{}]", ": :"]
    {
        assert!(AuditPolicy::parse(text).is_err(), "{text}");
    }
    let deep = "[".repeat(10_000);
    assert!(AuditPolicy::parse(&format!("rules: {deep}")).is_err());
}
