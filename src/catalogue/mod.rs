//! Action catalogues: what actions exist, what they do and on which resources.
//!
//! [`Catalogue`] is one platform's list, as embedded or loaded from a file. [`RunCatalogue`] joins the lists of
//! a run with the actions that only the evidence names, and numbers them; everything after reading works on
//! those numbers. Escalation sets and risk tags are in [`risk`].

mod file;
pub mod risk;
mod run;

use std::sync::OnceLock;

pub use file::CatalogueError;
pub use run::{Entry, Facts, RunCatalogue};

use crate::model::{AccessLevel, Str};

/// The embedded AWS catalogue: `src/catalogue/data/README.md` says where it comes from.
const AWS: &[u8] = include_bytes!("data/aws.tsv.gz");

/// One platform's actions.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalogue {
    /// Platform id.
    pub platform: Str,
    /// Version of the package that it was made from.
    pub version: Str,
    /// Date of the facts, `YYYY-MM-DD`.
    pub date: Str,
    /// Where the facts come from.
    pub source: Str,
    /// Licence of the facts.
    pub licence: Str,
    /// Services, sorted by prefix.
    pub services: Vec<Service>,
    /// Resource types of all services.
    pub resource_types: Vec<ResourceType>,
    /// Actions, sorted by service prefix, then by name without case.
    pub actions: Vec<Action>,
    /// Service prefixes to which resource control policies apply (AWS Organizations User Guide, RCPs).
    pub rcp_services: Vec<Str>,
}

/// A service: a prefix of action names.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Prefix before the colon.
    pub prefix: Str,
    /// Name for people.
    pub name: Str,
    /// Range of its actions in [`Catalogue::actions`].
    pub actions: std::ops::Range<usize>,
}

/// A resource type with the form of its ARNs.
#[derive(Debug, Clone, PartialEq)]
pub struct ResourceType {
    /// Name, such as `bucket`.
    pub name: Str,
    /// ARN templates with `${Variable}`.
    pub templates: Vec<Str>,
    /// Condition keys.
    pub condition_keys: Vec<Str>,
}

/// An action.
#[derive(Debug, Clone, PartialEq)]
pub struct Action {
    /// Full name, `s3:GetObject`.
    pub name: Str,
    /// Access level.
    pub level: AccessLevel,
    /// Resource types: number in [`Catalogue::resource_types`] and whether it is required. Empty: the action
    /// takes no resource and is evaluated against `*`.
    pub resource_types: Vec<(u32, bool)>,
    /// Condition keys of its own.
    pub condition_keys: Vec<Str>,
    /// Other actions that a caller needs too.
    pub dependent: Vec<Str>,
    /// Whether no API call has this name (`permission only`).
    pub permission_only: bool,
}

impl Catalogue {
    /// Reads a catalogue from its text form, plain or gzipped (`src/catalogue/data/README.md`).
    ///
    /// # Errors
    /// Names the line and what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Catalogue, CatalogueError> {
        file::read(bytes)
    }

    /// The AWS catalogue: the embedded one, or the one given to [`Catalogue::replace_aws`] before.
    pub fn aws() -> &'static Catalogue {
        AWS_CATALOGUE.get_or_init(|| Catalogue::read(AWS).unwrap_or_default())
    }

    /// Uses another AWS catalogue for this run. Has no effect after the first use of [`Catalogue::aws`].
    pub fn replace_aws(catalogue: Catalogue) -> bool {
        AWS_CATALOGUE.set(catalogue).is_ok()
    }

    /// A catalogue without actions, for platforms that have none.
    pub fn empty() -> &'static Catalogue {
        static EMPTY: OnceLock<Catalogue> = OnceLock::new();
        EMPTY.get_or_init(Catalogue::default)
    }

    /// Index of an action by its name, without case.
    pub fn position(&self, name: &str) -> Option<usize> {
        let (prefix, _) = name.split_once(':')?;
        let prefix = prefix.to_ascii_lowercase();
        let at = self.services.binary_search_by(|service| (*service.prefix).cmp(&prefix)).ok()?;
        let range = self.services[at].actions.clone();
        let name = name.to_ascii_lowercase();
        let found = self.actions[range.clone()]
            .binary_search_by(|action| action.name.to_ascii_lowercase().cmp(&name))
            .ok()?;
        Some(range.start + found)
    }
}

static AWS_CATALOGUE: OnceLock<Catalogue> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_catalogue_is_whole() {
        let catalogue = Catalogue::read(AWS).unwrap();
        assert_eq!(catalogue.actions.len(), 22_091);
        assert_eq!(catalogue.services.len(), 456);
        let at = catalogue.position("S3:getobject").unwrap();
        assert_eq!(&*catalogue.actions[at].name, "s3:GetObject");
        assert_eq!(catalogue.actions[at].level, AccessLevel::Read);
        let types: Vec<&str> = catalogue.actions[at]
            .resource_types
            .iter()
            .map(|(number, _)| &*catalogue.resource_types[*number as usize].name)
            .collect();
        assert!(types.contains(&"object"), "{types:?}");
        for action in &catalogue.actions {
            assert!(catalogue.position(&action.name).is_some(), "{}", action.name);
        }
    }
}
