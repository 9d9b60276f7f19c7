//! Joins changes with the rest of the evidence, once all of it is read.
//!
//! A change seldom says in which account it happens. Its provider or its ARNs say so; else the identities that it
//! names, where exactly one account has one of that name; else the only account of the evidence. Else the account
//! is called `unknown`, and that is told. Names are unique in an account without path and case (IAM User Guide,
//! reference_iam-quotas), so that the path decides nothing.
//!
//! What deletes goes first, then what adds. Of two descriptions of one thing the change's holds over an export's on
//! the side after it, and the export's on the side before. Two changes of one thing add up: what is granted is
//! never less than one of them says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Change, Declared, Holder, HolderKind, Inline, UNKNOWN, template};
use crate::model::settings::Side;
use crate::model::{FileId, Place, Str};
use crate::platform::aws::arn::{Arn, is_account};
use crate::platform::aws::documents::Evidence;
use crate::platform::aws::documents::authorization::add_entity;
use crate::platform::aws::documents::entities::{self, Entity, Group, LastUse, Managed, name_key};
use crate::platform::aws::documents::organization::OrgPolicy;
use crate::platform::aws::documents::pool::PolicyDocument;
use crate::platform::aws::documents::resource::ResourcePolicy;
use crate::platform::aws::policy::Policy;
use crate::platform::{Intake, LogSummary};

/// Puts all changes into the evidence.
pub(crate) fn join(evidence: &mut Evidence, logs: &LogSummary) {
    let side = evidence.changes.side;
    super::alone::alone(evidence, side);
    let changes = std::mem::take(&mut evidence.changes.list);
    if changes.is_empty() {
        return;
    }
    let known = Known::new(evidence, logs);
    for change in changes {
        let homes = Homes::new(&change, &known);
        let change = again(evidence, change, &homes);
        let is_described = |arn: &Str| side == Side::Before && known.described.contains(arn);
        let mut joining = Joining {
            homes: &homes,
            known: &known,
            is_described: &is_described,
            evidence,
            ids: BTreeMap::new(),
            file: change.file,
        };
        joining.all(&change);
    }
}

/// A template is read again in its account.
fn again(evidence: &mut Evidence, change: Change, homes: &Homes) -> Change {
    let home = homes.scopes.first().filter(|account| is_account(account));
    let (Some(node), Some(account)) = (&change.template, home) else {
        return change;
    };
    let node = Arc::clone(node);
    let path = evidence.paths.get(&change.file).cloned().unwrap_or_default();
    let mut told = Intake::default();
    template::change(evidence, &node, (change.file, &path), Some(account), &mut told)
}

/// What the evidence knows of accounts and names without the changes.
struct Known {
    /// All accounts.
    accounts: BTreeSet<Str>,
    /// ARNs by kind and name in lower case.
    names: BTreeMap<(HolderKind, String), BTreeSet<Str>>,
    /// ARNs of identities that an export describes.
    described: BTreeSet<Str>,
}

impl Known {
    fn new(evidence: &Evidence, logs: &LogSummary) -> Known {
        let mut known = Known {
            accounts: BTreeSet::new(),
            names: BTreeMap::new(),
            described: evidence.entities.iter().map(|entity| entity.arn.clone()).collect(),
        };
        let own = logs.usage.iter().filter(|row| &*row.platform == "aws");
        let used: BTreeSet<&Str> = own.map(|row| &row.identity).collect();
        let described = evidence.entities.iter().chain(&evidence.roles).map(|entity| &entity.arn);
        let reported = evidence.credential_rows.iter().map(|row| &row.arn);
        for arn in used.into_iter().chain(described).chain(reported) {
            known.add(arn);
        }
        known
    }

    fn add(&mut self, arn: &Str) {
        let Some(parts) = Arn::parse(arn).filter(|parts| is_account(parts.account)) else {
            return;
        };
        self.accounts.insert(parts.account.into());
        let kind = match parts.iam() {
            Some(("role", name)) => Some((HolderKind::Role, name)),
            Some(("user", name)) => Some((HolderKind::User, name)),
            _ => None,
        };
        if let Some((kind, name)) = kind {
            let key = (kind, name.to_ascii_lowercase());
            self.names.entry(key).or_default().insert(arn.clone());
        }
    }

    /// Accounts that have an identity of this name.
    fn homes(&self, kind: HolderKind, name: &str) -> BTreeSet<&str> {
        let found = self.names.get(&(kind, name.to_ascii_lowercase()));
        let arns = found.into_iter().flatten();
        arns.filter_map(|arn| Arn::parse(arn).map(|parts| parts.account)).collect()
    }

    /// The ARN of an identity in an account.
    fn arn(&self, kind: HolderKind, name: &str, account: &str) -> Option<&Str> {
        let found = self.names.get(&(kind, name.to_ascii_lowercase()))?;
        let mut own =
            found.iter().filter(|arn| Arn::parse(arn).is_some_and(|arn| arn.account == account));
        own.next()
    }
}

/// The accounts of a change.
struct Homes {
    /// Of each scope.
    scopes: Vec<Str>,
    /// Of identities whose scope has no account of its own.
    own: BTreeMap<(HolderKind, Str), Str>,
}

impl Homes {
    fn new(change: &Change, known: &Known) -> Homes {
        let mut homes = Homes { scopes: Vec::new(), own: BTreeMap::new() };
        let mut votes: Vec<BTreeSet<Str>> = vec![BTreeSet::new(); change.scopes.len()];
        let declared = change.entities.iter().map(|one| &one.holder);
        let inline = change.inline.iter().map(|one| &one.holder);
        let attached = change.attached.iter().map(|one| &one.holder);
        let all: BTreeSet<&Holder> = declared.chain(inline).chain(attached).collect();
        for holder in all {
            if change.scopes.get(holder.scope).is_none_or(Option::is_some) {
                continue;
            }
            let found = known.homes(holder.kind, &holder.name);
            if let (Some(account), 1) = (found.first(), found.len()) {
                let account: Str = (*account).into();
                homes.own.insert((holder.kind, holder.name.clone()), account.clone());
                if let Some(votes) = votes.get_mut(holder.scope) {
                    votes.insert(account);
                }
            }
        }
        let only = known.accounts.first().filter(|_| known.accounts.len() == 1);
        for (scope, votes) in change.scopes.iter().zip(votes) {
            let voted = votes.first().filter(|_| votes.len() == 1).cloned();
            let stated = scope.clone().or(voted);
            let stated = stated.or_else(|| only.filter(|_| votes.is_empty()).cloned());
            homes.scopes.push(stated.unwrap_or_else(|| UNKNOWN.into()));
        }
        homes
    }

    fn of(&self, holder: &Holder) -> Str {
        let own = self.own.get(&(holder.kind, holder.name.clone()));
        own.cloned().unwrap_or_else(|| self.scope(holder.scope))
    }

    fn scope(&self, scope: usize) -> Str {
        self.scopes.get(scope).cloned().unwrap_or_else(|| UNKNOWN.into())
    }

    /// An ARN of the change, in its account.
    fn placed(&self, arn: &Str, scope: usize) -> Str {
        let mark = format!(":{UNKNOWN}:");
        match arn.starts_with("arn:") && arn.contains(&mark) {
            true => arn.replacen(&mark, &format!(":{}:", self.scope(scope)), 1).into(),
            false => arn.clone(),
        }
    }
}

struct Joining<'j> {
    evidence: &'j mut Evidence,
    homes: &'j Homes,
    known: &'j Known,
    is_described: &'j dyn Fn(&Str) -> bool,
    /// ARNs of identities and keys of groups that the change has met.
    ids: BTreeMap<(HolderKind, Str, Str), Str>,
    file: FileId,
}

impl Joining<'_> {
    fn all(&mut self, change: &Change) {
        self.policies(change);
        for declared in change.entities.iter().filter(|one| one.is_gone) {
            self.delete(declared);
        }
        for declared in change.entities.iter().filter(|one| !one.is_gone) {
            self.declare(declared);
        }
        self.inline(change);
        self.attached(change);
        for member in &change.members {
            let Some(user) = self.identity(&member.user, member.place, member.is_gone) else {
                continue;
            };
            if let Some(entity) = self.entity(&user) {
                entity.groups.retain(|group| !group.eq_ignore_ascii_case(&member.group));
                if !member.is_gone {
                    entity.groups.push(member.group.clone());
                }
            }
        }
        for profile in &change.profiles {
            let arn = self.homes.placed(&profile.arn, profile.role.scope);
            let Some(role) = self.identity(&profile.role, profile.place, false) else { continue };
            if let Some(entity) = self.entity(&role)
                && !entity.profiles.contains(&arn)
            {
                entity.profiles.push(arn);
            }
        }
        self.resources(change);
        self.organisation(change);
        let is_unknown = |(_, _, account): &&(HolderKind, Str, Str)| &**account == UNKNOWN;
        let count = self.ids.keys().filter(is_unknown).count();
        if count > 0 {
            let text = format!(
                "the account of {count} {} in this change is not stated and could not be found: the account is called `{UNKNOWN}`",
                if count == 1 { "identity" } else { "identities" },
            );
            self.evidence.notes.push((Some(Place::file(self.file)), text));
        }
    }

    /// The ARN of a holder's identity; `None` on the side before, where an export describes it, and where the
    /// change takes something from an identity that is not there.
    fn identity(&mut self, holder: &Holder, place: Place, is_gone: bool) -> Option<Str> {
        let arn = self.arn(holder, None);
        let is_there = self.evidence.by_arn.contains_key(&arn);
        if (self.is_described)(&arn) || (is_gone && !is_there) {
            return None;
        }
        if !is_there {
            // The change only adds to it: it exists, and holds what is not here.
            let mut stub = entity(&arn, &self.homes.of(holder), holder, place);
            stub.attached.push(rest(holder));
            add_entity(self.evidence, stub);
        }
        Some(arn)
    }

    fn arn(&mut self, holder: &Holder, path: Option<&Str>) -> Str {
        let account = self.homes.of(holder);
        let key = (holder.kind, holder.name.to_ascii_lowercase().into(), account.clone());
        if let Some(arn) = self.ids.get(&key) {
            return arn.clone();
        }
        let by_name = (account.clone(), name_key(holder.kind == HolderKind::User, &holder.name));
        let known = self.evidence.by_name.get(&by_name);
        let known = known.or_else(|| self.known.arn(holder.kind, &holder.name, &account));
        let arn = known.cloned().unwrap_or_else(|| {
            let path = path.map_or("/", |path| path);
            format!("arn:aws:iam::{account}:{}{path}{}", holder.kind.as_str(), holder.name).into()
        });
        self.ids.insert(key, arn.clone());
        arn
    }

    fn entity(&mut self, arn: &Str) -> Option<&mut Entity> {
        let at = self.evidence.by_arn.get(arn).copied()?;
        self.evidence.entities.get_mut(at)
    }

    fn delete(&mut self, declared: &Declared) {
        if declared.holder.kind == HolderKind::Group {
            let key = self.group_key(&declared.holder);
            self.evidence.groups.remove(&key);
            return;
        }
        let arn = self.arn(&declared.holder, None);
        if self.evidence.by_arn.contains_key(&arn) {
            self.evidence.changes.gone.insert(arn);
        }
    }

    fn declare(&mut self, declared: &Declared) {
        let holder = &declared.holder;
        if holder.kind == HolderKind::Group {
            let key = self.group_key(holder);
            let group = Group {
                name: holder.name.clone(),
                inline: Vec::new(),
                attached: Vec::new(),
                place: declared.place,
            };
            self.evidence.groups.entry(key).or_insert(group);
            return;
        }
        let mut arn = self.arn(holder, declared.path.as_ref());
        if (self.is_described)(&arn) {
            return;
        }
        if !declared.is_named && self.evidence.by_arn.contains_key(&arn) {
            // Two changes call something of their own the same.
            arn = self.another(holder, &arn);
        }
        let is_other = |known: &Entity| known.place.file != declared.place.file;
        let is_twice = self.entity(&arn).is_some_and(|known| is_other(known));
        let is_new = !self.evidence.by_arn.contains_key(&arn);
        if is_new {
            let account = self.homes.of(holder);
            let mut entity = entity(&arn, &account, holder, declared.place);
            if !declared.is_whole {
                entity.attached.push(rest(holder));
            }
            add_entity(self.evidence, entity);
        }
        self.evidence.changes.gone.remove(&arn);
        let boundary = declared.boundary.as_ref().map(|arn| self.homes.placed(arn, holder.scope));
        let is_change = is_twice && !self.known.described.contains(&arn);
        if let Some(entity) = self.entity(&arn) {
            // Of two changes only what both limit is a limit.
            if !is_change {
                entity.boundary = boundary;
            } else if entity.boundary != boundary {
                entity.boundary = None;
            }
            entity.place = declared.place;
            entity.trust = declared.trust.clone().or_else(|| entity.trust.take());
            if !declared.tags.is_empty() {
                entity.tags.clone_from(&declared.tags);
            }
        }
        if is_change {
            let text = format!("{arn} is declared twice: what both declare is taken together");
            self.evidence.notes.push((Some(declared.place), text));
        }
    }

    fn another(&mut self, holder: &Holder, arn: &Str) -> Str {
        let free = (2..10_000).map(|number| Str::from(format!("{arn}~{number}")));
        let mut free = free.filter(|arn| !self.evidence.by_arn.contains_key(arn));
        let found = free.next().unwrap_or_else(|| arn.clone());
        let account = self.homes.of(holder);
        let key = (holder.kind, holder.name.to_ascii_lowercase().into(), account);
        self.ids.insert(key, found.clone());
        found
    }

    fn group_key(&self, holder: &Holder) -> (Str, Str) {
        (self.homes.of(holder), holder.name.to_ascii_lowercase().into())
    }

    /// The inline policies and attachments of a holder.
    fn held(&mut self, holder: &Holder, place: Place, is_gone: bool) -> Option<Held<'_>> {
        if holder.kind == HolderKind::Group {
            let key = self.group_key(holder);
            if is_gone && !self.evidence.groups.contains_key(&key) {
                return None;
            }
            let stub = || Group {
                name: holder.name.clone(),
                inline: Vec::new(),
                attached: vec![rest(holder)],
                place,
            };
            let group = self.evidence.groups.entry(key).or_insert_with(stub);
            return Some(Held { inline: &mut group.inline, attached: &mut group.attached });
        }
        let arn = self.identity(holder, place, is_gone)?;
        let entity = self.entity(&arn)?;
        Some(Held { inline: &mut entity.inline, attached: &mut entity.attached })
    }

    fn inline(&mut self, change: &Change) {
        let file = self.file;
        for one in &change.inline {
            let is_gone = one.document.is_none();
            let Some(held) = self.held(&one.holder, one.place, is_gone) else { continue };
            let full = full_name(one);
            // A policy of another change of the same name is another opinion: both are kept. One of this file
            // from another address is the older view of the same.
            held.inline.retain(|known| {
                let bare = known.name.split(ADDRESS).next().unwrap_or_default();
                let is_same = bare == &*one.name
                    && (!known.name.contains(ADDRESS) || known.place.file == file);
                let is_own = !is_gone && *known.name == *full && known.place == one.place;
                !is_same || is_own
            });
            if let Some(document) = &one.document {
                held.inline.push(entities::Inline {
                    name: full,
                    document: document.clone(),
                    place: one.place,
                });
            }
        }
    }

    fn attached(&mut self, change: &Change) {
        for one in &change.attached {
            let policy = self.homes.placed(&one.policy, one.holder.scope);
            self.administrator(&policy, one.place);
            let Some(held) = self.held(&one.holder, one.place, one.is_gone) else { continue };
            held.attached.retain(|known| *known != policy);
            if !one.is_gone {
                held.attached.push(policy);
            }
        }
    }

    /// The one policy of AWS whose document is known without evidence (AWS Managed Policy Reference,
    /// AdministratorAccess: Allow `*` on `*`). Nothing that a change attaches matters more.
    fn administrator(&mut self, policy: &Str, place: Place) {
        let is_it = policy.ends_with(":iam::aws:policy/AdministratorAccess");
        if !is_it || self.evidence.managed.contains_key(policy) {
            return;
        }
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let Ok(parsed) = Policy::parse(text, &|_| Some(place)) else { return };
        let document = Some(PolicyDocument::Parsed(Arc::new(parsed)));
        let managed = Managed { document, since: None, place };
        self.evidence.managed.insert(policy.clone(), managed);
    }

    fn policies(&mut self, change: &Change) {
        for one in change.policies.iter().filter(|one| one.is_gone) {
            self.evidence.managed.remove(&self.homes.placed(&one.arn, one.scope));
        }
        for one in change.policies.iter().filter(|one| !one.is_gone) {
            let arn = self.homes.placed(&one.arn, one.scope);
            let document = merged(&one.documents);
            let managed = Managed { document, since: None, place: one.place };
            self.evidence.changes.addresses.insert(arn.clone(), one.address.clone());
            self.evidence.managed.insert(arn, managed);
        }
    }

    fn resources(&mut self, change: &Change) {
        // A resource may have several: the permissions of a function, a document merged of others.
        let mut all: BTreeMap<Str, Vec<PolicyDocument>> = BTreeMap::new();
        for one in &change.resources {
            let arn = self.homes.placed(&one.arn, one.scope);
            all.entry(arn).or_default().extend(one.document.clone());
        }
        for (arn, documents) in all {
            let document = merged(&documents);
            if let Some(PolicyDocument::Broken(_)) = document {
                // What it will say is not known: told when it was read.
                continue;
            }
            let policy = ResourcePolicy { resource: arn.clone(), document };
            let at = self.evidence.by_resource.get(&arn).copied();
            match at.and_then(|at| self.evidence.resources.get_mut(at)) {
                Some(known) => *known = policy,
                None => {
                    let at = self.evidence.resources.len();
                    self.evidence.by_resource.insert(arn, at);
                    self.evidence.resources.push(policy);
                }
            }
        }
    }

    fn organisation(&mut self, change: &Change) {
        if change.guardrails.is_empty() && change.targets.is_empty() {
            return;
        }
        let organisation = &mut self.evidence.organisation;
        organisation.is_seen = true;
        for (id, name, kind, document) in &change.guardrails {
            organisation.kinds.insert(*kind);
            let policy = OrgPolicy { name: name.clone(), kind: *kind, document: document.clone() };
            organisation.policies.insert(id.clone(), policy);
        }
        for (id, target, is_gone) in &change.targets {
            let kind = organisation.policies.get(id).map(|policy| policy.kind);
            let targets = organisation.targets.entry(id.clone()).or_default();
            if *is_gone {
                targets.remove(target);
            } else {
                targets.insert(target.clone());
            }
            let attached =
                kind.and_then(|kind| organisation.attached.get_mut(&(target.clone(), kind)));
            if let Some(attached) = attached {
                if *is_gone {
                    attached.remove(id);
                } else {
                    attached.insert(id.clone());
                }
            }
        }
    }
}

/// What separates the name of a policy from the address that declares it.
const ADDRESS: &str = " at ";

fn full_name(one: &Inline) -> Str {
    format!("{}{ADDRESS}{}", one.name, one.address).into()
}

/// The policies of one holder.
struct Held<'h> {
    inline: &'h mut Vec<entities::Inline>,
    attached: &'h mut Vec<Str>,
}

/// What a holder has beside what a change says.
fn rest(holder: &Holder) -> Str {
    format!("other policies of {}/{}", holder.kind.as_str(), holder.name).into()
}

pub(super) fn entity(arn: &Str, account: &str, holder: &Holder, place: Place) -> Entity {
    Entity {
        arn: arn.clone(),
        account: account.into(),
        name: holder.name.clone(),
        is_user: holder.kind == HolderKind::User,
        unique_id: None,
        created: None,
        tags: Vec::new(),
        inline: Vec::new(),
        attached: Vec::new(),
        groups: Vec::new(),
        boundary: None,
        trust: None,
        profiles: Vec::new(),
        last_use: LastUse::Unstated,
        place,
    }
}

/// One document of several; broken if one of them is.
fn merged(documents: &[PolicyDocument]) -> Option<PolicyDocument> {
    let mut policies = Vec::new();
    for document in documents {
        match document {
            PolicyDocument::Broken(_) => return Some(document.clone()),
            PolicyDocument::Parsed(policy) => policies.push(policy),
        }
    }
    match policies.as_slice() {
        [] => None,
        [one] => Some(PolicyDocument::Parsed(Arc::clone(one))),
        several => {
            let mut whole = Policy {
                has_variables: several.iter().all(|policy| policy.has_variables),
                ..Policy::default()
            };
            for statement in several.iter().flat_map(|policy| &policy.statements) {
                let number = u32::try_from(whole.statements.len()).unwrap_or(u32::MAX);
                let statement =
                    crate::platform::aws::policy::Statement { number, ..statement.clone() };
                whole.statements.push(statement);
            }
            Some(PolicyDocument::Parsed(Arc::new(whole)))
        }
    }
}
