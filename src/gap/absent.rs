//! Rows of what an identity does not hold: what it only tried, and what it is meant to do and cannot.

use super::row::Status;
use super::status::{Judge, Judged};
use super::within;
use crate::model::{ActionSet, Glob};

impl Judge<'_> {
    /// Actions that were only tried, or denied, and are not granted.
    pub(super) fn attempted(&self, used: &ActionSet, judged: &mut Judged) {
        for (action, one) in &self.uses.by_action {
            if used.contains(*action) || self.grants.actions.contains(*action) {
                continue;
            }
            let mut row = self.unused_row(*action, Status::NotGranted, &[]);
            row.denied = one.denied;
            row.uses = 0;
            row.last_used = None;
            judged.rows.push(row);
        }
    }

    /// What the intent names and is neither granted nor used.
    pub(super) fn shortfall(&self, used: &ActionSet, judged: &mut Judged) {
        let Some(intent) = self.intent else { return };
        if !self.identity.has_grant_evidence || self.identity.may_hold_more() {
            return;
        }
        for pattern in within::intended(intent) {
            let set = self.frame.catalogue.expand(&self.identity.platform, &pattern);
            let held = !set.is_disjoint(&self.grants.actions) || !set.is_disjoint(used);
            let by_text = || {
                self.grants.actions.iter().any(|id| {
                    let entry = self.frame.catalogue.entry(id);
                    entry.is_pattern && Glob::fold(&entry.name).intersects(&Glob::fold(&pattern))
                })
            };
            if let Some(first) = set.min()
                && !held
                && !by_text()
            {
                let mut row = self.unused_row(first, Status::Shortfall, &[]);
                row.note = Some(pattern.into());
                judged.rows.push(row);
            }
        }
    }
}
