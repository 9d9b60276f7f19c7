//! The generic platform: identities, grants, usage, coverage and credentials of any system, as tables.
//!
//! Owns the tables' columns (`docs/platforms/generic.md`) in CSV, JSON Lines, JSON arrays, YAML lists and
//! Parquet, and the evaluation of generic grants. It has no catalogue: actions are those that the evidence
//! names. Whatever system the `platform` column names, identities are of the platform `generic` here, and the
//! system stands in their display name.

mod columns;
mod condition;
pub mod estate;
mod evaluate;
mod json;
#[cfg(feature = "tables")]
mod parquet;
mod rows;
#[cfg(test)]
mod tests;
mod usage;
mod values;
mod yaml;

use std::sync::Arc;

use crate::catalogue::{Action, Catalogue, Facts};
use crate::model::{AccessLevel, Settings};
use crate::platform::{Detected, Estate, Kind, Platform, Role, Sample, events};

pub use values::level_of;

/// Id of the platform.
pub const ID: &str = "generic";

/// Log class of generic actions: what shows them is a table that somebody exported.
const CLASS: &str = "table";

static IDENTITIES: Kind =
    Kind { id: "generic-identities", what: "table of identities", role: Role::Document };

static GRANTS: Kind = Kind { id: "generic-grants", what: "table of grants", role: Role::Document };

static USAGE: Kind = Kind { id: "generic-usage", what: "table of use", role: Role::Document };

static COVERAGE: Kind = Kind {
    id: "generic-coverage",
    what: "table of what logs would have shown",
    role: Role::Document,
};

static CREDENTIALS: Kind =
    Kind { id: "generic-credentials", what: "table of credentials", role: Role::Document };

static KINDS: [&Kind; 5] = [&IDENTITIES, &GRANTS, &USAGE, &COVERAGE, &CREDENTIALS];

/// The generic platform.
#[derive(Debug, Clone, Copy)]
pub struct Generic;

impl Platform for Generic {
    fn id(&self) -> &'static str {
        ID
    }

    fn kinds(&self) -> &'static [&'static Kind] {
        &KINDS
    }

    fn detect(&self, sample: &Sample<'_>) -> Option<Detected> {
        let names = rows::header(sample.head);
        let (table, certainty) = columns::recognise(&names)?;
        let tables: [(&columns::Table, &'static Kind); 5] = [
            (&columns::IDENTITIES, &IDENTITIES),
            (&columns::GRANTS, &GRANTS),
            (&columns::USAGE, &USAGE),
            (&columns::COVERAGE, &COVERAGE),
            (&columns::CREDENTIALS, &CREDENTIALS),
        ];
        let found = tables.iter().find(|(known, _)| known.name == table.name);
        found.map(|(_, kind)| Detected { kind, certainty })
    }

    fn catalogue(&self) -> &'static Catalogue {
        Catalogue::empty()
    }

    fn estate(&self, _: &Arc<Settings>) -> Box<dyn Estate> {
        Box::new(estate::GenericEstate::default())
    }

    fn events(&self, _: &Kind, _: &Arc<Settings>) -> Option<Arc<dyn events::EventFormat>> {
        None
    }

    fn script(&self) -> Option<&'static str> {
        None
    }

    /// What an action's name alone tells; there is no catalogue.
    fn facts(&self, name: &str, _: Option<&Action>) -> Facts {
        let level = level_of(name);
        Facts {
            class: CLASS.into(),
            touches_data: matches!(
                level,
                AccessLevel::Read | AccessLevel::Write | AccessLevel::Delete
            ),
            level: Some(level),
            ..Facts::default()
        }
    }

    fn switch(&self, class: &str) -> Option<String> {
        let hint =
            "add a coverage table, or --assume-covered SOURCE if you vouch for the usage table";
        (class == CLASS).then(|| hint.to_string())
    }
}
