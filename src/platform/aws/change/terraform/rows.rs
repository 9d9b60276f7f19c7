//! The resources of a plan that matter, each with its values on the wanted side of the change.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use rayon::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::wire::{ConfigModule, Mode, PlanText, ResourceText};
use crate::model::settings::Side;
use crate::model::{Place, Str};
use crate::platform::Intake;
use crate::platform::aws::change::UNKNOWN;
use crate::platform::aws::documents::{Source, wire};

/// The values of a resource, raw.
pub(super) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// One instance of a resource.
pub(super) struct Row<'a> {
    pub(super) address: String,
    /// Address of its module's instance; empty for the root.
    pub(super) module: String,
    pub(super) kind: String,
    pub(super) is_data: bool,
    /// Address within its module, without index.
    pub(super) local: String,
    pub(super) index: Option<Value>,
    /// Its values on the wanted side; `None`: it is not there.
    pub(super) fields: Option<Fields<'a>>,
    /// Its values before, where the change takes them away or replaces them.
    pub(super) before: Option<Fields<'a>>,
    /// Which values are known only after apply.
    pub(super) unknown: Value,
    /// Whether the change makes it.
    pub(super) is_new: bool,
    /// Position in the change's scopes.
    pub(super) scope: usize,
    pub(super) place: Place,
}

/// What is known of one value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Known<T> {
    Value(T),
    Absent,
    /// Known only after apply.
    Unknown,
}

impl<T> Known<T> {
    pub(super) fn value(self) -> Option<T> {
        match self {
            Known::Value(value) => Some(value),
            Known::Absent | Known::Unknown => None,
        }
    }
}

impl<'a> Row<'a> {
    /// A value, raw.
    pub(super) fn raw(&self, name: &str) -> Known<&'a RawValue> {
        if self.unknown.get(name) == Some(&Value::Bool(true)) {
            return Known::Unknown;
        }
        let value = self.fields.as_ref().and_then(|fields| fields.get(name).copied());
        match value.filter(|raw| raw.get() != "null") {
            Some(raw) => Known::Value(raw),
            None => Known::Absent,
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> Known<String> {
        match self.raw(name) {
            Known::Value(raw) => text(raw).map_or(Known::Absent, Known::Value),
            Known::Absent => Known::Absent,
            Known::Unknown => Known::Unknown,
        }
    }

    /// A list of texts; `None` in the place of one that is not known.
    pub(super) fn texts(&self, name: &str) -> Known<Vec<Option<String>>> {
        match self.raw(name) {
            Known::Value(raw) => {
                let list: Vec<Option<Value>> = serde_json::from_str(raw.get()).unwrap_or_default();
                let one = |item: Option<Value>| match item {
                    Some(Value::String(text)) => Some(text),
                    _ => None,
                };
                Known::Value(list.into_iter().map(one).collect())
            }
            Known::Absent => Known::Absent,
            Known::Unknown => Known::Unknown,
        }
    }
}

/// A text of a resource's values.
pub(super) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// A text of values that may be absent.
pub(super) fn text_of(fields: &Fields<'_>, name: &str) -> Option<String> {
    fields.get(name).and_then(|raw| text(raw)).filter(|text| !text.is_empty())
}

/// Reads the resources of the wanted types. Those that are not well formed are rejected.
pub(super) fn rows<'a>(
    source: &Source<'a>,
    plan: &PlanText<'a>,
    side: Side,
    intake: &mut Intake,
) -> Vec<Row<'a>> {
    let state = plan.values.as_ref().or(plan.planned_values.as_ref());
    let mut values: Vec<&RawValue> = match (&plan.resource_changes, state) {
        (Some(changes), _) => changes.clone(),
        (None, Some(state)) => state.root_module.iter().flat_map(|module| module.all()).collect(),
        (None, None) => Vec::new(),
    };
    // Data sources that were read while planning are only in the state before.
    let prior = plan.prior_state.as_ref().and_then(|prior| prior.values.as_ref());
    let prior = prior.and_then(|values| values.root_module.as_ref());
    let prior: Vec<&RawValue> = prior.map(|module| module.all()).unwrap_or_default();
    let begin = values.len();
    if plan.resource_changes.is_some() {
        values.extend(prior);
    }
    source.lines();
    let parsed: Vec<Result<Option<Row<'a>>, (usize, String)>> = values
        .par_iter()
        .enumerate()
        .map(|(at, raw)| row(source, raw, side, at >= begin).map_err(|reason| (at, reason)))
        .collect();
    let mut rows: Vec<Row<'a>> = Vec::new();
    let mut skipped = 0;
    for found in parsed {
        match found {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => skipped += 1,
            Err((at, reason)) => {
                let offset = values.get(at).map_or(0, |raw| wire::offset(source, raw));
                intake.reject(source.place(offset), reason);
            }
        }
    }
    intake.skipped(skipped);
    rows
}

/// Whether a type can say anything about grants or the account.
pub(super) fn matters(kind: &str, is_data: bool) -> bool {
    let is_iam = kind.starts_with("aws_iam_") || kind.starts_with("aws_organizations_policy");
    let names_account = is_data && kind == "aws_caller_identity";
    is_iam || names_account || super::resources::is_named(kind)
}

fn row<'a>(
    source: &Source<'a>,
    raw: &'a RawValue,
    side: Side,
    is_prior: bool,
) -> Result<Option<Row<'a>>, String> {
    let resource: ResourceText<'a> =
        serde_json::from_str(raw.get()).map_err(|error| wire::reason("a resource", &error))?;
    let is_data = resource.mode == Some(Mode::Data);
    // Of the state before only data sources say more than the changes do.
    if !matters(&resource.r#type, is_data) || resource.deposed.is_some() || (is_prior && !is_data) {
        return Ok(None);
    }
    let fields = |raw: Option<&'a RawValue>| match raw.filter(|raw| raw.get() != "null") {
        None => Ok(None),
        Some(raw) => serde_json::from_str::<Fields<'a>>(raw.get())
            .map(Some)
            .map_err(|error| wire::reason("a resource's values", &error)),
    };
    let (mut before, after, mut unknown, actions) = match &resource.change {
        Some(change) => {
            let unknown = match change.after_unknown {
                Some(raw) => serde_json::from_str(raw.get())
                    .map_err(|error| wire::reason("after_unknown", &error))?,
                None => Value::Null,
            };
            (fields(change.before)?, fields(change.after)?, unknown, change.actions.as_slice())
        }
        None => {
            let values = fields(resource.values)?;
            (values.clone(), values, Value::Null, [].as_slice())
        }
    };
    let has = |name: &str| actions.iter().any(|action| action == name);
    let is_new = has("create");
    let mut wanted = match side {
        Side::Before => before.clone(),
        // Terraform only forgets it: it stays.
        Side::After if has("forget") => before.clone(),
        Side::After => after,
    };
    match side {
        Side::Before => {
            (before, unknown) = (None, Value::Null);
            // Data that is read during apply has no values before.
            if is_data && has("read") {
                wanted = None;
            }
        }
        Side::After if has("delete") || has("update") => {}
        Side::After => before = None,
    }
    let module = resource.module_address.unwrap_or_else(|| module_of(&resource.address));
    let prefix = if is_data { "data." } else { "" };
    Ok(Some(Row {
        module,
        local: format!("{prefix}{}.{}", resource.r#type, resource.name),
        address: resource.address.into_owned(),
        kind: resource.r#type.into_owned(),
        is_data,
        index: resource.index,
        fields: wanted,
        before,
        unknown,
        is_new,
        scope: 0,
        place: source.place(wire::offset(source, raw)),
    }))
}

/// The steps of an address: `module`, `a["x.y"]`, `aws_iam_role`, `b[0]`. Dots within brackets are no ends.
pub(super) fn steps(address: &str) -> Vec<&str> {
    let (mut steps, mut begin, mut is_inside, mut is_quoted, mut is_escaped) =
        (Vec::new(), 0, false, false, false);
    for (at, byte) in address.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' if is_inside => is_quoted = !is_quoted,
            b'[' if !is_quoted => is_inside = true,
            b']' if !is_quoted => is_inside = false,
            b'.' if !is_inside => {
                steps.push(address.get(begin..at).unwrap_or_default());
                begin = at + 1;
            }
            _ => {}
        }
    }
    steps.push(address.get(begin..).unwrap_or_default());
    steps
}

/// A step without its index.
pub(super) fn plain(step: &str) -> &str {
    step.split('[').next().unwrap_or(step)
}

/// The address of the module that a resource's address begins with.
fn module_of(address: &str) -> String {
    let steps = steps(address);
    let mut taken = 0;
    while steps.get(taken) == Some(&"module") && taken + 1 < steps.len() {
        taken += 2;
    }
    steps.get(..taken).unwrap_or_default().join(".")
}

/// The accounts of a plan's providers.
pub(super) struct Scopes {
    pub(super) accounts: Vec<Option<Str>>,
}

/// Gives each resource the scope of its provider, and each provider its account: by the ARNs and the caller's
/// identity that its resources state, else by its configuration, else by the one account that the plan names.
pub(super) fn scopes(rows: &mut [Row<'_>], plan: &PlanText<'_>) -> Scopes {
    let mut keys: BTreeMap<(String, String), String> = BTreeMap::new();
    let config = plan.configuration.as_ref();
    if let Some(root) = config.and_then(|config| config.root_module.as_ref()) {
        provider_keys(root, "", &mut keys);
    }
    let mut numbers: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows.iter_mut() {
        let key = keys.get(&(config_path(&row.module), row.local.clone()));
        let key = key.cloned().unwrap_or_default();
        let next = numbers.len();
        row.scope = *numbers.entry(key).or_insert(next);
    }
    let mut stated: Vec<BTreeSet<String>> = vec![BTreeSet::new(); numbers.len()];
    for row in rows.iter() {
        if let (Some(account), Some(slot)) = (stated_account(row), stated.get_mut(row.scope)) {
            slot.insert(account);
        }
    }
    let providers = config.map(|config| &config.provider_config);
    for (key, number) in &numbers {
        let expressions =
            providers.and_then(|all| all.get(key)).and_then(|one| one.expressions.as_ref());
        if let (Some(expressions), Some(slot)) = (expressions, stated.get_mut(*number))
            && slot.is_empty()
        {
            slot.extend(configured_account(expressions));
        }
    }
    let all: BTreeSet<&String> = stated.iter().flatten().collect();
    let only: Option<&String> = all.iter().next().copied().filter(|_| all.len() == 1);
    let is_alone = numbers.len() == 1 || numbers.keys().all(|key| key.is_empty() || key == "aws");
    let accounts = stated
        .iter()
        .map(|found| match found.len() {
            1 => found.first().map(|account| Str::from(account.as_str())),
            0 if is_alone => only.map(|account| Str::from(account.as_str())),
            _ => None,
        })
        .collect();
    Scopes { accounts }
}

fn provider_keys(
    module: &ConfigModule<'_>,
    path: &str,
    keys: &mut BTreeMap<(String, String), String>,
) {
    for resource in &module.resources {
        if let Some(key) = &resource.provider_config_key {
            // A module that inherits its provider names it with its own path in front.
            let key = key.rsplit(':').next().unwrap_or(key).to_string();
            keys.insert((path.to_string(), resource.address.to_string()), key);
        }
    }
    for (name, call) in &module.module_calls {
        if let Some(module) = &call.module {
            provider_keys(module, &format!("{path}/{name}"), keys);
        }
    }
}

/// The path of a module in the configuration: `/a/b` for `module.a["x"].module.b`.
pub(super) fn config_path(module: &str) -> String {
    let steps = steps(module);
    let names = steps.chunks(2).filter_map(|pair| pair.get(1));
    names.map(|name| format!("/{}", plain(name))).collect()
}

/// The account that a resource's values state.
fn stated_account(row: &Row<'_>) -> Option<String> {
    let fields = row.fields.as_ref().or(row.before.as_ref())?;
    let is_account = |text: &String| crate::platform::aws::arn::is_account(text);
    if row.kind == "aws_caller_identity" {
        return text_of(fields, "account_id").filter(is_account);
    }
    // A data source may look at another account's.
    let is_own = !row.is_data && row.kind.starts_with("aws_iam_");
    let arn = text_of(fields, "arn").filter(|_| is_own)?;
    let account = crate::platform::aws::arn::Arn::parse(&arn)?.account.to_string();
    Some(account).filter(is_account)
}

/// The account that a provider's configuration states (AWS provider, `assume_role` and `allowed_account_ids`).
fn configured_account(expressions: &Value) -> Option<String> {
    let constant = |value: &Value| value.get("constant_value").cloned();
    if let Some(Value::Array(list)) = expressions.get("allowed_account_ids").and_then(constant)
        && let [Value::String(account)] = list.as_slice()
    {
        return Some(account.clone());
    }
    let assume = expressions.get("assume_role")?;
    let assume = if assume.is_array() { assume.get(0)? } else { assume };
    let arn = constant(assume.get("role_arn")?)?;
    let account = crate::platform::aws::arn::Arn::parse(arn.as_str()?)?.account.to_string();
    crate::platform::aws::arn::is_account(&account).then_some(account)
}

/// Positions of rows by module instance and local address.
pub(super) fn by_local(rows: &[Row<'_>]) -> HashMap<(String, String), Vec<usize>> {
    let mut found: HashMap<(String, String), Vec<usize>> = HashMap::new();
    for (at, row) in rows.iter().enumerate() {
        found.entry((row.module.clone(), row.local.clone())).or_default().push(at);
    }
    found
}

/// The ARN of an IAM entity or policy that is to be made.
pub(super) fn iam_arn(account: Option<&Str>, kind: &str, path: &str, name: &str) -> Str {
    let account = account.map_or(UNKNOWN, |account| account);
    let path = if path.starts_with('/') && path.ends_with('/') { path } else { "/" };
    format!("arn:aws:iam::{account}:{kind}{path}{name}").into()
}
