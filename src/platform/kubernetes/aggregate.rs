//! The rules that a role has in effect: aggregated ClusterRoles are the union of their parts.
//!
//! Kubernetes, "Using RBAC Authorization", Aggregated ClusterRoles; the controller overwrites the object's own
//! rules, and parts may be aggregated themselves (`view` in `edit` in `admin`).

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Labels, Role};
use super::rules::Rule;
use crate::model::Str;

/// Key of a role: its namespace (none for a ClusterRole) and name.
pub type RoleKey = (Option<Str>, Str);

/// A rule in effect, and the part that it comes from with its number there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The rule.
    pub rule: Rule,
    /// Name of the aggregated part, if it is not the role's own.
    pub part: Option<Str>,
    /// Number in the role or part, from 0.
    pub number: u32,
}

/// The rules of a role in effect. `is_declared` says of a key whether the evidence holds the role.
///
/// An export of a live cluster has the rules filled in: they are believed when none of the parts is in the
/// evidence.
pub fn effective(
    key: &RoleKey,
    roles: &BTreeMap<RoleKey, Role>,
    is_declared: &dyn Fn(&RoleKey) -> bool,
) -> Vec<Effective> {
    let Some(role) = roles.get(key) else { return Vec::new() };
    let mut seen: BTreeSet<&RoleKey> = BTreeSet::new();
    let mut out = Vec::new();
    let mut waiting: Vec<(&RoleKey, &Role)> = Vec::new();
    if let Some((known, _)) = roles.get_key_value(key) {
        waiting.push((known, role));
    }
    while let Some((at, one)) = waiting.pop() {
        if !seen.insert(at) {
            continue;
        }
        let parts = parts(at, one, roles);
        let has_declared_part = parts.iter().any(|(part, _)| is_declared(part));
        let is_filled = is_declared(at) && !one.rules.is_empty() && !has_declared_part;
        if one.aggregates.is_none() || is_filled {
            let part = (at != key).then(|| one.meta.name.clone());
            out.extend(one.rules.iter().enumerate().map(|(number, rule)| Effective {
                rule: rule.clone(),
                part: part.clone(),
                number: number as u32,
            }));
        } else {
            waiting.extend(parts);
        }
    }
    out.sort_by(|left, right| (&left.part, left.number).cmp(&(&right.part, right.number)));
    out
}

/// The ClusterRoles that an aggregated one selects.
fn parts<'a>(
    key: &RoleKey,
    role: &Role,
    roles: &'a BTreeMap<RoleKey, Role>,
) -> Vec<(&'a RoleKey, &'a Role)> {
    let Some(selectors) = &role.aggregates else { return Vec::new() };
    roles
        .iter()
        .filter(|(other, one)| {
            *other != key
                && one.is_cluster
                && selectors.iter().any(|selector| selects(selector, &one.meta.labels))
        })
        .collect()
}

/// Whether every label of a selector is there. An empty selector selects everything (Kubernetes API reference,
/// LabelSelector); one that has expressions is not known here and selects nothing.
fn selects(selector: &Labels, labels: &Labels) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
