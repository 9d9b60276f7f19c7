//! Gives manifests that name no namespace one: `kubectl -n` and kustomize set it elsewhere.
//!
//! Never silently `default`: what was taken, and why, is a note. In order: the kustomization of the folder, the
//! namespace that bindings of the folder give its service accounts, `default`.

use std::collections::{BTreeMap, BTreeSet};

use super::documents::Objects;
use super::objects::Meta;
use crate::model::{Place, Str};

/// Fills in the namespaces that objects lack.
pub(super) fn resolve(objects: &mut Objects) {
    let folders = std::mem::take(&mut objects.folders);
    let folder_of = |place: Option<Place>| -> Str {
        place.and_then(|place| folders.get(&place.file).cloned()).unwrap_or_default()
    };
    // Folder to the first object without a namespace, and how many there are.
    let mut lacking: BTreeMap<Str, (Option<Place>, u64)> = BTreeMap::new();
    let metas = objects
        .roles
        .iter()
        .filter(|role| !role.is_cluster)
        .map(|role| &role.meta)
        .chain(objects.bindings.iter().filter(|one| !one.is_cluster).map(|one| &one.meta))
        .chain(objects.accounts.iter().map(|one| &one.meta))
        .chain(objects.workloads.iter().map(|one| &one.meta))
        .chain(objects.tokens.iter().map(|one| &one.meta));
    for meta in metas.filter(|meta| meta.namespace.is_empty()) {
        let entry = lacking.entry(folder_of(meta.place)).or_insert((meta.place, 0));
        entry.0 = entry.0.min(meta.place);
        entry.1 += 1;
    }
    if lacking.is_empty() {
        return;
    }
    let mut chosen: BTreeMap<Str, Str> = BTreeMap::new();
    for (folder, (place, count)) in lacking {
        let (namespace, why) = choose(objects, &folder, &folder_of);
        let text = format!("{count} objects name no namespace: `{namespace}` is taken, {why}");
        objects.notes.push((place, text));
        chosen.insert(folder, namespace);
    }
    let fill = |meta: &mut Meta| {
        if meta.namespace.is_empty()
            && let Some(namespace) = chosen.get(&folder_of(meta.place))
        {
            meta.namespace = namespace.clone();
        }
    };
    objects.roles.iter_mut().filter(|role| !role.is_cluster).for_each(|one| fill(&mut one.meta));
    objects.bindings.iter_mut().filter(|one| !one.is_cluster).for_each(|one| fill(&mut one.meta));
    objects.accounts.iter_mut().for_each(|one| fill(&mut one.meta));
    objects.workloads.iter_mut().for_each(|one| fill(&mut one.meta));
    objects.tokens.iter_mut().for_each(|one| fill(&mut one.meta));
}

fn choose(
    objects: &Objects,
    folder: &Str,
    folder_of: &dyn Fn(Option<Place>) -> Str,
) -> (Str, &'static str) {
    if let Some(namespace) = objects.kustomized.get(folder) {
        return (namespace.clone(), "from the folder's kustomization");
    }
    let homeless: BTreeSet<&Str> = objects
        .accounts
        .iter()
        .filter(|one| one.meta.namespace.is_empty() && folder_of(one.meta.place) == *folder)
        .map(|one| &one.meta.name)
        .collect();
    let bound: BTreeSet<&Str> = objects
        .bindings
        .iter()
        .filter(|binding| folder_of(binding.meta.place) == *folder)
        .flat_map(|binding| &binding.subjects)
        .filter(|bound| &*bound.kind == "ServiceAccount" && !bound.namespace.is_empty())
        .filter(|bound| homeless.is_empty() || homeless.contains(&bound.name))
        .map(|bound| &bound.namespace)
        .collect();
    match bound.first() {
        Some(only) if bound.len() == 1 => {
            ((*only).clone(), "from the subjects of the folder's bindings")
        }
        _ => ("default".into(), "as kubectl does; the evidence does not say"),
    }
}
