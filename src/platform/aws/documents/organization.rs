//! Organisation policies, where they are attached, and the tree of units and accounts.
//!
//! Organizations API Reference: DescribePolicy, ListPolicies, ListPoliciesForTarget (directly attached ones
//! only), ListTargetsForPolicy, DescribeOrganization, ListRoots, ListOrganizationalUnitsForParent,
//! ListAccountsForParent, ListParents, ListChildren. Which of them decide anything: Organizations User Guide,
//! orgs_manage_policies_scps and orgs_manage_policies_rcps; every other type is left out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::pool::PolicyDocument;
use super::wire::typed;
use super::{Evidence, Source};
use crate::model::{Glob, Str};
use crate::platform::aws::arn::is_account;
use crate::platform::aws::kinds;
use crate::platform::aws::policy::document::{Match, Named};
use crate::platform::aws::policy::{Policy, Statement};
use crate::platform::aws::scan::Value;
use crate::platform::{Intake, Kind};

/// The types of organisation policies that change authorisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum OrgKind {
    /// Service control policies.
    Scp,
    /// Resource control policies.
    Rcp,
}

impl OrgKind {
    fn parse(text: &str) -> Option<OrgKind> {
        match text {
            "SERVICE_CONTROL_POLICY" => Some(OrgKind::Scp),
            "RESOURCE_CONTROL_POLICY" => Some(OrgKind::Rcp),
            _ => None,
        }
    }

    /// Of a file whose list is empty only the name says the type.
    fn of_name(name: &str) -> Option<OrgKind> {
        if name.contains("SERVICE_CONTROL_POLICY") {
            Some(OrgKind::Scp)
        } else if name.contains("RESOURCE_CONTROL_POLICY") {
            Some(OrgKind::Rcp)
        } else {
            None
        }
    }
}

/// An organisation policy.
#[derive(Debug, Clone)]
pub(crate) struct OrgPolicy {
    pub(crate) name: Str,
    pub(crate) kind: OrgKind,
    pub(crate) document: PolicyDocument,
}

/// What the evidence says of the organisation.
#[derive(Debug, Default)]
pub(crate) struct Organisation {
    /// Whether any file was about an organisation.
    pub(crate) is_seen: bool,
    /// `o-…`.
    pub(crate) id: Option<Str>,
    /// Management account.
    pub(crate) management: Option<Str>,
    /// Policy types that the root has switched on, where stated.
    pub(crate) enabled: Option<BTreeSet<OrgKind>>,
    /// Parent of each unit and account.
    pub(crate) parents: BTreeMap<Str, Str>,
    /// Policies with content, by id.
    pub(crate) policies: BTreeMap<Str, OrgPolicy>,
    /// Whole lists of what is attached to a root, unit or account.
    pub(crate) attached: BTreeMap<(Str, OrgKind), BTreeSet<Str>>,
    /// Whole lists of where a policy is attached.
    pub(crate) targets: BTreeMap<Str, BTreeSet<Str>>,
    /// Whole lists of the policies of a type.
    pub(crate) listed: BTreeMap<OrgKind, BTreeSet<Str>>,
    /// Types of policies that any file names.
    pub(crate) kinds: BTreeSet<OrgKind>,
}

/// Reads one document of the organisation.
pub(super) fn read(
    evidence: &mut Evidence,
    kind: &'static Kind,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    evidence.organisation.is_seen = true;
    if page.get("NextToken").is_some_and(|token| token.text != b"null") {
        intake.note("more pages follow this one: the list is not whole");
    }
    if kind == &kinds::ORGANIZATION_POLICY {
        read_policy(evidence, source, page, intake);
    } else if kind == &kinds::ORGANIZATION_TARGETS {
        read_attachments(evidence, source, page, intake);
    } else {
        read_tree(&mut evidence.organisation, source, page, intake);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PolicyText<'a> {
    policy_summary: Summary,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Summary {
    id: Option<String>,
    name: Option<String>,
    r#type: Option<String>,
}

fn read_policy(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let Some(value) = page.get("Policy") else {
        intake.reject(source.place(page.at), "no member `Policy`");
        return;
    };
    let Some(policy) = typed::<PolicyText<'_>>(source, &value, "an organisation policy", intake)
    else {
        return;
    };
    let kind = policy.policy_summary.r#type.unwrap_or_default();
    let Some(kind) = OrgKind::parse(&kind) else {
        intake.skipped(1);
        intake.note("policies of this type do not change what is authorised");
        return;
    };
    let (Some(id), Some(content)) = (policy.policy_summary.id, policy.content) else {
        intake.reject(source.place(value.at), "an organisation policy without id or content");
        return;
    };
    let name = policy.policy_summary.name.unwrap_or_else(|| id.clone());
    let document = evidence.pool.parse_one(source, &format!("policy {name}"), content, intake);
    intake.used(1);
    evidence.organisation.kinds.insert(kind);
    let policy = OrgPolicy { name: name.into(), kind, document };
    let known = evidence.organisation.policies.get(id.as_str());
    if known.is_some_and(|known| !known.document.is_same(&policy.document)) {
        let text = format!("organisation policy {id} is described twice, and differently");
        evidence.notes.push((Some(source.place(value.at)), text));
        return;
    }
    evidence.organisation.policies.insert(id.into(), policy);
}

/// A member by name, or else a part of the file's name that looks like one.
fn named(
    page: &Value<'_>,
    member: &str,
    source: &Source<'_>,
    fits: fn(&str) -> bool,
) -> Option<Str> {
    if let Some(text) = page.get(member).and_then(|value| value.string()) {
        return Some(text.as_ref().into());
    }
    let separators = |c: char| !(c.is_ascii_alphanumeric() || c == '-');
    source.stem().split(separators).find(|part| fits(part)).map(Str::from)
}

fn is_target(text: &str) -> bool {
    is_account(text) || text.starts_with("r-") || text.starts_with("ou-")
}

fn read_attachments(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let is_partial = page.get("NextToken").is_some_and(|token| token.text != b"null");
    let organisation = &mut evidence.organisation;
    if let Some(targets) = page.get("Targets") {
        let Some(policy) = named(page, "PolicyId", source, |text| text.starts_with("p-")) else {
            intake.reject(
                source.place(page.at),
                "which policy has these targets is not stated: add `\"PolicyId\"`",
            );
            return;
        };
        let ids: BTreeSet<Str> = targets
            .elements()
            .filter_map(|target| Some(target.get("TargetId")?.string()?.as_ref().into()))
            .collect();
        intake.used(ids.len() as u64);
        // Pages add up; a page that is not the last one is no whole list, and its attachments still hold.
        organisation.targets.entry(policy).or_default().extend(ids);
        return;
    }
    let Some(policies) = page.get("Policies") else {
        intake.reject(source.place(page.at), "neither `Targets` nor `Policies`");
        return;
    };
    let mut by_kind: BTreeMap<OrgKind, BTreeSet<Str>> = BTreeMap::new();
    if let Some(kind) = OrgKind::of_name(source.path) {
        by_kind.entry(kind).or_default();
    }
    for value in policies.elements() {
        let Some(summary) = typed::<Summary>(source, &value, "a policy's summary", intake) else {
            continue;
        };
        let kind = OrgKind::parse(summary.r#type.as_deref().unwrap_or_default());
        match (summary.id, kind) {
            (Some(id), Some(kind)) => {
                intake.used(1);
                by_kind.entry(kind).or_default().insert(id.into());
            }
            (_, None) => intake.skipped(1),
            (None, _) => intake.reject(source.place(value.at), "a policy without an id"),
        }
    }
    let target = named(page, "TargetId", source, is_target);
    for (kind, ids) in by_kind {
        organisation.kinds.insert(kind);
        match &target {
            Some(target) => {
                let key = (target.clone(), kind);
                organisation.attached.entry(key).or_default().extend(ids);
            }
            None if !is_partial => organisation.listed.entry(kind).or_default().extend(ids),
            None => {}
        }
    }
}

fn read_tree(
    organisation: &mut Organisation,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let text = |value: &Value<'_>, name: &str| {
        value.get(name).and_then(|value| value.string()).map(|text| Str::from(text.as_ref()))
    };
    if let Some(value) = page.get("Organization") {
        organisation.id = text(&value, "Id").or_else(|| organisation.id.take());
        organisation.management = text(&value, "MasterAccountId")
            .or_else(|| text(&value, "ManagementAccountId"))
            .or_else(|| organisation.management.take());
        intake.used(1);
    }
    for root in page.get("Roots").iter().flat_map(Value::elements) {
        intake.used(1);
        let Some(types) = root.get("PolicyTypes") else {
            continue;
        };
        let enabled = types.elements().filter_map(|kind| {
            let is_on = text(&kind, "Status").as_deref() == Some("ENABLED");
            OrgKind::parse(&text(&kind, "Type")?).filter(|_| is_on)
        });
        organisation.enabled.get_or_insert_default().extend(enabled);
    }
    let parent = text(page, "ParentId");
    let child = text(page, "ChildId");
    for list in ["OrganizationalUnits", "Accounts", "Children"] {
        for item in page.get(list).iter().flat_map(Value::elements) {
            match (text(&item, "Id"), &parent) {
                (Some(id), Some(parent)) => {
                    organisation.parents.insert(id, parent.clone());
                    intake.used(1);
                }
                (Some(_), None) => {
                    intake.skipped(1);
                    intake.note("whose children these are is not stated: add `\"ParentId\"`");
                }
                (None, _) => intake.reject(source.place(item.at), "an item without an id"),
            }
        }
    }
    for item in page.get("Parents").iter().flat_map(Value::elements) {
        match (text(&item, "Id"), &child) {
            (Some(id), Some(child)) => {
                organisation.parents.insert(child.clone(), id);
                intake.used(1);
            }
            _ => {
                intake.skipped(1);
                intake.note("whose parent this is is not stated: add `\"ChildId\"`");
            }
        }
    }
}

/// The policy that allows everything, which is attached everywhere until somebody detaches it
/// (Organizations User Guide: `p-FullAWSAccess`, `p-RCPFullAWSAccess`).
pub(crate) fn full_access(id: &str) -> Option<OrgPolicy> {
    let (name, kind, principals) = match id {
        "p-FullAWSAccess" => ("FullAWSAccess", OrgKind::Scp, None),
        "p-RCPFullAWSAccess" => {
            let anyone = Match { not: false, list: vec![Named::Anyone] };
            ("RCPFullAWSAccess", OrgKind::Rcp, Some(anyone))
        }
        _ => return None,
    };
    let statement = Statement {
        number: 0,
        sid: None,
        allow: true,
        actions: Match { not: false, list: vec![Glob::fold("*")] },
        resources: Some(Match { not: false, list: vec!["*".into()] }),
        principals,
        conditions: Vec::new(),
        place: None,
    };
    let policy = Policy { has_variables: true, statements: vec![statement], warnings: Vec::new() };
    Some(OrgPolicy { name: name.into(), kind, document: PolicyDocument::Parsed(Arc::new(policy)) })
}
