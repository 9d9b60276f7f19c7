//! Which findings are new: those that a new grant makes.
//!
//! What a log shows, what grew old and what nobody owns is no new grant: it is told, and fails nothing. Kinds are
//! named here by their ids, since an id never changes.

use crate::audit::Evidence;
use crate::catalogue::RunCatalogue;
use crate::findings::Finding;
use crate::gap::{Fresh, FreshGrant};
use crate::model::{AccessLevel, ActionSet, Glob, Str};

/// Kinds that judge what is granted. All others judge use, age or knowledge.
const OF_GRANTS: [&str; 8] = [
    "administrative-grant",
    "escalation-path",
    "expired-relationship",
    "intent-drift",
    "sensitive-without-condition",
    "unapproved-destructive-tool",
    "unjustified-grant",
    "wildcard-grant",
];

/// Whether a new grant is among what a finding is about.
pub(super) fn is_new(evidence: &Evidence, fresh: &Fresh, finding: &Finding) -> bool {
    if fresh.is_all {
        return true;
    }
    let Some(number) = finding.identity else { return false };
    if !OF_GRANTS.contains(&finding.kind) {
        return false;
    }
    let mine = fresh.of(number);
    if mine.is_empty() {
        return false;
    }
    let catalogue = &evidence.catalogue;
    let platform = &evidence.identities[number].platform;
    match finding.kind {
        "unjustified-grant" => true,
        // It is about permissions management on everything; other grants beside it are not what it finds.
        "administrative-grant" => mine.iter().any(|one| {
            is_on_all(one)
                && one
                    .actions
                    .iter()
                    .any(|id| catalogue.entry(id).level == AccessLevel::PermissionsManagement)
        }),
        "wildcard-grant" => {
            finding.actions.iter().any(|action| is_wide(catalogue, mine, (platform, action)))
        }
        _ if finding.actions.is_empty() => true,
        _ => {
            let named = named(catalogue, platform, &finding.actions);
            mine.iter().any(|one| !one.actions.is_disjoint(&named))
        }
    }
}

fn is_on_all(one: &FreshGrant) -> bool {
    one.resources.iter().any(|resource| &**resource == "*")
}

/// Whether a new grant alone makes an item of a wildcard finding: a whole service, or an action on everything.
fn is_wide(
    catalogue: &RunCatalogue,
    mine: &[FreshGrant],
    (platform, action): (&str, &Str),
) -> bool {
    let actions = named(catalogue, platform, std::slice::from_ref(action));
    if !action.ends_with('*') {
        return mine.iter().any(|one| is_on_all(one) && !one.actions.is_disjoint(&actions));
    }
    let is_known = |id: &u32| catalogue.entry(*id).is_known;
    let known: ActionSet = actions.iter().filter(is_known).collect();
    let whole = if known.is_empty() { &actions } else { &known };
    mine.iter().any(|one| {
        // The rest of the service was accepted before, and this makes it whole; or all of it is new on more.
        !one.actions.is_disjoint(whole) && (whole.is_subset(&one.actions) || is_on_all(one))
    })
}

/// The actions that a finding names, patterns expanded.
fn named(catalogue: &RunCatalogue, platform: &str, names: &[Str]) -> ActionSet {
    let mut out = ActionSet::new();
    for name in names {
        match catalogue.id(platform, name) {
            Some(id) => {
                out.insert(id);
            }
            None if Glob::fold(name).is_exact() => {}
            None => out |= &*catalogue.expand(platform, name),
        }
    }
    out
}
