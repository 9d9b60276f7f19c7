//! The parts of a Terraform plan or state as `terraform show -json` writes them.
//!
//! Terraform documentation, "JSON Output Format" (internals/json-format), format versions 0.1 to 1.2: plan,
//! values and change representations. Values of resources stay raw until their type is known to matter, so that a
//! large plan is never a tree.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A plan, or a state.
#[derive(Deserialize)]
pub(super) struct PlanText<'a> {
    #[serde(borrow)]
    pub(super) resource_changes: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) planned_values: Option<StateText<'a>>,
    #[serde(borrow)]
    pub(super) prior_state: Option<PriorText<'a>>,
    /// Of a state.
    #[serde(borrow)]
    pub(super) values: Option<StateText<'a>>,
    #[serde(borrow)]
    pub(super) configuration: Option<ConfigText<'a>>,
}

#[derive(Deserialize)]
pub(super) struct PriorText<'a> {
    #[serde(borrow)]
    pub(super) values: Option<StateText<'a>>,
}

#[derive(Deserialize)]
pub(super) struct StateText<'a> {
    #[serde(borrow)]
    pub(super) root_module: Option<ModuleText<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ModuleText<'a> {
    #[serde(borrow)]
    pub(super) resources: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(super) child_modules: Option<Vec<ModuleText<'a>>>,
}

impl<'a> ModuleText<'a> {
    /// The resources of the module and those below it.
    pub(super) fn all(&self) -> Vec<&'a RawValue> {
        let mut found: Vec<&'a RawValue> = self.resources.iter().flatten().copied().collect();
        for child in self.child_modules.iter().flatten() {
            found.extend(child.all());
        }
        found
    }
}

/// A resource of a state, or its change.
#[derive(Deserialize)]
pub(super) struct ResourceText<'a> {
    #[serde(borrow)]
    pub(super) address: Cow<'a, str>,
    pub(super) module_address: Option<String>,
    #[serde(borrow)]
    pub(super) r#type: Cow<'a, str>,
    pub(super) mode: Option<Mode>,
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    pub(super) index: Option<Value>,
    /// The identifier of an object that only waits for its deletion.
    pub(super) deposed: Option<String>,
    #[serde(borrow)]
    pub(super) change: Option<ChangeText<'a>>,
    /// Of a state.
    #[serde(borrow)]
    pub(super) values: Option<&'a RawValue>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Mode {
    Managed,
    Data,
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
pub(super) struct ChangeText<'a> {
    pub(super) actions: Vec<String>,
    #[serde(borrow)]
    pub(super) before: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) after: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) after_unknown: Option<&'a RawValue>,
}

/// `configuration`.
#[derive(Deserialize)]
pub(super) struct ConfigText<'a> {
    #[serde(default)]
    pub(super) provider_config: BTreeMap<String, ProviderText>,
    #[serde(borrow)]
    pub(super) root_module: Option<ConfigModule<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ProviderText {
    pub(super) expressions: Option<Value>,
}

/// A module of the configuration.
#[derive(Deserialize)]
pub(super) struct ConfigModule<'a> {
    #[serde(borrow, default)]
    pub(super) resources: Vec<ConfigResource<'a>>,
    #[serde(borrow, default)]
    pub(super) module_calls: BTreeMap<String, ConfigCall<'a>>,
    #[serde(borrow, default)]
    pub(super) outputs: BTreeMap<String, ConfigOutput<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ConfigOutput<'a> {
    #[serde(borrow)]
    pub(super) expression: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct ConfigCall<'a> {
    #[serde(borrow)]
    pub(super) expressions: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) module: Option<ConfigModule<'a>>,
}

#[derive(Deserialize)]
pub(super) struct ConfigResource<'a> {
    /// Within its module: `data.aws_iam_policy_document.x`.
    #[serde(borrow)]
    pub(super) address: Cow<'a, str>,
    pub(super) provider_config_key: Option<String>,
    #[serde(borrow)]
    pub(super) expressions: Option<&'a RawValue>,
    pub(super) for_each_expression: Option<Value>,
}
