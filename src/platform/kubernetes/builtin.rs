//! The roles and bindings that every cluster has and that manifests seldom hold.
//!
//! Source: kubernetes/kubernetes plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata/cluster-roles.yaml
//! @025f2834a (Apache-2.0, about Kubernetes 1.29 to 1.31), re-written; bindings from the same package. What the
//! evidence holds wins over these.

use std::sync::OnceLock;

use serde::Deserialize;

use super::objects::{Binding, Bound, Labels, Meta, Role};
use super::rules::Rule;
use crate::model::Str;

const BOOTSTRAP: &str = include_str!("data/bootstrap-cluster-roles.json");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    cluster_roles: Vec<WireRole>,
    cluster_role_bindings: Vec<WireBinding>,
}

/// A role as the API writes it in JSON.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireRole {
    pub(super) name: Str,
    pub(super) namespace: Str,
    pub(super) labels: Labels,
    pub(super) rules: Vec<WireRule>,
    pub(super) aggregation_rule: Option<WireAggregation>,
}

/// An aggregation rule.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireAggregation {
    cluster_role_selectors: Vec<WireSelector>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSelector {
    match_labels: Labels,
}

/// A rule.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireRule {
    verbs: Vec<Str>,
    api_groups: Vec<Str>,
    resources: Vec<Str>,
    resource_names: Vec<Str>,
    #[serde(rename = "nonResourceURLs")]
    non_resource_urls: Vec<Str>,
}

/// A binding.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WireBinding {
    name: Str,
    namespace: Str,
    role_ref: WireRef,
    subjects: Vec<WireBound>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct WireRef {
    kind: Str,
    name: Str,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct WireBound {
    kind: Str,
    name: Str,
    namespace: Str,
}

impl WireRule {
    pub(super) fn rule(self) -> Rule {
        Rule {
            verbs: self.verbs,
            groups: self.api_groups,
            resources: self.resources,
            names: self.resource_names,
            urls: self.non_resource_urls,
            place: None,
        }
    }
}

impl WireRole {
    pub(super) fn role(self, is_cluster: bool) -> Role {
        let selectors = |one: WireAggregation| {
            one.cluster_role_selectors.into_iter().map(|one| one.match_labels).collect()
        };
        Role {
            meta: Meta {
                namespace: self.namespace,
                name: self.name,
                labels: self.labels,
                ..Meta::default()
            },
            is_cluster,
            rules: self.rules.into_iter().map(WireRule::rule).collect(),
            aggregates: self.aggregation_rule.map(selectors),
        }
    }
}

impl WireBinding {
    pub(super) fn binding(self, is_cluster: bool) -> Binding {
        let bound =
            |one: WireBound| Bound { kind: one.kind, name: one.name, namespace: one.namespace };
        Binding {
            meta: Meta { namespace: self.namespace, name: self.name, ..Meta::default() },
            is_cluster,
            role_kind: self.role_ref.kind,
            role: self.role_ref.name,
            subjects: self.subjects.into_iter().map(bound).collect(),
            is_logged: false,
        }
    }
}

fn file() -> &'static (Vec<Role>, Vec<Binding>) {
    static FILE: OnceLock<(Vec<Role>, Vec<Binding>)> = OnceLock::new();
    FILE.get_or_init(|| {
        let Ok(file) = serde_json::from_str::<File>(BOOTSTRAP) else { return Default::default() };
        let mut roles: Vec<Role> =
            file.cluster_roles.into_iter().map(|role| role.role(true)).collect();
        roles.push(extension_reader());
        for role in &mut roles {
            mark(&mut role.meta);
        }
        let mut bindings: Vec<Binding> =
            file.cluster_role_bindings.into_iter().map(|one| one.binding(true)).collect();
        for binding in &mut bindings {
            mark(&mut binding.meta);
        }
        (roles, bindings)
    })
}

fn mark(meta: &mut Meta) {
    meta.labels.insert("kubernetes.io/bootstrapping".into(), "rbac-defaults".into());
}

/// The one built-in Role that others bind: extension API servers read how to authenticate (Kubernetes, "Configure
/// the aggregation layer"; bootstrappolicy/namespace_policy.go).
fn extension_reader() -> Role {
    let rule = Rule {
        verbs: ["get", "list", "watch"].map(Str::from).to_vec(),
        groups: vec!["".into()],
        resources: vec!["configmaps".into()],
        names: vec!["extension-apiserver-authentication".into()],
        ..Rule::default()
    };
    Role {
        meta: Meta {
            namespace: "kube-system".into(),
            name: "extension-apiserver-authentication-reader".into(),
            ..Meta::default()
        },
        rules: vec![rule],
        ..Role::default()
    }
}

/// The built-in roles, in file order.
pub fn roles() -> &'static [Role] {
    &file().0
}

/// The built-in bindings, in file order.
pub fn bindings() -> &'static [Binding] {
    &file().1
}

/// Roles that everybody holds through a group of all (Kubernetes, "Using RBAC Authorization", API discovery
/// roles): never the excess of one account.
pub fn is_public(binding: &Binding) -> bool {
    let of_all = |bound: &Bound| {
        &*bound.kind == "Group"
            && matches!(
                &*bound.name,
                "system:authenticated" | "system:unauthenticated" | "system:serviceaccounts"
            )
    };
    binding.is_cluster
        && matches!(
            &*binding.role,
            "system:basic-user"
                | "system:discovery"
                | "system:public-info-viewer"
                | "system:service-account-issuer-discovery"
        )
        && !binding.subjects.is_empty()
        && binding.subjects.iter().all(of_all)
}
