//! `coverage-gap`: what the evidence could not show, and how much depends on it.

use std::collections::{BTreeMap, BTreeSet};

use super::{Draft, Kind, Severity, Sink, nothing};
use crate::gap::{Analysis, Reason, Status};
use crate::model::{IdentityKind, Label, Str};

pub(super) static KIND: Kind = Kind {
    id: "coverage-gap",
    summary: "Permissions whose use the evidence could not have shown",
    since: "0.1.0",
    page: include_str!("../../docs/findings/coverage-gap.md"),
    find: nothing,
    find_all: Some(find_all),
};

#[derive(Default)]
struct Account {
    unknown: u64,
    granted: u64,
    identities: BTreeSet<usize>,
    classes: BTreeMap<Str, u64>,
    used_without_grants: u64,
}

fn find_all(analysis: &Analysis<'_>, sink: &mut Sink<'_>) {
    let mut accounts: BTreeMap<(Str, Str), Account> = BTreeMap::new();
    for gap in &analysis.gaps {
        let identity = analysis.identity(gap);
        let is_folded = identity.is(Label::Human)
            || identity.is(Label::ServiceLinked)
            || identity.kind == IdentityKind::Root;
        if is_folded || gap.is_admin {
            continue;
        }
        let account =
            accounts.entry((identity.platform.clone(), identity.account.clone())).or_default();
        account.granted += gap.counts.granted;
        if !identity.has_grant_evidence && !gap.usage.is_empty() && !identity.is(Label::External) {
            account.used_without_grants += 1;
        }
        for row in gap.rows.iter().filter(|row| row.status == Status::Unknown) {
            if matches!(row.reason, Some(Reason::NotLogged | Reason::ShortWindow)) {
                account.unknown += row.actions.len() as u64;
                account.identities.insert(gap.identity);
                for id in &row.actions {
                    let class = analysis.input.catalogue.class_of(*id).clone();
                    *account.classes.entry(class).or_default() += 1;
                }
            }
        }
    }
    for ((platform, account), seen) in accounts {
        let about: Str = format!("{platform}:account/{account}").into();
        if seen.unknown > 0 {
            push_unknown(sink, &about, &seen);
        }
        if seen.used_without_grants > 0 {
            push_no_grants(sink, &about, &seen);
        }
    }
}

fn push_unknown(sink: &mut Sink<'_>, about: &Str, seen: &Account) {
    let mut classes: Vec<(&Str, &u64)> = seen.classes.iter().collect();
    classes.sort_by_key(|(class, count)| (std::cmp::Reverse(**count), (*class).clone()));
    let list: Vec<String> =
        classes.iter().take(3).map(|(class, count)| format!("{class} {count}")).collect();
    let more = classes.len().saturating_sub(3);
    let more = if more > 0 { format!(" and {more} more classes") } else { String::new() };
    let severity = if seen.unknown * 2 > seen.granted { Severity::Medium } else { Severity::Low };
    sink.push_about(
        about.clone(),
        severity,
        Draft {
            subject: "logs".into(),
            title: format!(
                "{} permissions of {} identities not observable: {}{more}",
                seen.unknown,
                seen.identities.len(),
                list.join(", ")
            ),
            resources: classes.iter().map(|(class, _)| (*class).clone()).collect(),
            remedy:
                "turn the log classes on, add the logs that exist, or add last-accessed reports"
                    .to_string(),
            ..Draft::default()
        },
    );
}

fn push_no_grants(sink: &mut Sink<'_>, about: &Str, seen: &Account) {
    sink.push_about(
        about.clone(),
        Severity::Low,
        Draft {
            subject: "grants".into(),
            title: format!(
                "{} identities in the logs have no grants in the evidence",
                seen.used_without_grants
            ),
            remedy: "add the account's authorization details".to_string(),
            ..Draft::default()
        },
    );
}
