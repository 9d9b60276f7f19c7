//! Policy files that nothing attaches: each stands for an identity that would hold it.
//!
//! Owns when they are judged and what they are called. What they grant is evaluated like anything else.

use std::collections::{BTreeMap, BTreeSet};

use super::join::entity;
use super::{Holder, HolderKind, UNKNOWN};
use crate::model::Str;
use crate::model::settings::Side;
use crate::platform::aws::documents::Evidence;
use crate::platform::aws::documents::authorization::add_entity;
use crate::platform::aws::documents::entities::Managed;

/// Identity policies that nothing attaches are judged alone, if nothing else in the evidence grants: each stands
/// for an identity that would hold it.
pub(super) fn alone(evidence: &mut Evidence, side: Side) {
    let alone = std::mem::take(&mut evidence.changes.alone);
    let is_alone = evidence.entities.is_empty()
        && evidence.roles.is_empty()
        && evidence.changes.list.is_empty();
    if !is_alone || side == Side::Before {
        return;
    }
    let names = names(&alone.iter().map(|(path, _, _)| path.as_str()).collect::<Vec<_>>());
    for ((_, document, place), name) in alone.into_iter().zip(names) {
        let arn: Str = format!("arn:aws:iam::{UNKNOWN}:policy/{name}").into();
        evidence.changes.stand_ins.insert(arn.clone(), format!("aws:policy/{name}").into());
        let managed = Managed { document: Some(document), since: None, place };
        evidence.managed.insert(arn.clone(), managed);
        let holder = Holder { kind: HolderKind::Role, name: name.into(), scope: 0 };
        let mut entity = entity(&arn, UNKNOWN, &holder, place);
        entity.attached.push(arn);
        add_entity(evidence, entity);
    }
}

/// Names of files: the stem, with as many folders before it as tell it from the others, and with a number where
/// one file holds several.
fn names(paths: &[&str]) -> Vec<String> {
    const FOLDERS: usize = 8;
    let tail = |path: &str, folders: usize| {
        let stem = crate::platform::aws::documents::stem(path);
        let above: Vec<&str> = path.rsplit('/').skip(1).take(folders).collect();
        let above: String = above.iter().rev().map(|folder| format!("{folder}/")).collect();
        format!("{above}{stem}")
    };
    let distinct: BTreeSet<&str> = paths.iter().copied().collect();
    let mut shared: Vec<BTreeMap<String, usize>> = vec![BTreeMap::new(); FOLDERS];
    for path in distinct {
        for (folders, counts) in shared.iter_mut().enumerate() {
            *counts.entry(tail(path, folders)).or_default() += 1;
        }
    }
    let mut used: BTreeMap<String, usize> = BTreeMap::new();
    let mut names = Vec::new();
    for path in paths {
        let mut fits = shared.iter().enumerate().map(|(folders, counts)| {
            let name = tail(path, folders);
            (counts.get(&name).copied().unwrap_or(0), name)
        });
        let name = fits.find(|(count, _)| *count == 1);
        let name = name.map_or_else(|| (*path).to_string(), |(_, name)| name);
        let count = used.entry(name.clone()).or_default();
        *count += 1;
        names.push(if *count > 1 { format!("{name}-{count}") } else { name });
    }
    names
}
