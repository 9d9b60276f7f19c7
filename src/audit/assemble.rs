//! Joins what was read into one set of tables.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};
use rayon::prelude::*;

use super::read::Raw;
use super::{Evidence, Options};
use crate::catalogue::risk::EscalationIndex;
use crate::catalogue::{Action, Facts, RunCatalogue};
use crate::diagnostic::Diagnostic;
use crate::intent;
use crate::model::{
    AccessLevel, Claim, ClaimScope, Identity, IdentityKind, Intervals, Label, Outcome, Place, Rw,
    Says, Select, Source, Str, Time, UsageRow,
};
use crate::platform::{self, LogSummary, PLATFORMS, Tables};
use crate::report::model::Remark;
use crate::usage::asof::latest_plausible;

pub(super) fn assemble(mut raw: Raw, options: &Options) -> Result<Evidence, Vec<Diagnostic>> {
    let mut logs = LogSummary {
        usage: merge(std::mem::take(&mut raw.usage)),
        spans: sorted(std::mem::take(&mut raw.spans)),
        grants: sorted(std::mem::take(&mut raw.grants)),
        damaged: std::mem::take(&mut raw.damaged),
        as_of: options.as_of.or_else(|| latest_plausible(&raw.days, &raw.last_in_day)),
    };
    let mut tables = Tables::default();
    for (_, estate) in &mut raw.estates {
        estate.finish(&logs, &mut tables);
    }
    let mut usage = std::mem::take(&mut logs.usage);
    usage.append(&mut tables.usage);
    usage.extend(options.usage.iter().cloned());
    resolve(&mut usage, &tables.aliases);
    let usage = merge(usage);
    let (as_of, as_of_basis) = as_of(options, &logs, &tables, &usage);
    let usage = until(usage, as_of, &mut raw.remarks);
    tables.claims.append(&mut raw.claims);
    drop_denials_only(&usage, &mut tables);
    assume(options, &usage, &mut tables.claims)?;
    let mut log_only = log_only(&usage, &tables);
    tables.identities.append(&mut log_only);
    sort(&mut tables);
    let actions = actions(&mut tables, &usage);
    let catalogue = catalogue(&actions, &tables.levels);
    let mut evaluators = BTreeMap::new();
    for (id, estate) in raw.estates {
        let mut evaluator = estate.evaluator();
        evaluator.prepare(&catalogue);
        evaluators.insert(id, evaluator);
    }
    let platforms: Vec<&str> = PLATFORMS.iter().map(|platform| platform.id()).collect();
    let escalation = EscalationIndex::new(&catalogue, &platforms);
    let applied = intent::apply(&raw.config, &mut tables.identities);
    raw.warnings.extend(applied.warnings);
    let notes = notes(&tables, &raw.paths);
    raw.warnings.extend(no_time(as_of));
    Ok(Evidence {
        inputs: raw.inputs,
        paths: raw.paths,
        identities: tables.identities,
        credentials: tables.credentials,
        claims: sorted_claims(tables.claims),
        links: tables.links,
        usage,
        spans: logs.spans,
        actions,
        evaluators,
        escalation,
        tool_notes: sorted(tables.tool_notes),
        catalogue,
        config: raw.config,
        intents: applied
            .intents
            .into_iter()
            .map(|intent| intent.map(|one| (*one).clone()))
            .collect(),
        as_of,
        as_of_basis,
        events: raw.events,
        duplicates: raw.duplicates,
        remarks: remarks(raw.remarks),
        notes,
        fresh: None,
        warnings: raw.warnings,
    })
}

/// A log without one allowed call was filtered, and shows no use that it could have missed (design, "What a source
/// may conclude"): what its events seem to cover proves no non-use.
fn drop_denials_only(usage: &[UsageRow], tables: &mut Tables) {
    let allowed: HashSet<&str> = usage
        .iter()
        .filter(|row| row.outcome == Outcome::Allowed)
        .map(|row| &*row.platform)
        .collect();
    let is_proof =
        |claim: &Claim| claim.source != Source::InferredLog || allowed.contains(&*claim.platform);
    if !tables.claims.iter().all(is_proof) {
        let note = "the logs hold no allowed call: they prove no non-use";
        tables.notes.push((None, note.to_string()));
    }
    tables.claims.retain(is_proof);
}

/// Facts about the evidence as a whole, with their places.
fn notes(tables: &Tables, paths: &[String]) -> Vec<String> {
    let show = |(place, text): &(Option<Place>, String)| match place {
        Some(place) => {
            let path = paths.get(place.file as usize).map_or("", String::as_str);
            format!("{}: {text}", place.show(path))
        }
        None => text.clone(),
    };
    tables.notes.iter().map(show).collect::<BTreeSet<String>>().into_iter().collect()
}

/// What it means that nothing in the evidence has a time.
fn no_time(as_of: Option<Time>) -> Option<Diagnostic> {
    let warning = Diagnostic::warning("evidence", "nothing in the evidence has a time")
        .note("staleness and unused permissions are not judged")
        .help("add logs or last-accessed reports, or say --as-of today");
    as_of.is_none().then_some(warning)
}

/// Sorts tables; of two descriptions of an identity the first stays.
fn sort(tables: &mut Tables) {
    tables
        .identities
        .sort_by(|left, right| (&left.platform, &left.id).cmp(&(&right.platform, &right.id)));
    tables
        .identities
        .dedup_by(|later, first| later.platform == first.platform && later.id == first.id);
    tables.credentials.sort();
    tables.links.sort();
    tables.links.dedup();
}

/// The actions that grants, reports and usage name, sorted.
fn actions(tables: &mut Tables, usage: &[UsageRow]) -> Vec<(Str, Str)> {
    // Many rows name few actions: only those are sorted.
    let used: HashSet<(&Str, &Str)> = usage
        .iter()
        .filter(|row| !row.action.starts_with(crate::gap::NO_PERMISSION))
        .map(|row| (&row.platform, &row.action))
        .collect();
    let mut actions = std::mem::take(&mut tables.actions);
    actions.extend(used.into_iter().map(|(platform, action)| (platform.clone(), action.clone())));
    actions.sort_unstable();
    actions.dedup();
    actions
}

fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort();
    rows
}

fn sorted_claims(mut claims: Vec<Claim>) -> Vec<Claim> {
    claims.sort_by(|left, right| {
        (&left.platform, &left.scope, left.source, left.says, &left.actions, left.rw)
            .cmp(&(
                &right.platform,
                &right.scope,
                right.source,
                right.says,
                &right.actions,
                right.rw,
            ))
            .then_with(|| {
                (&left.region, &left.resources, &left.covered, &left.basis).cmp(&(
                    &right.region,
                    &right.resources,
                    &right.covered,
                    &right.basis,
                ))
            })
    });
    claims.dedup();
    claims
}

/// Same texts join their counts.
pub(super) fn remarks(remarks: Vec<Remark>) -> Vec<Remark> {
    let mut joined: BTreeMap<String, u64> = BTreeMap::new();
    for remark in remarks {
        *joined.entry(remark.text).or_default() += remark.events;
    }
    joined.into_iter().map(|(text, events)| Remark { text, events }).collect()
}

/// Sorts rows by key and joins equal ones.
pub(crate) fn merge(mut rows: Vec<UsageRow>) -> Vec<UsageRow> {
    rows.par_sort_by(|left, right| left.key().cmp(&right.key()));
    let mut out: Vec<UsageRow> = Vec::with_capacity(rows.len());
    for row in rows {
        match out.last_mut() {
            Some(last) if last.key() == row.key() => last.merge(&row),
            _ => out.push(row),
        }
    }
    out
}

/// Replaces other names of identities by their ids.
fn resolve(usage: &mut [UsageRow], aliases: &[(Str, Str, Str)]) {
    let names: HashMap<(&str, &str), &Str> =
        aliases.iter().map(|(platform, name, id)| ((&**platform, &**name), id)).collect();
    // Rows of an identity lie together: each is looked up once.
    for rows in usage.chunk_by_mut(is_of_one) {
        let known = rows.first().and_then(|row| names.get(&(&*row.platform, &*row.identity)));
        if let Some(id) = known.map(|id| Str::clone(id)) {
            rows.iter_mut().for_each(|row| row.identity = id.clone());
        }
    }
}

/// Whether both rows are of the same identity.
fn is_of_one(left: &UsageRow, right: &UsageRow) -> bool {
    left.identity == right.identity && left.platform == right.platform
}

/// The time as of which the report is made, and how it was found: an option, the newest plausible event, else
/// the newest time that a report in the evidence states.
fn as_of(
    options: &Options,
    logs: &LogSummary,
    tables: &Tables,
    usage: &[UsageRow],
) -> (Option<Time>, &'static str) {
    if let Some(time) = options.as_of {
        return (Some(time), "--as-of");
    }
    if let Some(time) = logs.as_of {
        return (Some(time), "newest event");
    }
    let mut days: BTreeMap<i64, u64> = BTreeMap::new();
    let mut last_in_day: BTreeMap<i64, Time> = BTreeMap::new();
    for time in usage.iter().flat_map(|row| [row.first, row.last]).flatten() {
        *days.entry(time.day()).or_default() += 1;
        let last = last_in_day.entry(time.day()).or_insert(time);
        *last = (*last).max(time);
    }
    if let Some(time) =
        latest_plausible(&days, &last_in_day).or_else(|| last_in_day.values().max().copied())
    {
        return (Some(time), "newest usage");
    }
    let claimed = tables.claims.iter().filter_map(|claim| claim.covered.bounds()).map(|(_, to)| to);
    let used = tables.credentials.iter().filter_map(|credential| credential.last_used);
    let seen = tables.identities.iter().filter_map(|identity| identity.last_used);
    match claimed.chain(used).chain(seen).max() {
        Some(time) => (Some(time), "newest report"),
        None => (None, "none"),
    }
}

/// Leaves out use after the time of the report: it is counted and ignored. Of a row that lies on both sides the
/// quarter-hours up to that time stay.
fn until(usage: Vec<UsageRow>, as_of: Option<Time>, remarks: &mut Vec<Remark>) -> Vec<UsageRow> {
    let Some(as_of) = as_of else { return usage };
    let (mut events, mut parts) = (0, 0);
    let mut out = Vec::with_capacity(usage.len());
    for mut row in usage {
        if row.first.is_some_and(|first| first > as_of) {
            events += row.count;
            continue;
        }
        if row.last.is_some_and(|last| last > as_of) {
            parts += 1;
            row.slots.remove_range(as_of.slot().saturating_add(1)..);
            let last = row.slots.max().map(Time::of_slot);
            row.last = last.max(row.first).map(|last| last.min(as_of));
            row.last_place = row.first_place;
        }
        out.push(row);
    }
    if events > 0 {
        let text = "later than the time of the report: left out".to_string();
        remarks.push(Remark { text, events });
    }
    if parts > 0 {
        let text = "usage rows that go on after the time of the report: cut there".to_string();
        remarks.push(Remark { text, events: parts });
    }
    out
}

/// `--assume-covered PLATFORM`: from the first to the last use, the services that occur.
fn assume(
    options: &Options,
    usage: &[UsageRow],
    claims: &mut Vec<Claim>,
) -> Result<(), Vec<Diagnostic>> {
    for name in &options.assume_covered {
        let rows: Vec<&UsageRow> = usage.iter().filter(|row| *row.platform == **name).collect();
        let first = rows.iter().filter_map(|row| row.first).min();
        let last = rows.iter().filter_map(|row| row.last).max();
        let (Some(first), Some(last)) = (first, last) else {
            return Err(vec![
                Diagnostic::error(
                    "usage",
                    format!("no dated usage of platform `{name}` to vouch for"),
                )
                .help("--assume-covered takes a platform of the evidence, such as generic"),
            ]);
        };
        let service = |row: &&UsageRow| -> Str {
            let facts = platform::by_id(name).map(|one| one.facts(&row.action, None));
            let prefix = || row.action.split(':').next().unwrap_or_default().into();
            facts.and_then(|facts| facts.service).unwrap_or_else(prefix)
        };
        let services: BTreeSet<Str> = rows.iter().map(service).collect();
        for service in services {
            claims.push(Claim {
                platform: name.as_str().into(),
                source: Source::Table,
                says: Says::NotSeen,
                scope: ClaimScope::Platform,
                actions: Select::Service(service),
                rw: Rw::All,
                resources: None,
                region: None,
                covered: Intervals::span(first, last.plus_seconds(1)),
                own_policies_only: false,
                basis: format!("assumed covered (--assume-covered {name})").into(),
                place: None,
            });
        }
    }
    Ok(())
}

/// Identities that only logs know.
fn log_only(usage: &[UsageRow], tables: &Tables) -> Vec<Identity> {
    let known: HashSet<(&Str, &Str)> =
        tables.identities.iter().map(|one| (&one.platform, &one.id)).collect();
    let accounts: HashSet<(&Str, &Str)> =
        tables.identities.iter().map(|one| (&one.platform, &one.account)).collect();
    let allowed: HashSet<&Str> = usage
        .iter()
        .filter(|row| row.outcome == Outcome::Allowed)
        .map(|row| &row.identity)
        .collect();
    let mut added = Vec::new();
    for row in usage.chunk_by(is_of_one).filter_map(<[UsageRow]>::first) {
        if known.contains(&(&row.platform, &row.identity)) {
            continue;
        }
        let mut identity =
            Identity::new(row.identity.clone(), row.platform.clone(), IdentityKind::Other);
        identity.labels.insert(Label::LogOnly);
        describe(&mut identity);
        let is_foreign = !accounts.is_empty()
            && !identity.account.is_empty()
            && !accounts.contains(&(&identity.platform, &identity.account))
            && !allowed.contains(&identity.id);
        if is_foreign {
            identity.labels.insert(Label::External);
        }
        added.push(identity);
    }
    added
}

/// What an id says by itself.
fn describe(identity: &mut Identity) {
    let id = identity.id.clone();
    let parts: Vec<&str> = id.splitn(6, ':').collect();
    if let ["arn", _, service, _, account, rest] = parts.as_slice() {
        identity.account = (*account).into();
        let (kind, name) = rest.split_once('/').unwrap_or((rest, ""));
        identity.kind = match kind {
            "role" | "assumed-role" => IdentityKind::Role,
            "user" => IdentityKind::User,
            "root" => IdentityKind::Root,
            _ => IdentityKind::Other,
        };
        let name = name.rsplit('/').next().unwrap_or(name);
        if *service == "iam" || *service == "sts" {
            identity.name = format!("aws:{kind}/{name}").trim_end_matches('/').into();
        }
    }
}

fn catalogue(actions: &[(Str, Str)], levels: &[(Str, Str, AccessLevel)]) -> RunCatalogue {
    let stated: BTreeMap<(&str, &str), AccessLevel> =
        levels.iter().map(|(platform, action, level)| ((&**platform, &**action), *level)).collect();
    let catalogues: Vec<(Str, &crate::catalogue::Catalogue)> =
        PLATFORMS.iter().map(|one| (Str::from(one.id()), one.catalogue())).collect();
    let facts = |id: &str, name: &str, action: Option<&Action>| {
        let facts = platform::by_id(id).map(|platform| platform.facts(name, action));
        let mut facts =
            facts.unwrap_or_else(|| Facts { class: "table".into(), ..Facts::default() });
        if let Some(level) = stated.get(&(id, name)) {
            facts.level = Some(*level);
        }
        facts
    };
    RunCatalogue::build(&catalogues, actions, &facts)
}
