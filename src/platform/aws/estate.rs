//! Joins what the documents said into identities, credentials, claims and links, and into the layers of
//! policies that the evaluator needs.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::{HashMap, HashSet};

use super::arn::is_account;
use super::claims::{Maker, Owners, canonical};
use super::documents::entities::{Entity, Group, Inline, LastUse};
use super::documents::pool::PolicyDocument;
use super::documents::roles::join_roles;
use super::documents::{Evidence, credentials};
use super::evaluator::{AwsEvaluator, Subject};
use super::identities::{self, Signs};
use super::organisation::{Guardrails, guardrails};
use super::policy::{Bound, Caller, CallerKind, Limit};
use super::{change, coverage, documents, managed};
use crate::model::settings::Side;
use crate::model::{
    Credential, Hole, HoleKind, Identity, IdentityKind, Label, Layer, Outcome, Place, Str,
};
use crate::platform::{Document, Estate, Evaluator, Intake, Kind, LogSummary, Tables};

/// The AWS documents of a run.
#[derive(Debug, Default)]
pub struct AwsEstate {
    evidence: Evidence,
    subjects: HashMap<Str, Subject>,
    guardrails: BTreeMap<Str, Guardrails>,
}

impl Estate for AwsEstate {
    fn read(&mut self, kind: &'static Kind, document: &Document<'_>, intake: &mut Intake) {
        documents::read(&mut self.evidence, kind, document, intake);
    }

    fn read_all(&mut self, documents: &[(&'static Kind, Document<'_>)]) -> Vec<Intake> {
        documents::read_all(&mut self.evidence, documents)
    }

    fn finish(&mut self, logs: &LogSummary, tables: &mut Tables) {
        change::join::join(&mut self.evidence, logs);
        let alone = join_roles(&mut self.evidence);
        self.truncated();
        self.organisation(&alone);
        let mut notes = std::mem::take(&mut self.evidence.notes);
        let users = self.users();
        let credentials = credentials::join(&self.evidence, &users, &mut notes);
        let signs = signs(&self.evidence, &credentials, logs);
        let mut rows = self.identities(&alone, &signs);
        notes.append(&mut self.evidence.notes);
        rows.extend(self.reported(&signs));
        last_authentication(&mut rows, &credentials);
        rows.sort_unstable_by(|left, right| left.id.cmp(&right.id));
        let owners = {
            // Only reports ask for owners.
            let is_asked = !self.evidence.reports.is_empty();
            let entities = self.evidence.entities.iter().chain(&alone).filter(|_| is_asked);
            Owners::new(entities.map(|one| (&one.arn, &one.name, one.is_user)))
        };
        let mut claims = Vec::new();
        let mut maker = Maker {
            evidence: &self.evidence,
            owners: &owners,
            claims: &mut claims,
            notes: &mut notes,
        };
        maker.reports();
        maker.last_used(logs);
        maker.findings();
        coverage::claims(&self.evidence.trails, logs, &mut claims, &mut notes);
        let aliases = self.aliases(&alone);
        let resolve = |text: &str| match aliases.get(text) {
            Some(id) => id.clone(),
            None => canonical(&self.evidence, text),
        };
        let gone = &self.evidence.changes.gone;
        let entities = self.evidence.entities.iter().chain(&alone);
        let entities = entities.filter(|entity| !gone.contains(&entity.arn));
        let mut links: Vec<_> =
            entities.flat_map(|entity| identities::links(entity, &resolve)).collect();
        links.sort_unstable();
        links.dedup();
        tables.links.append(&mut links);
        tables.identities.append(&mut rows);
        tables.credentials.extend(credentials);
        tables.claims.append(&mut claims);
        tables.actions.extend(self.actions());
        tables.aliases.extend(aliases.into_iter().map(|(name, id)| ("aws".into(), name, id)));
        tables.notes.append(&mut notes);
    }

    fn evaluator(self: Box<Self>) -> Box<dyn Evaluator> {
        Box::new(AwsEvaluator::new(self.subjects, self.guardrails, self.evidence))
    }
}

impl AwsEstate {
    /// An empty estate that reads one side of changes.
    pub fn new(side: Side) -> AwsEstate {
        let mut estate = AwsEstate::default();
        estate.evidence.changes.side = side;
        estate
    }

    /// Notes exports that say that more follows, where nothing does.
    fn truncated(&mut self) {
        let folder = |file: u32| {
            let path = self.evidence.paths.get(&file).map_or("", String::as_str);
            path.rsplit_once('/').map_or("", |(folder, _)| folder)
        };
        let ends: BTreeSet<&str> = self
            .evidence
            .exports
            .iter()
            .filter(|export| !export.is_truncated)
            .map(|export| folder(export.file))
            .collect();
        let open: Vec<u32> = self
            .evidence
            .exports
            .iter()
            .filter(|export| export.is_truncated && !ends.contains(folder(export.file)))
            .map(|export| export.file)
            .collect();
        for file in open {
            let text = "this export is not whole, and no later page is there: identities and policies may be missing";
            self.evidence.notes.push((Some(Place::file(file)), text.to_string()));
        }
    }

    /// Finds the organisation's limits over every account.
    fn organisation(&mut self, alone: &[Entity]) {
        let accounts: BTreeSet<Str> = self
            .evidence
            .entities
            .iter()
            .chain(alone)
            .map(|entity| entity.account.clone())
            .collect();
        for account in accounts {
            let limits = guardrails(&self.evidence.organisation, &account);
            self.guardrails.insert(account, limits);
        }
    }

    /// ARNs of users by name.
    fn users(&self) -> BTreeMap<Str, Vec<Str>> {
        let described = self.evidence.entities.iter().filter(|one| one.is_user);
        let described = described.map(|one| (one.name.clone(), one.arn.clone()));
        let reported = self.evidence.credential_rows.iter().filter(|row| !row.is_root);
        let reported = reported.map(|row| {
            let name = row.arn.rsplit('/').next().unwrap_or_default();
            (name.into(), canonical(&self.evidence, &row.arn))
        });
        let mut users: BTreeMap<Str, Vec<Str>> = BTreeMap::new();
        for (name, arn) in described.chain(reported) {
            users.entry(name).or_default().push(arn);
        }
        for arns in users.values_mut() {
            arns.sort_unstable();
            arns.dedup();
        }
        users
    }

    /// Rows and policy layers of the identities that documents describe.
    fn identities(&mut self, alone: &[Entity], signs: &HashMap<Str, Signs>) -> Vec<Identity> {
        let organisation = &self.evidence.organisation;
        let mut accounts: BTreeSet<Str> = self.guardrails.keys().cloned().collect();
        accounts.extend(organisation.parents.keys().filter(|id| is_account(id)).cloned());
        accounts.extend(organisation.management.clone());
        let mut rows = Vec::with_capacity(self.evidence.entities.len());
        let gone = &self.evidence.changes.gone;
        let stays = |entity: &&Entity| !gone.contains(&entity.arn);
        let described = self.evidence.entities.iter().filter(stays).map(|entity| (entity, true));
        let named = alone.iter().map(|entity| (entity, false));
        let mut told = HashSet::new();
        for (entity, has_grants) in described.chain(named) {
            let sign = signs.get(&entity.arn).copied().unwrap_or_default();
            let mut row = identities::identity(entity, sign, &accounts);
            row.has_grant_evidence = has_grants;
            if let Some(name) = self.evidence.changes.stand_ins.get(&entity.arn) {
                (row.kind, row.name) = (IdentityKind::Other, name.clone());
            }
            if let LastUse::At(time) = entity.last_use {
                row.last_used = Some(time);
            }
            let mut subject = subject(&self.evidence, entity, &mut row.holes);
            subject.caller.org_id = organisation.id.clone();
            if !has_grants {
                subject.missing.push("the role's own policies".into());
                row.holes.push(Hole {
                    kind: HoleKind::Grants,
                    policy: "the role's own policies".into(),
                    note: "get-role does not list them".into(),
                    place: Some(entity.place),
                });
            }
            // A vendor's integration that can change permissions is judged like any other identity.
            if row.is(Label::Vendor) && subject.bounds.iter().any(changes_permissions) {
                row.labels.remove(&Label::Vendor);
            }
            subject.is_exempt = row.is(Label::ServiceLinked);
            if let Some(limits) = self.guardrails.get(&entity.account)
                && !subject.is_exempt
            {
                row.holes.extend(limits.holes.iter().cloned());
            }
            for hole in row.holes.iter().filter(|hole| hole.policy.starts_with("group ")) {
                told.insert((hole.policy.clone(), entity.account.clone(), hole.place));
            }
            self.subjects.insert(entity.arn.clone(), subject);
            rows.push(row);
        }
        let mut told: Vec<_> = told.into_iter().collect();
        told.sort_unstable();
        for (group, account, place) in told {
            let text = format!("{group} of {account} is named and not described");
            self.evidence.notes.push((place, text));
        }
        rows
    }

    /// Rows of the root and of users that only a credential report names.
    fn reported(&self, signs: &HashMap<Str, Signs>) -> Vec<Identity> {
        let mut rows: BTreeMap<Str, Identity> = BTreeMap::new();
        for report in &self.evidence.credential_rows {
            let id = canonical(&self.evidence, &report.arn);
            if self.evidence.by_arn.contains_key(&id) {
                continue;
            }
            let kind = if report.is_root { IdentityKind::Root } else { IdentityKind::User };
            let mut row = Identity::new(id.clone(), "aws", kind);
            let name = match kind {
                IdentityKind::Root => &*report.account,
                _ => id.rsplit('/').next().unwrap_or_default(),
            };
            row.name = format!("aws:{}/{name}", kind.as_str()).into();
            row.account = report.account.clone();
            row.created = report.created;
            row.place = Some(report.place);
            let sign = signs.get(&id).copied().unwrap_or_default();
            let is_human = report.is_root || report.has_password == Some(true);
            match (is_human, sign.has_active_key) {
                (true, false) => row.labels.insert(Label::Human),
                (true, true) => row.labels.insert(Label::Mixed),
                (false, _) => false,
            };
            rows.insert(id, row);
        }
        rows.into_values().collect()
    }

    /// Other names of identities: unique ids, and roles' ARNs without path.
    fn aliases(&self, alone: &[Entity]) -> BTreeMap<Str, Str> {
        // A name of several ids is the name of none.
        let mut found: HashMap<Str, Option<Str>> = HashMap::new();
        for entity in self.evidence.entities.iter().chain(alone) {
            // Shared samples hold placeholders where the ids were.
            let is_id = |id: &&Str| {
                id.len() >= 16
                    && id.starts_with('A')
                    && id.bytes().all(|b| b.is_ascii_alphanumeric())
            };
            let mut names: Vec<Str> = entity.unique_id.iter().filter(is_id).cloned().collect();
            if let Some((head, _)) = entity.arn.split_once('/') {
                let plain = format!("{head}/{}", entity.name);
                if *plain != *entity.arn && !self.evidence.by_arn.contains_key(plain.as_str()) {
                    names.push(plain.into());
                }
            }
            for name in names {
                found
                    .entry(name)
                    .and_modify(|id| *id = id.take().filter(|id| *id == entity.arn))
                    .or_insert_with(|| Some(entity.arn.clone()));
            }
        }
        found.into_iter().filter_map(|(name, id)| Some((name, id?))).collect()
    }

    /// Actions that policies and reports name.
    fn actions(&self) -> Vec<(Str, Str)> {
        let mut seen: HashSet<&str> = HashSet::new();
        let policies = self.evidence.pool.policies();
        let statements = policies.flat_map(|policy| &policy.statements);
        for glob in statements.flat_map(|statement| &statement.actions.list) {
            seen.insert(glob.as_str());
        }
        for report in &self.evidence.reports {
            for service in &report.services {
                seen.extend(service.actions.iter().map(|(name, _)| &**name));
            }
        }
        let mut actions: Vec<(Str, Str)> =
            seen.into_iter().map(|name| (Str::from("aws"), Str::from(name))).collect();
        actions.sort_unstable();
        actions
    }
}

/// What reports and logs say of users' ways of signing in.
fn signs(
    evidence: &Evidence,
    credentials: &[Credential],
    logs: &LogSummary,
) -> HashMap<Str, Signs> {
    let mut signs: HashMap<Str, Signs> = HashMap::new();
    for row in &evidence.credential_rows {
        let id = canonical(evidence, &row.arn);
        let sign = signs.entry(id).or_default();
        sign.has_password = row.has_password.or(sign.has_password);
    }
    for credential in credentials {
        if &*credential.kind == "access-key" && credential.active == Some(true) {
            let id = canonical(evidence, &credential.identity);
            signs.entry(id).or_default().has_active_key = true;
        }
    }
    for row in &logs.usage {
        let is_sign_in =
            row.action.get(..7).is_some_and(|head| head.eq_ignore_ascii_case("signin:"));
        if is_sign_in && row.outcome == Outcome::Allowed && &*row.platform == "aws" {
            signs.entry(row.identity.clone()).or_default().signed_in = true;
        }
    }
    signs
}

/// Takes the last use of credentials for their identity's.
fn last_authentication(rows: &mut [Identity], credentials: &[Credential]) {
    let mut last: HashMap<&Str, _> = HashMap::new();
    for credential in credentials {
        let known = last.entry(&credential.identity).or_insert(None);
        *known = credential.last_used.max(*known);
    }
    for row in rows {
        let used = last.get(&row.id).copied().flatten();
        row.last_used = row.last_used.max(used);
    }
}

/// Whether a policy allows to attach policies to roles or users.
fn changes_permissions(bound: &Bound) -> bool {
    let telling = ["iam:AttachRolePolicy", "iam:PutRolePolicy", "iam:AttachUserPolicy"];
    let statements = bound.policy.statements.iter().filter(|one| one.allow);
    statements.into_iter().any(|statement| {
        let actions = &statement.actions;
        telling.iter().any(|name| actions.list.iter().any(|glob| glob.matches(name)) != actions.not)
    })
}

/// The layers of an identity's own policies. What is named and absent goes to `holes`.
fn subject(evidence: &Evidence, entity: &Entity, holes: &mut Vec<Hole>) -> Subject {
    let mut subject = Subject {
        caller: Caller {
            arn: entity.arn.clone(),
            role_arn: (!entity.is_user).then(|| entity.arn.clone()),
            account: entity.account.clone(),
            kind: if entity.is_user { CallerKind::User } else { CallerKind::Role },
            unique_id: entity.unique_id.clone(),
            tags: entity.tags.clone(),
            org_id: None,
        },
        bounds: Vec::new(),
        missing: Vec::new(),
        boundary: Limit::Absent,
        is_exempt: false,
    };
    let mut collect = Collect { evidence, place: entity.place, subject: &mut subject, holes };
    collect.inline(&entity.inline, None);
    collect.attached(&entity.attached, None);
    for name in &entity.groups {
        match group(evidence, &entity.account, name) {
            Some(group) => {
                collect.inline(&group.inline, Some(&group.name));
                collect.attached(&group.attached, Some(&group.name));
            }
            None => {
                let name = format!("group {name}");
                collect.missing(&name, "the group is not in the evidence", entity.place);
            }
        }
    }
    if let Some(arn) = &entity.boundary {
        collect.boundary(arn);
    }
    subject
}

fn group<'a>(evidence: &'a Evidence, account: &Str, name: &str) -> Option<&'a Group> {
    let key = (account.clone(), Str::from(name.to_ascii_lowercase()));
    evidence.groups.get(&key)
}

struct Collect<'a> {
    evidence: &'a Evidence,
    place: Place,
    subject: &'a mut Subject,
    holes: &'a mut Vec<Hole>,
}

impl Collect<'_> {
    fn missing(&mut self, policy: &str, note: &str, place: Place) {
        let policy: Str = policy.into();
        if self.subject.missing.contains(&policy) {
            return;
        }
        self.subject.missing.push(policy.clone());
        self.holes.push(Hole {
            kind: HoleKind::Grants,
            policy,
            note: note.into(),
            place: Some(place),
        });
    }

    fn inline(&mut self, inline: &[Inline], group: Option<&Str>) {
        for policy in inline {
            let name: Str = match group {
                None => format!("{} (inline)", policy.name).into(),
                Some(group) => format!("{} (inline of group {group})", policy.name).into(),
            };
            match &policy.document {
                PolicyDocument::Parsed(document) => self.subject.bounds.push(Bound {
                    policy: document.clone(),
                    name,
                    layer: Layer::Identity,
                    level: None,
                    via: group.cloned(),
                    since: None,
                    shareable: group.is_some(),
                }),
                PolicyDocument::Broken(reason) => {
                    let note = format!("it could not be read: {reason}");
                    self.missing(&name, &note, policy.place);
                }
            }
        }
    }

    fn attached(&mut self, attached: &[Str], group: Option<&Str>) {
        for arn in attached {
            match find(self.evidence, arn) {
                Ok((_, bound)) => {
                    let is_known = self
                        .subject
                        .bounds
                        .iter()
                        .any(|known| known.name == bound.name && known.via.as_ref() == group);
                    if !is_known {
                        self.subject.bounds.push(Bound { via: group.cloned(), ..bound });
                    }
                }
                Err(note) => self.missing(arn, &note, self.place),
            }
        }
    }

    fn boundary(&mut self, arn: &Str) {
        self.subject.boundary = match find(self.evidence, arn) {
            Ok((_, bound)) => Limit::Known(Bound { layer: Layer::Boundary, ..bound }),
            Err(note) => {
                self.holes.push(Hole {
                    kind: HoleKind::Limits,
                    policy: arn.clone(),
                    note: format!("permissions boundary, {note}").into(),
                    place: Some(self.place),
                });
                Limit::Missing(arn.clone())
            }
        };
    }
}

/// A managed policy by ARN, or by name where an export has no ARN.
fn find(evidence: &Evidence, arn: &Str) -> Result<(Str, Bound), String> {
    let by_name = || {
        let arn = managed::arn_of(arn)?;
        evidence.managed.get_key_value(arn)
    };
    let known = evidence.managed.get_key_value(arn).or_else(by_name);
    let Some((arn, policy)) = known else {
        return Err(managed::absent(arn).to_string());
    };
    match &policy.document {
        None => Err("its default version is not in the evidence".to_string()),
        Some(PolicyDocument::Broken(reason)) => Err(format!("it could not be read: {reason}")),
        Some(PolicyDocument::Parsed(document)) => Ok((
            arn.clone(),
            Bound {
                policy: document.clone(),
                name: match evidence.changes.addresses.get(arn) {
                    Some(address) => format!("{arn} at {address}").into(),
                    None => arn.clone(),
                },
                layer: Layer::Identity,
                level: None,
                via: None,
                since: policy.since,
                shareable: true,
            },
        )),
    }
}
