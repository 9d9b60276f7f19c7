//! Use that an earlier JSON report knows, where the logs themselves are not at hand.
//!
//! Only what a report says of allowed use is taken: it keeps a grant from being called unjustified. It covers
//! nothing, so that no permission is called unused by it.

use roaring::RoaringBitmap;

use crate::gap::Status;
use crate::model::{Outcome, ScopeSet, Str, Time, UsageRow};
use crate::report::model::{PermissionOut, Report};

/// Usage rows of a report's permissions. A list of resources that was cut counts as use of unknown resources.
pub(super) fn rows(report: &Report) -> Vec<UsageRow> {
    let mut out = Vec::new();
    for identity in &report.identities {
        let used = identity.permissions.iter().filter(|row| row.folded == 1 && row.uses > 0);
        for permission in used.filter(|row| row.status != Status::Shortfall) {
            let scopes = scopes(permission);
            for (at, scope) in scopes.into_iter().enumerate() {
                // Events count once, in the first of an action's rows.
                let count = if at == 0 { permission.uses } else { 0 };
                out.push(row((&identity.platform, &identity.id), permission, scope, count));
            }
        }
    }
    out
}

fn scopes(permission: &PermissionOut) -> Vec<ScopeSet> {
    let is_cut = permission.resources.iter().any(|resource| resource.starts_with('…'));
    let is_open = permission.resources.iter().any(|resource| resource.contains(['*', '?']));
    if permission.resources.is_empty() || is_cut || is_open {
        return vec![ScopeSet::Unknown];
    }
    permission.resources.iter().map(|scope| ScopeSet::One(scope.clone())).collect()
}

fn row(
    (platform, identity): (&Str, &Str),
    permission: &PermissionOut,
    scope: ScopeSet,
    count: u64,
) -> UsageRow {
    let first = permission.first_used.map(|stamp| stamp.0);
    let last = permission.last_used.map(|stamp| stamp.0);
    let slots: RoaringBitmap = [first, last].into_iter().flatten().map(Time::slot).collect();
    UsageRow {
        scope,
        count,
        also: if count == 0 { 1 } else { 0 },
        first,
        last,
        slots,
        ..UsageRow::new(
            platform.clone(),
            identity.clone(),
            permission.action.clone(),
            Outcome::Allowed,
        )
    }
}
