//! What requests there are: Kubernetes' own resources with their verbs, and the checks that no request carries.
//!
//! `data/api-resources.tsv`, made by `scripts/make-kubernetes-catalogue.py`: kubernetes-client/python
//! kubernetes/swagger.json.unprocessed @024658493 (Apache-2.0), Kubernetes 1.36; custom resources and most
//! aggregated APIs are absent. Services are API groups.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{ID, facts, names};
use crate::catalogue::{Action, Catalogue, ResourceType, Service};
use crate::model::Str;

const ROWS: &str = include_str!("data/api-resources.tsv");

/// Where a request for a resource is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// In a namespace, or over all of them.
    Namespace,
    /// In no namespace: no RoleBinding reaches it.
    Cluster,
    /// On a Namespace object itself, which carries its own name as namespace (REQ: a RoleBinding in it counts).
    Own,
    /// No catalogue says: a custom resource.
    Unknown,
}

/// A row of the table: one resource or subresource.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    is_namespaced: bool,
    verbs: &'static str,
    checks: &'static str,
}

fn rows() -> &'static BTreeMap<(&'static str, &'static str, &'static str), Row> {
    static TABLE: OnceLock<BTreeMap<(&'static str, &'static str, &'static str), Row>> =
        OnceLock::new();
    TABLE.get_or_init(|| {
        let row = |line: &'static str| {
            let mut parts = line.split('\t');
            let (group, resource) = (parts.next()?, parts.next()?);
            let (subresource, scope) = (parts.next()?, parts.next()?);
            let row = Row {
                group,
                resource,
                subresource,
                is_namespaced: scope == "n",
                verbs: parts.next()?,
                checks: parts.next()?,
            };
            Some(((group, resource, subresource), row))
        };
        ROWS.lines().skip(1).filter_map(row).collect()
    })
}

/// Whether the table has the resource or subresource.
pub fn is_known(group: &str, resource: &str, subresource: &str) -> bool {
    rows().contains_key(&(group, resource, subresource))
}

/// Whether any resource of the group is in the table.
pub fn is_known_group(group: &str) -> bool {
    rows().range((group, "", "")..).next().is_some_and(|((first, ..), _)| *first == group)
}

/// The groups that have a resource of this name: core first, the way clients choose (kubectl takes the first of
/// discovery's order; events are core).
pub fn groups_of(resource: &str) -> Vec<&'static str> {
    let found = rows().keys().filter(|(_, name, sub)| *name == resource && sub.is_empty());
    let mut groups: Vec<&'static str> = found.map(|(group, ..)| *group).collect();
    // Metrics are of an aggregated API, and extensions is a name of the past.
    groups.sort_by_key(|group| (group.contains("metrics"), *group));
    groups
}

/// Where a request is made. A check may have another scope than its resource: whoever binds a ClusterRole in a
/// namespace is asked for it there (pkg/apis/rbac, `BindingAuthorized`).
pub fn scope(verb: &str, group: &str, resource: &str, subresource: &str) -> Scope {
    let Some(row) = rows().get(&(group, resource, subresource)) else {
        // A subresource is where its resource is: finalizers, status.
        if !subresource.is_empty() && is_known(group, resource, "") {
            return scope(verb, group, resource, "");
        }
        return Scope::Unknown;
    };
    let marked = row.checks.split(',').find_map(|check| {
        let (mark, name) = check.split_at_checked(1)?;
        match (mark, name == verb) {
            ("+", true) => Some(Scope::Namespace),
            ("-", true) => Some(Scope::Cluster),
            _ => None,
        }
    });
    if let Some(scope) = marked {
        return scope;
    }
    if row.is_namespaced {
        return Scope::Namespace;
    }
    let is_own = group.is_empty()
        && resource == "namespaces"
        && matches!(verb, "get" | "update" | "patch" | "delete");
    if is_own { Scope::Own } else { Scope::Cluster }
}

/// The catalogue.
pub fn catalogue() -> &'static Catalogue {
    static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
    CATALOGUE.get_or_init(build)
}

fn build() -> Catalogue {
    let header: Vec<&str> = ROWS.lines().next().unwrap_or_default().split('\t').collect();
    let field = |at: usize| Str::from(header.get(at).copied().unwrap_or_default());
    let mut catalogue = Catalogue {
        platform: ID.into(),
        version: field(1),
        date: field(2),
        source: field(3),
        licence: field(4),
        resource_types: vec![
            resource_type("object in a namespace", "${Namespace}/${Name}"),
            resource_type("object of the cluster", "/${Name}"),
        ],
        ..Catalogue::default()
    };
    let mut by_group: BTreeMap<&str, Vec<Action>> = BTreeMap::new();
    for row in rows().values() {
        let service = if row.group.is_empty() { names::CORE } else { row.group };
        let actions = by_group.entry(service).or_default();
        let verbs = row.verbs.split(',').filter(|verb| !verb.is_empty());
        actions.extend(verbs.map(|verb| action(row, verb, false)));
        let checks = row.checks.split(',').filter(|verb| !verb.is_empty());
        actions.extend(checks.map(|verb| action(row, verb.trim_start_matches(['+', '-']), true)));
    }
    for (service, mut actions) in by_group {
        actions.sort_by_cached_key(|action| action.name.to_ascii_lowercase());
        let from = catalogue.actions.len();
        catalogue.actions.append(&mut actions);
        catalogue.services.push(Service {
            prefix: service.into(),
            name: service.into(),
            actions: from..catalogue.actions.len(),
        });
    }
    catalogue
}

fn resource_type(name: &str, template: &str) -> ResourceType {
    ResourceType { name: name.into(), templates: vec![template.into()], condition_keys: Vec::new() }
}

fn action(row: &Row, verb: &str, is_check: bool) -> Action {
    let name = names::action(verb, row.group, row.resource, row.subresource);
    let scope = scope(verb, row.group, row.resource, row.subresource);
    // Creation at cluster scope has neither a namespace nor a name that a grant could be limited to.
    let is_free = matches!(verb, "create" | "deletecollection") && row.subresource.is_empty();
    let resource_types = match scope {
        Scope::Namespace => vec![(0, false)],
        _ if is_free && !is_check => Vec::new(),
        _ => vec![(1, false)],
    };
    Action {
        level: facts::level(&name),
        name: name.into(),
        resource_types,
        condition_keys: Vec::new(),
        dependent: Vec::new(),
        permission_only: is_check,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_what_its_source_counts() {
        let catalogue = catalogue();
        // 695 of Kubernetes' own and four of metrics.k8s.io.
        let requests = catalogue.actions.iter().filter(|one| !one.permission_only).count();
        assert_eq!(requests, 699);
        assert!(catalogue.actions.iter().any(|one| &*one.name == "k8s:get:core/pods/log"));
        let bind = "k8s:bind:rbac.authorization.k8s.io/clusterroles";
        assert!(catalogue.actions.iter().any(|one| &*one.name == bind && one.permission_only));
        for action in &catalogue.actions {
            assert!(names::parse(&action.name).is_some(), "{}", action.name);
        }
    }

    #[test]
    fn scopes_are_those_of_the_authorizer() {
        assert_eq!(scope("get", "", "pods", ""), Scope::Namespace);
        assert_eq!(scope("get", "", "nodes", ""), Scope::Cluster);
        assert_eq!(scope("get", "", "namespaces", ""), Scope::Own);
        assert_eq!(scope("list", "", "namespaces", ""), Scope::Cluster);
        assert_eq!(
            scope("bind", "rbac.authorization.k8s.io", "clusterroles", ""),
            Scope::Namespace
        );
        assert_eq!(
            scope("escalate", "rbac.authorization.k8s.io", "clusterroles", ""),
            Scope::Cluster
        );
        assert_eq!(scope("impersonate", "", "users", ""), Scope::Cluster);
        assert_eq!(scope("get", "crd.example.com", "widgets", ""), Scope::Unknown);
        assert_eq!(scope("update", "apps", "deployments", "finalizers"), Scope::Namespace);
        assert_eq!(groups_of("events"), ["", "events.k8s.io"]);
        assert!(is_known_group("apps") && !is_known_group("app") && is_known_group(""));
    }
}
