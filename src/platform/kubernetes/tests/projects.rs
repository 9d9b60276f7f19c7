//! The RBAC of public projects: what is in their manifests, and what it comes to.

use std::path::Path;

use super::{Run, run, shared};
use crate::model::{IdentityKind, Label};
use crate::platform::{LogSummary, Verdict};

/// All files of a folder, as documents of one cluster.
fn project(folder: &str) -> Option<Run> {
    let path = shared(&format!("data/kubernetes/rbac/{folder}"))?;
    let mut files: Vec<(String, String)> = Vec::new();
    let mut entries: Vec<_> =
        std::fs::read_dir(&path).unwrap().map(|one| one.unwrap().path()).collect();
    entries.sort();
    for file in entries.iter().filter(|file| file.is_file()) {
        let is_text = file
            .extension()
            .is_some_and(|extension| matches!(extension.to_str(), Some("yaml" | "yml" | "json")));
        if is_text {
            let name = Path::new(folder).join(file.file_name().unwrap());
            files.push((name.to_string_lossy().into(), std::fs::read_to_string(file).unwrap()));
        }
    }
    let documents: Vec<(&str, &str)> =
        files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let run = run(&documents, &LogSummary::default());
    let rejected: u64 = run.intakes.iter().map(|one| one.rejected_count).sum();
    assert_eq!(rejected, 0, "{folder}: {:?}", run.intakes);
    Some(run)
}

fn accounts(run: &Run) -> Vec<&str> {
    let of_kind = |one: &&crate::model::Identity| one.kind == IdentityKind::ServiceAccount;
    run.tables.identities.iter().filter(of_kind).map(|one| &*one.id).collect()
}

#[test]
fn kube_prometheus_is_read_with_its_typed_lists_and_built_in_roles() {
    let Some(run) = project("kube-prometheus") else { return };
    let prometheus = "k8s://c/monitoring/serviceaccount/prometheus-k8s";
    assert!(accounts(&run).contains(&prometheus));
    for namespace in ["default", "kube-system", "monitoring"] {
        let place = format!("{namespace}/*");
        assert_eq!(run.may(prometheus, "list pods", &place), Verdict::Allow, "{namespace}");
    }
    assert_eq!(run.may(prometheus, "list pods", "other/*"), Verdict::Deny);
    assert_eq!(run.may(prometheus, "get nodes/metrics", "/n1"), Verdict::Allow);
    assert_eq!(run.may(prometheus, "get /metrics", "*"), Verdict::Allow);
    let adapter = "k8s://c/monitoring/serviceaccount/prometheus-adapter";
    assert_eq!(
        run.may(adapter, "create subjectaccessreviews.authorization.k8s.io", "*"),
        Verdict::Allow
    );
    let config = "kube-system/extension-apiserver-authentication";
    assert_eq!(run.may(adapter, "get configmaps", config), Verdict::Allow);
    assert_eq!(run.may(adapter, "get configmaps", "kube-system/other"), Verdict::Deny);
    // Every binding finds its role: nothing is dangling.
    assert!(!run.notes().contains("which is missing"), "{}", run.notes());
    assert!(!run.notes().contains("matches nothing"), "{}", run.notes());
    assert!(!run.notes().contains("no namespace"), "{}", run.notes());
}

#[test]
fn the_namespace_of_argo_cd_comes_from_the_subjects_of_its_bindings() {
    let Some(run) = project("argo-cd") else { return };
    assert!(run.notes().contains("`argocd` is taken, from the subjects"), "{}", run.notes());
    let accounts = accounts(&run);
    assert_eq!(accounts.len(), 7, "{accounts:?}");
    let controller = "k8s://c/argocd/serviceaccount/argocd-application-controller";
    let grants = run.grants(controller);
    let how = grants.administrative.as_deref().unwrap_or_default();
    assert_eq!(
        how,
        "every action on every resource of the cluster by ClusterRole/argocd-application-controller"
    );
    let server = run.grants("k8s://c/argocd/serviceaccount/argocd-server");
    assert_eq!(server.administrative, None);
    // The exported, aggregated `admin` has rules of its own, and none of its parts is in the files.
    assert_eq!(run.may(controller, "impersonate serviceaccounts", "x/y"), Verdict::Allow);
}

#[test]
fn ingress_nginx_may_change_its_own_lease_and_create_any() {
    let Some(run) = project("ingress-nginx") else { return };
    assert_eq!(accounts(&run).len(), 2);
    let id = "k8s://c/ingress-nginx/serviceaccount/ingress-nginx";
    let lease = "leases.coordination.k8s.io";
    let mine = "ingress-nginx/ingress-nginx-leader";
    assert_eq!(run.may(id, &format!("update {lease}"), mine), Verdict::Allow);
    assert_eq!(run.may(id, &format!("update {lease}"), "ingress-nginx/other"), Verdict::Deny);
    assert_eq!(run.may(id, &format!("create {lease}"), mine), Verdict::Allow);
    assert_eq!(run.may(id, "list secrets", "*/*"), Verdict::Allow);
    let workload = run.tables.identities.iter().find(|one| *one.id == *id).unwrap();
    assert_eq!(
        workload.workload.as_deref(),
        Some("Deployment ingress-nginx/ingress-nginx-controller")
    );
    let runs = run.tables.links.iter().filter(|link| &*link.mechanism == "runs as").count();
    assert_eq!(runs, 3);
}

#[test]
fn flux_binds_the_built_in_administrator() {
    let Some(run) = project("flux2") else { return };
    let mut admins: Vec<String> = Vec::new();
    for id in accounts(&run) {
        if run.grants(id).administrative.is_some() {
            admins.push(id.rsplit('/').next().unwrap_or_default().to_string());
        }
    }
    assert_eq!(admins, ["helm-controller", "kustomize-controller"]);
    assert_eq!(accounts(&run).len(), 7);
}

#[test]
fn the_small_cases_are_answered_by_kubernetes_rules() {
    let Some(run) = project("rbac-tool") else { return };
    assert!(!run.tables.identities.is_empty());
    let labelled = |label: Label| run.tables.identities.iter().filter(|one| one.is(label)).count();
    assert!(labelled(Label::Human) > 0);
    // Paths that are no resources do not come through a RoleBinding.
    for identity in &run.tables.identities {
        let grants = run.evaluator.grants(identity, &run.catalogue);
        for row in &grants.rows {
            let has_path = run.names(&row.actions).iter().any(|name| name.contains(":/"));
            assert!(!has_path || row.is_unlimited(), "{}", identity.id);
        }
    }
}
