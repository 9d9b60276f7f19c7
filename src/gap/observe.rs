//! Which actions the evidence could have shown, and when.
//!
//! Claims of `not-seen` combine by union over sources (design, "What a source may conclude"). A log covers an
//! action only while every Region that occurs in the account's evidence is covered. A claim that is limited to
//! some resources speaks for a grant only if the grant does not reach beyond them.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalogue::RunCatalogue;
use crate::model::{
    ActionId, ActionSet, Claim, ClaimScope, Glob, Identity, Intervals, Rw, Says, Select, Source,
    Str,
};

/// Class of actions that no call carries; only a source that covers everything speaks of them.
pub const NEVER_LOGGED: &str = "never-logged";

/// What is observed of a group of actions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// When use would have been seen.
    pub covered: Intervals,
    /// Why, in words.
    pub basis: BTreeSet<Str>,
}

impl Observed {
    fn join(&mut self, covered: &Intervals, basis: &Str) {
        if !covered.is_empty() {
            self.covered = self.covered.union(covered);
            self.basis.insert(basis.clone());
        }
    }
}

/// A `not-seen` claim with its actions as a set.
#[derive(Debug, Clone)]
struct Compiled {
    actions: ActionSet,
    rw: Rw,
    source: Source,
    region: Option<Str>,
    resources: Option<Glob>,
    covered: Intervals,
    basis: Str,
    own_policies_only: bool,
}

impl Compiled {
    /// A selector of a trail of one Region records a resource only if it is in that Region, which not every ARN
    /// says; what was seen in a Region's log is there.
    fn speaks_in_region_of(&self, resource: &str) -> bool {
        match (&self.region, self.source) {
            (Some(region), Source::StatedLog) => resource.split(':').nth(3) == Some(region),
            _ => true,
        }
    }
}

/// Coverage of one account: actions in groups that the same claims cover.
#[derive(Debug, Default)]
struct Account {
    groups: Vec<(ActionSet, Observed)>,
    /// Claims limited to some resources.
    limited: Vec<Compiled>,
}

/// All claims of a run, ready to be asked.
#[derive(Debug, Default)]
pub struct Observer {
    accounts: BTreeMap<(Str, Str), Account>,
    identities: BTreeMap<Str, Vec<Compiled>>,
    attempts: BTreeMap<Str, Vec<(ActionSet, Intervals)>>,
    never_logged: ActionSet,
}

impl Observer {
    /// Compiles claims. `accounts` are all `(platform, account)` pairs that identities have.
    pub fn new(
        claims: &[Claim],
        catalogue: &RunCatalogue,
        accounts: &BTreeSet<(Str, Str)>,
    ) -> Observer {
        let mut observer =
            Observer { never_logged: catalogue.class(NEVER_LOGGED), ..Observer::default() };
        let mut shared: BTreeMap<(Str, Str), Vec<Compiled>> = BTreeMap::new();
        for claim in claims {
            let actions = select(claim, catalogue, &observer.never_logged);
            match (&claim.scope, claim.says) {
                (ClaimScope::Identity(id), Says::NotSeen) => {
                    let compiled = compile(claim, actions);
                    observer.identities.entry(id.clone()).or_default().push(compiled);
                }
                // Only attempts at single actions keep an action from being called unused; an attempt at a
                // service does not say which action.
                (ClaimScope::Identity(id), Says::Attempted)
                    if matches!(claim.actions, Select::Pattern(_)) =>
                {
                    let attempt = (actions, claim.covered.clone());
                    observer.attempts.entry(id.clone()).or_default().push(attempt);
                }
                (ClaimScope::Account(account), Says::NotSeen) => {
                    let key = (claim.platform.clone(), account.clone());
                    shared.entry(key).or_default().push(compile(claim, actions));
                }
                (ClaimScope::Platform, Says::NotSeen) => {
                    for key in accounts.iter().filter(|(platform, _)| *platform == claim.platform) {
                        let compiled = compile(claim, actions.clone());
                        shared.entry(key.clone()).or_default().push(compiled);
                    }
                }
                _ => {}
            }
        }
        for (key, claims) in shared {
            let all = catalogue.platform(&key.0);
            let unsure: ActionSet =
                all.iter().filter(|id| catalogue.entry(*id).log_reads.is_none()).collect();
            observer.accounts.insert(key, Account::new(claims, all, &unsure));
        }
        observer
    }

    /// What is observed of an identity's actions: disjoint groups that together are `actions`, leaving out
    /// those of which nothing is observed. `own` gives the actions of its own policies, which only some claims ask for.
    /// No log speaks of `unlogged`. Resource-limited claims are not in it, see [`Observer::limited`].
    pub fn groups(
        &self,
        identity: &Identity,
        actions: &ActionSet,
        own: &dyn Fn() -> ActionSet,
        unlogged: &ActionSet,
    ) -> Vec<(ActionSet, Observed)> {
        let key = (identity.platform.clone(), identity.account.clone());
        let mut groups: Vec<(ActionSet, Observed)> = Vec::new();
        let mut rest = actions.clone();
        for (set, observed) in self.accounts.get(&key).map_or(&[][..], |account| &account.groups) {
            let mine = &(&rest & set) - unlogged;
            if !mine.is_empty() {
                rest -= &mine;
                groups.push((mine, observed.clone()));
            }
        }
        groups.push((rest, Observed::default()));
        let claims = self.identities.get(&identity.id).map_or(&[][..], Vec::as_slice);
        let own = if claims.is_empty() { ActionSet::new() } else { own() };
        for claim in claims {
            let mut speaks_of =
                if claim.own_policies_only { &claim.actions & &own } else { claim.actions.clone() };
            if is_log(claim.source) {
                speaks_of -= unlogged;
            }
            groups = groups
                .into_iter()
                .flat_map(|(set, observed)| {
                    let inside = &set & &speaks_of;
                    let outside = set - &inside;
                    let mut more = observed.clone();
                    more.join(&claim.covered, &claim.basis);
                    [(inside, more), (outside, observed)]
                })
                .filter(|(set, _)| !set.is_empty())
                .collect();
        }
        groups.retain(|(set, observed)| !set.is_empty() && !observed.covered.is_empty());
        groups
    }

    /// What resource-limited claims show of an action that is granted on these resource patterns: for each
    /// pattern the claims that contain it, and of those times the ones in which every pattern is covered.
    pub fn limited(&self, identity: &Identity, action: ActionId, resources: &[Str]) -> Observed {
        let key = (identity.platform.clone(), identity.account.clone());
        let Some(account) = self.accounts.get(&key) else {
            return Observed::default();
        };
        let claims: Vec<&Compiled> =
            account.limited.iter().filter(|claim| claim.actions.contains(action)).collect();
        let mut all: Option<Observed> = None;
        for pattern in resources {
            let wanted = Glob::new(pattern);
            let mut here = Observed::default();
            for claim in &claims {
                let inside = claim.resources.as_ref().is_none_or(|limit| limit.contains(&wanted));
                if inside && claim.speaks_in_region_of(pattern) {
                    here.join(&claim.covered, &claim.basis);
                }
            }
            all = Some(match all {
                None => here,
                Some(before) => Observed {
                    covered: before.covered.intersect(&here.covered),
                    basis: before.basis.union(&here.basis).cloned().collect(),
                },
            });
        }
        all.filter(|observed| !observed.covered.is_empty()).unwrap_or_default()
    }

    /// Whether the account has resource-limited claims at all.
    pub fn has_limited(&self, identity: &Identity) -> bool {
        let key = (identity.platform.clone(), identity.account.clone());
        self.accounts.get(&key).is_some_and(|account| !account.limited.is_empty())
    }

    /// Actions that a report says were tried, with when: allowed or denied, it does not say.
    pub fn attempts(&self, identity: &Identity) -> &[(ActionSet, Intervals)] {
        self.attempts.get(&identity.id).map_or(&[], Vec::as_slice)
    }
}

fn is_log(source: Source) -> bool {
    matches!(source, Source::StatedLog | Source::InferredLog)
}

fn compile(claim: &Claim, actions: ActionSet) -> Compiled {
    Compiled {
        actions,
        rw: claim.rw,
        source: claim.source,
        region: claim.region.clone(),
        resources: claim.resources.as_deref().map(Glob::new),
        covered: claim.covered.clone(),
        basis: claim.basis.clone(),
        own_policies_only: claim.own_policies_only,
    }
}

/// The actions of a claim. Permissions that no call carries are only in a claim about everything that the
/// identity could do (a role that was never used passed no role either), and never in a log's.
fn select(claim: &Claim, catalogue: &RunCatalogue, never_logged: &ActionSet) -> ActionSet {
    let mut actions = match &claim.actions {
        Select::Everything => catalogue.platform(&claim.platform),
        Select::Service(prefix) => catalogue.service(&claim.platform, prefix),
        Select::Class(class) => &catalogue.class(class) & &catalogue.platform(&claim.platform),
        Select::Pattern(pattern) => (*catalogue.expand(&claim.platform, pattern)).clone(),
    };
    if !matches!(claim.source, Source::LastUsed | Source::Table | Source::Recommender) {
        actions -= never_logged;
    }
    // Of an action that is not certainly marked as a read or a change a claim about one of them speaks only
    // together with a claim about the other: `Account::new` sees to that.
    let speaks_of = |id: &ActionId, reads: bool| {
        catalogue.entry(*id).log_reads.is_none_or(|log_reads| log_reads == reads)
    };
    match claim.rw {
        Rw::All => actions,
        Rw::Read => actions.iter().filter(|id| speaks_of(id, true)).collect(),
        Rw::Write => actions.iter().filter(|id| speaks_of(id, false)).collect(),
    }
}

impl Account {
    fn new(claims: Vec<Compiled>, all: ActionSet, unsure: &ActionSet) -> Account {
        let (limited, whole): (Vec<Compiled>, Vec<Compiled>) =
            claims.into_iter().partition(|claim| claim.resources.is_some());
        let regions: BTreeSet<&Str> =
            whole.iter().chain(&limited).filter_map(|claim| claim.region.as_ref()).collect();
        // Refine: actions that exactly the same claims cover stay together.
        let mut groups: Vec<(ActionSet, Vec<usize>)> =
            vec![(&all & unsure, Vec::new()), (all - unsure, Vec::new())];
        for (number, claim) in whole.iter().enumerate() {
            groups = groups
                .into_iter()
                .flat_map(|(set, by)| {
                    let inside = &set & &claim.actions;
                    let outside = set - &inside;
                    let mut more = by.clone();
                    more.push(number);
                    [(inside, more), (outside, by)]
                })
                .filter(|(set, _)| !set.is_empty())
                .collect();
        }
        let groups = groups
            .into_iter()
            .filter(|(_, by)| !by.is_empty())
            .map(|(set, by)| {
                let claims: Vec<&Compiled> = by.iter().map(|number| &whole[*number]).collect();
                let observed = if set.is_disjoint(unsure) {
                    over_regions(&claims, &regions)
                } else {
                    both_kinds(&claims, &regions)
                };
                (set, observed)
            })
            .filter(|(_, observed)| !observed.covered.is_empty())
            .collect();
        Account { groups, limited }
    }
}

/// Times in which reads and changes both were covered.
fn both_kinds(claims: &[&Compiled], regions: &BTreeSet<&Str>) -> Observed {
    let of = |other: Rw| -> Vec<&Compiled> {
        claims.iter().copied().filter(|claim| claim.rw != other).collect()
    };
    let (reads, changes) =
        (over_regions(&of(Rw::Write), regions), over_regions(&of(Rw::Read), regions));
    Observed {
        covered: reads.covered.intersect(&changes.covered),
        basis: reads.basis.union(&changes.basis).cloned().collect(),
    }
}

/// Union over the claims of each Region, intersection over the Regions that occur.
fn over_regions(claims: &[&Compiled], regions: &BTreeSet<&Str>) -> Observed {
    let mut everywhere = Observed::default();
    for claim in claims.iter().filter(|claim| claim.region.is_none()) {
        everywhere.join(&claim.covered, &claim.basis);
    }
    let mut all: Option<Observed> = None;
    for region in regions {
        let mut here = Observed::default();
        for claim in claims.iter().filter(|claim| claim.region.as_ref() == Some(*region)) {
            here.join(&claim.covered, &claim.basis);
        }
        all = Some(match all {
            None => here,
            Some(before) => Observed {
                covered: before.covered.intersect(&here.covered),
                basis: before.basis.union(&here.basis).cloned().collect(),
            },
        });
    }
    if let Some(regional) = all
        && !regional.covered.is_empty()
    {
        everywhere.covered = everywhere.covered.union(&regional.covered);
        everywhere.basis.extend(regional.basis);
    }
    everywhere
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{Catalogue, Facts};
    use crate::model::{IdentityKind, Time};

    fn day(number: i64) -> Time {
        Time::from_seconds(number * 86_400)
    }

    fn catalogue() -> RunCatalogue {
        let facts = |_: &str, name: &str, action: Option<&crate::catalogue::Action>| Facts {
            class: match name {
                "s3:GetObject" => "data:AWS::S3::Object".into(),
                "iam:PassRole" => NEVER_LOGGED.into(),
                _ => "management".into(),
            },
            touches_data: false,
            level: None,
            service: None,
            risks: Vec::new(),
            log_reads: crate::platform::aws::classes::log_reads(
                name,
                action.map_or(crate::model::AccessLevel::Unknown, |action| action.level),
            ),
        };
        RunCatalogue::build(&[("aws".into(), Catalogue::aws())], &[], &facts)
    }

    fn claim(select: Select, region: Option<&str>, rw: Rw, from: i64, to: i64) -> Claim {
        Claim {
            platform: "aws".into(),
            source: Source::InferredLog,
            says: Says::NotSeen,
            scope: ClaimScope::Account("1".into()),
            actions: select,
            rw,
            resources: None,
            region: region.map(Str::from),
            covered: Intervals::span(day(from), day(to)),
            own_policies_only: false,
            basis: "log".into(),
            place: None,
        }
    }

    fn identity() -> Identity {
        let mut identity = Identity::new("arn:aws:iam::1:role/r", "aws", IdentityKind::Role);
        identity.account = "1".into();
        identity
    }

    fn observed(claims: &[Claim], action: &str) -> Intervals {
        let catalogue = catalogue();
        let accounts = BTreeSet::from([("aws".into(), "1".into())]);
        let observer = Observer::new(claims, &catalogue, &accounts);
        let id = catalogue.id("aws", action).unwrap();
        let set = ActionSet::from_iter([id]);
        let groups = observer.groups(&identity(), &set, &|| set.clone(), &ActionSet::new());
        groups.into_iter().map(|(_, seen)| seen.covered).next().unwrap_or_default()
    }

    #[test]
    fn every_region_that_occurs_must_be_covered() {
        let class = || Select::Class("management".into());
        let one = claim(class(), Some("eu-west-1"), Rw::All, 0, 90);
        let other = claim(class(), Some("us-east-1"), Rw::All, 30, 90);
        assert_eq!(observed(std::slice::from_ref(&one), "ec2:RunInstances").days(), 90);
        assert_eq!(observed(&[one.clone(), other], "ec2:RunInstances").days(), 60);
        let reads_only = claim(class(), Some("us-east-1"), Rw::Read, 0, 90);
        assert!(observed(&[one, reads_only], "ec2:RunInstances").is_empty());
    }

    #[test]
    fn a_log_of_changes_alone_does_not_speak_of_calls_that_the_log_marks_as_reads() {
        let class = || Select::Class("management".into());
        let changes = claim(class(), None, Rw::Write, 0, 90);
        let reads = claim(class(), None, Rw::Read, 0, 90);
        assert_eq!(observed(std::slice::from_ref(&changes), "ec2:RunInstances").days(), 90);
        // `kms:Decrypt` is a change by the catalogue and a read in the log.
        assert!(observed(std::slice::from_ref(&changes), "kms:Decrypt").is_empty());
        assert_eq!(observed(&[changes, reads], "kms:Decrypt").days(), 90);
    }

    #[test]
    fn a_log_never_speaks_of_what_no_call_carries() {
        let everything = claim(Select::Everything, None, Rw::All, 0, 90);
        assert!(observed(std::slice::from_ref(&everything), "iam:PassRole").is_empty());
        let never_used = Claim { source: Source::LastUsed, ..everything };
        assert_eq!(observed(&[never_used], "iam:PassRole").days(), 90);
    }

    #[test]
    fn a_limited_claim_does_not_speak_beyond_its_resources() {
        let mut limited = claim(Select::Class("data:AWS::S3::Object".into()), None, Rw::All, 0, 90);
        limited.resources = Some("arn:aws:s3:::a/*".into());
        let catalogue = catalogue();
        let accounts = BTreeSet::from([("aws".into(), "1".into())]);
        let observer = Observer::new(&[limited], &catalogue, &accounts);
        let id = catalogue.id("aws", "s3:GetObject").unwrap();
        let inside = observer.limited(&identity(), id, &["arn:aws:s3:::a/x/*".into()]);
        assert_eq!(inside.covered.days(), 90);
        let beyond = ["arn:aws:s3:::a/*".into(), "arn:aws:s3:::b/*".into()];
        assert!(observer.limited(&identity(), id, &beyond).covered.is_empty());
    }
}
