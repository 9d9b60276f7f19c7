//! Small logs, each with one thing that is easy to get wrong (`Kubernetes audit`, and what clients may choose).

use serde_json::{Value, json};

use super::*;

/// An allowed get of a secret by a service account, with what the test changes merged into it.
fn event(changes: Value) -> Value {
    let mut event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata",
        "auditID": "a-1", "stage": "ResponseComplete",
        "requestURI": "/api/v1/namespaces/shop/secrets/db?timeout=5s&x=1", "verb": "get",
        "user": {"username": "system:serviceaccount:shop:api",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
            "extra": {"authentication.kubernetes.io/pod-name": ["api-7d9c-x2x"]}},
        "sourceIPs": ["1.2.3.4", "10.0.12.34"], "userAgent": "api/v1.2 (linux/amd64)",
        "objectRef": {"resource": "secrets", "namespace": "shop", "name": "db", "apiVersion": "v1"},
        "responseStatus": {"metadata": {}, "code": 200},
        "requestReceivedTimestamp": "2026-05-12T10:00:00.000000Z",
        "stageTimestamp": "2026-05-12T10:00:01.012345Z",
        "annotations": {"authorization.k8s.io/decision": "allow",
            "authorization.k8s.io/reason":
                "RBAC: allowed by RoleBinding \"api/shop\" of Role \"reader\" to ServiceAccount \"api/shop\""}
    });
    merge(&mut event, changes);
    event
}

fn merge(into: &mut Value, changes: Value) {
    match (into, changes) {
        (Value::Object(into), Value::Object(changes)) => {
            for (key, value) in changes {
                if value.is_null() {
                    into.remove(&key);
                } else {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
        }
        (into, value) => *into = value,
    }
}

fn lines(events: &[Value]) -> Vec<String> {
    read_events(events).lines()
}

const API: &str = "shop/serviceaccount/api";

#[test]
fn an_event_has_its_network_agent_and_pod() {
    let read = read_events(&[event(json!({}))]);
    let row = &read.out.usage[0];
    assert_eq!(read.lines(), [format!("{API} k8s:get:core/secrets shop/db x1")]);
    let only = |set: &crate::model::Bounded| set.values().iter().next().unwrap().to_string();
    // Addresses before the last are what the client says.
    assert_eq!(only(&row.networks), "10.0.12.0/24");
    assert_eq!((only(&row.agents), only(&row.sessions)), ("api".into(), "api-7d9c-x2x".into()));
    assert_eq!(row.first.unwrap().to_string(), "2026-05-12T10:00:00Z");
    let span = &read.out.spans[0];
    assert_eq!((&*span.account, &*span.class, span.read_only), ("c", "audit", Some(true)));
    let grant = &read.out.grants[0];
    assert_eq!((&*grant.by, &*grant.resource), ("RoleBinding shop/api of Role reader", "shop/*"));
    let detail: Value = serde_json::from_str(&grant.detail).unwrap();
    let wanted = json!({"binding": "api", "kind": "RoleBinding", "role": "reader", "rolekind": "Role",
        "namespace": "shop", "subject": "ServiceAccount api/shop"});
    assert_eq!(detail, wanted);
}

#[test]
fn the_stages_of_a_request_are_one_use() {
    let watch = json!({"verb": "watch", "objectRef": {"name": null}});
    let stage = |stage: &str, more: Value| {
        let mut one = event(watch.clone());
        merge(&mut one, json!({"stage": stage}));
        merge(&mut one, more);
        one
    };
    let received = stage("RequestReceived", json!({"responseStatus": null, "annotations": null}));
    let started = stage("ResponseStarted", json!({}));
    let complete = stage("ResponseComplete", json!({"stageTimestamp": "2026-05-12T11:00:00Z"}));
    let wanted = [format!("{API} k8s:watch:core/secrets shop/* x1")];
    assert_eq!(lines(&[received.clone(), started.clone(), complete]), wanted);
    assert_eq!(lines(&[started]), wanted, "a watch that goes on");
    // Nothing else of it: an attempt, which keeps the permission from being called unused, and covers nothing.
    let alone = read_events(&[received]);
    assert_eq!(alone.lines(), [format!("{API} k8s:watch:core/secrets shop/* undetermined x1")]);
    assert_eq!(alone.out.spans, []);
    assert_eq!(alone.out.remarks, [("requests whose answer is not in the log".to_string(), 1)]);
}

/// The client may choose the id, and aggregated servers log it again.
#[test]
fn one_audit_id_is_not_one_request() {
    let first = event(json!({}));
    let other_user = event(json!({"user": {"username": "mallory"}}));
    let other_uri = event(json!({"requestURI": "/api/v1/namespaces/shop/secrets/tls",
        "objectRef": {"name": "tls"}}));
    let again = event(json!({"stageTimestamp": "2026-05-12T10:00:02Z"}));
    assert_eq!(
        lines(&[first, other_user, other_uri, again]),
        [
            format!("{API} k8s:get:core/secrets shop/db x1"),
            format!("{API} k8s:get:core/secrets shop/tls x1"),
            "user/mallory k8s:get:core/secrets shop/db x1".to_string(),
        ]
    );
}

#[test]
fn names_are_those_that_the_authorizer_saw() {
    let of = |verb: &str, object: Value| {
        let mut one = event(json!({"verb": verb, "auditID": format!("{verb}{object}")}));
        merge(&mut one, json!({"objectRef": object}));
        lines(&[one]).remove(0).replace(&format!("{API} k8s:"), "").replace(" x1", "")
    };
    let core = |resource: &str, name: &str| json!({"resource": resource, "name": name});
    // The body's name is no name yet.
    assert_eq!(of("create", core("secrets", "db")), "create:core/secrets shop/*");
    assert_eq!(of("deletecollection", core("secrets", "")), "deletecollection:core/secrets shop/*");
    assert_eq!(of("get", core("pods", "web-0")), "get:core/pods shop/*");
    let exec = json!({"resource": "pods", "subresource": "exec", "name": "web-0"});
    assert_eq!(of("create", exec), "create:core/pods/exec shop/*");
    let token = json!({"resource": "serviceaccounts", "subresource": "token", "name": "ci"});
    assert_eq!(of("create", token), "create:core/serviceaccounts/token shop/ci");
    // A list of one name carries it.
    assert_eq!(of("list", core("configmaps", "app")), "list:core/configmaps shop/app");
    let wide = json!({"resource": "pods", "namespace": null, "name": null});
    assert_eq!(of("list", wide), "list:core/pods */*");
    let nodes = json!({"resource": "nodes", "namespace": null, "name": null});
    assert_eq!(of("list", nodes), "list:core/nodes /*");
    let class = json!({"resource": "clusterroles", "apiGroup": "rbac.authorization.k8s.io",
        "namespace": null, "name": "edit"});
    assert_eq!(of("get", class), "get:rbac.authorization.k8s.io/clusterroles /edit");
    // The Namespace object lies in itself, but not before it is made.
    let own = json!({"resource": "namespaces", "namespace": "shop", "name": "shop"});
    assert_eq!(of("get", own.clone()), "get:core/namespaces shop/shop");
    assert_eq!(of("create", own), "create:core/namespaces /*");
    let lease = json!({"resource": "leases", "apiGroup": "coordination.k8s.io",
        "namespace": "kube-node-lease", "name": "ip-10-0-1-2"});
    assert_eq!(of("update", lease), "update:coordination.k8s.io/leases kube-node-lease/*");
}

#[test]
fn a_log_tells_whether_custom_kinds_lie_in_namespaces() {
    let custom = |verb: &str, resource: &str, namespace: Value, name: Value| {
        event(json!({"verb": verb, "auditID": format!("{verb}{resource}{namespace}"), "objectRef":
            {"resource": resource, "apiGroup": "x.io", "namespace": namespace, "name": name}}))
    };
    let list = |resource: &str| custom("list", resource, Value::Null, Value::Null);
    let found = lines(&[
        list("as"),
        list("bs"),
        list("cs"),
        custom("get", "as", "shop".into(), "one".into()),
        custom("get", "bs", Value::Null, "one".into()),
    ]);
    let listed: Vec<&str> = found
        .iter()
        .filter_map(|line| line.split_once("k8s:list:"))
        .map(|(_, rest)| rest)
        .collect();
    assert_eq!(listed, ["x.io/as */* x1", "x.io/bs /* x1", "x.io/cs */* x1"]);
}

#[test]
fn impersonation_is_a_use_of_both() {
    let as_user = event(json!({"impersonatedUser": {"username": "alice", "uid": "42",
        "groups": ["devs", "system:authenticated"], "extra": {"example.com/team": ["a"]}}}));
    assert_eq!(
        lines(&[as_user]),
        [
            format!("{API} k8s:impersonate:authentication.k8s.io/uids /42 inferred x1"),
            format!(
                "{API} k8s:impersonate:authentication.k8s.io/userextras/example.com/team /* inferred x1"
            ),
            format!("{API} k8s:impersonate:core/groups /devs inferred x1"),
            format!("{API} k8s:impersonate:core/users /alice inferred x1"),
            format!("user/alice k8s:get:core/secrets shop/db for {API} x1"),
        ]
    );
    // A denied request of the impersonated user: the impersonation itself was allowed.
    let refused = event(json!({"impersonatedUser": {"username": "system:serviceaccount:ci:bot",
        "groups": ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"]},
        "annotations": {"authorization.k8s.io/decision": "forbid"}, "responseStatus": {"code": 403}}));
    assert_eq!(
        lines(&[refused]),
        [
            format!("ci/serviceaccount/bot k8s:get:core/secrets shop/db denied for {API} x1"),
            format!("{API} k8s:impersonate:core/serviceaccounts ci/bot inferred x1"),
        ]
    );
    let constrained = event(json!({"impersonatedUser": {"username": "alice"},
        "authenticationMetadata": {"impersonationConstraint": "impersonate:user-info"}}));
    assert_eq!(
        lines(&[constrained])[..2],
        [
            format!("{API} k8s:impersonate-on:user-info:get:core/secrets shop/db inferred x1"),
            format!(
                "{API} k8s:impersonate:user-info:authentication.k8s.io/users /alice inferred x1"
            ),
        ]
    );
}

#[test]
fn what_a_request_needs_beside_its_own_permission_is_inferred() {
    let of = |changes: Value| {
        let own = lines(&[event(changes)]);
        let inferred = own.iter().filter(|line| line.contains("inferred"));
        inferred.map(|line| line.replace(&format!("{API} k8s:"), "")).collect::<Vec<_>>()
    };
    let made = json!({"verb": "patch", "responseStatus": {"code": 201}});
    assert_eq!(of(made), ["create:core/secrets shop/db inferred x1"]);
    let by_get = json!({"objectRef": {"resource": "pods", "subresource": "exec", "name": "web-0"},
        "responseStatus": {"code": 101}});
    assert_eq!(of(by_get), ["create:core/pods/exec shop/* undetermined inferred x1"]);
    let binding = json!({"verb": "create", "objectRef": {"resource": "rolebindings",
        "apiGroup": "rbac.authorization.k8s.io", "name": "b"}});
    assert_eq!(
        of(binding),
        [
            "bind:rbac.authorization.k8s.io/clusterroles shop/* undetermined inferred x1",
            "bind:rbac.authorization.k8s.io/roles shop/* undetermined inferred x1",
        ]
    );
    let approval = json!({"verb": "update", "objectRef": {"resource": "certificatesigningrequests",
        "apiGroup": "certificates.k8s.io", "subresource": "approval", "namespace": null, "name": "csr-x"}});
    assert_eq!(of(approval), ["approve:certificates.k8s.io/signers /* inferred x1"]);
}

#[test]
fn what_everybody_may_do_is_nobodys_permission() {
    let path = |uri: &str, verb: &str| {
        let own = lines(&[event(json!({"objectRef": null, "requestURI": uri, "verb": verb}))]);
        own[0].replace(&format!("{API} "), "").replace(" x1", "")
    };
    assert_eq!(path("/apis/apps/v1?timeout=32s", "get"), "no-permission:discovery /apis/apps/v1");
    assert_eq!(path("/healthz", "get"), "no-permission:health /healthz");
    assert_eq!(path("/version", "get"), "no-permission:version /version");
    // These need a role of their own.
    assert_eq!(path("/metrics", "get"), "k8s:get:/metrics *");
    assert_eq!(path("/healthz/etcd", "get"), "k8s:get:/healthz/etcd *");
    assert_eq!(path("/version", "post"), "k8s:post:/version *");
    let question =
        event(json!({"verb": "create", "objectRef": {"resource": "selfsubjectaccessreviews",
        "apiGroup": "authorization.k8s.io", "namespace": null, "name": null}}));
    let read = read_events(&[question]);
    assert_eq!(read.lines(), [format!("{API} no-permission:self-review * x1")]);
    assert_eq!(read.out.grants, []);
}

#[test]
fn a_review_that_is_answered_with_yes_is_a_use_by_whom_it_is_about() {
    let review = |allowed: bool, spec: Value| {
        event(json!({"verb": "create", "user": {"username": "system:node:n1"},
            "objectRef": {"resource": "subjectaccessreviews", "apiGroup": "authorization.k8s.io",
                "namespace": null, "name": null},
            "requestObject": {"spec": spec.clone(), "status": {"allowed": !allowed}},
            "responseObject": {"spec": spec, "status": {"allowed": allowed}}}))
    };
    let spec = json!({"user": "system:serviceaccount:shop:api", "resourceAttributes":
        {"verb": "get", "group": "", "resource": "nodes", "subresource": "metrics", "name": "n1"}});
    let asker = "node/n1 k8s:create:authorization.k8s.io/subjectaccessreviews /* x1";
    assert_eq!(
        lines(&[review(true, spec.clone())]),
        [asker.to_string(), format!("{API} k8s:get:core/nodes/metrics /* inferred via node/n1 x1")]
    );
    assert_eq!(lines(&[review(false, spec)]), [asker]);
    let path =
        json!({"user": "prom", "nonResourceAttributes": {"verb": "get", "path": "/metrics"}});
    assert_eq!(
        lines(&[review(true, path)])[1],
        "user/prom k8s:get:/metrics * inferred via node/n1 x1"
    );
    // A question about everything, and one about a group, are nobody's use of anything.
    let all =
        json!({"user": "eve", "resourceAttributes": {"verb": "*", "group": "*", "resource": "*"}});
    assert_eq!(lines(&[review(true, all)]), [asker]);
    let group =
        json!({"groups": ["devs"], "resourceAttributes": {"verb": "get", "resource": "pods"}});
    assert_eq!(lines(&[review(true, group)]), [asker]);
}

#[test]
fn other_authorizers_are_told_from_rbac() {
    let by = |user: &str, groups: Value, reason: &str| {
        let one = event(json!({"user": {"username": user, "groups": groups},
            "annotations": {"authorization.k8s.io/reason": reason}}));
        let grant = read_events(&[one]).out.grants.remove(0);
        let detail: Value = serde_json::from_str(&grant.detail).unwrap();
        (detail["authorizer"].as_str().unwrap_or("-").to_string(), grant.resource.to_string())
    };
    let own = |authorizer: &str| (authorizer.to_string(), "shop/db".to_string());
    assert_eq!(by("alice", json!([]), "access granted by IAM permissions."), own("gke-iam"));
    assert_eq!(by("root", json!(["system:masters"]), ""), own("system:masters"));
    assert_eq!(by("system:node:n1", json!(["system:nodes"]), ""), own("node"));
    assert_eq!(by("alice", json!([]), ""), own("unstated"));
    assert_eq!(by("alice", json!([]), "RBAC: something else"), own("rbac"));
    let azure = "Access allowed by Azure RBAC Role Assignment X of Role Y to user Z";
    assert_eq!(by("alice", json!([]), azure), own("azure-rbac"));
    let eks = "EKS Access Policy: allowed by ClusterRoleBinding \"arn:aws:iam::1:role/r+arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy\" of ClusterRole \"arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy\" to User \"AROA\"";
    assert_eq!(by("alice", json!([]), eks), ("eks-access-policy".to_string(), "*".to_string()));
    let odd =
        "RBAC: allowed by RoleBinding \"a\\\"b/shop\" of ClusterRole \"edit\" to Group \"devs\"";
    assert_eq!(by("alice", json!([]), odd), ("-".to_string(), "shop/*".to_string()));
}

#[test]
fn whoever_asks_cannot_write_patterns_or_rows_without_end() {
    let star = event(
        json!({"verb": "get", "objectRef": {"resource": "*", "apiGroup": "a/b", "name": "x*"}}),
    );
    assert_eq!(lines(&[star]), [format!("{API} k8s:get:(other)/(other) shop/* x1")]);
    let denied = json!({"annotations": {"authorization.k8s.io/decision": "forbid"},
        "responseStatus": {"code": 403}, "user": {"username": "system:anonymous"}});
    let scan = |number: usize, changes: Value| {
        let mut one = event(denied.clone());
        merge(&mut one, json!({"auditID": number.to_string()}));
        merge(&mut one, changes);
        one
    };
    let paths: Vec<Value> = (0..50)
        .map(|n| scan(n, json!({"objectRef": null, "requestURI": format!("/admin{n}.php")})))
        .collect();
    assert_eq!(lines(&paths), ["user/system:anonymous k8s:get:/(other) * denied x50"]);
    let kinds: Vec<Value> =
        (0..600).map(|n| scan(n, json!({"objectRef": {"resource": format!("r{n:03}")}}))).collect();
    let kinds = lines(&kinds);
    assert_eq!(kinds.len(), 501);
    assert!(kinds.iter().any(|line| line.contains("k8s:get:(other)/(other)")));
    let huge = scan(
        1,
        json!({"objectRef": {"name": "n".repeat(100_000)}, "user": {"username": "u".repeat(100_000)}}),
    );
    assert!(lines(&[huge])[0].len() < 4_000);
}

#[test]
fn broken_records_cost_themselves_alone() {
    let good = event(json!({})).to_string();
    let cut = &good[..good.len() / 2];
    let text = format!("{cut}\n{good}\nno json\n{{}}\n{{\"kind\":\"Pod\"}}\n{good}\n");
    let read = read_text(&text, &NATIVE);
    assert_eq!(read.lines(), [format!("{API} k8s:get:core/secrets shop/db x1")]);
    let intake = &read.logs.files[0].intake;
    assert_eq!((intake.records, intake.used, intake.rejected_count), (6, 2, 4));
    let nobody = event(json!({"user": {"username": ""}, "responseStatus": {"code": 401}}));
    let undated = event(json!({"requestReceivedTimestamp": null, "stageTimestamp": null}));
    let read = read_events(&[nobody, undated]);
    assert_eq!(
        read.logs.skipped.keys().copied().collect::<Vec<_>>(),
        ["requests without a user: not authenticated"]
    );
    assert_eq!(read.logs.files[0].intake.rejected[0].1, "no time");
}

#[test]
fn times_are_read_fast_as_they_are_read_slowly() {
    use crate::model::Time;
    use crate::platform::kubernetes::audit::native::time;
    for text in [
        "2026-05-12T10:00:00.000000Z",
        "2026-05-12T10:00:00Z",
        "2026-02-30T10:00:00Z",
        "2026-05-12T10:00:00.Z",
        "2026-05-12T10:00:00+02:00",
        "2026-05-12 10:00:00.38",
        "1747641600000",
        "",
        "x",
        "2026-05-12T24:00:00.1Z",
    ] {
        assert_eq!(time(text.as_bytes()), Time::parse(text), "{text}");
    }
}

#[test]
fn hashes_tell_texts_apart() {
    use crate::platform::kubernetes::audit::native::hash;
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..20_000_u32 {
        assert!(seen.insert(hash(&[number.to_string().as_bytes(), b"u", b"get", b"/x"])));
    }
    assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    assert_ne!(hash(&[b"", b"c"]), hash(&[b"c", b""]));
    assert_ne!(hash(&[b"a\0"]), hash(&[b"a"]));
}
