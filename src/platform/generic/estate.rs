//! Reads the generic tables and joins them into identities, credentials, usage and claims.
//!
//! Owns what a row of each table means; which evidence decides what is the evaluator's and the passes'.

use std::collections::{BTreeMap, BTreeSet};

use super::columns::{self, coverage, credential, grant, identity};
use super::condition;
use super::evaluate::{Effect, Entry, Rights};
use super::rows::{self, Record};
use super::usage::Aggregator;
use super::{COVERAGE, CREDENTIALS, GRANTS, IDENTITIES, USAGE, values};
use crate::model::{
    AccessLevel, Claim, ClaimScope, Credential, Glob, Identity, IdentityKind, Intervals, Label,
    Place, Rw, Says, Select, Source, Str, Time,
};
use crate::platform::{Document, Estate, Evaluator, Intake, Kind, LogSummary, Tables};

/// Longer text in a cell is no name.
const NAME_BYTES: usize = 4_096;

/// A row of the coverage table.
#[derive(Debug, Clone)]
struct Covered {
    platform: Option<Str>,
    account: Option<Str>,
    actions: Str,
    covered: Intervals,
    source: Option<Str>,
    place: Place,
}

/// An identity, and the system that its `platform` column names.
#[derive(Debug, Clone)]
struct Named {
    identity: Identity,
    system: Str,
}

/// Everything read from generic tables.
#[derive(Debug, Default)]
pub struct GenericEstate {
    identities: BTreeMap<Str, Named>,
    rights: Rights,
    levels: BTreeMap<Str, AccessLevel>,
    usage: Aggregator,
    coverage: Vec<Covered>,
    credentials: Vec<Credential>,
}

impl Estate for GenericEstate {
    fn read(&mut self, kind: &'static Kind, document: &Document<'_>, intake: &mut Intake) {
        let (table, read): (&columns::Table, Reader) = match kind.id {
            id if id == IDENTITIES.id => (&columns::IDENTITIES, GenericEstate::identity),
            id if id == GRANTS.id => (&columns::GRANTS, GenericEstate::grant),
            id if id == USAGE.id => (&columns::USAGE, GenericEstate::used),
            id if id == COVERAGE.id => (&columns::COVERAGE, GenericEstate::covered),
            id if id == CREDENTIALS.id => (&columns::CREDENTIALS, GenericEstate::credential),
            _ => return,
        };
        let mut take = |record: &Record<'_>, intake: &mut Intake| read(self, record, intake);
        rows::each(table, document, intake, &mut take);
        self.usage.notes(intake);
    }

    fn finish(&mut self, logs: &LogSummary, tables: &mut Tables) {
        let usage = std::mem::take(&mut self.usage).rows();
        for row in &usage {
            self.find_or_add(&row.identity, |one| {
                one.labels.insert(Label::LogOnly);
                one.place = row.first_place;
            });
        }
        for id in self.rights.identities() {
            self.find_or_add(&id, |_| {});
            if let Some(named) = self.identities.get_mut(&id) {
                named.identity.has_grant_evidence = true;
                named.identity.labels.remove(&Label::LogOnly);
            }
        }
        // Without logs the newest use in the tables says when "now" is.
        self.rights.as_of = logs.as_of.or_else(|| usage.iter().filter_map(|row| row.last).max());
        let levels = self.levels();
        tables
            .levels
            .extend(levels.into_iter().map(|(action, level)| (super::ID.into(), action, level)));
        for row in &usage {
            self.rights.note_action(&row.identity, &row.action);
        }
        self.rights.accounts = self
            .identities
            .iter()
            .map(|(id, named)| {
                let key = (named.system.clone(), named.identity.account.clone());
                (id.clone(), key)
            })
            .collect();
        self.claims(tables);
        let actions: BTreeSet<Str> =
            self.rights.actions().chain(usage.iter().map(|row| row.action.clone())).collect();
        let platform: Str = super::ID.into();
        tables.actions.extend(actions.into_iter().map(|action| (platform.clone(), action)));
        let identities = std::mem::take(&mut self.identities);
        tables.identities.extend(identities.into_values().map(|named| named.identity));
        self.credentials.sort();
        tables.credentials.append(&mut self.credentials);
        tables.usage.extend(usage);
    }

    fn evaluator(self: Box<Self>) -> Box<dyn Evaluator> {
        Box::new(self.rights)
    }
}

/// Why a record cannot be used.
type Answer = Result<(), String>;

/// Takes a record of one of the tables.
type Reader = fn(&mut GenericEstate, &Record<'_>, &mut Intake) -> Answer;

impl GenericEstate {
    /// The access levels that the grants table states, by action, sorted.
    pub fn levels(&self) -> Vec<(Str, AccessLevel)> {
        let levels = self.levels.iter();
        levels.map(|(action, level)| (action.clone(), *level)).collect()
    }

    fn identity(&mut self, record: &Record<'_>, intake: &mut Intake) -> Answer {
        let id = name(record, identity::ID)?.unwrap_or_else(|| "".into());
        let kind = match record.get(identity::KIND) {
            None => IdentityKind::Other,
            Some(word) => values::kind(word).unwrap_or_else(|| {
                intake.note("a kind that is no known word was read as other");
                IdentityKind::Other
            }),
        };
        let system = match record.get(identity::PLATFORM) {
            Some(system) => system.into(),
            None => system_of(&id),
        };
        let tail = name(record, identity::NAME)?.unwrap_or_else(|| tail_of(&id));
        let mut one = Identity::new(id.clone(), super::ID, kind);
        one.name = format!("{system}:{}/{tail}", kind.as_str()).into();
        one.account = name(record, identity::ACCOUNT)?.unwrap_or_else(|| "".into());
        one.owner = name(record, identity::OWNER)?;
        one.purpose = name(record, identity::PURPOSE)?;
        one.environment = name(record, identity::ENVIRONMENT)?;
        one.created = time(record, identity::CREATED, "created", intake)?;
        one.expires = time(record, identity::EXPIRES, "expires", intake)?;
        one.last_used = time(record, identity::LAST_USED, "last_used", intake)?;
        one.place = Some(record.place);
        let disabled = truth(record, identity::DISABLED, "disabled")?.or(truth(
            record,
            identity::ACTIVE,
            "active",
        )?
        .map(|active| !active));
        let labels = [
            (Label::ThirdParty, truth(record, identity::THIRD_PARTY, "third_party")?),
            (Label::Disabled, disabled),
            (Label::Human, Some(kind == IdentityKind::Human)),
        ];
        for (label, is_set) in labels {
            if is_set == Some(true) {
                one.labels.insert(label);
            }
        }
        match self.identities.get_mut(&id) {
            None => {
                self.identities.insert(id, Named { identity: one, system });
            }
            Some(there) => {
                intake.note("an identity stands more than once; the first record holds, later ones fill its gaps");
                fill(&mut there.identity, one);
            }
        }
        Ok(())
    }

    fn grant(&mut self, record: &Record<'_>, intake: &mut Intake) -> Answer {
        let effect = match record.get(grant::EFFECT).map(str::to_ascii_lowercase).as_deref() {
            None | Some("allow") => Effect::Allow,
            Some("deny") => Effect::Deny,
            Some(_) => return Err("effect is neither allow nor deny".to_string()),
        };
        let level = match record.get(grant::ACCESS) {
            None => None,
            Some(word) => Some(AccessLevel::parse(word).ok_or("access is no known level")?),
        };
        let id = name(record, grant::IDENTITY)?.unwrap_or_else(|| "".into());
        let action = name(record, grant::ACTION)?.unwrap_or_else(|| "".into());
        let entry = Entry {
            action: Glob::fold(&action),
            name: action.clone(),
            resource: Glob::new(&name(record, grant::RESOURCE)?.unwrap_or_else(|| "*".into())),
            effect,
            checks: record.get(grant::CONDITION).map(condition::read).unwrap_or_default().into(),
            policy: name(record, grant::ORIGIN)?.unwrap_or_else(|| "grants table".into()),
            via: name(record, grant::VIA)?,
            since: time(record, grant::GRANTED_AT, "granted_at", intake)?,
            expires: time(record, grant::EXPIRES, "expires", intake)?,
            place: record.place,
        };
        if let Some(level) = level {
            // Of contradicting rows the more powerful level stays.
            let known = self.levels.entry(action).or_insert(level);
            if power(level) > power(*known) {
                *known = level;
            }
        }
        self.rights.add(id, entry);
        Ok(())
    }

    fn used(&mut self, record: &Record<'_>, _: &mut Intake) -> Answer {
        name(record, columns::usage::IDENTITY)?;
        name(record, columns::usage::ACTION)?;
        name(record, columns::usage::RESOURCE)?;
        self.usage.add(record)
    }

    fn covered(&mut self, record: &Record<'_>, intake: &mut Intake) -> Answer {
        let limit =
            |column: usize| Ok::<_, String>(name(record, column)?.filter(|text| &**text != "*"));
        let from = time(record, coverage::FROM, "from", intake)?.ok_or("from is no time")?;
        let to = time(record, coverage::TO, "to", intake)?.ok_or("to is no time")?;
        if to <= from {
            return Err("to is not later than from".to_string());
        }
        let gaps = match record.get(coverage::GAPS) {
            None => Intervals::none(),
            Some(text) => values::gaps(text).ok_or("gaps is no list of A/B;C/D")?,
        };
        self.coverage.push(Covered {
            platform: limit(coverage::PLATFORM)?,
            account: limit(coverage::ACCOUNT)?,
            actions: name(record, coverage::ACTIONS)?.unwrap_or_else(|| "".into()),
            covered: Intervals::span(from, to).minus(&gaps),
            source: name(record, coverage::SOURCE)?,
            place: record.place,
        });
        Ok(())
    }

    fn credential(&mut self, record: &Record<'_>, intake: &mut Intake) -> Answer {
        self.credentials.push(Credential {
            identity: name(record, credential::IDENTITY)?.unwrap_or_else(|| "".into()),
            id: name(record, credential::ID)?.unwrap_or_else(|| "".into()),
            kind: name(record, credential::KIND)?.unwrap_or_else(|| "api-key".into()),
            created: time(record, credential::CREATED, "created", intake)?,
            last_used: time(record, credential::LAST_USED, "last_used", intake)?,
            never: false,
            active: truth(record, credential::ACTIVE, "active")?,
            expires: time(record, credential::EXPIRES, "expires", intake)?,
            place: Some(record.place),
        });
        Ok(())
    }

    /// Adds an identity that only another table names.
    fn find_or_add(&mut self, id: &Str, describe: impl FnOnce(&mut Identity)) {
        if self.identities.contains_key(id) {
            return;
        }
        let system = system_of(id);
        let mut identity = Identity::new(id.clone(), super::ID, IdentityKind::Other);
        let kind = IdentityKind::Other.as_str();
        identity.name = format!("{system}:{kind}/{}", tail_of(id)).into();
        describe(&mut identity);
        self.identities.insert(id.clone(), Named { identity, system });
    }

    /// A coverage row speaks of the identities of its system and account, and of nobody else: it becomes a claim
    /// about the account only if every identity of that account is one of them.
    fn claims(&self, tables: &mut Tables) {
        for row in &self.coverage {
            let fits = |named: &Named| {
                row.platform.as_ref().is_none_or(|wanted| {
                    wanted.eq_ignore_ascii_case(&named.system) || &**wanted == super::ID
                }) && row.account.as_ref().is_none_or(|wanted| *wanted == named.identity.account)
            };
            let mut accounts: BTreeMap<&Str, Vec<(&Str, bool)>> = BTreeMap::new();
            for (id, named) in &self.identities {
                let entry = accounts.entry(&named.identity.account).or_default();
                entry.push((id, fits(named)));
            }
            let mut scopes = Vec::new();
            for (account, members) in accounts {
                if members.iter().all(|(_, fits)| *fits) {
                    scopes.push(ClaimScope::Account(account.clone()));
                } else {
                    let mine = members.iter().filter(|(_, fits)| *fits);
                    scopes.extend(mine.map(|(id, _)| ClaimScope::Identity((*id).clone())));
                }
            }
            if scopes.is_empty() {
                let note = "this coverage is of no identity of the evidence".to_string();
                tables.notes.push((Some(row.place), note));
            }
            tables.claims.extend(scopes.into_iter().map(|scope| claim(row, scope)));
        }
    }
}

fn claim(row: &Covered, scope: ClaimScope) -> Claim {
    let basis = match &row.source {
        Some(source) => format!("coverage table: {source}"),
        None => "coverage table".to_string(),
    };
    Claim {
        platform: super::ID.into(),
        source: Source::Table,
        says: Says::NotSeen,
        scope,
        actions: match &*row.actions {
            "*" => Select::Everything,
            _ => Select::Pattern(row.actions.clone()),
        },
        rw: Rw::All,
        resources: None,
        region: None,
        covered: row.covered.clone(),
        own_policies_only: false,
        basis: basis.into(),
        place: Some(row.place),
    }
}

fn fill(there: &mut Identity, other: Identity) {
    let fill = |mine: &mut Option<Str>, theirs: Option<Str>| {
        if mine.is_none() {
            *mine = theirs;
        }
    };
    fill(&mut there.owner, other.owner);
    fill(&mut there.purpose, other.purpose);
    fill(&mut there.environment, other.environment);
    there.created = there.created.or(other.created);
    there.expires = there.expires.or(other.expires);
    there.last_used = there.last_used.max(other.last_used);
    there.labels.extend(other.labels);
    if there.account.is_empty() {
        there.account = other.account;
    }
}

/// The system that an id names: the part before its first `:`, if that looks like a system's name.
fn system_of(id: &str) -> Str {
    let plain = |prefix: &&str| {
        let bytes = prefix.bytes();
        !prefix.is_empty()
            && prefix.len() <= 32
            && bytes.clone().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
    };
    let prefix = id.split_once(':').map(|(prefix, _)| prefix);
    prefix.filter(plain).unwrap_or(super::ID).into()
}

/// The last part of an id.
fn tail_of(id: &str) -> Str {
    let tail = id.rsplit(['/', ':']).find(|part| !part.is_empty());
    tail.unwrap_or(id).into()
}

fn name(record: &Record<'_>, column: usize) -> Result<Option<Str>, String> {
    match record.get(column) {
        Some(text) if text.len() > NAME_BYTES => {
            Err(format!("a cell has more than {NAME_BYTES} bytes"))
        }
        text => Ok(text.map(Str::from)),
    }
}

fn truth(record: &Record<'_>, column: usize, what: &str) -> Result<Option<bool>, String> {
    match record.get(column) {
        None => Ok(None),
        Some(text) => match values::truth(text) {
            Some(value) => Ok(Some(value)),
            None => Err(format!("{what} is neither true nor false")),
        },
    }
}

fn time(
    record: &Record<'_>,
    column: usize,
    what: &str,
    intake: &mut Intake,
) -> Result<Option<Time>, String> {
    let Some(text) = record.get(column) else {
        return Ok(None);
    };
    let (time, is_assumed) = values::time(text).ok_or_else(|| format!("{what} is no time"))?;
    if is_assumed {
        intake.note("times without a zone were read as UTC");
    }
    Ok(Some(time))
}

/// Order of access levels by what they can do.
fn power(level: AccessLevel) -> u8 {
    match level {
        AccessLevel::Unknown => 0,
        AccessLevel::Tagging => 1,
        AccessLevel::List => 2,
        AccessLevel::Read => 3,
        AccessLevel::Execute => 4,
        AccessLevel::Write => 5,
        AccessLevel::Delete => 6,
        AccessLevel::PermissionsManagement => 7,
    }
}
