//! Properties: the fast way of expanding a rule equals asking for each action, and grants only grow.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::run;
use crate::model::Str;
use crate::platform::LogSummary;
use crate::platform::kubernetes::catalogue::{Scope, scope};
use crate::platform::kubernetes::expand::{Index, Sets};
use crate::platform::kubernetes::names::{self, Parsed};
use crate::platform::kubernetes::rules::{Rule, Target};

fn texts(words: &'static [&'static str]) -> impl Strategy<Value = Vec<Str>> {
    proptest::collection::vec(proptest::sample::select(words), 0..4)
        .prop_map(|list| list.into_iter().map(Str::from).collect())
}

fn rule() -> impl Strategy<Value = Rule> {
    (
        texts(&[
            "*",
            "get",
            "list",
            "create",
            "deletecollection",
            "bind",
            "impersonate",
            "ge*",
            "GET",
        ]),
        texts(&[
            "*",
            "",
            "apps",
            "rbac.authorization.k8s.io",
            "crd.example.com",
            "core",
            "apps/v1",
        ]),
        texts(&[
            "*",
            "pods",
            "pods/log",
            "*/scale",
            "deployments",
            "namespaces",
            "nodes",
            "clusterroles",
            "widgets",
            "pods/*",
            "serviceaccounts",
            "users",
        ]),
        texts(&["", "a", "*"]),
        texts(&["*", "/metrics", "/healthz*", "/a*/b"]),
    )
        .prop_map(|(verbs, groups, resources, names, urls)| Rule {
            verbs,
            groups,
            resources,
            names,
            urls,
            place: None,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn expansion_equals_asking_for_each_action(rules in proptest::collection::vec(rule(), 1..4)) {
        let mut named = std::collections::BTreeSet::new();
        for rule in &rules {
            crate::platform::kubernetes::expand::named(rule, &mut named);
        }
        let seen: Vec<(Str, Str)> = named
            .into_iter()
            .chain(["k8s:get:crd.example.com/widgets".into(), "k8s:get:/metrics".into()])
            .map(|action| ("kubernetes".into(), action))
            .collect();
        let facts = |_: &str, name: &str, action: Option<&crate::catalogue::Action>| {
            crate::platform::kubernetes::facts::facts(name, action)
        };
        let catalogue = crate::platform::kubernetes::catalogue::catalogue();
        let catalogue =
            crate::catalogue::RunCatalogue::build(&[("kubernetes".into(), catalogue)], &seen, &facts);
        let index = Index::new(&catalogue);
        for rule in &rules {
            let mut slow = Sets::default();
            // Names limit where, not which: of the authorizer's names any in the list will do.
            let name = rule.names.first().cloned().unwrap_or_default();
            for id in 0..catalogue.len() as u32 {
                match names::parse(&catalogue.entry(id).name) {
                    Some(Parsed::Resource { verb, group, resource, subresource }) => {
                        let name = if verb == "deletecollection" { "" } else { &*name };
                        let has_empty = rule.names.iter().any(|one| one.is_empty());
                        let target = Target::Resource { group, resource, subresource, name };
                        let allowed = rule.allows(verb, &target)
                            && !(verb == "deletecollection" && has_empty);
                        if !allowed {
                            continue;
                        }
                        slow.cluster.insert(id);
                        match scope(verb, group, resource, subresource) {
                            Scope::Namespace | Scope::Unknown => slow.namespace.insert(id),
                            Scope::Own => slow.own.insert(id),
                            Scope::Cluster => false,
                        };
                    }
                    Some(Parsed::Path { verb, path }) => {
                        if rule.allows(verb, &Target::Path(path)) {
                            slow.cluster.insert(id);
                        }
                    }
                    None => prop_assert!(false, "{}", catalogue.entry(id).name),
                }
            }
            prop_assert_eq!(index.sets(rule), slow, "{:?}", rule);
        }
    }

    #[test]
    fn another_binding_takes_no_permission_away(
        picks in proptest::collection::vec((0usize..6, any::<bool>()), 1..5),
        more in (0usize..6, any::<bool>()),
    ) {
        let roles = ["view", "edit", "admin", "system:auth-delegator", "system:heapster", "missing"];
        let binding = |number: usize, (role, is_cluster): (usize, bool)| {
            let kind = if is_cluster { "ClusterRoleBinding" } else { "RoleBinding" };
            let role = roles[role];
            format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata: {{name: b{number}, \
                 namespace: ns}}\nroleRef: {{kind: ClusterRole, name: '{role}'}}\nsubjects: [{{kind: \
                 ServiceAccount, name: a, namespace: ns}}]\n---\n"
            )
        };
        let mut text: String = picks.iter().enumerate().map(|(at, pick)| binding(at, *pick)).collect();
        let id = "k8s://c/ns/serviceaccount/a";
        let grants = |text: &str| -> BTreeMap<Str, BTreeSet<Str>> {
            let run = run(&[("x.yaml", text)], &LogSummary::default());
            let mut by_action: BTreeMap<Str, BTreeSet<Str>> = BTreeMap::new();
            for row in &run.grants(id).rows {
                for action in run.names(&row.actions) {
                    by_action.entry(action).or_default().extend(row.resources.iter().cloned());
                }
            }
            by_action
        };
        let before = grants(&text);
        text.push_str(&binding(99, more));
        let after = grants(&text);
        for (action, resources) in before {
            let wide = after.get(&action).cloned().unwrap_or_default();
            for resource in resources {
                let is_there = wide.contains(&resource) || wide.contains("*");
                prop_assert!(is_there, "{} on {}", action, resource);
            }
        }
    }
}
