//! Joins the documents and logs of all clusters into the tables, and builds the evaluator.

use std::collections::{BTreeMap, BTreeSet};

use super::documents::{self, Objects};
use super::evaluator::KubernetesEvaluator;
use super::identities::Maker;
use super::view::{View, role_key, show_role};
use super::{ID, claims, expand, links, logged, names, namespaces};
use crate::model::{Place, Str, UsageRow};
use crate::platform::{Document, Estate, Evaluator, Intake, Kind, LogSummary, Tables};

/// The Kubernetes documents of a run.
#[derive(Default)]
pub struct KubernetesEstate {
    clusters: BTreeMap<Str, Objects>,
    evaluator: KubernetesEvaluator,
}

impl Estate for KubernetesEstate {
    fn read(&mut self, kind: &'static Kind, document: &Document<'_>, intake: &mut Intake) {
        let objects = self.clusters.entry(document.context.into()).or_default();
        documents::read(objects, kind, document, intake);
    }

    fn finish(&mut self, logs: &LogSummary, tables: &mut Tables) {
        let mut clusters = std::mem::take(&mut self.clusters);
        let usage = by_cluster(logs);
        join(&mut clusters, &usage, tables);
        for cluster in usage.keys() {
            clusters.entry(cluster.clone()).or_default();
        }
        for (number, (name, mut objects)) in clusters.into_iter().enumerate() {
            let rows = usage.get(&name).map_or(&[][..], Vec::as_slice);
            self.cluster(number, &name, &mut objects, (logs, rows), tables);
        }
        self.count_holders();
        claims::claims(logs, &self.evaluator.unlogged, &mut tables.claims);
    }

    fn evaluator(self: Box<Self>) -> Box<dyn Evaluator> {
        Box::new(self.evaluator)
    }
}

impl KubernetesEstate {
    fn cluster(
        &mut self,
        number: usize,
        name: &Str,
        objects: &mut Objects,
        (logs, usage): (&LogSummary, &[&UsageRow]),
        tables: &mut Tables,
    ) {
        namespaces::resolve(objects);
        tables.notes.append(&mut objects.notes);
        let mut logged = logged::read(name, objects, &logs.grants, &mut tables.notes);
        let more = (std::mem::take(&mut logged.roles), std::mem::take(&mut logged.bindings));
        let view = View::new(name, objects, more, &mut tables.notes);
        tell(&view, tables);
        let maker = Maker { cluster: number, view: &view, objects, logged: &logged, usage };
        maker.make(tables, &mut self.evaluator.known);
        links::links(name, objects, &mut tables.links);
        self.evaluator.unlogged.add(name, &objects.policies, usage, &mut tables.notes);
        self.evaluator.views.push(view);
    }

    /// How many identities hold each role, groups left out: their members hold it.
    fn count_holders(&mut self) {
        let mut holders: BTreeMap<Str, usize> = BTreeMap::new();
        for known in self.evaluator.known.values().filter(|known| !known.who.username.is_empty()) {
            let Some(view) = self.evaluator.views.get(known.cluster) else { continue };
            let keys: BTreeSet<_> = view
                .attached(&known.who)
                .iter()
                .filter_map(|one| view.bindings.get(one.binding as usize).and_then(role_key))
                .collect();
            for key in keys {
                *holders.entry(self.evaluator.policy(known.cluster, &key)).or_default() += 1;
            }
        }
        self.evaluator.holders = holders.into_iter().collect();
    }
}

/// Usage rows by cluster; a cluster whose log has no use of an identity is there too.
fn by_cluster(logs: &LogSummary) -> BTreeMap<Str, Vec<&UsageRow>> {
    let mut clusters: BTreeMap<Str, Vec<&UsageRow>> = BTreeMap::new();
    for span in logs.spans.iter().filter(|span| &*span.platform == ID) {
        clusters.entry(span.account.clone()).or_default();
    }
    for grant in logs.grants.iter().filter(|grant| &*grant.platform == ID) {
        if let Some((cluster, _)) = names::username(&grant.identity) {
            clusters.entry(cluster.into()).or_default();
        }
    }
    for row in logs.usage.iter().filter(|row| &*row.platform == ID) {
        if let Some((cluster, _)) = names::username(&row.identity) {
            match clusters.get_mut(cluster) {
                Some(rows) => rows.push(row),
                None => {
                    clusters.insert(cluster.into(), vec![row]);
                }
            }
        }
    }
    clusters
}

/// Documents of one place and the log of one cluster are of one cluster: a managed service writes its name into the
/// log, and no manifest has it.
fn join(
    clusters: &mut BTreeMap<Str, Objects>,
    usage: &BTreeMap<Str, Vec<&UsageRow>>,
    tables: &mut Tables,
) {
    let (Some(document), Some(log)) = (clusters.keys().next(), usage.keys().next()) else { return };
    if clusters.len() != 1 || usage.len() != 1 || document == log {
        return;
    }
    let (document, log) = (document.clone(), log.clone());
    if let Some(objects) = clusters.remove(&document) {
        clusters.insert(log.clone(), objects);
        let shown = if document.is_empty() { "the documents".into() } else { document };
        tables.notes.push((
            None,
            format!(
                "the objects of {shown} are taken to be of cluster {log}, the only one in the logs"
            ),
        ));
    }
}

/// Tells what of the rules allows nothing, and which roles are missing; names the actions that rules name.
fn tell(view: &View, tables: &mut Tables) {
    let mut actions: BTreeSet<Str> = BTreeSet::new();
    let mut dead: BTreeMap<(Option<Place>, String), u64> = BTreeMap::new();
    let mut told = BTreeSet::new();
    for binding in &view.bindings {
        let Some(key) = role_key(binding) else {
            if binding.meta.place.is_some() {
                let text = format!(
                    "{} refers to {} {}, which it cannot: it grants nothing",
                    binding.show(),
                    binding.role_kind,
                    binding.role
                );
                dead.insert((binding.meta.place, text), 1);
            }
            continue;
        };
        if view.role(&key).is_none() {
            let text = format!("{} names {}, which is missing", binding.show(), show_role(&key));
            dead.insert((binding.meta.place, text), 1);
        }
        for bound in &binding.subjects {
            let is_nobody = &*bound.kind == "ServiceAccount"
                && super::view::bound_username(binding, bound).is_none();
            if is_nobody && binding.meta.place.is_some() {
                let text = format!(
                    "{} binds service account {} without a namespace: nobody",
                    binding.show(),
                    bound.name
                );
                dead.insert((binding.meta.place, text), 1);
            }
        }
        if !told.insert(key.clone()) {
            continue;
        }
        for one in view.rules(binding) {
            expand::named(&one.rule, &mut actions);
            for text in one.rule.dead_parts() {
                let text = format!("{} of {} matches nothing", text, show_role(&key));
                dead.insert((one.rule.place, text), 1);
            }
        }
    }
    tables.notes.extend(dead.into_keys());
    tables.actions.extend(actions.into_iter().map(|action| (ID.into(), action)));
}
