//! `iam get-account-authorization-details`.
//!
//! Shapes: IAM API Reference, GetAccountAuthorizationDetails; botocore 1.44.8 service model. A
//! file is cut into its records, which are read in parallel; their policies are parsed once for each
//! distinct text.

use hashbrown::hash_map::Entry;
use rayon::prelude::*;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::details::{Detail, InlineText, ManagedText, Version, cut};
use super::entities::{Entity, Export, Group, Inline, LastUse, Managed};
use super::pool::{self, PolicyDocument, Pool};
use super::wire::reason;
use super::{Evidence, Source};
use crate::model::{Place, Str, Time};
use crate::platform::Intake;
use crate::platform::aws::arn::{Arn, is_account};
use crate::platform::aws::scan::Value;

/// An export that was looked at by itself: everything that does not depend on other files.
pub(super) struct Looked<'a> {
    source: Source<'a>,
    /// What concerns the file as a whole.
    intake: Intake,
    users: Part<'a, EntityPlan>,
    roles: Part<'a, EntityPlan>,
    groups: Part<'a, GroupPlan>,
    policies: Part<'a, ManagedPlan>,
    /// The newest date of the managed policies.
    newest: Option<Time>,
    is_truncated: bool,
    /// Whether there is no page at all.
    is_absent: bool,
}

/// The records of one list, without their policies, which are parsed beside them.
struct Part<'a, T> {
    intake: Intake,
    plans: Vec<T>,
    documents: pool::Looked<'a>,
}

/// A user or role, its inline policies, and the number of its trust policy among the documents.
type EntityPlan = (Entity, InlinePlan, Option<usize>);

/// The accounts that a group belongs to, the group, and its inline policies.
type GroupPlan = (Vec<Str>, Group, InlinePlan);

/// A managed policy: ARN, number of its document, creation of the version, place.
type ManagedPlan = (Str, Option<usize>, Option<Time>, Place);

/// Looks at a file, whole or cut off.
pub(super) fn look<'a>(pool: &Pool, source: Source<'a>) -> Looked<'a> {
    let lists = cut(&source);
    let mut intake = Intake::default();
    if lists.is_absent {
        intake.reject(source.whole(), "no JSON object in it");
    } else {
        if let Some(at) = lists.cut {
            intake.reject(
                source.place(at),
                "the JSON ends early: what follows is not known, what is before it is used",
            );
        }
        if !lists.has_policies {
            intake.note("no `Policies` list: what attached managed policies allow is not known");
        }
    }
    let users = entities(pool, &source, &lists.users, true);
    let roles = entities(pool, &source, &lists.roles, false);
    let accounts = accounts(&users.plans, &roles.plans);
    let groups = groups(pool, &source, &lists.groups, &accounts);
    let (policies, newest) = policies(pool, &source, &lists.policies);
    Looked {
        is_truncated: lists.is_truncated || lists.cut.is_some(),
        is_absent: lists.is_absent,
        source,
        intake,
        users,
        roles,
        groups,
        policies,
        newest,
    }
}

/// Adds what a file says.
pub(super) fn add(evidence: &mut Evidence, looked: Looked<'_>, intake: &mut Intake) {
    let Looked { source, users, roles, groups, policies, .. } = looked;
    intake.append(looked.intake);
    if looked.is_absent {
        return;
    }
    let begin = evidence.entities.len();
    let users = keep_entities(evidence, &source, users, intake);
    let roles = keep_entities(evidence, &source, roles, intake);
    let newest = [&users, &roles]
        .iter()
        .flat_map(|list| list.iter())
        .flat_map(|entity| {
            let used = match entity.last_use {
                LastUse::At(time) => Some(time),
                LastUse::Unstated | LastUse::Never => None,
            };
            [entity.created, used]
        })
        .flatten()
        .max();
    let has_last_used = roles.iter().any(|role| role.last_use != LastUse::Unstated);
    let has_roles = !roles.is_empty();
    for entity in users.into_iter().chain(roles) {
        add_entity(evidence, entity);
    }
    keep_groups(evidence, &source, groups, intake);
    keep_policies(evidence, &source, policies, intake);
    evidence.exports.push(Export {
        file: source.file,
        is_truncated: looked.is_truncated,
        has_last_used,
        has_roles,
        newest: newest.max(looked.newest),
        entities: begin..evidence.entities.len(),
    });
}

/// Reads records in parallel; rejects those that do not fit.
fn details<'a, T: Deserialize<'a> + Send>(
    source: &Source<'a>,
    values: &[Value<'a>],
    what: &str,
    intake: &mut Intake,
) -> Vec<(Value<'a>, T)> {
    let parsed: Vec<Result<T, serde_json::Error>> =
        values.par_iter().map(|value| serde_json::from_slice(value.text)).collect();
    let mut out = Vec::with_capacity(parsed.len());
    for (value, record) in values.iter().zip(parsed) {
        match record {
            Ok(record) => out.push((*value, record)),
            Err(error) => intake.reject(source.place(value.at), reason(what, &error)),
        }
    }
    out
}

fn entities<'a>(
    pool: &Pool,
    source: &Source<'a>,
    values: &[Value<'a>],
    is_user: bool,
) -> Part<'a, EntityPlan> {
    let what = if is_user { "a user" } else { "a role" };
    let mut intake = Intake::default();
    let details: Vec<(Value<'_>, Detail<'_>)> = details(source, values, what, &mut intake);
    // All documents of the file are parsed together, then handed out in the same order.
    let mut documents = Vec::new();
    let mut plans = Vec::with_capacity(details.len());
    for (value, detail) in &details {
        let Some(frame) = frame(source, value, detail, is_user, &mut intake) else {
            continue;
        };
        let inline = inline_texts(source, detail, &frame.name, &mut documents, &mut intake);
        let trust = detail.assume_role_policy_document.map(|raw| {
            documents.push((format!("trust policy of {}", frame.name), raw));
            documents.len() - 1
        });
        plans.push((frame, inline, trust));
    }
    intake.used(plans.len() as u64);
    Part { intake, plans, documents: pool.look(source, documents) }
}

fn keep_entities(
    evidence: &mut Evidence,
    source: &Source<'_>,
    part: Part<'_, EntityPlan>,
    intake: &mut Intake,
) -> Vec<Entity> {
    intake.append(part.intake);
    let parsed = evidence.pool.keep(source, part.documents, intake);
    part.plans
        .into_iter()
        .map(|(mut entity, inline, trust)| {
            entity.inline = take_inline(&parsed, inline);
            entity.trust = trust.and_then(|at| parsed.get(at).cloned());
            entity
        })
        .collect()
}

type InlinePlan = Vec<(Str, usize, Place)>;

fn inline_texts<'a>(
    source: &Source<'a>,
    detail: &Detail<'a>,
    owner: &str,
    documents: &mut Vec<(String, &'a RawValue)>,
    intake: &mut Intake,
) -> InlinePlan {
    let mut plan = Vec::new();
    for raw in detail.user_policy_list.iter().flatten() {
        let at = super::wire::offset(source, raw);
        let text = serde_json::from_str::<InlineText<'_>>(raw.get());
        let (name, document) = match text {
            Ok(InlineText { policy_name, policy_document: Some(document) }) => {
                (policy_name.unwrap_or_default(), document)
            }
            _ => {
                // The policy exists and is not known: a document that cannot be parsed stands for it.
                (String::new(), *raw)
            }
        };
        let place = source.place(at);
        if name.is_empty() {
            intake.note(format!("an inline policy of {owner} has no name"));
        }
        documents.push((format!("policy {name} of {owner}"), document));
        plan.push((name.into(), documents.len() - 1, place));
    }
    plan
}

fn take_inline(parsed: &[PolicyDocument], plan: InlinePlan) -> Vec<Inline> {
    plan.into_iter()
        .filter_map(|(name, at, place)| {
            let document = parsed.get(at)?.clone();
            Some(Inline { name, document, place })
        })
        .collect()
}

/// Everything of an entity but its policies.
pub(super) fn frame(
    source: &Source<'_>,
    value: &Value<'_>,
    detail: &Detail<'_>,
    is_user: bool,
    intake: &mut Intake,
) -> Option<Entity> {
    let place = source.place(value.at);
    let wanted = if is_user { "user" } else { "role" };
    let arn = detail.arn.as_deref().unwrap_or_default();
    let parts = Arn::parse(arn).and_then(|parts| Some((parts.account, parts.iam()?)));
    let Some((account, (kind, name))) = parts else {
        intake.reject(place, format!("a {wanted} without an ARN"));
        return None;
    };
    if kind != wanted {
        intake.reject(place, format!("a {wanted} with the ARN of a {kind}"));
        return None;
    }
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    Some(Entity {
        arn: arn.into(),
        account: account.into(),
        name: detail.user_name.as_deref().unwrap_or(name).into(),
        is_user,
        unique_id: detail.user_id.as_deref().map(Str::from),
        created: detail.create_date.0,
        tags: detail
            .tags
            .iter()
            .flatten()
            .filter(|tag| tag.key.is_some())
            .map(|tag| (text(&tag.key), text(&tag.value)))
            .collect(),
        inline: Vec::new(),
        attached: attached(detail),
        groups: detail.group_list.iter().flatten().map(|name| name.as_str().into()).collect(),
        boundary: detail
            .permissions_boundary
            .as_ref()
            .and_then(|boundary| boundary.permissions_boundary_arn.as_deref().map(Str::from)),
        trust: None,
        profiles: detail
            .instance_profile_list
            .iter()
            .flatten()
            .filter_map(|profile| profile.arn.as_deref().map(Str::from))
            .collect(),
        last_use: match &detail.role_last_used {
            None => LastUse::Unstated,
            Some(used) => used.last_used_date.0.map_or(LastUse::Never, LastUse::At),
        },
        place,
    })
}

fn attached(detail: &Detail<'_>) -> Vec<Str> {
    detail
        .attached_managed_policies
        .iter()
        .flatten()
        .filter_map(|policy| policy.policy_arn.as_ref().or(policy.policy_name.as_ref()))
        .map(|arn| arn.as_str().into())
        .collect()
}

fn accounts(users: &[EntityPlan], roles: &[EntityPlan]) -> Vec<Str> {
    let mut accounts: Vec<Str> = Vec::new();
    for (entity, _, _) in users.iter().chain(roles) {
        if accounts.last() != Some(&entity.account) {
            accounts.push(entity.account.clone());
        }
    }
    accounts.sort_unstable();
    accounts.dedup();
    accounts
}

/// Adds an entity, unless it is already there.
pub(crate) fn add_entity(evidence: &mut Evidence, entity: Entity) {
    let at = Some(entity.place);
    if let Some(known) = evidence.by_arn.get(&entity.arn) {
        let known = evidence.entities.get(*known);
        if known.is_some_and(|known| !known.is_same(&entity)) {
            let text = format!(
                "{} is described twice, and differently: the first description is used",
                entity.arn
            );
            evidence.notes.push((at, text));
        }
        return;
    }
    match evidence.by_name.entry(entity.key()) {
        Entry::Occupied(other) => {
            let text = format!(
                "{} and {} cannot both exist: names are unique without path. Both are kept",
                entity.arn,
                other.get()
            );
            evidence.notes.push((at, text));
        }
        Entry::Vacant(free) => {
            free.insert(entity.arn.clone());
        }
    }
    evidence.by_arn.insert(entity.arn.clone(), evidence.entities.len());
    evidence.entities.push(entity);
}

/// Reads groups. A group belongs to the account of its ARN, or of its file where the ARN has none.
fn groups<'a>(
    pool: &Pool,
    source: &Source<'a>,
    values: &[Value<'a>],
    accounts: &[Str],
) -> Part<'a, GroupPlan> {
    let mut intake = Intake::default();
    let details: Vec<(Value<'_>, Detail<'_>)> = details(source, values, "a group", &mut intake);
    let mut documents = Vec::new();
    let mut plans = Vec::new();
    for (value, detail) in &details {
        let place = source.place(value.at);
        let Some(name) = detail.user_name.as_deref() else {
            intake.reject(place, "a group without a name");
            continue;
        };
        let inline = inline_texts(source, detail, name, &mut documents, &mut intake);
        let arn = detail.arn.as_deref().and_then(Arn::parse);
        let account = arn.map(|arn| arn.account).filter(|text| is_account(text));
        let homes: Vec<Str> = match account {
            Some(account) => vec![account.into()],
            None => accounts.to_vec(),
        };
        let group =
            Group { name: name.into(), inline: Vec::new(), attached: attached(detail), place };
        plans.push((homes, group, inline));
    }
    Part { intake, plans, documents: pool.look(source, documents) }
}

fn keep_groups(
    evidence: &mut Evidence,
    source: &Source<'_>,
    part: Part<'_, GroupPlan>,
    intake: &mut Intake,
) {
    intake.append(part.intake);
    let parsed = evidence.pool.keep(source, part.documents, intake);
    for (homes, mut group, inline) in part.plans {
        group.inline = take_inline(&parsed, inline);
        intake.used(1);
        for home in homes {
            add_group(evidence, home, group.clone());
        }
    }
}

fn add_group(evidence: &mut Evidence, account: Str, group: Group) {
    let key = (account, group.name.to_ascii_lowercase().into());
    let Some(known) = evidence.groups.get(&key) else {
        evidence.groups.insert(key, group);
        return;
    };
    let is_same =
        known.attached == group.attached
            && known.inline.len() == group.inline.len()
            && known.inline.iter().zip(&group.inline).all(|(left, right)| {
                left.name == right.name && left.document.is_same(&right.document)
            });
    if !is_same {
        let text = format!(
            "group {} of {} is described twice, and differently: the first description is used",
            group.name, key.0
        );
        evidence.notes.push((Some(group.place), text));
    }
}

/// Reads managed policies, the default version only. Returns the newest date.
fn policies<'a>(
    pool: &Pool,
    source: &Source<'a>,
    values: &[Value<'a>],
) -> (Part<'a, ManagedPlan>, Option<Time>) {
    let mut intake = Intake::default();
    let details: Vec<(Value<'_>, ManagedText<'_>)> =
        details(source, values, "a managed policy", &mut intake);
    let mut documents = Vec::new();
    let mut plans = Vec::new();
    let mut newest = None;
    for (value, detail) in &details {
        let place = source.place(value.at);
        let Some(arn) = detail.arn.as_deref() else {
            intake.reject(place, "a managed policy without an ARN");
            continue;
        };
        newest = newest.max(detail.update_date.0);
        let versions = detail.policy_version_list.as_deref().unwrap_or_default();
        let by_id = |version: &&Version<'_>| {
            version.version_id.is_some() && version.version_id == detail.default_version_id
        };
        let version = versions
            .iter()
            .find(|version| version.is_default_version == Some(true))
            .or_else(|| versions.iter().find(by_id));
        let name = detail.policy_name.as_deref().unwrap_or(arn);
        let document = version.and_then(|version| version.document).map(|raw| {
            documents.push((format!("policy {name}"), raw));
            documents.len() - 1
        });
        if document.is_none() {
            intake.note(format!("policy {name} has no default version"));
        }
        let since = version.and_then(|version| version.create_date.0);
        newest = newest.max(since);
        plans.push((Str::from(arn), document, since, place));
    }
    (Part { intake, plans, documents: pool.look(source, documents) }, newest)
}

fn keep_policies(
    evidence: &mut Evidence,
    source: &Source<'_>,
    part: Part<'_, ManagedPlan>,
    intake: &mut Intake,
) {
    intake.append(part.intake);
    let parsed = evidence.pool.keep(source, part.documents, intake);
    for (arn, document, since, place) in part.plans {
        intake.used(1);
        let managed =
            Managed { document: document.and_then(|at| parsed.get(at).cloned()), since, place };
        add_managed(evidence, arn, managed);
    }
}

fn add_managed(evidence: &mut Evidence, arn: Str, managed: Managed) {
    let Some(known) = evidence.managed.get_mut(&arn) else {
        evidence.managed.insert(arn, managed);
        return;
    };
    let is_same = match (&known.document, &managed.document) {
        (Some(left), Some(right)) => left.is_same(right),
        (left, right) => left.is_none() && right.is_none(),
    };
    if is_same {
        return;
    }
    let is_newer = managed.since > known.since;
    let text = format!(
        "policy {arn} is described twice, and differently: the version of {} is used",
        if is_newer { managed.since } else { known.since }
            .map_or_else(|| "the first description".to_string(), Time::date)
    );
    evidence.notes.push((Some(managed.place), text));
    if is_newer {
        *known = managed;
    }
}
