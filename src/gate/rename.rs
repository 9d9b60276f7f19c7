//! An identity that only changed its name: the old id is gone, the new one is unknown, and platform, account, kind
//! and atoms are the same.
//!
//! Atoms must be equal, not merely contained: else a removed administrator would cover any new identity.

use std::collections::{BTreeMap, BTreeSet};

use super::atoms::{Accepted, Holder};
use crate::model::Str;

/// One renamed identity.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rename {
    /// Platform.
    pub platform: Str,
    /// The id that is gone.
    pub from: Str,
    /// The id that is new.
    pub to: Str,
}

/// Pairs ids that are gone with ids that are new, in the order of ids; each is used once. Identities without a grant
/// are never paired: they have nothing that tells them apart.
pub fn renames(accepted: &Accepted, now: &[Holder]) -> Vec<Rename> {
    let here: BTreeSet<(&Str, &Str)> = now.iter().map(|one| (&one.platform, &one.id)).collect();
    let mut gone: BTreeMap<_, Vec<&Holder>> = BTreeMap::new();
    for holder in accepted.holders.values().rev() {
        let is_gone = !here.contains(&(&holder.platform, &holder.id));
        if is_gone && !holder.atoms.is_empty() {
            let key = (&holder.platform, &holder.account, &holder.kind, &*holder.atoms);
            gone.entry(key).or_default().push(holder);
        }
    }
    let mut out = Vec::new();
    for holder in now {
        let key = (holder.platform.clone(), holder.id.clone());
        if accepted.holders.contains_key(&key) {
            continue;
        }
        let key = (&holder.platform, &holder.account, &holder.kind, &*holder.atoms);
        if let Some(from) = gone.get_mut(&key).and_then(Vec::pop) {
            let (from, to) = (from.id.clone(), holder.id.clone());
            out.push(Rename { platform: holder.platform.clone(), from, to });
        }
    }
    out
}
