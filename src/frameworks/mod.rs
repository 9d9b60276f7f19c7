//! Identifiers of published frameworks: which stand on which kind of finding.
//!
//! The mapping is `frameworks-map.json`, authgap's own judgement; `docs/frameworks.md` says where the labels
//! that this project promises differ from what is published, and why both are printed.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::Str;

const MAP: &str = include_str!("frameworks-map.json");

/// One identifier of one framework.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct FrameworkId {
    /// Framework: `owasp-nhi`, `nist-csf`, `sp800-207`, ….
    #[schemars(with = "String")]
    pub framework: Str,
    /// Edition of the published id.
    #[schemars(with = "String")]
    pub edition: Str,
    /// The label that authgap promises, stable.
    #[schemars(with = "String")]
    pub label: Str,
    /// The published id.
    #[schemars(with = "String")]
    pub published: Str,
    /// Title, where known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "Option<String>")]
    pub title: Option<Str>,
}

impl FrameworkId {
    /// As people read it: the label, with the published id where they differ.
    pub fn show(&self) -> String {
        match (&*self.framework, self.label == self.published) {
            ("owasp-nhi", false) => format!("{} (published as {})", self.label, self.published),
            ("nist-csf", false) => {
                format!("{} (CSF 1.1; in CSF 2.0: {})", self.label, self.published)
            }
            ("sp800-207", false) => {
                format!("SP 800-207 {} (continuous verification is {})", self.label, self.published)
            }
            ("sp800-207", true) => format!("SP 800-207 {}", self.label),
            ("sp800-53" | "cis-controls" | "pci" | "soc2" | "ccm", true) => {
                format!("{} {}", framework_name(&self.framework), self.label)
            }
            _ => self.label.to_string(),
        }
    }
}

fn framework_name(id: &str) -> &'static str {
    match id {
        "sp800-53" => "SP 800-53",
        "cis-controls" => "CIS",
        "pci" => "PCI DSS",
        "soc2" => "SOC 2",
        "ccm" => "CCM",
        _ => "",
    }
}

#[derive(Deserialize)]
struct MapFile {
    editions: BTreeMap<String, String>,
    map: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// Column of the map, framework id, edition key.
const COLUMNS: [(&str, &str, &str); 12] = [
    ("nhi", "owasp-nhi", "owasp-nhi"),
    ("csf", "nist-csf", "nist-csf"),
    ("zt", "sp800-207", "sp800-207"),
    ("sp80053", "sp800-53", "sp800-53"),
    ("cis", "cis-controls", "cis-controls"),
    ("iso", "iso27001", "iso27001"),
    ("pci", "pci", "pci"),
    ("soc2", "soc2", "soc2"),
    ("ccm", "ccm", "ccm"),
    ("attack", "attack", "attack"),
    ("cwe", "cwe", "cwe"),
    ("agent", "agent", "agent"),
];

/// Titles, from the texts that `docs/frameworks.md` names.
const TITLES: &[(&str, &str)] = &[
    ("NHI1:2025", "Improper Offboarding"),
    ("NHI3:2025", "Vulnerable Third-Party NHI"),
    ("NHI4:2025", "Insecure Authentication"),
    ("NHI5:2025", "Overprivileged NHI"),
    ("NHI7:2025", "Long-Lived Secrets"),
    ("NHI8:2025", "Environment Isolation"),
    ("NHI9:2025", "NHI Reuse"),
    ("NHI10:2025", "Human Use of NHI"),
    ("PR.AA-05", "Access permissions are defined, managed, enforced and reviewed"),
    ("CWE-250", "Execution with Unnecessary Privileges"),
    ("CWE-269", "Improper Privilege Management"),
    ("CWE-272", "Least Privilege Violation"),
    ("CWE-732", "Incorrect Permission Assignment for Critical Resource"),
    ("CWE-778", "Insufficient Logging"),
];

type Table = BTreeMap<String, Arc<[FrameworkId]>>;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let Ok(file) = serde_json::from_str::<MapFile>(MAP) else {
            return BTreeMap::new();
        };
        let row = |columns: &BTreeMap<String, Vec<String>>| {
            let mut ids = Vec::new();
            for (column, framework, edition) in COLUMNS {
                let edition = file.editions.get(edition).map_or("", String::as_str);
                for published in columns.get(column).into_iter().flatten() {
                    ids.push(identifier(framework, edition, published));
                }
            }
            if ids.iter().any(|id| &*id.label == "PR.AC-4" || &*id.label == "NHI-03") {
                ids.push(continuous_verification());
            }
            ids
        };
        file.map.iter().map(|(kind, columns)| (kind.clone(), row(columns).into())).collect()
    })
}

fn identifier(framework: &str, edition: &str, published: &str) -> FrameworkId {
    // The labels that the project promises stand on every row that holds their successors.
    let (label, published) = match (framework, published) {
        ("owasp-nhi", "NHI5:2025") => ("NHI-03".to_string(), published.to_string()),
        ("nist-csf", "PR.AA-05") => ("PR.AC-4".to_string(), published.to_string()),
        ("sp800-207", tenet) => {
            let tenet = format!("2.1 tenet {}", tenet.trim_start_matches('t'));
            (tenet.clone(), tenet)
        }
        (_, published) => (published.to_string(), published.to_string()),
    };
    let title = TITLES.iter().find(|(id, _)| *id == published).map(|(_, title)| (*title).into());
    FrameworkId {
        framework: framework.into(),
        edition: edition.into(),
        label: label.into(),
        published: published.into(),
        title,
    }
}

fn continuous_verification() -> FrameworkId {
    FrameworkId {
        framework: "sp800-207".into(),
        edition: "2020".into(),
        label: "3.1".into(),
        published: "2.1 tenet 6".into(),
        title: Some("Continuous verification of access decisions".into()),
    }
}

/// The identifiers of a kind of finding.
pub fn of_kind(kind: &str) -> &'static [FrameworkId] {
    table().get(kind).map_or(&[], |ids| ids)
}

/// The identifiers of a kind of finding, to be held by many findings.
pub fn shared_of_kind(kind: &str) -> Arc<[FrameworkId]> {
    table().get(kind).cloned().unwrap_or_default()
}

/// The identifiers that stand on every recommendation.
pub fn of_recommendation() -> Arc<[FrameworkId]> {
    static IDS: OnceLock<Arc<[FrameworkId]>> = OnceLock::new();
    let ids = IDS.get_or_init(|| {
        Arc::new([
            identifier("owasp-nhi", "2025", "NHI5:2025"),
            identifier("nist-csf", "2.0", "PR.AA-05"),
            continuous_verification(),
        ])
    });
    ids.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promised_labels_print_with_the_published_ids() {
        let shown: Vec<String> =
            of_kind("unused-permission").iter().map(FrameworkId::show).collect();
        assert!(shown.contains(&"NHI-03 (published as NHI5:2025)".to_string()), "{shown:?}");
        assert!(shown.contains(&"PR.AC-4 (CSF 1.1; in CSF 2.0: PR.AA-05)".to_string()));
        assert!(
            shown.contains(&"SP 800-207 3.1 (continuous verification is 2.1 tenet 6)".to_string())
        );
    }

    #[test]
    fn a_third_party_finding_never_says_nhi_03_for_nhi3() {
        let ids = of_kind("external-trust");
        assert!(ids.iter().any(|id| &*id.label == "NHI3:2025"));
        assert!(!ids.iter().any(|id| &*id.label == "NHI-03"));
    }
}
