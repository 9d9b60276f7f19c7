//! Denies: what they take out of a row.
//!
//! An action disappears only by an unconditional deny that covers every resource on which the row allows it;
//! a partial one goes to `except`; one that context decides makes the row conditional.

use super::resolve::{Applied, Pattern, Resources, meet};
use super::rows::{ROWS_CAP, Row, Tools, is_certain};
use crate::model::{ActionSet, Condition, ConditionClass, Glob, Layer, Str};
use crate::platform::aws::policy::condition;

impl Tools<'_> {
    /// Takes what a denying statement denies out of the rows. `names_caller` says whether the statement
    /// certainly names the caller.
    pub(super) fn deny(&self, rows: Vec<Row>, by: &Applied<'_>, names_caller: bool) -> Vec<Row> {
        let may_split = rows.len() < ROWS_CAP;
        let mut out = Vec::with_capacity(rows.len() + 1);
        for mut row in rows {
            let mut hit = &row.actions & &*by.actions;
            if by.bound.layer == Layer::Rcp {
                hit &= &self.compiled.under_rcp;
            }
            let mut parts = Vec::new();
            let is_open = !by.open.is_empty() || !names_caller || self.is_elsewhere(&row, by);
            if !hit.is_empty() && is_open {
                self.deny_maybe(&row, &mut hit, by, &mut parts);
            } else if !hit.is_empty() {
                self.deny_surely(&row, &mut hit, by, &mut parts);
            }
            // `hit` is now what the deny touches, `parts` what of it stays.
            if may_split || parts.is_empty() {
                row.actions -= &hit;
                out.extend(parts);
            } else {
                self.whole(&mut row, by);
            }
            out.push(row);
        }
        out.retain(|row| !row.actions.is_empty());
        out
    }

    /// With too many rows: the deny is told as a condition of the whole row.
    fn whole(&self, row: &mut Row, by: &Applied<'_>) {
        row.add(unless(by, None));
    }

    /// Whether a resource control policy leaves resources of the row alone, which may be of other accounts.
    fn is_elsewhere(&self, row: &Row, by: &Applied<'_>) -> bool {
        let is_own = |resource: &Str| {
            let account = resource.split(':').nth(4);
            let start = resource.find(['*', '?']).unwrap_or(resource.len());
            let known = memchr::memchr_iter(b':', resource.as_bytes()).nth(4);
            account == Some(self.account) && known.is_some_and(|known| known < start)
        };
        by.bound.layer == Layer::Rcp && !row.resources.iter().all(is_own)
    }

    /// A deny that context decides.
    fn deny_maybe(&self, row: &Row, hit: &mut ActionSet, by: &Applied<'_>, parts: &mut Vec<Row>) {
        let on = match &by.resources {
            Resources::All => None,
            Resources::Not(list) => {
                let texts: Vec<&str> = list.iter().map(|pattern| &*pattern.text).collect();
                Some(format!("all but {}", texts.join(", ")))
            }
            Resources::List(list) => {
                let Some(texts) = self.touched(row, hit, list.iter()) else {
                    return;
                };
                let is_all = texts.iter().any(|text| &**text == "*");
                (!is_all).then(|| texts.join(", "))
            }
        };
        let mut part = row.clone();
        part.actions = hit.clone();
        part.add(if by.open.is_empty() && by.bound.layer == Layer::Rcp {
            self.own_account(on.as_deref())
        } else {
            unless(by, on.as_deref())
        });
        parts.push(part);
    }

    /// An unconditional resource control policy denies on resources of its own account.
    fn own_account(&self, on: Option<&str>) -> Condition {
        let on = on.map(|on| format!(" on {on}")).unwrap_or_default();
        Condition {
            text: format!("unless aws:ResourceAccount {}{on}", self.account).into(),
            key: "aws:resourceaccount".into(),
            class: ConditionClass::Destination,
        }
    }

    /// Narrows `hit` to actions that a deny's patterns can be about, and lists the patterns that meet the row's
    /// resources. `None`: the deny does not touch the row.
    fn touched<'p>(
        &self,
        row: &Row,
        hit: &mut ActionSet,
        list: impl Iterator<Item = &'p Pattern>,
    ) -> Option<Vec<Str>> {
        let texts: Vec<Str> = list
            .map(|pattern| &pattern.text)
            .filter(|text| row.reaches(&Glob::new(text)))
            .cloned()
            .collect();
        if texts.is_empty() {
            hit.clear();
            return None;
        }
        *hit = self.compiled.reach(self.forms, &texts, hit);
        (!hit.is_empty()).then_some(texts)
    }

    /// A deny that no context changes.
    fn deny_surely(&self, row: &Row, hit: &mut ActionSet, by: &Applied<'_>, parts: &mut Vec<Row>) {
        match &by.resources {
            Resources::All => {}
            Resources::Not(list) => self.deny_but(row, hit, list, by, parts),
            Resources::List(list) => self.deny_on(row, hit, list, by, parts),
        }
    }

    fn deny_on(
        &self,
        row: &Row,
        hit: &mut ActionSet,
        list: &[Pattern],
        by: &Applied<'_>,
        parts: &mut Vec<Row>,
    ) {
        let mut left = hit.clone();
        let (sure, open): (Vec<&Pattern>, Vec<&Pattern>) =
            list.iter().partition(|pattern| is_certain(pattern));
        let mut sure_hit = left.clone();
        let except = self.touched(row, &mut sure_hit, sure.iter().copied());
        let mut open_hit = left.clone();
        let maybe = self.touched(row, &mut open_hit, open.iter().copied());
        *hit = &sure_hit | &open_hit;
        left &= &*hit;
        if let Some(except) = &except {
            let globs: Vec<Glob> = except.iter().map(|text| Glob::new(text)).collect();
            let is_gone = |resource: &Str| {
                let resource = Glob::new(resource);
                globs.iter().any(|glob| glob.contains(&resource))
            };
            if row.resources.iter().all(is_gone) {
                left -= &sure_hit;
            } else {
                let texts: Vec<&Str> = except.iter().collect();
                left -= self.compiled.covered(self.forms, &sure_hit, &texts);
            }
        }
        // Actions that both, one or the other kind of pattern touches.
        let groups = [
            (&sure_hit & &open_hit, true, true),
            (&sure_hit - &open_hit, true, false),
            (&open_hit - &sure_hit, false, true),
        ];
        for (actions, is_sure, is_open) in groups {
            let actions = actions & &left;
            if actions.is_empty() {
                continue;
            }
            let mut part = row.clone();
            part.actions = actions;
            if let Some(except) = except.as_ref().filter(|_| is_sure) {
                part.except.extend(except.iter().cloned());
            }
            if let Some(maybe) = maybe.as_ref().filter(|_| is_open) {
                part.add(unless(by, Some(&maybe.join(", "))));
            }
            parts.push(part);
        }
    }

    /// A deny of everything but a list: what stays is within the list.
    fn deny_but(
        &self,
        row: &Row,
        hit: &ActionSet,
        list: &[Pattern],
        by: &Applied<'_>,
        parts: &mut Vec<Row>,
    ) {
        let mut part = row.clone();
        part.actions = hit - self.compiled.without_resource(hit);
        let texts: Vec<Str> = list.iter().map(|pattern| pattern.text.clone()).collect();
        if list.iter().any(|pattern| pattern.open.is_some()) {
            let all: Vec<&str> = texts.iter().map(|text| &**text).collect();
            let on = format!("all but {}", all.join(", "));
            part.add(unless(by, Some(&on)));
        }
        let met = meet(&row.resources, &texts);
        if met.as_ref().is_some_and(Vec::is_empty) {
            return;
        }
        self.within(&mut part, met, &texts, &by.bound.name);
        parts.push(part);
    }
}

/// The condition that a deny leaves on a row, whether tests or resources decide it.
fn unless(by: &Applied<'_>, on: Option<&str>) -> Condition {
    if !by.open.is_empty() {
        return condition::unless(&by.open, on);
    }
    let on = on.unwrap_or("the caller");
    Condition {
        text: format!("unless {} denies it on {on}", by.bound.name).into(),
        key: "".into(),
        class: ConditionClass::Other,
    }
}

/// The certain excepts that still matter, and the resources that they leave; `None`: none is left.
pub(super) fn tidy(row: &mut Row) -> Option<()> {
    if row.except.is_empty() {
        return Some(());
    }
    row.except.sort_unstable();
    row.except.dedup();
    let globs: Vec<Glob> = row.except.iter().map(|text| Glob::new(text)).collect();
    let is_gone = |resource: &Str| {
        let resource = Glob::new(resource);
        globs.iter().any(|glob| glob.contains(&resource))
    };
    if row.resources.iter().any(is_gone) {
        let left = row.resources.iter().filter(|resource| !is_gone(resource));
        row.resources = left.cloned().collect();
    }
    let except = std::mem::take(&mut row.except);
    let kept = except.into_iter().filter(|text| row.reaches(&Glob::new(text)));
    row.except = kept.collect();
    (!row.resources.is_empty()).then_some(())
}
