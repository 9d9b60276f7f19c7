//! Findings: one file a kind, behind one registry.
//!
//! A kind tests its own predicate over the analysis and pushes what it finds. It does not print, sort, filter,
//! or know a format. [`Sink`] computes fingerprints, so that no kind can compute them differently. Adding a
//! kind: `CONTRIBUTING.md`, "A finding kind".

mod administrative_grant;
mod changed_tool;
mod coverage_gap;
mod denied_attempts;
mod escalation_path;
mod expired_relationship;
mod intent_drift;
mod misleading_hint;
mod never_used_identity;
mod out_of_hours;
mod out_of_scope_action;
mod sensitive_without_condition;
pub(crate) mod shared;
mod stale_credential;
mod stale_identity;
mod stale_permission;
mod unapproved_destructive_tool;
mod unexplained_activity;
mod unjustified_grant;
mod unused_agent_tool;
mod unused_permission;
mod unused_service;
mod wildcard_grant;
mod wrong_destination;
mod wrong_environment;

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::frameworks::{self, FrameworkId};
use crate::gap::{Analysis, IdentityGap};
use crate::intent::Facet;
use crate::model::{Place, Str, Texts, Time};

/// How bad a finding is. Each kind's page has its rule.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// For the record.
    Info,
    /// Clean up when you can.
    Low,
    /// Plan to act.
    Medium,
    /// Act.
    High,
    /// Act now.
    Critical,
}

impl Severity {
    /// All, worst last.
    pub const ALL: [Severity; 5] =
        [Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }

    /// Reads the word.
    pub fn parse(word: &str) -> Option<Severity> {
        Severity::ALL.into_iter().find(|severity| severity.as_str() == word)
    }
}

/// A kind of finding.
pub struct Kind {
    /// Stable kebab-case id; equals the file's and the page's name.
    pub id: &'static str,
    /// One sentence, no full stop.
    pub summary: &'static str,
    /// Version since which it exists.
    pub since: &'static str,
    /// The page that `explain` prints.
    pub page: &'static str,
    /// Looks at one identity.
    pub find: fn(&Analysis<'_>, &IdentityGap, &mut Sink<'_>),
    /// Looks at the estate as a whole.
    pub find_all: Option<fn(&Analysis<'_>, &mut Sink<'_>)>,
}

impl Kind {
    /// Its framework identifiers.
    pub fn frameworks(&self) -> &'static [FrameworkId] {
        frameworks::of_kind(self.id)
    }
}

/// The kinds, sorted by id.
pub static KINDS: &[&Kind] = &[
    &administrative_grant::KIND,
    &changed_tool::KIND,
    &coverage_gap::KIND,
    &denied_attempts::KIND,
    &escalation_path::KIND,
    &expired_relationship::KIND,
    &intent_drift::KIND,
    &misleading_hint::KIND,
    &never_used_identity::KIND,
    &out_of_hours::KIND,
    &out_of_scope_action::KIND,
    &sensitive_without_condition::KIND,
    &stale_credential::KIND,
    &stale_identity::KIND,
    &stale_permission::KIND,
    &unapproved_destructive_tool::KIND,
    &unexplained_activity::KIND,
    &unjustified_grant::KIND,
    &unused_agent_tool::KIND,
    &unused_permission::KIND,
    &unused_service::KIND,
    &wildcard_grant::KIND,
    &wrong_destination::KIND,
    &wrong_environment::KIND,
];

/// Looks a kind up.
pub fn kind(id: &str) -> Option<&'static Kind> {
    KINDS.iter().copied().find(|kind| kind.id == id)
}

/// A piece of evidence: where, and what stands there, composed from known fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// `grant`, `use` or `intent`: which of the three sides it shows.
    pub side: &'static str,
    /// Where. `None` for a line of the configuration, whose place is in the text's `file`.
    pub place: Option<Place>,
    /// Path and line of the configuration.
    pub config: Option<(Str, u32, u32)>,
    /// What stands there.
    pub text: Str,
}

/// One finding.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// 16 hex digits, stable across runs, machines and catalogue updates.
    pub fingerprint: Str,
    /// Kind id.
    pub kind: &'static str,
    /// Facet, where the kind has facets.
    pub facet: Option<Facet>,
    /// Severity.
    pub severity: Severity,
    /// Number of the identity; none for findings about the estate.
    pub identity: Option<usize>,
    /// Id of the identity, or of what else it is about (`aws:account/111122223333`).
    pub about: Str,
    /// Service, credential, log class: what in the identity it is about.
    pub subject: Str,
    /// What was found, in a line.
    pub title: Str,
    /// Actions.
    pub actions: Vec<Str>,
    /// Resources.
    pub resources: Arc<[Str]>,
    /// The date that matters, if there is one: last use, end, creation.
    pub date: Option<Time>,
    /// Instead of a date: `not in 181 d`.
    pub age_note: Option<Str>,
    /// At most [`PROOFS`] places.
    pub evidence: Vec<Proof>,
    /// What to do.
    pub remedy: Str,
    /// How many other identities share the policy that would change.
    pub shared_with: usize,
}

/// At most this many places a finding.
pub const PROOFS: usize = 5;

/// Takes the findings of one kind.
pub struct Sink<'a> {
    kind: &'static str,
    findings: Vec<Finding>,
    texts: &'a mut Texts,
}

/// What a kind says of a finding; the sink adds the rest.
#[derive(Debug, Clone, Default)]
pub struct Draft {
    /// Facet.
    pub facet: Option<Facet>,
    /// Subject.
    pub subject: Subject,
    /// Title.
    pub title: String,
    /// Actions.
    pub actions: Vec<Str>,
    /// Resources.
    pub resources: Vec<Str>,
    /// Date.
    pub date: Option<Time>,
    /// Instead of a date.
    pub age_note: Option<String>,
    /// Places.
    pub evidence: Vec<Proof>,
    /// Remedy.
    pub remedy: String,
    /// Sharing identities.
    pub shared_with: usize,
}

/// A shared string that is empty by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(pub Str);

impl Default for Subject {
    fn default() -> Subject {
        Subject("".into())
    }
}

impl<T: Into<Str>> From<T> for Subject {
    fn from(text: T) -> Subject {
        Subject(text.into())
    }
}

impl Sink<'_> {
    /// Adds a finding about an identity.
    pub fn push(
        &mut self,
        analysis: &Analysis<'_>,
        gap: &IdentityGap,
        severity: Severity,
        draft: Draft,
    ) {
        let about = analysis.identity(gap).id.clone();
        self.add(Some(gap.identity), about, severity, draft);
    }

    /// Adds a finding about something else.
    pub fn push_about(&mut self, about: Str, severity: Severity, draft: Draft) {
        self.add(None, about, severity, draft);
    }

    fn add(&mut self, identity: Option<usize>, about: Str, severity: Severity, draft: Draft) {
        let texts = &mut *self.texts;
        let mut evidence = draft.evidence;
        evidence.truncate(PROOFS);
        evidence.shrink_to_fit();
        for proof in &mut evidence {
            proof.text = texts.share(&proof.text);
        }
        let facet = draft.facet.map_or("", Facet::as_str);
        self.findings.push(Finding {
            fingerprint: fingerprint(self.kind, &about, &draft.subject.0, facet).into(),
            kind: self.kind,
            facet: draft.facet,
            severity,
            identity,
            about,
            subject: texts.share(&draft.subject.0),
            title: texts.share(&draft.title),
            actions: draft.actions,
            resources: texts.share_list(&draft.resources),
            date: draft.date,
            age_note: draft.age_note.map(|note| texts.share(&note)),
            evidence,
            remedy: texts.share(&draft.remedy),
            shared_with: draft.shared_with,
        });
    }
}

/// Kind, identity, subject and facet, hashed; the parts cannot run into each other.
fn fingerprint(kind: &str, about: &str, subject: &str, facet: &str) -> String {
    let mut hash = Sha256::new();
    for part in [kind, about, subject, facet] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Runs all kinds over all identities that are judged.
///
/// Sorted by identity number (estate last), then worst severity, kind and fingerprint.
pub fn find(
    analysis: &Analysis<'_>,
    judged: &(dyn Fn(&IdentityGap) -> bool + Sync),
) -> Vec<Finding> {
    let mut findings: Vec<Finding> = analysis
        .gaps
        .par_iter()
        .filter(|gap| judged(gap))
        .map_init(Texts::default, |texts, gap| of_identity(analysis, gap, texts))
        .flatten_iter()
        .collect();
    findings.extend(of_estate(analysis));
    sorted(findings)
}

/// Runs all kinds over one identity that is judged. The order is that of the kinds.
fn of_identity(analysis: &Analysis<'_>, gap: &IdentityGap, texts: &mut Texts) -> Vec<Finding> {
    let mut mine = Vec::new();
    for kind in KINDS {
        let mut sink = Sink { kind: kind.id, findings: Vec::new(), texts };
        (kind.find)(analysis, gap, &mut sink);
        mine.append(&mut sink.findings);
    }
    mine.shrink_to_fit();
    mine
}

/// Runs all kinds over the estate as a whole, of which they see the gaps.
fn of_estate(analysis: &Analysis<'_>) -> Vec<Finding> {
    let mut texts = Texts::default();
    let mut findings = Vec::new();
    for kind in KINDS {
        if let Some(find_all) = kind.find_all {
            let mut sink = Sink { kind: kind.id, findings: Vec::new(), texts: &mut texts };
            find_all(analysis, &mut sink);
            findings.append(&mut sink.findings);
        }
    }
    findings
}

/// As [`find`] returns them: sorted, and each fingerprint once.
fn sorted(mut findings: Vec<Finding>) -> Vec<Finding> {
    let key = |finding: &Finding| {
        let identity = finding.identity.unwrap_or(usize::MAX);
        (identity, std::cmp::Reverse(finding.severity), finding.kind, finding.fingerprint.clone())
    };
    findings.sort_by_cached_key(key);
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.fingerprint.clone()));
    findings
}

/// A kind that looks at nothing but the estate.
fn nothing(_: &Analysis<'_>, _: &IdentityGap, _: &mut Sink<'_>) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_sorted_unique_and_have_their_page() {
        for pair in KINDS.windows(2) {
            assert!(pair[0].id < pair[1].id, "{} before {}", pair[0].id, pair[1].id);
        }
        for kind in KINDS {
            assert!(kind.page.starts_with(&format!("# {}\n", kind.id)), "{}", kind.id);
            let headings: Vec<&str> =
                kind.page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
            assert_eq!(
                headings,
                [
                    "What it finds",
                    "Severity",
                    "Why it matters",
                    "Example",
                    "What to do",
                    "What it cannot see",
                    "Sources"
                ],
                "{}",
                kind.id
            );
            assert!(!kind.frameworks().is_empty(), "{}", kind.id);
            assert!(!kind.summary.ends_with('.'));
        }
    }

    #[test]
    fn fingerprint_parts_do_not_run_into_each_other() {
        assert_ne!(fingerprint("a", "bc", "", ""), fingerprint("ab", "c", "", ""));
        assert_eq!(fingerprint("a", "b", "c", "").len(), 16);
    }
}
