//! Self-contained cases: one line of `can --cases`, one line of answer.
//!
//! Owns the shape of a case and of its answer (`docs/evaluation.md`, "Cases"). A case holds its whole context,
//! so that any other evaluator can answer it too, and nothing is conditional.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::decide::{Ask, decide};
use super::parse::Interner;
use super::{Bound, Caller, CallerKind, Context, Layers, Limit, OrgLimit, Policy};
use crate::model::{Layer, Str};
use crate::platform::{Answer, Verdict};

#[derive(Deserialize)]
struct Case<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    principal: String,
    action: String,
    resource: String,
    #[serde(default)]
    resource_account: Option<String>,
    #[serde(default)]
    context: serde_json::Map<String, Value>,
    #[serde(borrow, default)]
    identity: Vec<Attached<'a>>,
    #[serde(borrow, default)]
    boundary: Option<&'a RawValue>,
    #[serde(borrow, default)]
    session: Option<&'a RawValue>,
    #[serde(borrow, default)]
    resource_policy: Option<&'a RawValue>,
    #[serde(borrow, default)]
    scps: Option<Vec<Vec<Attached<'a>>>>,
    #[serde(borrow, default)]
    rcps: Option<Vec<Vec<Attached<'a>>>>,
}

#[derive(Deserialize)]
struct Attached<'a> {
    name: Str,
    #[serde(borrow)]
    policy: &'a RawValue,
}

/// Answers one line with one line: `{"id", "decision", "by", "reason"}`. A line that is no case, or that holds
/// what cannot be decided, is answered with `error` and the reason.
pub fn answer_line(line: &str) -> String {
    let (id, answer) = match serde_json::from_str::<Case<'_>>(line) {
        Ok(case) => {
            let id = case.id.and_then(|raw| serde_json::from_str(raw.get()).ok());
            (id, answer(&case))
        }
        Err(error) => (id_of(line), Err(format!("not a case: {error}"))),
    };
    let id = id.unwrap_or(Value::Null);
    match answer {
        Ok(answer) => {
            let by: Vec<Value> = answer.by.iter().map(statement).collect();
            let decision = answer.verdict.as_str();
            json!({"id": id, "decision": decision, "by": by, "reason": answer.reason}).to_string()
        }
        Err(reason) => {
            json!({"id": id, "decision": "error", "by": [], "reason": reason}).to_string()
        }
    }
}

fn id_of(line: &str) -> Option<Value> {
    let case: Value = serde_json::from_str(line).ok()?;
    case.get("id").cloned()
}

fn statement(by: &crate::platform::By) -> Value {
    json!({
        "layer": by.layer.as_str(),
        "level": by.level,
        "policy": &*by.policy,
        "statement": by.statement,
        "sid": by.sid.as_deref(),
    })
}

fn answer(case: &Case<'_>) -> Result<Answer, String> {
    let caller = caller(&case.principal)?;
    let context = context(&case.context)?;
    let layers = layers(case)?;
    let answer = decide(
        &Ask {
            caller: &caller,
            action: &case.action,
            resource: &case.resource,
            resource_account: case.resource_account.as_deref(),
            context: &context,
        },
        &layers,
    );
    match answer.verdict {
        Verdict::Allow | Verdict::Deny => Ok(answer),
        // The context is complete, so only an operator that is not known leaves a condition open.
        Verdict::Conditional | Verdict::Unknown => Err(answer.conditions.join("; ")),
    }
}

/// The caller that an ARN names.
///
/// # Errors
/// An ARN that is none of a user, a role, the root, or a session of a role or a federated user.
pub fn caller(arn: &str) -> Result<Caller, String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let &["arn", partition, service, _, account, rest] = parts.as_slice() else {
        return Err(format!("principal `{arn}` is not an ARN"));
    };
    let (word, name) = rest.split_once('/').unwrap_or((rest, ""));
    let (kind, role_arn) = match (service, word) {
        ("iam", "root") => (CallerKind::Root, None),
        ("iam", "user") => (CallerKind::User, None),
        ("iam", "role") => (CallerKind::Role, Some(arn.into())),
        ("sts", "federated-user") => (CallerKind::FederatedUser, None),
        ("sts", "assumed-role") => {
            let role = name.split('/').next().unwrap_or(name);
            let role = format!("arn:{partition}:iam::{account}:role/{role}");
            (CallerKind::RoleSession, Some(role.into()))
        }
        _ => return Err(format!("principal `{arn}` is no user, role or session")),
    };
    Ok(Caller {
        arn: arn.into(),
        role_arn,
        account: account.into(),
        kind,
        unique_id: None,
        tags: Vec::new(),
        org_id: None,
    })
}

fn context(given: &serde_json::Map<String, Value>) -> Result<Context, String> {
    let mut context = Context { complete: true, ..Context::default() };
    for (key, value) in given {
        let scalar = |value: &Value| match value {
            Value::String(text) => Ok(Str::from(text.as_str())),
            Value::Number(_) | Value::Bool(_) => Ok(Str::from(value.to_string())),
            _ => Err(format!("context `{key}` is not text or a list of texts")),
        };
        let values = match value {
            Value::Array(list) => list.iter().map(scalar).collect::<Result<Vec<_>, _>>()?,
            one => vec![scalar(one)?],
        };
        let lower = key.to_ascii_lowercase();
        context.known.entry(lower).or_default().extend(values);
    }
    Ok(context)
}

/// Reads policies into layers.
struct Binder(Interner);

impl Binder {
    fn bind(
        &mut self,
        (name, text): (&str, &RawValue),
        layer: Layer,
        level: Option<u32>,
    ) -> Result<Bound, String> {
        let policy = Policy::parse_shared(text.get(), &|_| None, &mut self.0).map_err(|error| {
            let at = error.offset;
            format!("policy `{name}`, offset {at}: {error}")
        })?;
        Ok(Bound {
            policy: Arc::new(policy),
            name: name.into(),
            layer,
            level,
            via: None,
            since: None,
            shareable: false,
        })
    }

    fn levels(
        &mut self,
        levels: Option<&Vec<Vec<Attached<'_>>>>,
        layer: Layer,
    ) -> Result<OrgLimit, String> {
        let mut out = Vec::new();
        for (number, level) in levels.into_iter().flatten().enumerate() {
            let mut bounds = Vec::new();
            for attached in level {
                let entry = (&*attached.name, attached.policy);
                bounds.push(self.bind(entry, layer, Some(number as u32))?);
            }
            out.push(bounds);
        }
        Ok(if out.is_empty() { OrgLimit::Absent } else { OrgLimit::Levels(out) })
    }
}

fn layers(case: &Case<'_>) -> Result<Layers, String> {
    let mut binder = Binder(Interner::default());
    let mut layers = Layers::default();
    for attached in &case.identity {
        let entry = (&*attached.name, attached.policy);
        layers.identity.push(binder.bind(entry, Layer::Identity, None)?);
    }
    let is_there = |raw: &&RawValue| raw.get() != "null";
    if let Some(policy) = case.boundary.filter(is_there) {
        let bound = binder.bind(("boundary", policy), Layer::Boundary, None)?;
        layers.boundary = Limit::Known(bound);
    }
    if let Some(policy) = case.session.filter(is_there) {
        let bound = binder.bind(("session", policy), Layer::Session, None)?;
        layers.session.push(bound);
    }
    if let Some(policy) = case.resource_policy.filter(is_there) {
        let bound = binder.bind(("resource_policy", policy), Layer::Resource, None)?;
        layers.resource.push(bound);
    }
    layers.scps = binder.levels(case.scps.as_ref(), Layer::Scp)?;
    layers.rcps = binder.levels(case.rcps.as_ref(), Layer::Rcp)?;
    Ok(layers)
}

#[cfg(test)]
#[path = "cases_tests.rs"]
mod tests;
