//! The case tables of RBAC, whose rows name their sources.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::shared;
use crate::model::Str;
use crate::platform::kubernetes::builtin::{WireBinding, WireRole, WireRule};
use crate::platform::kubernetes::documents::Objects;
use crate::platform::kubernetes::rules::Target;
use crate::platform::kubernetes::view::{MASTERS, View, Who};

#[derive(Deserialize)]
struct Table {
    objects: BTreeMap<String, Set>,
    rule_cases: Vec<RuleCase>,
    object_cases: Vec<ObjectCase>,
}

#[derive(Deserialize, Clone, Default)]
#[serde(rename_all = "camelCase", default)]
struct Set {
    roles: Vec<WireRole>,
    cluster_roles: Vec<WireRole>,
    role_bindings: Vec<WireBinding>,
    cluster_role_bindings: Vec<WireBinding>,
}

#[derive(Deserialize)]
struct RuleCase {
    id: String,
    about: String,
    rule: WireRule,
    request: Wanted,
    allowed: bool,
    source: String,
}

#[derive(Deserialize)]
struct ObjectCase {
    id: String,
    about: String,
    objects: String,
    user: User,
    request: Wanted,
    allowed: bool,
    source: String,
}

#[derive(Deserialize)]
struct User {
    name: Str,
    groups: Vec<Str>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Wanted {
    verb: String,
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
    path: Option<String>,
}

impl Wanted {
    fn target(&self) -> Target<'_> {
        match &self.path {
            Some(path) => Target::Path(path),
            None => Target::Resource {
                group: &self.api_group,
                resource: &self.resource,
                subresource: &self.subresource,
                name: &self.name,
            },
        }
    }
}

fn table() -> Option<Table> {
    let path = shared("data/kubernetes/rbac-cases.json")?;
    Some(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
}

#[test]
fn every_rule_case_is_answered_as_the_sources_say() {
    let Some(table) = table() else { return };
    let mut ran = 0;
    for case in table.rule_cases {
        assert!(!case.source.is_empty());
        let rule = case.rule.rule();
        let allowed = rule.allows(&case.request.verb, &case.request.target());
        assert_eq!(allowed, case.allowed, "{}: {}", case.id, case.about);
        ran += 1;
    }
    println!("{ran} rule cases");
    assert_eq!(ran, 65);
}

#[test]
fn every_object_case_is_answered_as_the_sources_say() {
    let Some(table) = table() else { return };
    let mut ran = 0;
    for case in table.object_cases {
        assert!(!case.source.is_empty());
        let set = table.objects[&case.objects].clone();
        let mut objects = Objects {
            roles: set
                .roles
                .into_iter()
                .map(|role| role.role(false))
                .chain(set.cluster_roles.into_iter().map(|role| role.role(true)))
                .collect(),
            bindings: set
                .role_bindings
                .into_iter()
                .map(|one| one.binding(false))
                .chain(set.cluster_role_bindings.into_iter().map(|one| one.binding(true)))
                .collect(),
            ..Objects::default()
        };
        let mut notes = Vec::new();
        let view = View::new(&"c".into(), &mut objects, Default::default(), &mut notes);
        let who = Who { username: case.user.name.clone(), groups: case.user.groups.clone() };
        let found = view.allowing(
            &who,
            &case.request.verb,
            &case.request.target(),
            &case.request.namespace,
        );
        let allowed = !found.is_empty() || who.groups.iter().any(|group| &**group == MASTERS);
        assert_eq!(allowed, case.allowed, "{}: {}", case.id, case.about);
        ran += 1;
    }
    println!("{ran} object cases");
    assert_eq!(ran, 26);
}

#[test]
fn built_in_roles_have_as_many_permissions_as_their_source() {
    use crate::platform::kubernetes::aggregate::effective;
    use crate::platform::kubernetes::builtin;
    let key = |name: &str| (None::<Str>, Str::from(name));
    let roles: BTreeMap<_, _> = builtin::roles()
        .iter()
        .filter(|role| role.is_cluster)
        .map(|role| ((None, role.meta.name.clone()), role.clone()))
        .collect();
    assert_eq!(roles.len(), 31);
    assert_eq!(builtin::bindings().len(), 12);
    for (name, expected) in [("view", 168), ("edit", 382), ("admin", 399)] {
        let mut distinct = std::collections::BTreeSet::new();
        for one in effective(&key(name), &roles, &|_| false) {
            for group in &one.rule.groups {
                for resource in &one.rule.resources {
                    for verb in &one.rule.verbs {
                        distinct.insert((group.clone(), resource.clone(), verb.clone()));
                    }
                }
            }
        }
        assert_eq!(distinct.len(), expected, "{name}");
    }
}

#[test]
fn what_people_take_for_wildcards_is_told() {
    use crate::platform::kubernetes::rules::Rule;
    let texts = |list: &[&str]| list.iter().map(|one| Str::from(*one)).collect::<Vec<Str>>();
    let rule = |verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]| Rule {
        verbs: texts(verbs),
        groups: texts(groups),
        resources: texts(resources),
        names: texts(names),
        ..Rule::default()
    };
    for (rule, dead) in [
        (rule(&["get"], &[""], &["pods", "*/scale", "*"], &[]), 0),
        (rule(&["get"], &[""], &["pods/*", "pod*", "*/*"], &[]), 3),
        (rule(&["get*", "GET"], &["*.k8s.io", "apps/v1", "core"], &["pods"], &[]), 5),
        (rule(&["get"], &[""], &["secrets"], &["*", "db-*", "db"]), 2),
        (rule(&["approve"], &["certificates.k8s.io"], &["signers"], &["example.com/*"]), 0),
    ] {
        assert_eq!(rule.dead_parts().len(), dead, "{:?}", rule.dead_parts());
    }
    let urls = Rule { verbs: texts(&["get"]), urls: texts(&["/a*", "/a*/b"]), ..Rule::default() };
    assert_eq!(urls.dead_parts().len(), 1);
}
