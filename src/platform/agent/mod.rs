//! The platform of AI agents: which tools they have, which of them run without asking, what they called.
//!
//! | file | owns |
//! |---|---|
//! | `detect` | what a file is |
//! | `tools` | lists of tools in all their forms |
//! | `access` | whether a tool reads, writes, destroys or runs code |
//! | `clients`, `product` | servers of clients; which client, whose file |
//! | `settings` | permission rules: Claude Code, Gemini CLI |
//! | `gateway` | rules of gateways |
//! | `manifest` | authgap's own plain YAML |
//! | `resources`, `normalise`, `shell` | what a call touches; command lines |
//! | `estate`, `assemble`, `observed` | reading documents, joining them, what logs prove |
//! | `rights`, `evaluator` | what is granted |
//! | `usage` | logs |
//!
//! There is no catalogue: actions are those that the evidence names. What a client or server says of itself is never
//! identity and never proof.

pub mod access;
mod assemble;
pub mod clients;
mod detect;
mod estate;
mod evaluator;
pub mod gateway;
mod jsonc;
pub mod kinds;
pub mod manifest;
pub mod names;
mod normalise;
mod observed;
mod product;
pub mod resources;
mod rights;
pub mod settings;
pub mod shell;
#[cfg(test)]
mod tests;
pub mod tools;
pub mod usage;

use std::sync::Arc;

use crate::catalogue::{Action, Catalogue, Facts};
use crate::model::{AccessLevel, Settings};
use crate::platform::{Detected, Estate, Kind, Platform, Sample, events};

/// Platform id.
pub const ID: &str = "agent";

/// Log class of all actions: calls of tools.
pub const CLASS: &str = "tool-call";

/// The platform of AI agents.
#[derive(Debug, Clone, Copy)]
pub struct Agent;

impl Platform for Agent {
    fn id(&self) -> &'static str {
        ID
    }

    fn kinds(&self) -> &'static [&'static Kind] {
        kinds::ALL
    }

    fn detect(&self, sample: &Sample<'_>) -> Option<Detected> {
        detect::detect(sample)
    }

    fn catalogue(&self) -> &'static Catalogue {
        Catalogue::empty()
    }

    fn estate(&self, settings: &Arc<Settings>) -> Box<dyn Estate> {
        Box::new(estate::AgentEstate::new(settings))
    }

    fn events(
        &self,
        kind: &Kind,
        settings: &Arc<Settings>,
    ) -> Option<Arc<dyn events::EventFormat>> {
        usage::format(kind, settings)
    }

    fn names_resource(&self, pattern: &str) -> bool {
        !pattern.starts_with("arn:")
    }

    fn script(&self) -> Option<&'static str> {
        None
    }

    /// What a name alone tells; lists, manifests and the owner say more (`Tables::levels`).
    fn facts(&self, name: &str, _: Option<&Action>) -> Facts {
        let level = access::level_of_action(name);
        Facts {
            class: CLASS.into(),
            service: Some(names::service(name).into()),
            risks: access::risks(name, level),
            touches_data: matches!(
                level,
                AccessLevel::Read | AccessLevel::Write | AccessLevel::Delete
            ),
            level: Some(level),
            log_reads: Some(level.is_read()),
        }
    }

    fn switch(&self, class: &str) -> Option<String> {
        let hint = "keep the agent's transcripts, or export its traces unsampled (docs/platforms/agents.md)";
        (class == CLASS).then(|| hint.to_string())
    }
}
