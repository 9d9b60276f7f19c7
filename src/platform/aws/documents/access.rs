//! Last-accessed reports, the jobs that made them, and findings of Access Analyzer.
//!
//! IAM User Guide, access_policies_last-accessed; IAM API Reference, GetServiceLastAccessedDetails; Access
//! Analyzer API Reference, GetFindingV2. What may be concluded from them is in [`crate::platform::aws::claims`].

use serde::Deserialize;

use super::wire::{Moment, reason, typed};
use super::{Evidence, Source, stem};
use crate::model::{Place, Str, Time};
use crate::platform::Intake;
use crate::platform::aws::scan::Value;

/// One page of a last-accessed report.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// `Arn`, where somebody added it: AWS does not say whose report it is.
    pub(crate) arn: Option<Str>,
    /// Name of the file, which may say it.
    pub(crate) stem: String,
    /// When the report was made.
    pub(crate) made: Option<Time>,
    pub(crate) services: Vec<Service>,
    pub(crate) place: Place,
}

/// A service of a report.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) namespace: Str,
    pub(crate) last: Option<Time>,
    /// Actions that are tracked: name with prefix, and last access.
    pub(crate) actions: Vec<(Str, Option<Time>)>,
    pub(crate) place: Place,
}

/// The job of a report: filed under the identity's name.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) arn: Option<Str>,
    pub(crate) stem: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ServiceText {
    service_namespace: Option<String>,
    last_authenticated: Option<Moment>,
    tracked_actions_last_accessed: Option<Vec<ActionText>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ActionText {
    action_name: Option<String>,
    last_accessed_time: Option<Moment>,
}

/// Reads one page of a last-accessed report.
pub(super) fn read(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let text = |name: &str| page.get(name)?.string();
    let time = |name: &str| text(name).and_then(|text| Time::parse(&text));
    let status = text("JobStatus").unwrap_or_default();
    if !status.is_empty() && status != "COMPLETED" {
        intake.reject(source.place(page.at), "the report was not completed");
        return;
    }
    if page.get("IsTruncated").is_some_and(|value| value.text == b"true") {
        intake.note("more pages follow this one: services that are absent may be listed there");
    }
    let mut services = Vec::new();
    for value in page.get("ServicesLastAccessed").iter().flat_map(Value::elements) {
        let Some(service) = typed::<ServiceText>(source, &value, "a service", intake) else {
            continue;
        };
        let place = source.place(value.at);
        let Some(namespace) = service.service_namespace else {
            intake.reject(place, "a service without a namespace");
            continue;
        };
        let stated = |moment: Option<Moment>| moment.map(|moment| moment.0);
        let last = stated(service.last_authenticated);
        if last == Some(None) {
            intake.reject(place, "the time of the last access cannot be read");
            continue;
        }
        let mut actions = Vec::new();
        for action in service.tracked_actions_last_accessed.into_iter().flatten() {
            // A time that cannot be read is a time: the action was accessed, and nothing can be claimed.
            match (action.action_name, stated(action.last_accessed_time)) {
                (None, _) | (_, Some(None)) => {
                    intake.reject(place, "an action that cannot be read")
                }
                (Some(name), last) => {
                    let full = format!("{namespace}:{name}");
                    let name = if name.contains(':') { name } else { full };
                    actions.push((name.into(), last.flatten()));
                }
            }
        }
        services.push(Service {
            namespace: namespace.into(),
            last: last.flatten(),
            actions,
            place,
        });
    }
    intake.used(services.len() as u64);
    evidence.reports.push(Report {
        arn: text("Arn").map(|arn| Str::from(arn.as_ref())),
        stem: source.stem().to_string(),
        made: time("JobCompletionDate").or_else(|| time("JobCreationDate")),
        services,
        place: source.place(page.at),
    });
}

/// Reads the answer of `generate-service-last-accessed-details`.
pub(super) fn read_job(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let Some(id) = page.get("JobId").and_then(|id| id.string()) else {
        intake.reject(source.place(page.at), "no member `JobId`");
        return;
    };
    let arn = page.get("Arn").and_then(|arn| arn.string());
    evidence.jobs.push(Job {
        id: id.into_owned(),
        arn: arn.map(|arn| Str::from(arn.as_ref())),
        stem: stem(source.path).to_string(),
    });
    intake.used(1);
}

/// An unused-access finding.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    /// ARN of the role or user.
    pub(crate) resource: Str,
    /// When the analyzer looked.
    pub(crate) analyzed: Option<Time>,
    pub(crate) unused: Vec<Unused>,
    pub(crate) place: Place,
}

/// What a finding calls unused.
#[derive(Debug, Clone)]
pub(crate) enum Unused {
    /// A whole identity.
    Identity(Option<Time>),
    /// A service.
    Service(Str, Option<Time>),
    /// One action, with prefix.
    Action(Str, Option<Time>),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FindingText {
    resource: Option<String>,
    status: Option<String>,
    analyzed_at: Option<Moment>,
    finding_type: Option<String>,
    finding_details: Option<Vec<Details>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Details {
    unused_permission_details: Option<Permission>,
    unused_iam_role_details: Option<Whole>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Permission {
    service_namespace: Option<String>,
    last_accessed: Option<Moment>,
    actions: Option<Vec<UnusedAction>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnusedAction {
    action: Option<String>,
    last_accessed: Option<Moment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Whole {
    last_accessed: Option<Moment>,
}

/// Reads findings and analyzers.
pub(super) fn read_findings(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    for analyzer in page.get("analyzers").iter().flat_map(Value::elements) {
        let age = analyzer.path(&["configuration", "unusedAccess", "unusedAccessAge"]);
        let age = age.and_then(|age| std::str::from_utf8(age.text).ok()?.parse::<i64>().ok());
        match age {
            Some(age) if age > 0 => {
                evidence.analyzer_ages.push(age);
                intake.used(1);
            }
            _ => intake.skipped(1),
        }
    }
    match page.get("findings") {
        Some(list) => {
            for value in list.elements() {
                read_finding(evidence, source, &value, intake);
            }
        }
        None if page.get("analyzers").is_none() => read_finding(evidence, source, page, intake),
        None => {}
    }
}

fn read_finding(
    evidence: &mut Evidence,
    source: &Source<'_>,
    value: &Value<'_>,
    intake: &mut Intake,
) {
    let place = source.place(value.at);
    let finding: FindingText = match serde_json::from_slice(value.text) {
        Ok(finding) => finding,
        Err(error) => {
            intake.reject(place, reason("a finding", &error));
            return;
        }
    };
    let is_active = finding.status.as_deref().is_none_or(|status| status == "ACTIVE");
    let kind = finding.finding_type.as_deref().unwrap_or_default();
    if !is_active || !kind.starts_with("Unused") {
        intake.skipped(1);
        intake.note("findings that are not active, or not about unused access, are left out");
        return;
    }
    let Some(resource) = finding.resource else {
        intake.reject(place, "a finding without a resource");
        return;
    };
    let time = |moment: Option<Moment>| moment.and_then(|moment| moment.0);
    let mut unused = Vec::new();
    for detail in finding.finding_details.into_iter().flatten() {
        if let Some(whole) = detail.unused_iam_role_details {
            unused.push(Unused::Identity(time(whole.last_accessed)));
        }
        let Some(permission) = detail.unused_permission_details else {
            continue;
        };
        let Some(namespace) = permission.service_namespace else {
            continue;
        };
        let actions = permission.actions.unwrap_or_default();
        if actions.is_empty() {
            unused.push(Unused::Service(namespace.as_str().into(), time(permission.last_accessed)));
        }
        for action in actions {
            let Some(name) = action.action else { continue };
            let full = format!("{namespace}:{name}");
            let name = if name.contains(':') { name } else { full };
            unused.push(Unused::Action(name.into(), time(action.last_accessed)));
        }
    }
    if unused.is_empty() {
        intake.skipped(1);
        intake.note("findings about passwords and keys, or without details, are left out");
        return;
    }
    evidence.findings.push(Finding {
        resource: resource.into(),
        analyzed: time(finding.analyzed_at),
        unused,
        place,
    });
    intake.used(1);
}
