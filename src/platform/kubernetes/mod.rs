//! The Kubernetes platform: RBAC objects, workloads, audit policies and audit logs.
//!
//! [`documents`] reads objects, [`namespaces`] and [`aggregate`] complete them, [`view`] says who is bound to what,
//! [`evaluator`] and [`ask`](self) answer what that allows, [`estate`] joins all of it. Which request a log's event
//! is belongs to [`audit`].

pub mod aggregate;
mod ask;
pub mod audit;
pub mod builtin;
pub mod catalogue;
mod claims;
pub mod detect;
pub mod documents;
pub mod estate;
pub mod evaluator;
pub mod expand;
pub mod facts;
mod identities;
pub mod kinds;
mod links;
mod logged;
pub mod names;
mod namespaces;
pub mod objects;
pub mod rules;
#[cfg(test)]
mod tests;
mod unlogged;
pub mod view;

use std::sync::Arc;

use super::events::EventFormat;
use super::{Detected, Estate, Kind, Platform, Sample};
use crate::catalogue::{Action, Catalogue, Facts};
use crate::model::{Glob, Settings};

/// Platform id.
pub const ID: &str = "kubernetes";

/// The Kubernetes platform.
#[derive(Debug, Clone, Copy)]
pub struct Kubernetes;

impl Platform for Kubernetes {
    fn id(&self) -> &'static str {
        ID
    }

    fn kinds(&self) -> &'static [&'static Kind] {
        kinds::ALL
    }

    fn detect(&self, sample: &Sample<'_>) -> Option<Detected> {
        audit::detect(sample).or_else(|| detect::detect(sample))
    }

    fn catalogue(&self) -> &'static Catalogue {
        catalogue::catalogue()
    }

    fn estate(&self, _: &Arc<Settings>) -> Box<dyn Estate> {
        Box::new(estate::KubernetesEstate::default())
    }

    fn events(&self, kind: &Kind, _: &Arc<Settings>) -> Option<Arc<dyn EventFormat>> {
        audit::formats(kind)
    }

    /// Resources are `NAMESPACE/NAME`; ARNs and the like are another platform's.
    fn names_resource(&self, pattern: &str) -> bool {
        let is_foreign = pattern.contains(':') && !pattern.contains('/');
        !is_foreign
            && !pattern.starts_with("arn:")
            && Glob::new("*/*").intersects(&Glob::new(pattern))
    }

    /// RBAC's guard is `resourceNames`: a grant on every object of a namespace has none.
    fn is_unguarded(&self, pattern: &str) -> bool {
        pattern == "*" || pattern.ends_with("/*")
    }

    fn script(&self) -> Option<&'static str> {
        Some(include_str!("evidence.sh"))
    }

    fn facts(&self, name: &str, action: Option<&Action>) -> Facts {
        facts::facts(name, action)
    }

    fn switch(&self, class: &str) -> Option<String> {
        (class == facts::AUDIT).then(|| {
            "an audit policy that records at level Metadata, its log, and the policy file"
                .to_string()
        })
    }
}
