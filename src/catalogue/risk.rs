//! Escalation sets and risk tags.
//!
//! Escalation paths: facts from pathfinding.cloud (Datadog, Apache-2.0), Prowler (Apache-2.0), Cloudsplaining
//! (Salesforce, BSD-3-Clause), rbac-police (Palo Alto Networks, MIT); risk tags from iam-dataset (MIT), which builds on sensitive_iam_actions (CC0).
//! The files and their licences: `data/README.md`.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;

use super::RunCatalogue;
use crate::model::{ActionId, ActionSet, Str};

/// A set of permissions that together let an identity gain more than it has.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Escalation {
    /// Stable id: `aws.iam-001`.
    pub id: Str,
    /// Name for people.
    pub name: Str,
    /// What is gained: `self-escalation`, `principal-access`, `new-passrole`, `existing-passrole`, `combination`.
    pub category: Str,
    /// All are needed together. Each is an action, a pattern of actions, or alternatives between `|`.
    pub permissions: Vec<Str>,
    /// Where the fact comes from.
    pub source: Str,
}

impl Escalation {
    /// Whether it needs no other identity or resource as a target (`docs/escalation.md`).
    pub fn is_self(&self) -> bool {
        &*self.category == "self-escalation"
    }
}

/// What an action is tagged with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Risk {
    /// Returns credentials or secrets.
    CredentialExposure,
    /// Reads data.
    DataAccess,
    /// Can lead to more rights.
    PrivilegeEscalation,
    /// Can open a resource to others.
    ResourceExposure,
}

#[derive(Deserialize)]
struct EscalationFile {
    methods: Vec<Escalation>,
}

#[derive(Deserialize)]
struct TagFile {
    tags: BTreeMap<String, Vec<String>>,
}

const AWS_ESCALATION: &str = include_str!("data/escalation-aws.json");
const AGENT_ESCALATION: &str = include_str!("data/escalation-agent.json");
const AWS_TAGS: &str = include_str!("data/risk-tags-aws.json");

/// The escalation sets of a platform, in file order.
pub fn escalations(platform: &str) -> &'static [Escalation] {
    static AWS: OnceLock<Vec<Escalation>> = OnceLock::new();
    static AGENT: OnceLock<Vec<Escalation>> = OnceLock::new();
    let read = |text: &str| {
        serde_json::from_str::<EscalationFile>(text).map(|file| file.methods).unwrap_or_default()
    };
    match platform {
        "aws" => AWS.get_or_init(|| read(AWS_ESCALATION)),
        "agent" => AGENT.get_or_init(|| read(AGENT_ESCALATION)),
        _ => &[],
    }
}

/// The risk tags of an action in a platform's file of them. Names are compared without case.
pub fn risks(platform: &str, action: &str) -> &'static [Risk] {
    static AWS: OnceLock<BTreeMap<String, Vec<Risk>>> = OnceLock::new();
    let tags = match platform {
        "aws" => AWS.get_or_init(|| tags(AWS_TAGS)),
        _ => return &[],
    };
    tags.get(&action.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
}

/// Whether an action carries a risk tag in a platform's file.
pub fn has_risk(platform: &str, action: &str, risk: Risk) -> bool {
    risks(platform, action).contains(&risk)
}

fn tags(text: &str) -> BTreeMap<String, Vec<Risk>> {
    let mut out: BTreeMap<String, Vec<Risk>> = BTreeMap::new();
    let Ok(file) = serde_json::from_str::<TagFile>(text) else {
        return out;
    };
    for (tag, actions) in file.tags {
        let risk = match tag.as_str() {
            "credential_exposure" | "returns_credentials_cloudsplaining" => {
                Risk::CredentialExposure
            }
            "data_access" | "read_exfiltration_cloudsplaining" => Risk::DataAccess,
            "priv_esc" => Risk::PrivilegeEscalation,
            "resource_exposure" => Risk::ResourceExposure,
            _ => continue,
        };
        for action in actions {
            out.entry(action.to_ascii_lowercase()).or_default().push(risk);
        }
    }
    out
}

/// Escalation sets with their permissions as action numbers; sets that name an action which the catalogue
/// lacks are left out, because nobody can be granted it.
#[derive(Debug, Default)]
pub struct EscalationIndex {
    sets: Vec<(&'static Escalation, Vec<ActionSet>)>,
    /// Union of all permissions that change something; reads among them only help to find a target.
    pub actions: ActionSet,
}

impl EscalationIndex {
    /// Builds the index for a run.
    pub fn new(catalogue: &RunCatalogue, platforms: &[&str]) -> EscalationIndex {
        let mut index = EscalationIndex::default();
        for platform in platforms {
            for method in escalations(platform) {
                let needs = method.permissions.iter().map(|name| need(catalogue, platform, name));
                let needs: Vec<ActionSet> = needs.collect();
                if needs.iter().any(ActionSet::is_empty) {
                    continue;
                }
                let changing = |id: &ActionId| !catalogue.entry(*id).level.is_read();
                index.actions.extend(needs.iter().flatten().filter(changing));
                index.sets.push((method, needs));
            }
        }
        // Smaller sets first, so that a set which contains a satisfied one is dropped.
        index
            .sets
            .sort_by(|left, right| (left.1.len(), &left.0.id).cmp(&(right.1.len(), &right.0.id)));
        index
    }

    /// The smallest sets that the actions satisfy: none contains another. Of alternatives the first by number
    /// stands in the answer, which is sorted.
    pub fn satisfied(&self, granted: &ActionSet) -> Vec<(&'static Escalation, Vec<ActionId>)> {
        let mut found: Vec<(&'static Escalation, Vec<ActionId>)> = Vec::new();
        for (method, needs) in &self.sets {
            let held: Option<Vec<ActionId>> =
                needs.iter().map(|need| first_common(need, granted)).collect();
            let Some(mut ids) = held else { continue };
            ids.sort_unstable();
            ids.dedup();
            let smaller = |(_, held): &(&Escalation, Vec<ActionId>)| {
                held.iter().all(|id| ids.binary_search(id).is_ok())
            };
            if !found.iter().any(smaller) {
                found.push((method, ids));
            }
        }
        found
    }
}

/// The actions that meet one need of a set.
fn need(catalogue: &RunCatalogue, platform: &str, text: &str) -> ActionSet {
    let mut set = ActionSet::new();
    for name in text.split('|') {
        if name.contains(['*', '?']) {
            set |= &*catalogue.expand(platform, name);
        } else {
            set.extend(catalogue.id(platform, name));
        }
    }
    set
}

fn first_common(need: &ActionSet, granted: &ActionSet) -> Option<ActionId> {
    need.iter().find(|id| granted.contains(*id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_facts_are_whole() {
        assert_eq!(escalations("aws").len(), 102);
        assert_eq!(escalations("agent").len(), 3);
        assert!(has_risk("aws", "secretsmanager:getsecretvalue", Risk::DataAccess));
        assert!(has_risk("aws", "iam:PassRole", Risk::PrivilegeEscalation));
        assert!(!has_risk("aws", "ec2:DescribeInstances", Risk::DataAccess));
    }
}
