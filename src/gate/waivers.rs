//! Waivers of the configuration against findings: which hold, which ended, which match nothing, and which a change
//! adds to those of the protected branch.
//!
//! A waiver without a reason, an owner or an end date is an error of the configuration (`intent::sections`).

use crate::intent::config::Waiver;
use std::collections::BTreeMap;

use crate::intent::{Config, Spot, select};
use crate::model::{Identity, Str, Time};
use crate::report::model::Report;

/// What became of one waiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waived {
    /// `authgap.yaml:52:14`: of an ended one the end date, else the waiver.
    pub place: String,
    /// Kind of finding.
    pub kind: Str,
    /// The identity pattern; `*` without one.
    pub identity: Str,
    /// Who accepted it.
    pub owner: Str,
    /// Why.
    pub reason: Str,
    /// Last second on which it holds.
    pub expires: Time,
    /// Whole days since it ended; `None` while it holds, or if the evidence has no time.
    pub ended: Option<i64>,
    /// Fingerprints of the findings that it is about, in report order.
    pub findings: Vec<Str>,
}

impl Waived {
    /// `unjustified-grant of aws:role/x ended 2026-10-31, owner data-team (authgap.yaml:13:14)`.
    pub fn sentence(&self) -> String {
        let Waived { kind, identity, owner, place, expires, .. } = self;
        let end = expires.date();
        format!("{kind} of {identity} ended {end}, owner {owner} ({place})")
    }
}

/// The waivers in file order, each with the findings that it is about.
///
/// A waiver whose finding is gone has ended its use: past its end it is told as unused, and does not fail.
pub fn judge(
    config: &Config,
    report: &Report,
    identities: &[Identity],
    as_of: Option<Time>,
) -> Vec<Waived> {
    // Ids of different platforms may be equal.
    let mut by_id: BTreeMap<&str, Vec<&Identity>> = BTreeMap::new();
    if !config.waivers.is_empty() {
        for identity in identities {
            by_id.entry(&identity.id).or_default().push(identity);
        }
    }
    config.waivers.iter().map(|waiver| one(config, waiver, (report, &by_id), as_of)).collect()
}

fn one(
    config: &Config,
    waiver: &Waiver,
    (report, by_id): (&Report, &BTreeMap<&str, Vec<&Identity>>),
    as_of: Option<Time>,
) -> Waived {
    let is_about = |id: &str| match &waiver.identity {
        None => true,
        Some(pattern) => by_id
            .get(id)
            .is_some_and(|all| all.iter().any(|one| select::matches(&pattern.value, one))),
    };
    let findings = report
        .findings
        .iter()
        .filter(|finding| *finding.kind == *waiver.finding.value && is_about(&finding.identity))
        .map(|finding| finding.fingerprint.clone())
        .collect();
    let end = waiver.expires.value;
    let ended = as_of.filter(|as_of| *as_of > end).map(|as_of| as_of.day() - end.day());
    let spot = if ended.is_some() { waiver.expires.spot } else { waiver.spot };
    Waived {
        place: config.cite(spot),
        kind: waiver.finding.value.clone(),
        identity: waiver
            .identity
            .as_ref()
            .map_or_else(|| "*".into(), |pattern| pattern.value.as_str().into()),
        owner: waiver.owner.clone(),
        reason: waiver.reason.clone(),
        expires: end,
        ended,
        findings,
    }
}

/// Waivers that a change's configuration has and the protected branch's has not: longer, wider or new. As
/// (place, words).
pub fn added(change: &Config, protected: &Config) -> Vec<(String, String)> {
    let is_known = |waiver: &Waiver| {
        protected.waivers.iter().any(|known| {
            let is_same = known.finding.value == waiver.finding.value
                && known.identity.as_ref().map(|one| &one.value)
                    == waiver.identity.as_ref().map(|one| &one.value);
            is_same && known.expires.value >= waiver.expires.value
        })
    };
    let words = |waiver: &Waiver| {
        let identity = waiver.identity.as_ref().map_or("*", |one| one.value.as_str());
        format!(
            "{} of {identity} to {}, owner {}: {}",
            waiver.finding.value,
            waiver.expires.value.date(),
            waiver.owner,
            waiver.reason
        )
    };
    let cite = |spot: Spot| change.cite(spot);
    let new = change.waivers.iter().filter(|waiver| !is_known(waiver));
    new.map(|waiver| (cite(waiver.spot), words(waiver))).collect()
}
