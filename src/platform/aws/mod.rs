//! The AWS platform: IAM exports, reports, organisation policies and CloudTrail.
//!
//! [`kinds`] lists the files, [`detect`] tells them apart, [`documents`] reads them, [`change`] what is not made
//! yet, [`estate`] joins them, [`policy`] evaluates, `trail` reads events. What an action's log class is says [`classes`].

mod arn;
mod change;
mod claims;
pub mod classes;
mod coverage;
pub mod detect;
mod documents;
pub mod estate;
mod evaluator;
mod identities;
pub mod kinds;
mod managed;
mod organisation;
pub mod policy;
mod scan;
#[cfg(test)]
mod tests;
pub mod trail;

use std::sync::Arc;

use super::events::EventFormat;
use super::{Detected, Estate, Kind, Platform, Sample};
use crate::catalogue::risk::risks;
use crate::catalogue::{Action, Catalogue, Facts};
use crate::model::{AccessLevel, Glob, Settings};

/// The AWS platform.
#[derive(Debug, Clone, Copy)]
pub struct Aws;

impl Platform for Aws {
    fn id(&self) -> &'static str {
        "aws"
    }

    fn kinds(&self) -> &'static [&'static Kind] {
        kinds::ALL
    }

    fn detect(&self, sample: &Sample<'_>) -> Option<Detected> {
        let detected = detect::detect(sample)?;
        if detected.kind.id == kinds::CLOUDTRAIL.id && trail::needs_unwrap(sample.head) {
            return Some(Detected { kind: &kinds::CLOUDTRAIL_WRAPPED, ..detected });
        }
        Some(detected)
    }

    fn catalogue(&self) -> &'static Catalogue {
        Catalogue::aws()
    }

    fn estate(&self, settings: &Arc<Settings>) -> Box<dyn Estate> {
        Box::new(estate::AwsEstate::new(settings.side))
    }

    fn events(&self, kind: &Kind, _: &Arc<Settings>) -> Option<Arc<dyn EventFormat>> {
        match kind.id {
            id if id == kinds::CLOUDTRAIL.id => Some(Arc::new(trail::FORMAT)),
            id if id == kinds::CLOUDTRAIL_WRAPPED.id => Some(Arc::new(trail::FORMAT_WRAPPED)),
            _ => None,
        }
    }

    /// On AWS resources have ARNs.
    fn names_resource(&self, pattern: &str) -> bool {
        Glob::new("arn:*").intersects(&Glob::new(pattern))
    }

    fn script(&self) -> Option<&'static str> {
        Some(include_str!("evidence.sh"))
    }

    fn facts(&self, name: &str, action: Option<&Action>) -> Facts {
        let level = action.map_or(AccessLevel::Unknown, |action| action.level);
        let (class, touches_data) = classes::log_class(name, level);
        Facts {
            class,
            touches_data,
            log_reads: classes::log_reads(name, level),
            risks: risks("aws", name).to_vec(),
            ..Facts::default()
        }
    }

    fn switch(&self, class: &str) -> Option<String> {
        classes::switch(class)
    }
}
