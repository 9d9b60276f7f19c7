//! The wrapped forms, built around one event, and hostile text.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::platform::kubernetes::audit::wrapped::unwrap;

fn event() -> Value {
    json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": "a-1",
        "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/shop/secrets?limit=5\u{26}x=1",
        "verb": "list", "user": {"username": "alice"}, "sourceIPs": ["10.0.0.1"],
        "objectRef": {"resource": "secrets", "namespace": "shop"}, "responseStatus": {"code": 200},
        "requestReceivedTimestamp": "2026-05-12T10:00:00.000000Z",
        "annotations": {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason":
            "RBAC: allowed by ClusterRoleBinding \"b\" of ClusterRole \"view\" to User \"alice\""}
    })
}

/// What a text holds, as whatever it is recognised as.
fn found(text: &str) -> (&'static str, Vec<String>) {
    let kind = detected(text.as_bytes()).unwrap_or_else(|| panic!("not recognised: {text:.200}"));
    (kind.id, read_text(text, &format_of(kind)).lines())
}

#[test]
fn an_event_is_found_in_every_wrapping() {
    let text = event().to_string();
    let owned = |value: Value| value.to_string();
    let column = |name: &str| json!({"name": name, "type": "string"});
    let wrappings = [
        ("event list", owned(json!({"kind": "EventList", "items": [event()]}))),
        ("array", owned(json!([event()]))),
        ("pretty", serde_json::to_string_pretty(&event()).unwrap()),
        (
            "filter-log-events",
            owned(
                json!({"events": [{"logStreamName": "kube-apiserver-audit-1", "message": text}]}),
            ),
        ),
        ("message lines", format!("{}\n{}\n", json!({"message": text}), json!({"message": text}))),
        ("S3 export", format!("2026-05-12T10:00:00.000Z {text}\n")),
        (
            "insights",
            owned(
                json!({"results": [[{"field": "@timestamp", "value": "2026"}, {"field": "@message", "value": text}]]}),
            ),
        ),
        (
            "OTLP",
            owned(
                json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": text}}]}]}]}),
            ),
        ),
        (
            "Elastic",
            owned(json!({"hits": {"hits": [{"_source": {"kubernetes": {"audit": event()}}}]}})),
        ),
        ("Fluent Bit", owned(json!({"date": 1, "log": format!("{text}\n")}))),
        ("Vector", owned(json!({"message": event(), "host": "h"}))),
        (
            "Loki",
            owned(
                json!({"data": {"result": [{"stream": {"a": "b"}, "values": [["1747641600000", text]]}]}}),
            ),
        ),
        ("Log Analytics, text", owned(json!([{"log_s": text, "Category": "kube-audit"}]))),
        (
            "query answer",
            owned(json!({"tables": [{"name": "PrimaryResult",
            "columns": [column("TimeGenerated"), column("log_s")], "rows": [["2026", text]]}]})),
        ),
        (
            "wrapped twice",
            owned(json!({"records": [{"properties": {"log": json!({"log": text}).to_string()}}]})),
        ),
        ("YAML list", format!("items:\n- {text}\n")),
        (
            "YAML documents",
            format!(
                "---\nkind: Event\napiVersion: audit.k8s.io/v1\nauditID: a-1\nverb: list\nuser: {{username: alice}}\nrequestURI: /api/v1/namespaces/shop/secrets\nobjectRef: {{resource: secrets, namespace: shop}}\nresponseStatus: {{code: 200}}\nrequestReceivedTimestamp: '2026-05-12T10:00:00.000000Z'\n---\n{text}\n"
            ),
        ),
    ];
    for (name, text) in &wrappings {
        if *name == "YAML list" {
            // Without a sign of what it is, only `--as` reads it.
            assert_eq!(read_text(text, &WRAPPED).lines().len(), 1);
            continue;
        }
        let (kind, lines) = found(text);
        let is_plain = matches!(*name, "event list" | "array" | "pretty");
        let wanted = if is_plain { "kubernetes-audit" } else { "kubernetes-audit-wrapped" };
        assert_eq!(kind, wanted, "{name}");
        let line = "user/alice k8s:list:core/secrets shop/* x";
        assert!(lines.len() == 1 && lines[0].starts_with(line), "{name}: {lines:?}");
    }
    println!("{} wrappings", wrappings.len());
}

#[test]
fn envelopes_name_the_cluster() {
    let text = event().to_string();
    let of =
        |value: Value| read_text(&value.to_string(), &WRAPPED).out.usage[0].identity.to_string();
    let subscription = json!({"messageType": "DATA_MESSAGE", "owner": "111122223333",
        "logGroup": "/aws/eks/prod/cluster", "logStream": "kube-apiserver-audit-1",
        "logEvents": [{"id": "1", "timestamp": 1, "message": text}]});
    assert_eq!(of(subscription), "k8s://prod/user/alice");
    let azure = json!({"records": [{"category": "kube-audit", "resourceId":
        "/SUBSCRIPTIONS/X/RESOURCEGROUPS/Y/PROVIDERS/MICROSOFT.CONTAINERSERVICE/MANAGEDCLUSTERS/PROD",
        "properties": {"log": text}}]});
    assert_eq!(of(azure), "k8s://prod/user/alice");
    assert_eq!(of(json!({"message": text})), "k8s://c/user/alice");
}

#[test]
fn a_log_without_reads_covers_no_reads() {
    let mut change = event();
    change["verb"] = "delete".into();
    let entry = |event: &Value, category: &str| {
        json!({"category": category, "properties": {"log": event.to_string()}}).to_string()
    };
    let spans = |category: &str| {
        let text = format!("{}\n{}\n", entry(&event(), category), entry(&change, category));
        let spans = read_text(&text, &WRAPPED).out.spans;
        spans.iter().map(|span| span.read_only).collect::<Vec<_>>()
    };
    assert_eq!(spans("kube-audit"), [Some(false), Some(true)]);
    // Whatever read strays into it, it is not where reads would be seen.
    assert_eq!(spans("kube-audit-admin"), [Some(false)]);
}

#[test]
fn azures_columns_are_an_event() {
    let row = json!({"AuditId": "a-1", "Stage": "ResponseComplete", "Verb": "list", "RequestUri": "/api/v1/pods",
        "User": "{\"username\":\"alice\"}", "ObjectRef": {"resource": "pods"}, "ResponseStatus": "{\"code\":403}",
        "Annotations": {"authorization.k8s.io/decision": "forbid"}, "SourceIps": ["10.0.0.1"],
        "RequestReceivedTime": "2026-05-12T10:00:00Z", "Type": "AKSAudit"});
    let (_, lines) = found(&json!([row]).to_string());
    assert_eq!(lines, ["user/alice k8s:list:core/pods */* denied x1"]);
}

#[test]
fn elastics_dotted_fields_are_an_event() {
    let fields = json!({"fields": {}, "kubernetes.audit.auditID": ["a-1"], "kubernetes.audit.verb": ["list"],
        "kubernetes.audit.stage": ["ResponseComplete"], "kubernetes.audit.user.username": ["alice"],
        "kubernetes.audit.requestURI": ["/api/v1/pods"], "kubernetes.audit.objectRef.resource": ["pods"],
        "kubernetes.audit.annotations.authorization_k8s_io/decision": ["allow"],
        "kubernetes.audit.responseStatus.code": [200], "kubernetes.audit.sourceIPs": ["10.0.0.1"],
        "kubernetes.audit.requestReceivedTimestamp": ["2026-05-12T10:00:00.000Z"]});
    let (_, lines) = found(&fields.to_string());
    assert_eq!(lines, ["user/alice k8s:list:core/pods */* x1"]);
}

#[test]
fn other_logs_of_an_export_are_counted_and_cut_entries_rejected() {
    let text = event().to_string();
    let cut = format!("{}[Truncated...]", &text[..text.len() - 20]);
    let value = json!({"events": [
        {"logStreamName": "authenticator-1", "message": "time=\"2026\" level=info msg=ok"},
        {"logStreamName": "kube-apiserver-1", "message": "I0512 10:00:00.000000 1 trace.go:1] x"},
        {"logStreamName": "kube-apiserver-audit-1", "message": text},
        {"logStreamName": "kube-apiserver-audit-1", "message": cut},
    ]});
    let read = read_text(&value.to_string(), &WRAPPED);
    let intake = &read.logs.files[0].intake;
    assert_eq!((intake.records, intake.used, intake.rejected_count), (4, 1, 1));
    let skipped: Vec<_> = read.logs.skipped.into_iter().collect();
    assert_eq!(skipped, [("entries of other logs in the same export", 2)]);
    // A broken line costs itself.
    let lines =
        format!("{{\"log\":\"x\n{}\nnot json\n{}\n", json!({"log": text}), json!({"log": "other"}));
    let intake = read_text(&lines, &WRAPPED).logs.files[0].intake.clone();
    assert_eq!((intake.records, intake.used, intake.rejected_count), (4, 1, 2));
}

/// GKE: what the method, the path and the decision say.
#[test]
fn gke_entries_of_all_shapes() {
    let entry = |method: &str, resource: &str, more: Value| {
        let mut one = json!({"insertId": format!("{method}{resource}"), "timestamp": "2026-05-12T10:00:00Z",
            "logName": "projects/p/logs/cloudaudit.googleapis.com%2Factivity",
            "protoPayload": {"serviceName": "k8s.io", "methodName": method, "resourceName": resource,
                "authenticationInfo": {"principalEmail": "alice"},
                "authorizationInfo": [{"granted": true}], "status": {}}});
        if let (Some(into), Some(more)) = (one.as_object_mut(), more.as_object()) {
            into.extend(more.clone());
        }
        let text = one.to_string();
        assert_eq!(detected(text.as_bytes()).map(|kind| kind.id), Some("kubernetes-gke"));
        let read = read_text(&text, &GKE);
        let lines: Vec<String> =
            read.lines().iter().map(|line| line.replace("user/alice ", "")).collect();
        lines.join("; ").replace(" x1", "").replace("k8s:", "")
    };
    let plain = |method: &str, resource: &str| entry(method, resource, json!({}));
    assert_eq!(
        plain("io.k8s.core.v1.secrets.get", "core/v1/namespaces/shop/secrets/db"),
        "get:core/secrets shop/db"
    );
    assert_eq!(
        plain("io.k8s.core.v1.secrets.create", "core/v1/namespaces/shop/secrets/db"),
        "create:core/secrets shop/*"
    );
    assert_eq!(
        plain("io.k8s.core.v1.namespaces.get", "core/v1/namespaces/shop"),
        "get:core/namespaces shop/shop"
    );
    assert_eq!(
        plain("io.k8s.core.v1.namespaces.create", "core/v1/namespaces/shop"),
        "create:core/namespaces /*"
    );
    assert_eq!(
        plain("io.k8s.core.v1.pods.exec.create", "core/v1/namespaces/shop/pods/web-0/exec"),
        "create:core/pods/exec shop/*"
    );
    assert_eq!(
        plain(
            "com.coreos.database.etcd.v1beta2.etcdbackups.create",
            "etcd.database.coreos.com/v1beta2/namespaces/shop/etcdbackups/a"
        ),
        "create:etcd.database.coreos.com/etcdbackups shop/*"
    );
    assert_eq!(
        plain("io.k8s.authorization.rbac.v1.clusterroles.list", ""),
        "list:rbac.authorization.k8s.io/clusterroles /*"
    );
    assert_eq!(plain("io.k8s.apps.v1.deployments.scale.get", ""), "get:apps/deployments/scale /*");
    assert_eq!(plain("io.k8s.get", "apis/apps/v1"), "no-permission:discovery /apis/apps/v1");
    assert_eq!(plain("io.k8s.readyz", "/readyz"), "no-permission:health /readyz");
    // No code tells whether a patch made its object.
    assert_eq!(
        plain("io.k8s.core.v1.configmaps.patch", "core/v1/namespaces/shop/configmaps/a"),
        "create:core/configmaps shop/a undetermined inferred; patch:core/configmaps shop/a"
    );
    let path = "core/v1/namespaces/shop/secrets/db";
    let status = |granted: Value, code: u16| {
        json!({"protoPayload": {"serviceName": "k8s.io", "methodName": "io.k8s.core.v1.secrets.get", "resourceName": path,
            "authenticationInfo": {"principalEmail": "alice"}, "authorizationInfo": [granted], "status": {"code": code}}})
    };
    let denied = "get:core/secrets shop/db denied";
    assert_eq!(entry("m", path, status(json!({"permission": "x"}), 7)), denied);
    assert_eq!(entry("m", path, status(json!({"granted": false}), 7)), denied);
    // Refused by admission.
    assert_eq!(entry("m", path, status(json!({"granted": true}), 7)), "get:core/secrets shop/db");
    let mut labelled = status(json!({"granted": true}), 0);
    labelled["labels"] = json!({"authorization.k8s.io/decision": "forbid"});
    assert_eq!(entry("m", path, labelled), denied);
}

/// Both entries of a long operation are one use; other services' entries are left out.
#[test]
fn gke_operations_count_once() {
    let entry = |insert: &str, service: &str| {
        json!({"insertId": insert, "timestamp": "2026-05-12T10:00:00Z", "operation": {"id": "op"},
            "resource": {"labels": {"project_id": "p", "location": "eu", "cluster_name": "k"}},
            "protoPayload": {"serviceName": service, "methodName": "io.k8s.core.v1.pods.watch", "resourceName":
                "core/v1/namespaces/shop/pods", "authenticationInfo": {"principalEmail": "alice"},
                "authorizationInfo": [{"granted": true}]}})
    };
    let text =
        json!([entry("1", "k8s.io"), entry("2", "k8s.io"), entry("3", "compute.googleapis.com")]);
    let read = read_text(&text.to_string(), &GKE);
    assert_eq!(read.lines(), ["k8s://gke_p_eu_k/user/alice k8s:watch:core/pods shop/* x1"]);
    assert_eq!(
        read.logs.skipped.keys().copied().collect::<Vec<_>>(),
        ["entries of other services"]
    );
}

proptest! {
    #[test]
    fn any_bytes_are_unwrapped_to_an_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut count = 0;
        let _ = unwrap(&bytes, &mut |_, _| count += 1);
        prop_assert!(count <= bytes.len() + 1);
        let _ = detected(&bytes);
    }

    /// Wrappings within wrappings, cut and changed anywhere.
    #[test]
    fn any_part_of_a_wrapping_is_unwrapped_to_an_end(
        keys in proptest::collection::vec(0..40_usize, 0..20),
        cut in 0..10_000_usize,
        at in 0..10_000_usize,
        byte: u8,
    ) {
        use crate::platform::kubernetes::audit::wrapped::KEYS;
        let mut value = event();
        for key in keys {
            let name = KEYS[key % KEYS.len()];
            let inner = if key % 3 == 0 { Value::String(value.to_string()) } else { json!([value]) };
            if inner.to_string().len() > 20_000 {
                break;
            }
            value = json!({ name: inner });
        }
        let mut text = value.to_string().into_bytes();
        text.truncate(cut.max(1));
        let length = text.len();
        text[at % length] = byte;
        let mut last = 0;
        let _ = unwrap(&text, &mut |number, _| {
            assert_eq!(number, last + 1, "numbers count from one");
            last = number;
        });
        let _ = detected(&text);
    }
}

/// Texts that mean something somewhere, and any others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "get",
            "patch",
            "create",
            "403",
            "201",
            "allow",
            "forbid",
            "roles",
            "pods",
            "namespaces",
            "subjectaccessreviews",
            "rbac.authorization.k8s.io",
            "system:serviceaccount:a:b",
            "impersonate:user-info",
            "/api/v1/namespaces/a/pods?x",
            "io.k8s.core.v1.pods.get",
            "io.k8s.",
            "core/v1/namespaces/a",
            "RBAC: allowed by RoleBinding \"a\\",
            "x \"y\" is forbidden: User \"u\" cannot create resource \"a/b\"",
            "2026-05-12T10:00:00Z",
        ])
        .prop_map(str::to_string),
        ".{0,12}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Both kinds of records with any texts in all their fields: read twice, translated, never a panic, and the rows
    /// of each record's own use add up to the records that were used.
    #[test]
    fn any_texts_are_read_and_translated(
        records in proptest::collection::vec(
            (any::<bool>(), proptest::collection::vec(text(), 24), any::<bool>()), 1..12),
    ) {
        let build = |(number, (is_gke, texts, is_allowed)): (usize, &(bool, Vec<String>, bool))| {
            let t = |at: usize| texts[at].clone();
            let list = |at: usize| json!([t(at), t(at + 1)]);
            if *is_gke {
                return json!({"insertId": number.to_string(), "timestamp": "2026-05-12T10:00:00Z", "logName": t(0),
                    "labels": {"authorization.k8s.io/decision": t(1), "authorization.k8s.io/reason": t(2)},
                    "resource": {"labels": {"project_id": t(3), "location": t(4), "cluster_name": t(5)}},
                    "protoPayload": {"serviceName": "k8s.io", "methodName": t(6), "resourceName": t(7),
                        "authenticationInfo": {"principalEmail": t(8)}, "status": {"code": 7, "message": t(10)},
                        "authorizationInfo": [{"granted": is_allowed}]}});
            }
            let asked = json!({"verb": t(17), "group": t(18), "resource": t(19), "name": t(20), "namespace": t(21)});
            json!({"auditID": number.to_string(), "requestReceivedTimestamp": "2026-05-12T10:00:00Z",
                "requestURI": t(0), "verb": t(1), "user": {"username": t(2), "groups": list(3)},
                "impersonatedUser": {"username": t(5), "groups": list(6), "extra": {t(8): [t(9)]}},
                "authenticationMetadata": {"impersonationConstraint": t(9)},
                "objectRef": {"resource": t(10), "subresource": t(11), "apiGroup": t(12), "namespace": t(13), "name": t(14)},
                "responseStatus": {"code": if *is_allowed { 201 } else { 403 }, "message": t(15)},
                "annotations": {"authorization.k8s.io/decision": t(16), "authorization.k8s.io/reason": t(22)},
                "responseObject": {"status": {"allowed": is_allowed}, "spec": {"user": t(23), "resourceAttributes": asked}}})
        };
        let records: Vec<Value> = records.iter().enumerate().map(build).collect();
        let read = read_events(&records);
        let own = read.out.usage.iter().filter(|row| !row.inferred);
        prop_assert_eq!(own.map(|row| row.count).sum::<u64>(), read.logs.events);
        for row in &read.out.usage {
            let named = row.action.starts_with("k8s:") || row.action.starts_with("no-permission:");
            prop_assert!(named && !row.action.contains('*'), "{}", row.action);
        }
        for grant in &read.out.grants {
            prop_assert!(serde_json::from_str::<Value>(&grant.detail).is_ok());
        }
    }
}
