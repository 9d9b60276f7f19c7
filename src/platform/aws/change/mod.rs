//! Grants of a change that is not made yet: Terraform plans, CloudFormation templates, policies in a repository.
//!
//! Owns the reading of these files into [`Change`], in which identities, groups and policies have names but not
//! always accounts, and the joining of changes with the rest of the evidence ([`join`], once all of it is read).
//! What is known only after apply is kept as widely as it can be and told ([`part`]). Does not own policies'
//! grammar or evaluation, and knows nothing of source files of Terraform.

mod alone;
pub(super) mod join;
pub(super) mod part;
pub(super) mod template;
pub(super) mod terraform;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use serde_json::value::RawValue;

use super::documents::organization::OrgKind;
use super::documents::pool::PolicyDocument;
use super::documents::{Evidence, Source, pool, wire};
use crate::evidence::tree::Node;
use crate::model::settings::Side;
use crate::model::{Place, Str};
use crate::platform::Intake;
use part::Part;

/// What an account is called that is not known.
pub(crate) const UNKNOWN: &str = "unknown";

/// The changes of a run.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// Which side of them is read.
    pub(crate) side: Side,
    /// Files, in reading order.
    pub(crate) list: Vec<Change>,
    /// Identity policies that stand alone: file, document, place.
    pub(crate) alone: Vec<(String, PolicyDocument, Place)>,
    /// After joining: ARNs of identities that the change deletes.
    pub(crate) gone: HashSet<Str>,
    /// After joining: where managed policies are declared, by ARN.
    pub(crate) addresses: HashMap<Str, Str>,
    /// After joining: names of the identities that stand for a policy alone, by id.
    pub(crate) stand_ins: HashMap<Str, Str>,
}

/// What one file changes. Items that are `gone` are deleted by it.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) file: u32,
    /// Account of each scope (a provider of a plan, or the whole template), where stated.
    pub(crate) scopes: Vec<Option<Str>>,
    pub(crate) entities: Vec<Declared>,
    pub(crate) policies: Vec<Managed>,
    pub(crate) inline: Vec<Inline>,
    pub(crate) attached: Vec<Attached>,
    pub(crate) members: Vec<Member>,
    pub(crate) profiles: Vec<Profile>,
    pub(crate) resources: Vec<Resource>,
    /// Organisation policies by id: name, type, document.
    pub(crate) guardrails: Vec<(Str, Str, OrgKind, PolicyDocument)>,
    /// Attachments of organisation policies: policy id, target, whether it is gone.
    pub(crate) targets: Vec<(Str, Str, bool)>,
    /// The template that it was made of: read again when its account is known.
    pub(crate) template: Option<Arc<Node>>,
    /// What is known only after apply, by the address that has it.
    pub(crate) unknown: BTreeMap<String, BTreeMap<String, Place>>,
}

/// What can hold policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HolderKind {
    Role,
    User,
    Group,
}

impl HolderKind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            HolderKind::Role => "role",
            HolderKind::User => "user",
            HolderKind::Group => "group",
        }
    }
}

/// Who holds policies, by name: the platform's, or the address where the name is known only after apply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Holder {
    pub(crate) kind: HolderKind,
    pub(crate) name: Str,
    /// Position in [`Change::scopes`].
    pub(crate) scope: usize,
}

/// A role, user or group.
#[derive(Debug, Clone)]
pub(crate) struct Declared {
    pub(crate) holder: Holder,
    pub(crate) path: Option<Str>,
    pub(crate) tags: Vec<(Str, Str)>,
    pub(crate) boundary: Option<Str>,
    pub(crate) trust: Option<PolicyDocument>,
    /// Whether the file says all that is attached to it.
    pub(crate) is_whole: bool,
    /// Whether the name is the platform's.
    pub(crate) is_named: bool,
    pub(crate) is_gone: bool,
    pub(crate) place: Place,
}

/// A managed policy. Its ARN holds [`UNKNOWN`] where its account is not known.
#[derive(Debug, Clone)]
pub(crate) struct Managed {
    pub(crate) arn: Str,
    pub(crate) scope: usize,
    pub(crate) documents: Vec<PolicyDocument>,
    pub(crate) address: Str,
    pub(crate) is_gone: bool,
    pub(crate) place: Place,
}

/// A policy of one holder.
#[derive(Debug, Clone)]
pub(crate) struct Inline {
    pub(crate) holder: Holder,
    pub(crate) name: Str,
    /// `None`: the change deletes it.
    pub(crate) document: Option<PolicyDocument>,
    pub(crate) address: Str,
    pub(crate) place: Place,
}

/// A managed policy that a holder has.
#[derive(Debug, Clone)]
pub(crate) struct Attached {
    pub(crate) holder: Holder,
    pub(crate) policy: Str,
    pub(crate) is_gone: bool,
    pub(crate) place: Place,
}

/// A user in a group.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub(crate) user: Holder,
    pub(crate) group: Str,
    pub(crate) is_gone: bool,
    pub(crate) place: Place,
}

/// An instance profile that hands a role out.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) arn: Str,
    pub(crate) role: Holder,
    pub(crate) place: Place,
}

/// The policy of a resource.
#[derive(Debug, Clone)]
pub(crate) struct Resource {
    pub(crate) arn: Str,
    pub(crate) scope: usize,
    /// `None`: it has none any more.
    pub(crate) document: Option<PolicyDocument>,
}

impl Change {
    /// Remembers that something is known only after apply.
    pub(crate) fn open(&mut self, address: &str, what: &str, place: Place) {
        let known = self.unknown.entry(address.to_string()).or_default();
        known.entry(what.to_string()).or_insert(place);
    }

    /// Tells what is known only after apply, a line an address, so that a large change does not fill the notes.
    fn tell(&self, intake: &mut Intake) {
        const TOLD: usize = 20;
        for (address, what) in self.unknown.iter().take(TOLD) {
            let what: Vec<&str> = what.keys().map(String::as_str).collect();
            intake.note(format!(
                "{address}: known only after apply, kept as widely as it can be: {}",
                what.join(", ")
            ));
        }
        if self.unknown.len() > TOLD {
            let more = self.unknown.len() - TOLD;
            intake.note(format!("{more} more addresses hold what is known only after apply"));
        }
    }
}

/// Reads a policy that is written as JSON, or as JSON in a string, with the place of each statement.
pub(crate) fn written(
    evidence: &mut Evidence,
    source: &Source<'_>,
    name: &str,
    raw: &RawValue,
    intake: &mut Intake,
) -> PolicyDocument {
    let start = wire::offset(source, raw);
    match pool::parse_here(source, raw) {
        Ok(policy) => {
            tell_warnings(name, &policy.warnings, intake);
            let policy = Arc::new(policy);
            evidence.pool.add(raw.get(), &policy);
            PolicyDocument::Parsed(policy)
        }
        Err((offset, reason)) => {
            intake.reject(source.place(start + offset), format!("{name}: {reason}"));
            PolicyDocument::Broken(reason.into())
        }
    }
}

/// Reads a policy of which parts may be known only after apply. Whether anything in it was not known.
pub(crate) fn composed(
    evidence: &mut Evidence,
    name: &str,
    part: &Part,
    is_sure: bool,
    place: Place,
    intake: &mut Intake,
) -> (PolicyDocument, bool) {
    // A text may be the whole document as JSON.
    if let Some(text) = part.exact() {
        let place_of = |_: usize| Some(part.place.unwrap_or(place));
        return (parsed(evidence, name, text, &place_of, place, intake), false);
    }
    let rendered = match part::render(part, is_sure) {
        Ok(rendered) => rendered,
        Err(reason) => return (PolicyDocument::Broken(reason.into()), true),
    };
    let place_of = |offset: usize| rendered.place(offset).or(Some(place));
    let document = parsed(evidence, name, &rendered.text, &place_of, place, intake);
    (document, rendered.is_open)
}

fn parsed(
    evidence: &mut Evidence,
    name: &str,
    text: &str,
    place_of: &dyn Fn(usize) -> Option<Place>,
    place: Place,
    intake: &mut Intake,
) -> PolicyDocument {
    match super::policy::Policy::parse(text, place_of) {
        Ok(policy) => {
            tell_warnings(name, &policy.warnings, intake);
            let policy = Arc::new(policy);
            evidence.pool.add(text, &policy);
            PolicyDocument::Parsed(policy)
        }
        Err(error) => {
            let at = place_of(error.offset).unwrap_or(place);
            intake.reject(at, format!("{name}: {}", error.reason));
            PolicyDocument::Broken(error.reason.into())
        }
    }
}

fn tell_warnings(name: &str, warnings: &[String], intake: &mut Intake) {
    const NOTES: usize = 100;
    for warning in warnings {
        if intake.notes.len() < NOTES {
            intake.note(format!("{name}: {warning}"));
        }
    }
}
