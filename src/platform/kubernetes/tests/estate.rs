//! What becomes of documents and logs together.

use super::{Run, run};
use crate::model::{HoleKind, Label, Outcome, Rw, ScopeSet, Source, Str, Time, UsageRow};
use crate::platform::kubernetes::ID;
use crate::platform::{LogSpan, LogSummary, LoggedGrant, Request, Verdict};

const DOCUMENTS: &str = "\
apiVersion: v1
kind: ServiceAccount
metadata:
  name: app
  namespace: ns
  annotations:
    eks.amazonaws.com/role-arn: arn:aws:iam::111122223333:role/app
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- apiGroups: ['']
  resources: [secrets]
  verbs: [get, list]
- apiGroups: ['']
  resources: [events]
  verbs: [create, patch]
- apiGroups: [crd.example.com]
  resources: ['*']
  verbs: [get]
- apiGroups: ['']
  resources: [pods/*]
  verbs: [get]
- apiGroups: ['']
  resources: [namespaces, nodes]
  verbs: [get, list]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: ns}
roleRef: {kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, name: app, namespace: ns}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: gone, namespace: ns}
roleRef: {kind: Role, name: gone}
subjects: [{kind: ServiceAccount, name: other}, {kind: User, name: alice}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: everybody}
roleRef: {kind: ClusterRole, name: view}
subjects: [{kind: Group, name: 'system:serviceaccounts:ns'}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: aws-auth, namespace: kube-system}
data:
  mapRoles: |
    - rolearn: arn:aws:iam::111122223333:role/deploy
      username: deployer
      groups: [system:masters]
";

const APP: &str = "k8s://c/ns/serviceaccount/app";

fn use_of(identity: &str, action: &str, scope: &str) -> UsageRow {
    let time = Time::parse("2026-05-06T10:00:00Z");
    UsageRow {
        scope: ScopeSet::One(scope.into()),
        count: 1,
        first: time,
        last: time,
        ..UsageRow::new(ID.into(), identity.into(), action.into(), Outcome::Allowed)
    }
}

fn span(cluster: &str, read_only: Option<bool>, days: &[&str]) -> LogSpan {
    let times: Vec<Time> = days.iter().filter_map(|day| Time::parse(day)).collect();
    LogSpan {
        platform: ID.into(),
        account: cluster.into(),
        region: "".into(),
        class: "audit".into(),
        read_only,
        resource: None,
        days: times.iter().map(|time| time.day()).collect(),
        first: times[0],
        last: times[times.len() - 1].plus_seconds(86_399),
        files: 1,
    }
}

fn resources(run: &Run, identity: &str, action: &str) -> Vec<Str> {
    let id = run.catalogue.id(ID, action).expect("an action of the run");
    let grants = run.grants(identity);
    let rows = grants.rows.iter().filter(|row| row.actions.contains(id));
    rows.flat_map(|row| row.resources.to_vec()).collect()
}

#[test]
fn a_role_binding_reaches_its_namespace_and_nothing_of_the_cluster() {
    let run = run(&[("x.yaml", DOCUMENTS)], &LogSummary::default());
    assert_eq!(resources(&run, APP, "k8s:list:core/secrets"), ["ns/*".into()]);
    assert_eq!(resources(&run, APP, "k8s:get:crd.example.com/*"), ["ns/*".into()]);
    assert_eq!(resources(&run, APP, "k8s:get:core/nodes"), Vec::<Str>::new());
    // Its own Namespace object, beside what the group may.
    assert_eq!(resources(&run, APP, "k8s:get:core/namespaces"), ["ns/ns".into(), "*".into()]);
    assert!(run.notes().contains("resource `pods/*`"), "{}", run.notes());
    assert_eq!(run.may(APP, "get namespaces", "/ns"), Verdict::Allow);
    assert_eq!(run.may(APP, "list secrets", "*/*"), Verdict::Deny);
}

#[test]
fn a_group_of_all_accounts_is_a_grant_of_each() {
    let run = run(&[("x.yaml", DOCUMENTS)], &LogSummary::default());
    let grants = run.grants(APP);
    let id = run.catalogue.id(ID, "k8s:list:core/pods").unwrap();
    let row = grants.rows.iter().find(|row| row.actions.contains(id)).unwrap();
    assert_eq!(&*row.origin[0].policy, "ClusterRole/view");
    assert_eq!(
        row.origin[0].via.as_deref(),
        Some("ClusterRoleBinding everybody through group system:serviceaccounts:ns")
    );
    // Two accounts hold it: `app` and `other`.
    assert_eq!(run.evaluator.shared_with("ClusterRole/view"), 1);
}

#[test]
fn a_missing_role_is_told_and_leaves_a_hole() {
    let run = run(&[("x.yaml", DOCUMENTS)], &LogSummary::default());
    assert!(run.notes().contains("RoleBinding ns/gone names Role/ns/gone, which is missing"));
    let other = run.tables.identities.iter().find(|one| one.id.ends_with("/other")).unwrap();
    assert!(other.may_hold_more());
    assert_eq!(run.may(&other.id, "delete secrets", "ns/x"), Verdict::Unknown);
    let alice = run.tables.identities.iter().find(|one| one.id.ends_with("user/alice")).unwrap();
    assert!(alice.is(Label::Human));
}

#[test]
fn clouds_are_linked_in_both_directions() {
    let run = run(&[("x.yaml", DOCUMENTS)], &LogSummary::default());
    let has = |from: &str, to: &str| {
        run.tables.links.iter().any(|link| &*link.from == from && &*link.to == to)
    };
    assert!(has(APP, "arn:aws:iam::111122223333:role/app"));
    assert!(has("arn:aws:iam::111122223333:role/deploy", "k8s://c/user/deployer"));
    let admin = run.grants("k8s://c/user/deployer");
    assert_eq!(
        admin.administrative.as_deref(),
        Some("every action on every resource of the cluster by ClusterRole/cluster-admin")
    );
}

#[test]
fn discovery_is_explained_where_it_is_used_and_never_shown_else() {
    let action = "k8s:create:authorization.k8s.io/selfsubjectaccessreviews";
    let quiet = run(&[("x.yaml", DOCUMENTS)], &LogSummary::default());
    let id = quiet.catalogue.id(ID, action).unwrap();
    assert!(!quiet.grants(APP).actions.contains(id));
    assert_eq!(quiet.may(APP, action, "*"), Verdict::Allow);
    let logs = LogSummary { usage: vec![use_of(APP, action, "/*")], ..LogSummary::default() };
    let used = run(&[("x.yaml", DOCUMENTS)], &logs);
    let id = used.catalogue.id(ID, action).unwrap();
    assert!(used.grants(APP).actions.contains(id));
    let others = used.grants("k8s://c/ns/serviceaccount/other");
    assert!(!others.actions.contains(id));
}

#[test]
fn without_a_policy_only_what_somebody_did_is_observable() {
    let other = "k8s://c/ns/serviceaccount/other";
    let usage = vec![
        use_of(other, "k8s:get:core/secrets", "ns/x"),
        use_of(other, "k8s:create:core/events", "ns/*"),
    ];
    let logs = LogSummary { usage, ..LogSummary::default() };
    let run = run(&[("x.yaml", DOCUMENTS)], &logs);
    let identity = run.tables.identities.iter().find(|one| &*one.id == APP).unwrap();
    let left_out = run.evaluator.unlogged(identity, &run.catalogue);
    let is_left_out = |action: &str| left_out.contains(run.catalogue.id(ID, action).unwrap());
    // Reads of secrets are recorded; core events are dropped by published policies; nobody read a widget.
    assert!(!is_left_out("k8s:list:core/secrets"));
    assert!(is_left_out("k8s:create:core/events"));
    assert!(is_left_out("k8s:get:crd.example.com/*"));
    assert!(is_left_out("k8s:list:core/configmaps"));
}

#[test]
fn coverage_has_the_days_that_have_events() {
    let spans = vec![
        span("c", Some(false), &["2026-05-01", "2026-05-02", "2026-05-05"]),
        span("c", Some(true), &["2026-05-01", "2026-05-05"]),
    ];
    let run = run(&[("x.yaml", DOCUMENTS)], &LogSummary { spans, ..LogSummary::default() });
    let claims = &run.tables.claims;
    assert_eq!(claims.len(), 2);
    assert!(claims.iter().all(|claim| claim.source == Source::InferredLog));
    let writes = claims.iter().find(|claim| claim.rw == Rw::Write).unwrap();
    assert_eq!(writes.covered.days(), 3);
    // A day without a read is no gap if the log shows other events of it.
    let reads = claims.iter().find(|claim| claim.rw == Rw::Read).unwrap();
    assert_eq!(reads.covered.days(), 3);
}

#[test]
fn changes_alone_say_nothing_of_reads() {
    let spans = vec![span("c", Some(false), &["2026-05-01"])];
    let run = run(&[("x.yaml", DOCUMENTS)], &LogSummary { spans, ..LogSummary::default() });
    assert_eq!(run.tables.claims.len(), 1);
    assert_eq!(run.tables.claims[0].rw, Rw::Write);
}

#[test]
fn documents_of_one_place_join_the_only_cluster_of_the_log() {
    let usage = vec![use_of("k8s://prod/ns/serviceaccount/app", "k8s:get:core/secrets", "ns/x")];
    let run = run(&[("x.yaml", DOCUMENTS)], &LogSummary { usage, ..LogSummary::default() });
    assert!(run.tables.identities.iter().all(|one| one.id.starts_with("k8s://prod/")));
    assert!(run.notes().contains("taken to be of cluster prod"), "{}", run.notes());
}

fn named_by_log(identity: &str, action: &str, role: &str) -> LoggedGrant {
    let detail = format!(
        "{{\"binding\":\"b9\",\"kind\":\"ClusterRoleBinding\",\"role\":\"{role}\",\
         \"rolekind\":\"ClusterRole\",\"namespace\":\"\"}}"
    );
    LoggedGrant {
        platform: ID.into(),
        identity: identity.into(),
        action: action.into(),
        resource: "*".into(),
        by: format!("ClusterRoleBinding b9 of ClusterRole {role}").into(),
        detail: detail.into(),
        first: None,
        place: None,
    }
}

#[test]
fn a_reason_of_the_log_grants_what_it_shows_and_leaves_a_hole() {
    let id = "k8s://c/x/serviceaccount/y";
    let grants = vec![named_by_log(id, "k8s:get:core/secrets", "custom")];
    let partial = run(
        &[],
        &LogSummary {
            usage: vec![use_of(id, "k8s:get:core/secrets", "x/s")],
            grants,
            ..LogSummary::default()
        },
    );
    let identity = &partial.tables.identities[0];
    assert!(identity.has_grant_evidence && identity.is(Label::LogOnly));
    assert_eq!(identity.holes[0].kind, HoleKind::Grants);
    assert!(identity.holes[0].note.starts_with("partial: from the log's reasons"));
    let names = partial.names(&partial.grants(id).actions);
    assert_eq!(names, ["k8s:get:core/secrets".into()]);
    let grants = vec![named_by_log(id, "k8s:get:core/pods", "view")];
    let known = run(&[], &LogSummary { grants, ..LogSummary::default() });
    assert!(known.grants(id).actions.len() > 100);
}

#[test]
fn a_reason_that_the_documents_hold_adds_nothing() {
    let grant = LoggedGrant {
        detail: "{\"binding\":\"b\",\"kind\":\"RoleBinding\",\"role\":\"reader\",\
                 \"rolekind\":\"ClusterRole\",\"namespace\":\"ns\"}"
            .into(),
        ..named_by_log(APP, "k8s:get:core/secrets", "reader")
    };
    let run =
        run(&[("x.yaml", DOCUMENTS)], &LogSummary { grants: vec![grant], ..Default::default() });
    let app = run.tables.identities.iter().find(|one| &*one.id == APP).unwrap();
    assert!(app.holes.is_empty());
}

#[test]
fn answers_name_the_rule_and_where_it_is_bound() {
    let run = run(&[("x.yaml", DOCUMENTS)], &LogSummary::default());
    let request = Request { identity: APP, action: "list secrets", resource: None, context: &[] };
    let answer = run.evaluator.decide(&request);
    assert_eq!(answer.verdict, Verdict::Allow);
    assert_eq!(answer.resources, ["ns/*".into()]);
    assert_eq!(&*answer.by[0].policy, "ClusterRole/reader by RoleBinding ns/b");
    assert_eq!(answer.by[0].statement, 0);
    assert!(answer.by[0].place.is_some());
    let by_name = Request { identity: "system:serviceaccount:ns:app", ..request };
    assert_eq!(run.evaluator.decide(&by_name), answer);
}

#[test]
fn what_a_collection_was_refused_is_a_hole_of_everybody() {
    let refused = "kubectl get rolebindings.rbac.authorization.k8s.io --all-namespaces -o json\t1\tForbidden\n";
    let run = run(&[("x.yaml", DOCUMENTS), ("refused.tsv", refused)], &LogSummary::default());
    let app = run.tables.identities.iter().find(|one| &*one.id == APP).unwrap();
    assert!(app.may_hold_more());
    assert_eq!(run.may(APP, "delete secrets", "ns/x"), Verdict::Unknown);
    assert_eq!(run.may(APP, "list secrets", "ns/*"), Verdict::Allow);
    assert!(run.notes().contains("refused when the evidence was collected"), "{}", run.notes());
}

const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  users: ['system:serviceaccount:ns:app']
  resources: [{group: '', resources: [secrets]}]
- level: None
  resources: [{group: '', resources: [configmaps]}]
  namespaces: [kube-system]
- level: Metadata
";

#[test]
fn a_policy_of_the_evidence_decides_by_user_and_namespace() {
    let run = run(&[("x.yaml", DOCUMENTS), ("p.yaml", POLICY)], &LogSummary::default());
    let left_out = |id: &str, action: &str| {
        let identity = run.tables.identities.iter().find(|one| &*one.id == id).unwrap();
        let left_out = run.evaluator.unlogged(identity, &run.catalogue);
        left_out.contains(run.catalogue.id(ID, action).unwrap())
    };
    assert!(left_out(APP, "k8s:list:core/secrets"));
    assert!(!left_out(APP, "k8s:list:core/pods"));
    // `view` is bound in the whole cluster, and of kube-system nothing is seen.
    assert!(left_out(APP, "k8s:list:core/configmaps"));
    // The policy records events, whatever published ones drop.
    assert!(!left_out(APP, "k8s:create:core/events"));
    let spans = vec![span("c", Some(false), &["2026-05-01"])];
    let documents = [("x.yaml", DOCUMENTS), ("p.yaml", POLICY)];
    let run = super::run(&documents, &LogSummary { spans, ..LogSummary::default() });
    assert_eq!(run.tables.claims[0].source, Source::StatedLog);
}
