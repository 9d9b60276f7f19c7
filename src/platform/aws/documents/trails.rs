//! Trails, what they record, and since when.
//!
//! CloudTrail API Reference: DescribeTrails, GetTrail, GetEventSelectors, GetTrailStatus; CloudTrail User
//! Guide, "Logging data events" and "Filtering data events by using advanced event selectors". What coverage
//! they prove is in [`crate::platform::aws::coverage`].

use serde::Deserialize;

use super::wire::{Moment, typed};
use super::{Evidence, Source};
use crate::model::{Place, Rw, Str, Time};
use crate::platform::aws::arn::Arn;
use crate::platform::aws::classes;
use crate::platform::aws::kinds;
use crate::platform::aws::scan::Value;
use crate::platform::{Intake, Kind};

/// A trail.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Trail {
    pub(crate) arn: Str,
    pub(crate) account: Str,
    pub(crate) home: Str,
    pub(crate) is_multi_region: bool,
    pub(crate) is_organisation: bool,
    pub(crate) has_global: bool,
    pub(crate) has_custom_selectors: bool,
    pub(crate) place: Place,
}

/// Something that a trail records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Log class.
    pub(crate) class: Str,
    pub(crate) rw: Rw,
    /// Patterns of resources; `None` is all.
    pub(crate) resources: Option<Vec<Str>>,
}

/// What a trail records.
#[derive(Debug, Clone)]
pub(crate) struct Selectors {
    pub(crate) trail: Str,
    pub(crate) recorded: Vec<Recorded>,
}

/// Since when a trail records.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    pub(crate) trail: Str,
    pub(crate) is_logging: bool,
    pub(crate) start: Option<Time>,
    pub(crate) stop: Option<Time>,
}

/// All trails.
#[derive(Debug, Default)]
pub(crate) struct Trails {
    pub(crate) trails: Vec<Trail>,
    pub(crate) selectors: Vec<Selectors>,
    pub(crate) status: Vec<Status>,
}

/// Reads one document about trails.
pub(super) fn read(
    evidence: &mut Evidence,
    kind: &'static Kind,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let trails = &mut evidence.trails;
    if kind == &kinds::TRAILS {
        let lists = ["trailList", "TrailList"];
        let listed = lists.iter().filter_map(|name| page.get(name));
        let values: Vec<Value<'_>> = listed.flat_map(|list| list.elements()).collect();
        for value in values.into_iter().chain(page.get("Trail")) {
            read_trail(trails, source, &value, intake);
        }
        return;
    }
    let arn = page.get("TrailARN").and_then(|arn| arn.string());
    let Some(trail) = arn.map(|arn| Str::from(arn.as_ref())) else {
        intake.reject(
            source.place(page.at),
            "which trail it is about is not stated: add `\"TrailARN\"`",
        );
        return;
    };
    if kind == &kinds::EVENT_SELECTORS {
        read_selectors(trails, trail, source, page, intake);
    } else if let Some(status) = typed::<StatusText>(source, page, "a trail's status", intake) {
        intake.used(1);
        trails.status.push(Status {
            trail,
            is_logging: status.is_logging.unwrap_or(false),
            start: status.start_logging_time.0,
            stop: status.stop_logging_time.0,
        });
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct StatusText {
    is_logging: Option<bool>,
    #[serde(default)]
    start_logging_time: Moment,
    #[serde(default)]
    stop_logging_time: Moment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TrailText {
    #[serde(rename = "TrailARN")]
    trail_arn: Option<String>,
    home_region: Option<String>,
    is_multi_region_trail: Option<bool>,
    is_organization_trail: Option<bool>,
    include_global_service_events: Option<bool>,
    has_custom_event_selectors: Option<bool>,
}

fn read_trail(trails: &mut Trails, source: &Source<'_>, value: &Value<'_>, intake: &mut Intake) {
    let Some(text) = typed::<TrailText>(source, value, "a trail", intake) else {
        return;
    };
    let place = source.place(value.at);
    let arn = text.trail_arn.unwrap_or_default();
    let Some(parts) = Arn::parse(&arn) else {
        intake.reject(place, "a trail without an ARN");
        return;
    };
    let region = arn.split(':').nth(3).unwrap_or_default();
    let trail = Trail {
        arn: arn.as_str().into(),
        account: parts.account.into(),
        home: text.home_region.as_deref().unwrap_or(region).into(),
        is_multi_region: text.is_multi_region_trail.unwrap_or(false),
        is_organisation: text.is_organization_trail.unwrap_or(false),
        has_global: text.include_global_service_events.unwrap_or(false),
        has_custom_selectors: text.has_custom_event_selectors.unwrap_or(false),
        place,
    };
    intake.used(1);
    // Multi-Region trails are listed in every Region.
    if !trails.trails.iter().any(|known| known.arn == trail.arn) {
        trails.trails.push(trail);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SelectorsText {
    event_selectors: Option<Vec<Basic>>,
    advanced_event_selectors: Option<Vec<Advanced>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Basic {
    read_write_type: Option<String>,
    include_management_events: Option<bool>,
    exclude_management_event_sources: Option<Vec<String>>,
    data_resources: Option<Vec<DataResource>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DataResource {
    r#type: Option<String>,
    values: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Advanced {
    field_selectors: Option<Vec<FieldSelector>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct FieldSelector {
    field: Option<String>,
    equals: Option<Vec<String>>,
    starts_with: Option<Vec<String>>,
    ends_with: Option<Vec<String>>,
    not_equals: Option<Vec<String>>,
    not_starts_with: Option<Vec<String>>,
    not_ends_with: Option<Vec<String>>,
}

fn read_selectors(
    trails: &mut Trails,
    trail: Str,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let Some(text) = typed::<SelectorsText>(source, page, "event selectors", intake) else {
        return;
    };
    let mut recorded = Vec::new();
    for basic in text.event_selectors.into_iter().flatten() {
        basic_selector(&basic, &mut recorded);
        intake.used(1);
    }
    for advanced in text.advanced_event_selectors.into_iter().flatten() {
        if advanced_selector(&advanced, &mut recorded) {
            intake.used(1);
        } else {
            intake.skipped(1);
            intake.note("a selector that narrows by event or caller proves no coverage");
        }
    }
    trails.selectors.push(Selectors { trail, recorded });
}

/// Everything that a trail without custom selectors records: management events, no data events.
pub(crate) fn standard() -> Vec<Recorded> {
    management(Rw::All, &[])
}

fn management(rw: Rw, excluded: &[String]) -> Vec<Recorded> {
    let is_excluded = |source: &str| excluded.iter().any(|name| name == source);
    let mut names = vec![classes::MANAGEMENT, classes::GLOBAL];
    if !is_excluded("kms.amazonaws.com") {
        names.push(classes::KMS);
    }
    if !is_excluded("rdsdata.amazonaws.com") {
        names.push(classes::RDSDATA);
    }
    names.into_iter().map(|class| Recorded { class: class.into(), rw, resources: None }).collect()
}

fn basic_selector(selector: &Basic, recorded: &mut Vec<Recorded>) {
    let rw = match selector.read_write_type.as_deref() {
        Some("ReadOnly") => Rw::Read,
        Some("WriteOnly") => Rw::Write,
        None | Some("All") => Rw::All,
        Some(_) => return,
    };
    // CloudTrail API Reference, EventSelector: management events are included by default.
    if selector.include_management_events.unwrap_or(true) {
        let excluded = selector.exclude_management_event_sources.as_deref();
        recorded.extend(management(rw, excluded.unwrap_or_default()));
    }
    for resource in selector.data_resources.iter().flatten() {
        let Some(kind) = &resource.r#type else {
            continue;
        };
        let values = resource.values.as_deref().unwrap_or_default();
        let resources = if values.iter().any(|value| is_all(value)) {
            None
        } else {
            Some(values.iter().flat_map(|value| below(value)).collect())
        };
        recorded.push(Recorded { class: format!("data:{kind}").into(), rw, resources });
    }
}

/// `arn:aws:s3`, `arn:aws:s3:::`, `arn:aws:lambda`, `arn:aws:dynamodb`: everything of the service.
fn is_all(value: &str) -> bool {
    value
        .strip_prefix("arn:")
        .is_some_and(|rest| rest.trim_end_matches(':').split(':').count() == 2)
}

/// The resources that a selector's value reaches: `arn:aws:s3:::BUCKET/PREFIX`, or one table or function.
fn below(value: &str) -> Vec<Str> {
    if let Some(rest) = value.split_once(":s3:::").map(|(_, rest)| rest) {
        return match rest.split_once('/') {
            // The whole bucket, calls on the bucket itself included.
            Some((_, "")) | None => {
                let bucket = value.trim_end_matches('/');
                vec![bucket.into(), format!("{bucket}/*").into()]
            }
            Some(_) => vec![format!("{value}*").into()],
        };
    }
    within(value)
}

/// A resource and what lies in it: versions, aliases, indexes, objects.
pub(crate) fn within(resource: &str) -> Vec<Str> {
    let separator = if resource.contains(":lambda:") { ':' } else { '/' };
    vec![resource.into(), format!("{resource}{separator}*").into()]
}

/// Reads an advanced selector; `false` if it narrows by something that coverage cannot express.
fn advanced_selector(selector: &Advanced, recorded: &mut Vec<Recorded>) -> bool {
    let mut category = None;
    let mut rw = Rw::All;
    let mut kinds: Vec<String> = Vec::new();
    let mut excluded: Vec<String> = Vec::new();
    let mut resources: Option<Vec<Str>> = None;
    for field in selector.field_selectors.iter().flatten() {
        let only_equals = field.starts_with.is_none()
            && field.ends_with.is_none()
            && field.not_equals.is_none()
            && field.not_starts_with.is_none()
            && field.not_ends_with.is_none();
        let equals = field.equals.as_deref().unwrap_or_default();
        match field.field.as_deref().unwrap_or_default() {
            "eventCategory" if only_equals => category = equals.first().cloned(),
            "readOnly" if only_equals => match equals {
                [one] if one == "true" => rw = Rw::Read,
                [one] if one == "false" => rw = Rw::Write,
                _ => return false,
            },
            "resources.type" if only_equals => kinds = equals.to_vec(),
            "eventSource" => match &field.not_equals {
                Some(sources) if field.equals.is_none() && field.is_only_not_equals() => {
                    excluded.clone_from(sources);
                }
                _ => return false,
            },
            "resources.ARN" if field.is_positive() => {
                let prefixes = field.starts_with.iter().flatten();
                let mut patterns: Vec<Str> = equals.iter().map(|arn| arn.as_str().into()).collect();
                patterns.extend(prefixes.map(|prefix| format!("{prefix}*").into()));
                resources = Some(patterns);
            }
            _ => return false,
        }
    }
    let others =
        |source: &String| source != "kms.amazonaws.com" && source != "rdsdata.amazonaws.com";
    match category.as_deref() {
        Some("Management") if excluded.iter().any(others) || resources.is_some() => false,
        Some("Management") => {
            recorded.extend(management(rw, &excluded));
            true
        }
        Some("Data") if excluded.is_empty() && !kinds.is_empty() => {
            recorded.extend(kinds.iter().map(|kind| Recorded {
                class: format!("data:{kind}").into(),
                rw,
                resources: resources.clone(),
            }));
            true
        }
        _ => false,
    }
}

impl FieldSelector {
    fn is_positive(&self) -> bool {
        self.ends_with.is_none()
            && self.not_equals.is_none()
            && self.not_starts_with.is_none()
            && self.not_ends_with.is_none()
    }

    fn is_only_not_equals(&self) -> bool {
        self.starts_with.is_none()
            && self.ends_with.is_none()
            && self.not_starts_with.is_none()
            && self.not_ends_with.is_none()
    }
}
