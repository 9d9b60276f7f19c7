//! Filters and splits: parts of a report, by identity, owner, account, kind and severity.
//!
//! A part keeps inputs, coverage, rollups and summary of the whole, so that its figures are still those of the
//! estate; a terminal says which filters are on.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{FindingOut, IdentityOut, Report};
use crate::findings::Severity;
use crate::model::{Glob, Str};

/// Which identities and findings to keep. Values of one option are alternatives, options add up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Patterns of ids or display names, with `*` and `?`.
    pub identity: Vec<String>,
    /// Owner; the empty one is "none known".
    pub owner: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// Kinds of findings.
    pub kind: Vec<String>,
    /// Least severity of findings.
    pub min_severity: Option<Severity>,
}

impl Filter {
    /// Whether it keeps everything.
    pub fn is_empty(&self) -> bool {
        *self == Filter::default()
    }

    /// The filters as options: `--owner data-team`.
    pub fn words(&self) -> Vec<String> {
        let lists: [(&str, &[String]); 4] = [
            ("--identity", &self.identity),
            ("--owner", self.owner.as_slice()),
            ("--account", self.account.as_slice()),
            ("--kind", &self.kind),
        ];
        let mut words = Vec::new();
        for (option, values) in lists {
            words
                .extend(values.iter().map(|value| super::words::command([option, value.as_str()])));
        }
        words.extend(self.min_severity.map(|least| format!("--min-severity {}", least.as_str())));
        words
    }

    /// The part of the report that it keeps.
    pub fn apply(&self, mut report: Report) -> Report {
        if self.is_empty() {
            return report;
        }
        let globs: Vec<Glob> = self.identity.iter().map(|text| Glob::new(text)).collect();
        let kept: BTreeMap<Str, bool> = report
            .identities
            .iter()
            .map(|identity| (identity.id.clone(), self.keeps_identity(identity, &globs)))
            .collect();
        let has = |id: &Str| kept.get(id).copied().unwrap_or(false);
        report.identities.retain(|one| has(&one.id));
        report.findings.retain(|one| {
            let known = kept.get(&one.identity).copied();
            known.unwrap_or_else(|| self.keeps_estate(one)) && self.keeps_finding(one)
        });
        report.recommendations.retain(|one| has(&one.identity));
        report.links.retain(|one| has(&one.from) || has(&one.to));
        report
    }

    fn keeps_identity(&self, identity: &IdentityOut, globs: &[Glob]) -> bool {
        let owner = identity.owner.as_deref().unwrap_or("");
        let is_it = |wanted: &Option<String>, value: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == value)
        };
        let matches = |glob: &Glob| glob.matches(&identity.id) || glob.matches(&identity.name);
        (globs.is_empty() || globs.iter().any(matches))
            && is_it(&self.owner, owner)
            && is_it(&self.account, &identity.account)
    }

    /// A finding about the estate belongs to no identity and no owner, but may belong to an account.
    fn keeps_estate(&self, finding: &FindingOut) -> bool {
        self.identity.is_empty()
            && self.owner.is_none()
            && self.account.as_deref().is_none_or(|wanted| wanted == account_of(finding))
    }

    fn keeps_finding(&self, finding: &FindingOut) -> bool {
        (self.kind.is_empty() || self.kind.iter().any(|kind| *kind == *finding.kind))
            && self.min_severity.is_none_or(|least| finding.severity >= least)
    }
}

/// `111122223333` of `aws:account/111122223333`; empty for anything else.
fn account_of(finding: &FindingOut) -> &str {
    finding.identity.split_once(":account/").map_or("", |(_, account)| account)
}

/// A report with some of its identities, all that belongs to them, and some findings.
fn part(
    report: &Report,
    identities: &BTreeSet<&str>,
    keeps: &dyn Fn(&FindingOut) -> bool,
) -> Report {
    let has = |id: &str| identities.contains(id);
    Report {
        schema: report.schema.clone(),
        tool: report.tool.clone(),
        catalogue: report.catalogue.clone(),
        as_of: report.as_of,
        as_of_basis: report.as_of_basis.clone(),
        window: report.window,
        inputs: report.inputs.clone(),
        coverage: report.coverage.clone(),
        summary: report.summary.clone(),
        rollups: report.rollups.clone(),
        identities: report.identities.iter().filter(|one| has(&one.id)).cloned().collect(),
        findings: report.findings.iter().filter(|one| keeps(one)).cloned().collect(),
        recommendations: report
            .recommendations
            .iter()
            .filter(|one| has(&one.identity))
            .cloned()
            .collect(),
        links: report.links.iter().filter(|one| has(&one.from) || has(&one.to)).cloned().collect(),
    }
}

/// By what a report is split into several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitBy {
    /// Owner; identities without one are together.
    Owner,
    /// Account.
    Account,
}

impl SplitBy {
    /// Reads the value of `--split-by`.
    pub fn parse(word: &str) -> Option<SplitBy> {
        match word {
            "owner" => Some(SplitBy::Owner),
            "account" => Some(SplitBy::Account),
            _ => None,
        }
    }

    fn key(self, identity: &IdentityOut) -> &str {
        match self {
            SplitBy::Owner => identity.owner.as_deref().unwrap_or(""),
            SplitBy::Account => &identity.account,
        }
    }

    fn estate_key(self, finding: &FindingOut) -> &str {
        match self {
            SplitBy::Owner => "",
            SplitBy::Account => account_of(finding),
        }
    }
}

/// Splits a report. Parts are sorted by key; each identity and each finding is in exactly one. The empty key
/// holds identities without an owner and what belongs to nobody.
pub fn split(report: &Report, by: SplitBy) -> Vec<(String, Report)> {
    let key_of: BTreeMap<&str, &str> =
        report.identities.iter().map(|identity| (&*identity.id, by.key(identity))).collect();
    let mut parts: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (id, key) in &key_of {
        parts.entry((*key).to_string()).or_default().insert(id);
    }
    for finding in &report.findings {
        parts.entry(finding_key(&key_of, by, finding).to_string()).or_default();
    }
    parts
        .into_iter()
        .map(|(key, identities)| {
            let is_mine = |finding: &FindingOut| finding_key(&key_of, by, finding) == key;
            let one = part(report, &identities, &is_mine);
            (key, one)
        })
        .collect()
}

fn finding_key<'a>(
    key_of: &BTreeMap<&'a str, &'a str>,
    by: SplitBy,
    finding: &'a FindingOut,
) -> &'a str {
    key_of.get(&*finding.identity).copied().unwrap_or_else(|| by.estate_key(finding))
}
