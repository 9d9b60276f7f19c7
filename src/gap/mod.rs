//! The passes that compare granted, used and intended, identity by identity.
//!
//! [`run`] judges identities in parallel over bitsets of catalogue numbers; grants are shared between
//! identities with equal attachments. Nothing here reads files or knows a platform's formats. What each status
//! means: `docs/data-model.md`, "Status of a permission".

mod absent;
pub mod fresh;
pub mod observe;
mod partial;
mod row;
mod score;
mod status;
#[cfg(test)]
mod tests;
mod uses;
pub mod within;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::catalogue::RunCatalogue;
use crate::catalogue::risk::EscalationIndex;
use crate::intent::{Config, Intent};
use crate::model::{
    AccessLevel, ActionId, ActionSet, Claim, Credential, Identity, Label, Link, Str, Time, UsageRow,
};
use crate::platform::{Evaluator, ToolNote};
pub use fresh::{Fresh, FreshGrant};
use observe::Observer;
pub use row::{Advice, Counts, IdentityGap, PermissionRow, Reason, ScoreTerm, Status, Violation};

/// The observation window: non-use is judged in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Start.
    pub from: Time,
    /// End: the time as of which the report is made.
    pub to: Time,
}

impl Window {
    /// Its length in days.
    pub fn days(&self) -> u32 {
        ((self.to.seconds() - self.from.seconds()) / 86_400).max(0) as u32
    }
}

/// Prefix of usage actions that show an identity alive and need no permission.
pub const NO_PERMISSION: &str = "no-permission:";

/// Everything that the passes need.
pub struct Input<'a> {
    /// Identities, sorted by id.
    pub identities: &'a [Identity],
    /// Usage, sorted by key, identities already resolved.
    pub usage: &'a [UsageRow],
    /// Claims.
    pub claims: &'a [Claim],
    /// Catalogue of the run.
    pub catalogue: &'a RunCatalogue,
    /// Evaluators by platform.
    pub evaluators: &'a BTreeMap<Str, Box<dyn Evaluator>>,
    /// Escalation sets.
    pub escalation: &'a EscalationIndex,
    /// Intents, in the order of identities.
    pub intents: &'a [Option<Intent>],
    /// The configuration that they come from.
    pub config: &'a Config,
    /// The time as of which the report is made; none if the evidence has no time.
    pub as_of: Option<Time>,
    /// Window; none if the evidence has no time.
    pub window: Option<Window>,
    /// Age from which use is stale.
    pub stale_after_days: u32,
    /// Grants that are new against an accepted state; none outside of the gate.
    pub fresh: Option<&'a Fresh>,
}

/// What a run of the passes works on.
pub(crate) struct Frame<'a> {
    catalogue: &'a RunCatalogue,
    usage: &'a [UsageRow],
    usage_actions: Vec<Option<ActionId>>,
    observer: Observer,
    evaluators: &'a BTreeMap<Str, Box<dyn Evaluator>>,
    as_of: Option<Time>,
    window: Option<Window>,
    stale_after_days: u32,
    fresh: Option<&'a Fresh>,
}

impl Frame<'_> {
    fn evaluator(&self, platform: &str) -> Option<&dyn Evaluator> {
        self.evaluators.get(platform).map(AsRef::as_ref)
    }

    /// What an identity's log leaves out by a rule of its own.
    fn unlogged(&self, identity: &Identity) -> ActionSet {
        let evaluator = self.evaluator(&identity.platform);
        evaluator.map_or_else(ActionSet::new, |one| one.unlogged(identity, self.catalogue))
    }
}

/// Judges identities. The result is in the order of `input.identities`; of those that are not `judged` only
/// their use is summed up.
pub fn run(input: &Input<'_>, judged: &[bool]) -> Vec<IdentityGap> {
    let accounts: BTreeSet<(Str, Str)> = input
        .identities
        .iter()
        .map(|identity| (identity.platform.clone(), identity.account.clone()))
        .collect();
    let frame = Frame {
        catalogue: input.catalogue,
        usage: input.usage,
        usage_actions: usage_actions(input),
        observer: Observer::new(input.claims, input.catalogue, &accounts),
        evaluators: input.evaluators,
        as_of: input.as_of,
        window: input.window,
        stale_after_days: input.stale_after_days,
        fresh: input.fresh,
    };
    let ranges = usage_ranges(input.usage);
    let weights = score::Weights::new(input.catalogue, input.escalation);
    (0..input.identities.len())
        .into_par_iter()
        .map(|number| {
            let identity = &input.identities[number];
            let key = (&*identity.platform, &*identity.id);
            let range = ranges.get(&key).cloned().unwrap_or(0..0);
            let intent = input.intents.get(number).and_then(Option::as_ref);
            let is_judged = judged.get(number).copied().unwrap_or(false);
            one(&frame, (number, identity, intent, is_judged), range, &weights)
        })
        .collect()
}

/// Catalogue numbers of usage rows; none for calls that need no permission.
fn usage_actions(input: &Input<'_>) -> Vec<Option<ActionId>> {
    let mut known: FxHashMap<(&str, &str), Option<ActionId>> = FxHashMap::default();
    let number = |row: &UsageRow| {
        if row.action.starts_with(NO_PERMISSION) {
            None
        } else {
            input.catalogue.id(&row.platform, &row.action)
        }
    };
    let rows = input.usage.iter();
    rows.map(|row| *known.entry((&row.platform, &row.action)).or_insert_with(|| number(row)))
        .collect()
}

/// Where each identity's rows are in the sorted usage table.
fn usage_ranges(usage: &[UsageRow]) -> FxHashMap<(&str, &str), std::ops::Range<usize>> {
    let mut ranges = FxHashMap::default();
    let mut start = 0;
    for chunk in usage
        .chunk_by(|left, right| left.identity == right.identity && left.platform == right.platform)
    {
        let first = &chunk[0];
        ranges.insert((&*first.platform, &*first.identity), start..start + chunk.len());
        start += chunk.len();
    }
    ranges
}

fn one(
    frame: &Frame<'_>,
    (number, identity, intent, is_judged): (usize, &Identity, Option<&Intent>, bool),
    range: std::ops::Range<usize>,
    weights: &score::Weights,
) -> IdentityGap {
    let grants = frame
        .evaluator(&identity.platform)
        .filter(|_| identity.has_grant_evidence && is_judged)
        .map_or_else(Arc::default, |evaluator| evaluator.grants(identity, frame.catalogue));
    let uses = uses::Uses::collect(frame, range.clone());
    let fresh = frame.fresh.map(|fresh| fresh.unobserved(number)).unwrap_or_default();
    let judge = status::Judge {
        frame,
        identity,
        intent,
        grants: &grants,
        uses: &uses,
        fresh,
        none: Arc::new([]),
    };
    let judged = if is_judged { judge.judge() } else { status::Judged::default() };
    let (counts, by_status) = count(&judged, &grants.actions, &uses);
    let (score, terms) = weights.score(&judged.rows, &grants);
    let active = frame.window.map_or(0, |window| {
        let from = u32::try_from(window.from.day()).unwrap_or(0);
        let to = u32::try_from(window.to.day()).unwrap_or(0);
        uses.active.iter().filter(|day| (from..=to).contains(day)).count() as u32
    });
    let mut levels = [0_u64; AccessLevel::ALL.len()];
    for id in &grants.actions {
        levels[frame.catalogue.entry(id).level as usize] += 1;
    }
    let levels = AccessLevel::ALL.into_iter().zip(levels).filter(|(_, count)| *count > 0).collect();
    let last_used = uses.last.max(identity.last_used);
    IdentityGap {
        identity: number,
        is_never_used: is_never_used(identity, last_used, &counts),
        is_admin: grants.administrative.is_some(),
        grants,
        rows: judged.rows,
        violations: judged.violations,
        counts,
        by_status,
        levels,
        score,
        terms,
        last_used,
        active_days: active,
        observed_days: judged.observed_days,
        is_watched: judged.is_watched,
        observable: judged.observable,
        usage: range,
    }
}

/// Never used: granted, nothing seen, and for every concluded permission non-use is a finding; what is left
/// unknown does not turn that into use, but all must not be unknown.
fn is_never_used(identity: &Identity, last_used: Option<Time>, counts: &Counts) -> bool {
    identity.has_grant_evidence
        && !identity.is(Label::Disabled)
        && last_used.is_none()
        && counts.denied == 0
        && counts.granted > 0
        && counts.used == 0
        && counts.excess * 2 > counts.granted
}

/// Counts by set, and each action once by the first status of its rows.
fn count(
    judged: &status::Judged,
    granted: &ActionSet,
    uses: &uses::Uses,
) -> (Counts, BTreeMap<Status, u64>) {
    let rows = judged.rows.iter();
    let mut pairs: Vec<(ActionId, Status)> =
        rows.flat_map(|row| row.actions.iter().map(|id| (*id, row.status))).collect();
    pairs.sort_unstable();
    pairs.dedup();
    let (mut sizes, mut firsts) = ([0_u64; Status::ALL.len()], [0_u64; Status::ALL.len()]);
    let mut last = None;
    for (id, status) in pairs {
        sizes[status as usize] += 1;
        firsts[status as usize] += u64::from(last != Some(id));
        last = Some(id);
    }
    let by_status = Status::ALL.into_iter().zip(firsts).filter(|(_, count)| *count > 0).collect();
    let size = |status: Status| sizes[status as usize];
    let counts = Counts {
        granted: granted.len(),
        observable: judged.observable.len(),
        used: uses
            .by_action
            .iter()
            .filter(|(id, one)| one.allowed > 0 && granted.contains(**id))
            .count() as u64,
        excess: size(Status::Excess),
        stale: size(Status::Stale),
        unknown: size(Status::Unknown),
        drift: size(Status::Drift),
        out_of_scope: size(Status::OutOfScope),
        unexplained: size(Status::Unexplained),
        shortfall: size(Status::Shortfall),
        denied: uses.by_action.values().filter(|one| one.denied > 0).count() as u64,
    };
    (counts, by_status)
}

/// All that a run found, for findings and reports.
pub struct Analysis<'a> {
    /// What was compared.
    pub input: Input<'a>,
    /// The gaps, in the order of identities.
    pub gaps: Vec<IdentityGap>,
    /// Credentials, sorted.
    pub credentials: &'a [Credential],
    /// Links, sorted.
    pub links: &'a [Link],
    /// Facts about tools, sorted.
    pub tool_notes: &'a [ToolNote],
    /// Printed paths of the input files, by number.
    pub paths: &'a [String],
}

impl Analysis<'_> {
    /// An identity's intent.
    pub fn intent(&self, gap: &IdentityGap) -> Option<&Intent> {
        self.input.intents.get(gap.identity).and_then(Option::as_ref)
    }

    /// An identity.
    pub fn identity(&self, gap: &IdentityGap) -> &Identity {
        &self.input.identities[gap.identity]
    }

    /// How many other identities hold the policies behind grant rows of an identity: the most of any.
    pub fn shared_with(&self, gap: &IdentityGap, granted_by: &[u32]) -> usize {
        let platform = &self.identity(gap).platform;
        let Some(evaluator) = self.input.evaluators.get(platform) else { return 0 };
        granted_by
            .iter()
            .filter_map(|at| gap.grants.rows.get(*at as usize))
            .flat_map(|row| row.origin.iter())
            .filter(|origin| origin.shareable)
            .map(|origin| evaluator.shared_with(&origin.policy))
            .max()
            .unwrap_or(0)
    }

    /// Name of an action.
    pub fn action(&self, id: ActionId) -> &Str {
        &self.input.catalogue.entry(id).name
    }

    /// Credentials of an identity.
    pub fn credentials_of(&self, identity: &str) -> &[Credential] {
        let from = self.credentials.partition_point(|one| *one.identity < *identity);
        let to = self.credentials.partition_point(|one| *one.identity <= *identity);
        &self.credentials[from..to.max(from)]
    }
}
