//! Where a value comes from that is known only after apply: the references of its expression.
//!
//! A plan lists the references of each expression, not the expression. References to variables and outputs of
//! modules are followed; those to locals are not in the plan. What is found can be more than the expression takes,
//! never less, unless a reference leads nowhere: the answer says so.

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use serde_json::Value;

use super::rows::{Row, by_local, config_path, matters, plain, steps};
use super::wire::{ConfigModule, PlanText};

/// Modules and outputs that one value may lead through.
const DEPTH: usize = 12;

/// The configuration, for following references.
pub(super) struct Refs<'p, 'a> {
    modules: BTreeMap<String, &'p ConfigModule<'a>>,
    by_local: HashMap<(String, String), Vec<usize>>,
    /// Addresses of the instances of modules, by the path in the configuration.
    instances: BTreeMap<String, BTreeSet<String>>,
    configs: HashMap<(String, String), (Option<Value>, Option<Value>)>,
}

/// What the references of an expression lead to.
#[derive(Debug, Default)]
pub(super) struct Led {
    /// Resources: position and attribute, sorted.
    pub(super) to: BTreeSet<(usize, String)>,
    /// Whether some reference leads nowhere that is known.
    pub(super) is_partial: bool,
}

impl<'p, 'a> Refs<'p, 'a> {
    pub(super) fn new(plan: &'p PlanText<'a>, rows: &[Row<'_>]) -> Refs<'p, 'a> {
        let mut refs = Refs {
            modules: BTreeMap::new(),
            by_local: by_local(rows),
            instances: BTreeMap::new(),
            configs: HashMap::new(),
        };
        let root = plan.configuration.as_ref().and_then(|config| config.root_module.as_ref());
        if let Some(root) = root {
            refs.add(root, String::new());
        }
        for row in rows {
            // Every module above a resource has an instance too.
            let steps = steps(&row.module);
            for end in (2..=steps.len()).step_by(2) {
                let address = steps.get(..end).unwrap_or_default().join(".");
                refs.instances.entry(config_path(&address)).or_default().insert(address);
            }
        }
        refs
    }

    fn add(&mut self, module: &'p ConfigModule<'a>, path: String) {
        for resource in &module.resources {
            let steps = steps(&resource.address);
            let (is_data, kind) = match steps.as_slice() {
                ["data", kind, ..] => (true, *kind),
                [kind, ..] => (false, *kind),
                [] => continue,
            };
            if !matters(kind, is_data) {
                continue;
            }
            let expressions = resource.expressions;
            let parsed = expressions.and_then(|raw| serde_json::from_str(raw.get()).ok());
            let each = resource.for_each_expression.clone();
            self.configs.insert((path.clone(), resource.address.to_string()), (parsed, each));
        }
        for (name, call) in &module.module_calls {
            if let Some(module) = &call.module {
                self.add(module, format!("{path}/{name}"));
            }
        }
        self.modules.insert(path, module);
    }

    /// The expression of an attribute of a resource, such as `policy` or `inline_policy`.
    pub(super) fn expression(&self, row: &Row<'_>, name: &str) -> Option<&Value> {
        let key = (config_path(&row.module), row.local.clone());
        self.configs.get(&key)?.0.as_ref()?.get(name)
    }

    /// Whether the configuration leaves an attribute to the provider: what it will be is no part of the change.
    pub(super) fn is_computed(&self, row: &Row<'_>, name: &str) -> bool {
        let key = (config_path(&row.module), row.local.clone());
        let known = self.configs.get(&key).and_then(|(expressions, _)| expressions.as_ref());
        known.is_some_and(|expressions| expressions.get(name).is_none())
    }

    /// What an attribute of a resource is made of.
    pub(super) fn of(&self, rows: &[Row<'_>], row: &Row<'_>, name: &str) -> Led {
        match self.expression(row, name) {
            Some(expression) => self.follow(rows, row, expression),
            None => Led { is_partial: true, ..Led::default() },
        }
    }

    /// What an expression of a resource is made of.
    pub(super) fn follow(&self, rows: &[Row<'_>], row: &Row<'_>, expression: &Value) -> Led {
        let mut led = Led::default();
        let list = references(expression);
        led.is_partial = list.is_empty();
        let is_each = list.iter().any(|one| one.starts_with("each.") || one.starts_with("count."));
        let index = row.index.as_ref().filter(|_| is_each);
        for one in &list {
            if one == "each.key" || one == "count.index" {
                continue;
            }
            if one.starts_with("each.") {
                let key = (config_path(&row.module), row.local.clone());
                let each = self.configs.get(&key).and_then(|(_, each)| each.as_ref());
                let all = each.map(references).unwrap_or_default();
                led.is_partial |= all.is_empty();
                for other in &all {
                    let attribute = one.rsplit_once('.').map_or("", |(_, last)| last);
                    let attribute = if attribute == "value" { "" } else { attribute };
                    let place = Asked { rows, module: &row.module, index: row.index.as_ref() };
                    self.lead(&place, other, Some(attribute), 0, &mut led);
                }
                continue;
            }
            self.lead(&Asked { rows, module: &row.module, index }, one, None, 0, &mut led);
        }
        led
    }

    fn lead(
        &self,
        asked: &Asked<'_, '_>,
        reference: &str,
        attribute: Option<&str>,
        depth: usize,
        led: &mut Led,
    ) {
        if depth > DEPTH {
            led.is_partial = true;
            return;
        }
        let parts = steps(reference);
        match parts.as_slice() {
            ["var", name, ..] => self.variable(asked, plain(name), depth, led),
            ["module", name, output, ..] => {
                self.output(asked, plain(name), plain(output), depth, led);
            }
            // The module as a whole stands beside its output in the list.
            ["module", _] | ["path" | "terraform" | "self", ..] => {}
            ["local" | "each" | "count", ..] => led.is_partial = true,
            ["data", kind, name, rest @ ..] => {
                let local = format!("data.{kind}.{}", plain(name));
                self.resource(asked, (local, name, attribute, rest), led);
            }
            [kind, name, rest @ ..] => {
                let local = format!("{kind}.{}", plain(name));
                self.resource(asked, (local, name, attribute, rest), led);
            }
            _ => led.is_partial = true,
        }
    }

    fn variable(&self, asked: &Asked<'_, '_>, name: &str, depth: usize, led: &mut Led) {
        let above = steps(asked.module);
        let Some((last, parent)) = above.split_last_chunk::<2>().map(|(rest, last)| (last, rest))
        else {
            led.is_partial = true;
            return;
        };
        let parent = parent.join(".");
        let call = self
            .modules
            .get(&config_path(&parent))
            .and_then(|module| module.module_calls.get(plain(last[1])))
            .and_then(|call| call.expressions);
        let expressions: Option<Value> = call.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let list =
            expressions.as_ref().and_then(|all| all.get(name)).map(references).unwrap_or_default();
        led.is_partial |= list.is_empty();
        for one in &list {
            let place = Asked { module: &parent, ..*asked };
            self.lead(&place, one, None, depth + 1, led);
        }
    }

    fn output(&self, asked: &Asked<'_, '_>, name: &str, output: &str, depth: usize, led: &mut Led) {
        let path = format!("{}/{name}", config_path(asked.module));
        let found = self.modules.get(&path).and_then(|module| module.outputs.get(output));
        let raw = found.and_then(|output| output.expression);
        let expression: Option<Value> = raw.and_then(|raw| serde_json::from_str(raw.get()).ok());
        let list = expression.as_ref().map(references).unwrap_or_default();
        led.is_partial |= list.is_empty();
        for instance in self.instances.get(&path).into_iter().flatten() {
            if !asked.module.is_empty() && !instance.starts_with(&format!("{}.", asked.module)) {
                continue;
            }
            for one in &list {
                let place = Asked { module: instance, ..*asked };
                self.lead(&place, one, None, depth + 1, led);
            }
        }
    }

    fn resource(
        &self,
        asked: &Asked<'_, '_>,
        (local, step, attribute, rest): (String, &str, Option<&str>, &[&str]),
        led: &mut Led,
    ) {
        let Some(all) = self.by_local.get(&(asked.module.to_string(), local)) else {
            led.is_partial = true;
            return;
        };
        let own = rest.first().map_or("", |step| plain(step));
        let attribute = attribute.filter(|text| !text.is_empty()).unwrap_or(own);
        let named = step.split_once('[').map(|(_, rest)| rest.trim_end_matches(']'));
        let named: Option<Value> = named.and_then(|text| serde_json::from_str(text).ok());
        let wanted = named.as_ref().or(asked.index);
        let is_wanted =
            |at: &&usize| asked.rows.get(**at).map(|row| row.index.as_ref()) == Some(wanted);
        let chosen: Vec<usize> = all.iter().filter(is_wanted).copied().collect();
        // Which instance it is is not always said: then it may be any.
        let chosen = if chosen.is_empty() { all.clone() } else { chosen };
        led.to.extend(chosen.into_iter().map(|at| (at, attribute.to_string())));
    }
}

/// Where a reference is asked from.
#[derive(Clone, Copy)]
struct Asked<'r, 'a> {
    rows: &'r [Row<'a>],
    module: &'r str,
    index: Option<&'r Value>,
}

/// The references of an expression and of all blocks in it; one that is the beginning of another is left out.
fn references(expression: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    collect(expression, 0, &mut found);
    let is_prefix = |one: &String| {
        found
            .range(format!("{one}.")..)
            .next()
            .is_some_and(|next| next.starts_with(&format!("{one}.")))
            || found
                .range(format!("{one}[")..)
                .next()
                .is_some_and(|next| next.starts_with(&format!("{one}[")))
    };
    found.iter().filter(|one| !is_prefix(one)).cloned().collect()
}

fn collect(value: &Value, depth: usize, found: &mut BTreeSet<String>) {
    if depth > 32 {
        return;
    }
    match value {
        Value::Object(members) => {
            if let Some(Value::Array(list)) = members.get("references") {
                found.extend(list.iter().filter_map(|one| one.as_str().map(str::to_string)));
                return;
            }
            members.values().for_each(|member| collect(member, depth + 1, found));
        }
        Value::Array(list) => list.iter().for_each(|item| collect(item, depth + 1, found)),
        _ => {}
    }
}
