//! `stale-credential`: an active credential that nothing uses.

use super::{Draft, Kind, Proof, Severity, Sink};
use crate::gap::{Analysis, IdentityGap};
use crate::model::{AccessLevel, Credential, Time};

pub(super) static KIND: Kind = Kind {
    id: "stale-credential",
    summary: "An active credential that was never used, or not for longer than the staleness limit",
    since: "0.1.0",
    page: include_str!("../../docs/findings/stale-credential.md"),
    find,
    find_all: None,
};

/// Older than this, a credential with write grants behind it is a high finding.
const LONG_DAYS: i64 = 365;

fn find(analysis: &Analysis<'_>, gap: &IdentityGap, sink: &mut Sink<'_>) {
    let identity = analysis.identity(gap);
    let Some(as_of) = analysis.input.as_of else {
        return;
    };
    for credential in analysis.credentials_of(&identity.id) {
        if is_stale(credential, as_of, analysis.input.stale_after_days) {
            push(analysis, gap, credential, as_of, sink);
        }
    }
}

/// Active, older than the limit, and its last use is older too, or the evidence says that there was none.
fn is_stale(credential: &Credential, as_of: Time, stale_after_days: u32) -> bool {
    let limit = as_of.plus_days(-i64::from(stale_after_days));
    let is_old = credential.created.is_none_or(|created| created < limit);
    let is_unused = match credential.last_used {
        Some(last) => last < limit,
        None => credential.never,
    };
    credential.active == Some(true) && is_old && is_unused
}

fn push(
    analysis: &Analysis<'_>,
    gap: &IdentityGap,
    credential: &Credential,
    as_of: Time,
    sink: &mut Sink<'_>,
) {
    let writes = gap.levels.iter().any(|(level, _)| level.changes())
        || gap.levels.contains_key(&AccessLevel::PermissionsManagement);
    let is_long = credential.last_used.is_none_or(|last| last.age_days(as_of) > LONG_DAYS);
    let severity = if writes && is_long { Severity::High } else { Severity::Medium };
    let used = match credential.last_used {
        Some(last) => format!("last used {}", last.date()),
        None => "never used".to_string(),
    };
    sink.push(
        analysis,
        gap,
        severity,
        Draft {
            subject: credential.id.clone().into(),
            title: format!("{} {}, active, {used}", credential.kind, credential.id),
            date: credential.last_used.or(credential.created),
            evidence: vec![Proof {
                side: "grant",
                place: credential.place,
                config: None,
                text: format!("{} {}: active, {used}", credential.kind, credential.id).into(),
            }],
            remedy: format!("deactivate {}; delete it if nothing breaks", credential.id),
            ..Draft::default()
        },
    );
}
