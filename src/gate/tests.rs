//! Atoms, renames and the baseline file, without evidence.

use std::sync::Arc;

use proptest::prelude::*;

use super::atoms::{Accepted, Atom, Effect, Held, Holder, atoms, condition_hash};
use super::baseline::{self, Baseline, Entry};
use super::rename::renames;
use crate::catalogue::{Action, Catalogue, Facts, RunCatalogue};
use crate::model::{
    ActionSet, Condition, ConditionClass, Decision, GrantRow, GrantSet, Layer, Origin, Outcome,
    ScopeSet, Str, UsageRow,
};

fn catalogue() -> RunCatalogue {
    let facts = |_: &str, _: &str, _: Option<&Action>| Facts::default();
    let seen = [("aws".into(), "newsvc:Do".into()), ("generic".into(), "crm:*".into())];
    RunCatalogue::build(&[("aws".into(), Catalogue::aws())], &seen, &facts)
}

fn texts(list: &[&str]) -> Arc<[Str]> {
    list.iter().map(|text| Str::from(*text)).collect()
}

fn conditions(list: &[&str]) -> Arc<[Condition]> {
    let one = |text: &&str| Condition {
        text: (*text).into(),
        key: "".into(),
        class: ConditionClass::Other,
    };
    list.iter().map(one).collect()
}

struct Grant<'a> {
    actions: &'a [&'a str],
    on: &'a [&'a str],
    except: &'a [&'a str],
    when: &'a [&'a str],
    ask: bool,
}

const NONE: Grant<'static> = Grant { actions: &[], on: &["*"], except: &[], when: &[], ask: false };

fn row(catalogue: &RunCatalogue, grant: &Grant<'_>, policy: &str) -> GrantRow {
    let mut actions = ActionSet::new();
    for pattern in grant.actions {
        actions |= &*catalogue.expand("aws", pattern);
    }
    let decision = match (grant.ask, grant.when.is_empty()) {
        (true, _) => Decision::Ask,
        (false, true) => Decision::Allow,
        (false, false) => Decision::Conditional,
    };
    let origin = Origin {
        layer: Layer::Identity,
        policy: policy.into(),
        statement: 0,
        sid: None,
        via: None,
        place: None,
        since: None,
        shareable: false,
    };
    GrantRow {
        actions,
        decision,
        resources: texts(grant.on),
        except: texts(grant.except),
        conditions: conditions(grant.when),
        origin: Arc::from([origin]),
    }
}

fn atoms_of(catalogue: &RunCatalogue, grants: &[Grant<'_>]) -> Vec<Atom> {
    let rows = grants.iter().map(|grant| row(catalogue, grant, "p")).collect();
    atoms(&GrantSet { rows, ..GrantSet::default() }, "aws", catalogue)
}

/// Number of (action, resource) pairs of a grant that accepted grants do not hold.
fn beyond(accepted: &[Grant<'_>], now: &Grant<'_>) -> u64 {
    let catalogue = catalogue();
    let atoms = atoms_of(&catalogue, accepted);
    let held = Held::new(&atoms, "aws", &catalogue);
    let fresh = held.fresh_of(0, &row(&catalogue, now, "q"), &[]);
    fresh.iter().map(|one| one.actions.len() * one.resources.len() as u64).sum()
}

#[test]
fn what_is_contained_is_not_new_and_widening_is() {
    let get = Grant { actions: &["s3:GetObject"], on: &["arn:aws:s3:::a/*"], ..NONE };
    let cases: [(&str, &[Grant<'_>], Grant<'_>, u64); 12] = [
        ("the same", &[get], get, 0),
        ("nothing before", &[], get, 1),
        ("a narrower resource", &[get], Grant { on: &["arn:aws:s3:::a/b*"], ..get }, 0),
        ("a wider resource", &[get], Grant { on: &["arn:aws:s3:::*"], ..get }, 1),
        (
            "one of two resources",
            &[get],
            Grant { on: &["arn:aws:s3:::a/*", "arn:aws:s3:::c/*"], ..get },
            1,
        ),
        ("another action", &[get], Grant { actions: &["s3:GetObject", "s3:PutObject"], ..get }, 1),
        (
            "a condition more",
            &[get],
            Grant { when: &["IpAddress aws:SourceIp 10.0.0.0/8"], ..get },
            0,
        ),
        (
            "a condition less",
            &[Grant { when: &["Bool aws:MultiFactorAuthPresent true"], ..get }],
            get,
            1,
        ),
        (
            "the values in another order",
            &[Grant { when: &["StringEquals aws:X a, b"], ..get }],
            Grant { when: &["StringEquals aws:X b, a"], ..get },
            0,
        ),
        ("a deny more", &[get], Grant { except: &["arn:aws:s3:::a/private/*"], ..get }, 0),
        ("a deny less", &[Grant { except: &["arn:aws:s3:::a/private/*"], ..get }], get, 1),
        (
            "what the deny took away, by another grant",
            &[
                Grant { except: &["arn:aws:s3:::a/private/*"], ..get },
                Grant { on: &["arn:aws:s3:::a/private/*"], ..get },
            ],
            get,
            0,
        ),
    ];
    for (name, accepted, now, expected) in &cases {
        assert_eq!(beyond(accepted, now), *expected, "{name}");
    }
    println!("{} cases", cases.len());
}

impl Clone for Grant<'_> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Copy for Grant<'_> {}

#[test]
fn approval_is_less_than_a_plain_grant() {
    let plain = Grant { actions: &["s3:GetObject"], ..NONE };
    let ask = Grant { ask: true, ..plain };
    assert_eq!(beyond(&[plain], &ask), 0);
    assert_eq!(beyond(&[ask], &plain), 1);
}

#[test]
fn a_grant_in_two_policies_has_the_atoms_of_one() {
    let catalogue = catalogue();
    let both = Grant { actions: &["s3:Get*", "sqs:SendMessage"], ..NONE };
    let (one, other) =
        (Grant { actions: &["s3:Get*"], ..NONE }, Grant { actions: &["sqs:SendMessage"], ..NONE });
    assert_eq!(atoms_of(&catalogue, &[both]), atoms_of(&catalogue, &[other, one]));
}

#[test]
fn use_of_what_was_granted_before_does_not_justify_more_of_it() {
    let catalogue = catalogue();
    let usage = |scope: ScopeSet| UsageRow {
        scope,
        count: 1,
        ..UsageRow::new("aws".into(), "i".into(), "s3:GetObject".into(), Outcome::Allowed)
    };
    let get = Grant { actions: &["s3:GetObject"], on: &["arn:aws:s3:::a/*"], ..NONE };
    let wide = row(&catalogue, &Grant { on: &["*"], ..get }, "q");
    let used = |accepted: &[Grant<'_>], scope: ScopeSet| {
        let atoms = atoms_of(&catalogue, accepted);
        let held = Held::new(&atoms, "aws", &catalogue);
        held.fresh_of(0, &wide, &[usage(scope)]).iter().any(|one| !one.used.is_empty())
    };
    assert!(!used(&[get], ScopeSet::One("arn:aws:s3:::a".into())));
    assert!(used(&[get], ScopeSet::One("arn:aws:s3:::b".into())));
    assert!(!used(&[get], ScopeSet::Unknown));
    assert!(used(&[], ScopeSet::Unknown));
}

fn holder(id: &str, kind: &str, account: &str, action: &str) -> Holder {
    let atom = Atom {
        action: action.into(),
        effect: Effect::Allow,
        resources: vec!["*".into()],
        except: Vec::new(),
        conditions: vec![condition_hash(&conditions(&["Bool aws:SecureTransport true"])[0])],
    };
    let atoms = if action.is_empty() { Vec::new() } else { vec![atom] };
    Holder {
        platform: "aws".into(),
        id: id.into(),
        kind: kind.into(),
        account: account.into(),
        atoms: Arc::new(atoms),
    }
}

#[test]
fn a_rename_has_the_same_account_kind_and_grants() {
    let was = Accepted::new(vec![
        holder("old", "role", "1", "s3:*"),
        holder("stays", "role", "1", "s3:*"),
    ]);
    let pairs = |now: Vec<Holder>| -> Vec<(String, String)> {
        let pairs = renames(&was, &now).into_iter();
        pairs.map(|one| (one.from.to_string(), one.to.to_string())).collect()
    };
    let stays = || holder("stays", "role", "1", "s3:*");
    assert_eq!(
        pairs(vec![holder("new", "role", "1", "s3:*"), stays()]),
        [("old".into(), "new".into())]
    );
    assert_eq!(pairs(vec![holder("new", "role", "2", "s3:*"), stays()]), []);
    assert_eq!(pairs(vec![holder("new", "user", "1", "s3:*"), stays()]), []);
    assert_eq!(pairs(vec![holder("new", "role", "1", "s3:GetObject"), stays()]), []);
    assert_eq!(
        pairs(vec![holder("old", "role", "1", "s3:*"), holder("new", "role", "1", "s3:*")]).len(),
        1
    );
    let two = vec![holder("a", "role", "1", "s3:*"), holder("b", "role", "1", "s3:*"), stays()];
    assert_eq!(pairs(two), [("old".into(), "a".into())], "each earlier name is used once");
}

fn sample() -> Baseline {
    let entry = Entry {
        fingerprint: "0123456789abcdef".into(),
        kind: "wildcard-grant".into(),
        identity: "x\"y\u{1b}".into(),
        grant: "s3:*\nline".into(),
        since: "2026-09-01".into(),
        reason: String::new(),
    };
    let findings = [(entry.fingerprint.clone(), entry)].into();
    let holders = vec![holder("b\n", "role", "1", "s3:*"), holder("a", "user", "1", "")];
    Baseline { findings, accepted: Accepted::new(holders) }
}

fn written(baseline: &Baseline) -> Vec<u8> {
    let mut out = Vec::new();
    baseline.write(&mut out).expect("memory");
    out
}

#[test]
fn a_baseline_reads_back_in_any_order_of_lines() {
    let text = written(&sample());
    assert_eq!(baseline::read(&text, "b"), Ok(sample()));
    let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
    lines.reverse();
    let again = baseline::read(&lines.join(&b'\n'), "b").expect("the same lines");
    assert_eq!(written(&again), text);
}

#[test]
fn an_update_keeps_since_and_reason() {
    let mut earlier = sample();
    for entry in earlier.findings.values_mut() {
        entry.reason = "until the migration".to_string();
    }
    let mut now = sample();
    for entry in now.findings.values_mut() {
        entry.since = "2027-01-01".to_string();
    }
    let (kept, update) = Baseline::update(earlier.clone(), now, false);
    assert_eq!((&kept, update.kept, update.added), (&earlier, 1, 0));
    let (kept, update) = Baseline::update(earlier.clone(), Baseline::default(), false);
    assert_eq!((&kept, update.gone.len(), update.atoms_gone), (&earlier, 1, 1));
    let (pruned, _) = Baseline::update(earlier, Baseline::default(), true);
    assert_eq!(pruned, Baseline::default());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_bytes_are_read_or_refused(cut in 0_usize..600, at in 0_usize..600, byte in any::<u8>()) {
        let mut text = written(&sample());
        text.truncate(text.len().min(cut));
        let length = text.len();
        if let Some(one) = text.get_mut(at % length.max(1)) {
            *one = byte;
        }
        if let Ok(found) = baseline::read(&text, "b") {
            prop_assert_eq!(baseline::read(&written(&found), "b"), Ok(found));
        }
    }
}
