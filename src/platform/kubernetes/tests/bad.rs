//! What hostile and broken files do: nothing to their neighbours.

use super::run;
use crate::platform::{LogSummary, Verdict};

const ROLE: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: ns}
rules:
- {apiGroups: [''], resources: [pods], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: ns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects:
- {kind: ServiceAccount, name: a}
";

const ID: &str = "k8s://c/ns/serviceaccount/a";

#[test]
fn a_broken_document_costs_itself_alone() {
    let text = format!("kind: [\n---\n{ROLE}");
    let run = run(&[("x.yaml", &text)], &LogSummary::default());
    assert_eq!(run.intakes[0].rejected_count, 1, "{:?}", run.intakes[0]);
    assert_eq!(run.intakes[0].used, 2);
    assert_eq!(run.may(ID, "get pods", "ns/x"), Verdict::Allow);
}

#[test]
fn aliases_that_multiply_are_rejected() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..9 {
        let before = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", before.trim_end_matches(", ")));
    }
    let run = run(&[("bomb.yaml", &bomb), ("x.yaml", ROLE)], &LogSummary::default());
    assert_eq!(run.intakes[0].rejected_count, 1);
    assert_eq!(run.may(ID, "get pods", "ns/x"), Verdict::Allow);
}

#[test]
fn wrong_types_grant_nothing_and_are_told() {
    let wrong = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: ns}
rules: {apiGroups: '*', resources: '*', verbs: '*'}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: null}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b, namespace: ns}
subjects: 7
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: b2, namespace: ns}
roleRef: {kind: Role, name: r}
subjects: [null, 7, {kind: ServiceAccount, name: a}, {kind: Robot, name: a}]
---
just text
---
- 1
- 2
";
    let run = run(&[("x.yaml", wrong)], &LogSummary::default());
    assert_eq!(run.intakes[0].rejected_count, 5, "{:?}", run.intakes[0].rejected);
    // The role that is bound could not be read: what it grants is not known, and nothing is granted by it.
    assert_eq!(run.may(ID, "get pods", "ns/x"), Verdict::Unknown);
    assert!(run.grants(ID).actions.is_empty());
}

#[test]
fn nested_lists_end() {
    let mut text = String::from("{}");
    for _ in 0..20 {
        text = format!("{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{text}]}}");
    }
    let run = run(&[("x.json", &text)], &LogSummary::default());
    assert_eq!(run.intakes[0].rejected_count, 1);
}

#[test]
fn secret_values_are_not_kept() {
    let secret = "\
apiVersion: v1
kind: Secret
type: kubernetes.io/service-account-token
metadata:
  name: t
  namespace: ns
  labels: {kubernetes.io/legacy-token-last-used: '2026-05-06'}
  annotations: {kubernetes.io/service-account.name: a}
data: {token: aHVzaA==}
";
    let run = run(&[("x.yaml", ROLE), ("s.yaml", secret)], &LogSummary::default());
    let shown = format!("{:?}", run.tables);
    assert!(!shown.contains("aHVzaA"));
    let [credential] = run.tables.credentials.as_slice() else { panic!("one credential") };
    assert_eq!(credential.last_used.map(|time| time.date()).as_deref(), Some("2026-05-06"));
    let identity = run.tables.identities.iter().find(|one| &*one.id == ID).unwrap();
    assert_eq!(identity.last_used, credential.last_used);
}

#[test]
fn a_role_with_many_of_everything_stays_bounded() {
    let many: Vec<String> = (0..3_000).map(|at| format!("\"x{at}\"")).collect();
    let list = many.join(",");
    let text = format!(
        "{{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRole\",\"metadata\":{{\"name\":\"r\"}},\
         \"rules\":[{{\"apiGroups\":[{list}],\"resources\":[{list}],\"verbs\":[{list}]}}]}}\n\
         {{\"apiVersion\":\"rbac.authorization.k8s.io/v1\",\"kind\":\"ClusterRoleBinding\",\"metadata\":{{\"name\":\"b\"}},\
         \"roleRef\":{{\"kind\":\"ClusterRole\",\"name\":\"r\"}},\"subjects\":[{{\"kind\":\"User\",\"name\":\"u\"}}]}}"
    );
    let run = run(&[("x.json", &text)], &LogSummary::default());
    assert!(run.tables.actions.len() <= 21_000, "{}", run.tables.actions.len());
    assert!(!run.grants("k8s://c/user/u").actions.is_empty());
}
