//! Which entries of the configuration are for which identity.
//!
//! An entry matches by display name (`PLATFORM:KIND/NAME`) or by canonical id. Entries apply in file order and
//! later ones override field by field. Owns the overriding of what evidence says about owner, purpose,
//! environment, expiry and third party; does not judge anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;

use super::check::{Intent, Labels};
use super::config::{Config, Field, IdentityEntry};
use crate::diagnostic::Diagnostic;
use crate::model::{Glob, Identity, Label, Str};

/// What the configuration says of a run's identities.
#[derive(Debug, Clone, Default)]
pub struct Applied {
    /// One for each identity, in the same order; `None` if no entry matches it.
    pub intents: Vec<Option<Arc<Intent>>>,
    /// Entries that match nothing.
    pub warnings: Vec<Diagnostic>,
}

/// Applies the configuration's entries to identities: sets owner, purpose, environment, expiry and the
/// third-party label where an entry gives them, and joins the intents.
///
/// An intent's environment is the entry's, else what the evidence says of the identity.
pub fn apply(config: &Config, identities: &mut [Identity]) -> Applied {
    let labels = Arc::new(Labels {
        environments: config.environments.clone(),
        sensitivities: config.labels.clone(),
        order: config.sensitivities.clone(),
    });
    let chosen = choose(config, identities);
    let mut is_used = vec![false; config.identities.len()];
    let mut shared: BTreeMap<(Vec<usize>, Option<Str>), Arc<Intent>> = BTreeMap::new();
    let mut applied = Applied::default();
    for (identity, entries) in identities.iter_mut().zip(chosen) {
        if entries.is_empty() {
            applied.intents.push(None);
            continue;
        }
        for entry in &entries {
            is_used[*entry] = true;
        }
        let key = (entries, identity.environment.clone());
        let intent = shared.entry(key).or_insert_with_key(|(entries, environment)| {
            let entries = entries.iter().map(|at| &config.identities[*at]);
            Arc::new(join(entries, environment.as_ref(), labels.clone()))
        });
        describe(identity, intent);
        applied.intents.push(Some(intent.clone()));
    }
    for (entry, _) in config.identities.iter().zip(is_used).filter(|(_, used)| !used) {
        applied.warnings.push(unmatched(config, entry, identities));
    }
    applied
}

/// Whether a pattern of the configuration means an identity.
pub fn matches(pattern: &Glob, identity: &Identity) -> bool {
    pattern.matches(&identity.id) || pattern.matches(&identity.name)
}

/// The numbers of the matching entries for each identity. Names without wildcards are looked up, so that a
/// file which lists every identity does not cost the product of both.
fn choose(config: &Config, identities: &[Identity]) -> Vec<Vec<usize>> {
    let mut exact: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut globs: Vec<(usize, &Glob)> = Vec::new();
    for (at, entry) in config.identities.iter().enumerate() {
        let pattern = &entry.matches.value;
        if pattern.is_exact() {
            exact.entry(pattern.as_str()).or_default().push(at);
        } else {
            globs.push((at, pattern));
        }
    }
    let of = |identity: &Identity| {
        let names = [&*identity.id, &*identity.name];
        let named = names.iter().filter_map(|name| exact.get(name)).flatten().copied();
        let mut found: Vec<usize> = named.collect();
        let fits = globs.iter().filter(|(_, pattern)| matches(pattern, identity));
        found.extend(fits.map(|(at, _)| *at));
        found.sort_unstable();
        found.dedup();
        found
    };
    identities.iter().map(of).collect()
}

fn join<'e>(
    entries: impl Iterator<Item = &'e IdentityEntry>,
    environment: Option<&Str>,
    labels: Arc<Labels>,
) -> Intent {
    let mut out = Intent {
        entries: Vec::new(),
        owner: None,
        purpose: None,
        environment: None,
        third_party: None,
        expires: None,
        allow: None,
        deny: None,
        resources: None,
        hours: None,
        regions: None,
        accounts: None,
        max: None,
        require_condition_above: None,
        labels,
    };
    for entry in entries {
        out.entries.push(entry.spot);
        replace(&mut out.owner, &entry.owner);
        replace(&mut out.purpose, &entry.purpose);
        replace(&mut out.environment, &entry.environment);
        replace(&mut out.third_party, &entry.third_party);
        replace(&mut out.expires, &entry.expires);
        let Some(Field { value: intent, .. }) = &entry.intent else {
            continue;
        };
        replace(&mut out.allow, &intent.allow);
        replace(&mut out.deny, &intent.deny);
        replace(&mut out.resources, &intent.resources);
        replace(&mut out.hours, &intent.hours);
        replace(&mut out.regions, &intent.regions);
        replace(&mut out.accounts, &intent.accounts);
        replace(&mut out.max, &intent.max);
        let above = &intent.require_condition_above;
        replace(&mut out.require_condition_above, above);
    }
    if out.environment.is_none()
        && let (Some(environment), Some(spot)) = (environment, out.entries.first())
    {
        out.environment = Some(Field { value: environment.clone(), spot: *spot });
    }
    out
}

fn replace<T: Clone>(field: &mut Option<Field<T>>, later: &Option<Field<T>>) {
    if later.is_some() {
        field.clone_from(later);
    }
}

fn describe(identity: &mut Identity, intent: &Intent) {
    let set = |field: &mut Option<Str>, given: &Option<Field<Str>>| {
        if let Some(given) = given {
            *field = Some(given.value.clone());
        }
    };
    set(&mut identity.owner, &intent.owner);
    set(&mut identity.purpose, &intent.purpose);
    set(&mut identity.environment, &intent.environment);
    if let Some(expires) = &intent.expires {
        identity.expires = Some(expires.value);
    }
    match intent.third_party.as_ref().map(|field| field.value) {
        Some(true) => {
            identity.labels.insert(Label::ThirdParty);
        }
        Some(false) => {
            identity.labels.remove(&Label::ThirdParty);
        }
        None => {}
    }
}

fn unmatched(config: &Config, entry: &IdentityEntry, identities: &[Identity]) -> Diagnostic {
    let pattern = entry.matches.value.as_str();
    let message = format!("no identity of the evidence matches `{pattern}`");
    let found = config.warning(entry.matches.spot, message);
    let names: Vec<&str> = identities.iter().map(|identity| &*identity.name).collect();
    // Comparing with each of very many names would cost more than the hint is worth.
    let hint = match names.len() {
        0..=2_000 => crate::diagnostic::nearest(pattern, &names),
        _ => None,
    };
    match hint {
        Some(name) => found.help(format!("did you mean `{name}`?")),
        None => {
            found.help("remove the entry, or write a display name, a canonical id or a pattern")
        }
    }
}
