//! Grant atoms: what an identity is granted, without the policies that say so.
//!
//! An atom is (identity, effect, action pattern, resource patterns, exceptions, conditions). Atoms are made of the
//! evaluator's effective rows: a grant that moves to another policy, or is written in another way, has the same
//! atoms. A deny makes atoms smaller and adds none. Owns how atoms are made and what a set of accepted atoms
//! contains; files of atoms are [`super::baseline`]'s.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::fold::fold;
use crate::audit::Evidence;
use crate::catalogue::RunCatalogue;
use crate::gap::within::reaches;
use crate::gap::{Fresh, FreshGrant};
use crate::model::{
    ActionSet, Condition, Decision, Glob, GrantRow, GrantSet, Outcome, ScopeSet, Str, UsageRow,
};

/// What an atom's grant needs beside its conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Allowed.
    Allow,
    /// Allowed after somebody approves; contained in `Allow`.
    Ask,
}

impl Effect {
    /// The word that the baseline writes.
    pub fn as_str(self) -> &'static str {
        match self {
            Effect::Allow => "allow",
            Effect::Ask => "ask",
        }
    }

    /// Reads the word that the baseline writes.
    pub fn parse(word: &str) -> Option<Effect> {
        [Effect::Allow, Effect::Ask].into_iter().find(|effect| effect.as_str() == word)
    }

    fn of(decision: Decision) -> Effect {
        match decision {
            Decision::Allow | Decision::Conditional => Effect::Allow,
            Decision::Ask => Effect::Ask,
        }
    }

    fn holds(self, other: Effect) -> bool {
        self == Effect::Allow || other == Effect::Ask
    }
}

/// One atom. Lists are sorted and without duplicates.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Atom {
    /// Action pattern.
    pub action: Str,
    /// Effect.
    pub effect: Effect,
    /// Resource patterns.
    pub resources: Vec<Str>,
    /// What an unconditional deny takes away of them.
    pub except: Vec<Str>,
    /// Hashes of the conditions, all of which must hold.
    pub conditions: Vec<Str>,
}

/// An identity with its atoms, sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Platform id.
    pub platform: Str,
    /// Canonical id.
    pub id: Str,
    /// Kind, as reports print it.
    pub kind: Str,
    /// Account.
    pub account: Str,
    /// Atoms.
    pub atoms: Arc<Vec<Atom>>,
}

/// Accepted atoms, by platform and identity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accepted {
    /// The identities.
    pub holders: BTreeMap<(Str, Str), Holder>,
}

impl Accepted {
    /// Of identities as they are.
    pub fn new(holders: Vec<Holder>) -> Accepted {
        let key = |one: &Holder| (one.platform.clone(), one.id.clone());
        Accepted { holders: holders.into_iter().map(|one| (key(&one), one)).collect() }
    }

    /// Adds what another set accepts.
    pub fn add(&mut self, other: Accepted) {
        for (key, holder) in other.holders {
            match self.holders.get_mut(&key) {
                None => {
                    self.holders.insert(key, holder);
                }
                Some(mine) => {
                    let mut atoms = (*mine.atoms).clone();
                    atoms.extend(holder.atoms.iter().cloned());
                    atoms.sort_unstable();
                    atoms.dedup();
                    mine.atoms = Arc::new(atoms);
                }
            }
        }
    }

    /// The atoms of an identity.
    pub fn of(&self, platform: &str, id: &str) -> &[Atom] {
        let holder = self.holders.get(&(platform.into(), id.into()));
        holder.map_or(&[], |holder| holder.atoms.as_slice())
    }
}

/// Hash of a condition, 16 hex digits. The order of values does not matter: any one of them satisfies the condition
/// (IAM User Guide, reference_policies_condition-logic-multiple-context-keys-or-values).
pub fn condition_hash(condition: &Condition) -> Str {
    let text = &*condition.text;
    let mut words = text.splitn(3, ' ');
    let canonical = match (words.next(), words.next(), words.next()) {
        (Some(operator), Some(key), Some(values))
            if operator != "unless" && values.contains(", ") =>
        {
            let mut values: Vec<&str> = values.split(", ").collect();
            values.sort_unstable();
            format!("{operator} {key} {}", values.join(", "))
        }
        _ => text.to_string(),
    };
    let digest = Sha256::digest(canonical.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

fn hashes(conditions: &[Condition]) -> Vec<Str> {
    let all: BTreeSet<Str> = conditions.iter().map(condition_hash).collect();
    all.into_iter().collect()
}

/// All of an atom but its action: effect, resources, exceptions, conditions.
type Shape = (Effect, Vec<Str>, Vec<Str>, Vec<Str>);

/// The atoms of a set of grants, sorted.
pub fn atoms(set: &GrantSet, platform: &str, catalogue: &RunCatalogue) -> Vec<Atom> {
    let sorted = |texts: &[Str]| -> Vec<Str> {
        texts.iter().cloned().collect::<BTreeSet<Str>>().into_iter().collect()
    };
    let mut joined: BTreeMap<Shape, ActionSet> = BTreeMap::new();
    for row in &set.rows {
        let key = (
            Effect::of(row.decision),
            sorted(&row.resources),
            sorted(&row.except),
            hashes(&row.conditions),
        );
        *joined.entry(key).or_default() |= &row.actions;
    }
    let mut out = Vec::new();
    for ((effect, resources, except, conditions), actions) in joined {
        out.extend(fold(&actions, platform, catalogue).into_iter().map(|action| Atom {
            action,
            effect,
            resources: resources.clone(),
            except: except.clone(),
            conditions: conditions.clone(),
        }));
    }
    out.sort_unstable();
    out.dedup();
    out
}

/// All identities that grant evidence describes, with their atoms; sorted by platform and id.
pub fn holders(evidence: &Evidence) -> Vec<Holder> {
    let described: Vec<_> =
        evidence.identities.iter().filter(|identity| identity.has_grant_evidence).collect();
    let sets: Vec<Option<Arc<GrantSet>>> = described
        .par_iter()
        .map(|identity| {
            let evaluator = evidence.evaluators.get(&identity.platform)?;
            Some(evaluator.grants(identity, &evidence.catalogue))
        })
        .collect();
    // Identities with equal attachments share a set, and then their atoms.
    let mut shared: BTreeMap<(Str, usize), Arc<Vec<Atom>>> = BTreeMap::new();
    let mut out = Vec::with_capacity(described.len());
    for (identity, set) in described.into_iter().zip(&sets) {
        let atoms = set.as_ref().map_or_else(Arc::default, |set| {
            let key = (identity.platform.clone(), Arc::as_ptr(set).addr());
            let make = || Arc::new(atoms(set, &identity.platform, &evidence.catalogue));
            shared.entry(key).or_insert_with(make).clone()
        });
        out.push(Holder {
            platform: identity.platform.clone(),
            id: identity.id.clone(),
            kind: identity.kind.as_str().into(),
            account: identity.account.clone(),
            atoms,
        });
    }
    out
}

/// What of the grants of all identities an accepted set does not hold.
///
/// `accepted` is asked for an identity's atoms, so that a renamed one can be given those of its earlier name.
/// Identities that are not judged have no new grants.
pub fn fresh(
    evidence: &Evidence,
    judged: &[bool],
    accepted: &(dyn Fn(&str, &str) -> Vec<Atom> + Sync),
) -> Vec<Vec<FreshGrant>> {
    let ranges = usage_ranges(&evidence.usage);
    evidence
        .identities
        .par_iter()
        .enumerate()
        .map(|(number, identity)| {
            if !identity.has_grant_evidence || !judged.get(number).copied().unwrap_or(false) {
                return Vec::new();
            }
            let Some(evaluator) = evidence.evaluators.get(&identity.platform) else {
                return Vec::new();
            };
            let set = evaluator.grants(identity, &evidence.catalogue);
            let atoms = accepted(&identity.platform, &identity.id);
            let held = Held::new(&atoms, &identity.platform, &evidence.catalogue);
            let key = (&*identity.platform, &*identity.id);
            let usage =
                ranges.get(&key).map_or(&[] as &[UsageRow], |range| &evidence.usage[range.clone()]);
            let rows = set.rows.iter().enumerate();
            rows.flat_map(|(at, row)| held.fresh_of(at as u32, row, usage)).collect()
        })
        .collect()
}

fn usage_ranges(usage: &[UsageRow]) -> BTreeMap<(&str, &str), std::ops::Range<usize>> {
    let mut ranges = BTreeMap::new();
    let mut start = 0;
    for chunk in usage.chunk_by(|left, right| {
        (&left.platform, &left.identity) == (&right.platform, &right.identity)
    }) {
        ranges.insert((&*chunk[0].platform, &*chunk[0].identity), start..start + chunk.len());
        start += chunk.len();
    }
    ranges
}

/// An accepted atom, compiled.
struct Compiled<'a> {
    atom: &'a Atom,
    actions: Arc<ActionSet>,
    resources: Vec<Glob>,
    except: Vec<Glob>,
}

/// Whether a set of accepted atoms holds a grant.
pub struct Held<'a> {
    atoms: Vec<Compiled<'a>>,
    platform: &'a str,
    catalogue: &'a RunCatalogue,
}

/// How many exceptions deep another atom may fill what an atom's exceptions leave out.
const DEPTH: u32 = 2;

impl<'a> Held<'a> {
    /// Compiles an identity's accepted atoms.
    pub fn new(atoms: &'a [Atom], platform: &'a str, catalogue: &'a RunCatalogue) -> Held<'a> {
        let globs = |texts: &[Str]| texts.iter().map(|text| Glob::new(text)).collect();
        let compile = |atom: &'a Atom| Compiled {
            actions: match catalogue.id(platform, &atom.action) {
                Some(id) if !catalogue.entry(id).is_pattern => Arc::new(ActionSet::from_iter([id])),
                _ => catalogue.expand(platform, &atom.action),
            },
            resources: globs(&atom.resources),
            except: globs(&atom.except),
            atom,
        };
        Held { atoms: atoms.iter().map(compile).collect(), platform, catalogue }
    }

    /// The actions that are accepted on a whole resource pattern, but for exceptions that the grant has itself.
    fn on(
        &self,
        resource: &Glob,
        (except, depth): (&[Glob], u32),
        usable: &dyn Fn(&Atom) -> bool,
    ) -> ActionSet {
        let mut out = ActionSet::new();
        for one in self.atoms.iter().filter(|one| usable(one.atom)) {
            if !one.resources.iter().any(|pattern| pattern.contains(resource)) {
                continue;
            }
            let Some(lacks) = lacking(resource, &one.except, except) else { continue };
            if lacks.is_empty() {
                out |= &*one.actions;
            } else if depth > 0 {
                let mut some = (*one.actions).clone();
                for part in &lacks {
                    some &= self.on(part, (except, depth - 1), usable);
                }
                out |= some;
            }
        }
        out
    }

    /// What of a grant row is not accepted, resources with equal actions together.
    pub fn fresh_of(&self, number: u32, row: &GrantRow, usage: &[UsageRow]) -> Vec<FreshGrant> {
        let conditions = hashes(&row.conditions);
        let effect = Effect::of(row.decision);
        // All of an atom's conditions must hold: one with fewer of them is wider.
        let usable = |atom: &Atom| {
            atom.effect.holds(effect)
                && atom.conditions.iter().all(|hash| conditions.binary_search(hash).is_ok())
        };
        let except: Vec<Glob> = row.except.iter().map(|text| Glob::new(text)).collect();
        let mut parts: Vec<(ActionSet, Vec<Str>)> = Vec::new();
        for resource in row.resources.iter() {
            let glob = Glob::new(resource);
            let new = &row.actions - &self.on(&glob, (&except, DEPTH), &usable);
            if new.is_empty() {
                continue;
            }
            match parts.iter_mut().find(|(actions, _)| *actions == new) {
                Some((_, resources)) => resources.push(resource.clone()),
                None => parts.push((new, vec![resource.clone()])),
            }
        }
        let fresh = |(actions, resources): (ActionSet, Vec<Str>)| {
            let used = self.used(&actions, &resources, usage);
            FreshGrant { row: number, actions, resources, used }
        };
        parts.into_iter().map(fresh).collect()
    }

    /// Of new actions those that the identity did where the accepted state does not grant them: a use of what was
    /// granted before says nothing for more of it.
    fn used(&self, new: &ActionSet, resources: &[Str], usage: &[UsageRow]) -> ActionSet {
        let mut out = ActionSet::new();
        for row in usage.iter().filter(|row| row.outcome == Outcome::Allowed) {
            let Some(id) = self.catalogue.id(self.platform, &row.action) else { continue };
            if !new.contains(id) || out.contains(id) {
                continue;
            }
            let mut granted = self.atoms.iter().filter(|one| one.actions.contains(id));
            let counts = match &row.scope {
                ScopeSet::One(scope) => {
                    let reached = resources.iter().any(|pattern| reaches(pattern, scope));
                    let mut before = granted.flat_map(|one| &one.resources);
                    reached && !before.any(|pattern| reaches(pattern.as_str(), scope))
                }
                ScopeSet::Unknown | ScopeSet::Overflow => granted.next().is_none(),
            };
            if counts {
                out.insert(id);
            }
        }
        out
    }
}

/// What of a resource pattern an atom's exceptions take away and the grant's own do not; `None` if that cannot be
/// listed.
fn lacking(resource: &Glob, theirs: &[Glob], mine: &[Glob]) -> Option<Vec<Glob>> {
    let mut out = Vec::new();
    for gone in theirs.iter().filter(|gone| gone.intersects(resource)) {
        for part in gone.intersection(resource)? {
            let part = Glob::new(&part);
            if !mine.iter().any(|own| own.contains(&part)) {
                out.push(part);
            }
        }
    }
    Some(out)
}

/// Marks everything as new, where there is nothing to compare with.
pub fn everything(evidence: &Evidence, judged: &[bool]) -> Fresh {
    Fresh { by_identity: fresh(evidence, judged, &|_, _| Vec::new()), is_all: true }
}
