//! From an event to the IAM actions that it needed.
//!
//! The general rule is the event source's prefix and the event's name, compared without case with the catalogue;
//! `event-action-exceptions.json` holds what differs, each row with its source. An event that neither knows
//! keeps its own name and is marked: it is never dropped.

use crate::catalogue::Catalogue;
use crate::model::{ScopeSet, Str};

use super::facts::{Exception, When, facts};
use super::key::{Key, Part};
use super::pick::flag;

/// A permission that a call needed.
#[derive(Debug, Clone, PartialEq)]
pub struct Needed {
    /// The action, in the catalogue's spelling.
    pub action: Str,
    /// Whether it is inferred: not named by the event itself.
    pub inferred: bool,
    /// Whether the call is known to need it. If not, the request may have needed it.
    pub certain: bool,
    /// Whether the catalogue does not have it.
    pub unmapped: bool,
    /// The resource, where the event alone says it (API Gateway paths).
    pub resource: Option<ScopeSet>,
    /// Whether it applies to the source of a copy.
    pub on_source: bool,
}

/// What an event needs.
#[derive(Debug, Clone, PartialEq)]
pub enum Needs {
    /// No permission: it shows the identity alive, and no action used.
    Nothing,
    /// These permissions.
    Actions(Vec<Needed>),
}

/// The event name without a version suffix: Lambda's eight digits with `v` and a number, CloudFront's date
/// (`strip_suffix` in the fact file). Other names keep their digits.
pub(super) fn strip_version<'a>(source: &[u8], event: &'a [u8]) -> &'a [u8] {
    let digits_end = |text: &[u8], count: usize| {
        text.len() > count
            && text
                .get(text.len() - count..)
                .is_some_and(|tail| tail.iter().all(u8::is_ascii_digit))
    };
    match source {
        b"lambda.amazonaws.com" => {
            let stem = match memchr::memrchr(b'v', event) {
                Some(at)
                    if at + 1 < event.len()
                        && event
                            .get(at + 1..)
                            .is_some_and(|n| n.iter().all(u8::is_ascii_digit)) =>
                {
                    event.get(..at).unwrap_or(event)
                }
                _ => event,
            };
            if digits_end(stem, 8) { stem.get(..stem.len() - 8).unwrap_or(event) } else { event }
        }
        b"cloudfront.amazonaws.com" => {
            let form = b"dddd_dd_dd";
            let Some(start) = event.len().checked_sub(form.len()).filter(|at| *at > 0) else {
                return event;
            };
            let (stem, tail) = event.split_at(start);
            let fits = tail.iter().zip(form).all(|(byte, form)| match form {
                b'd' => byte.is_ascii_digit(),
                other => byte == other,
            });
            if fits { stem } else { event }
        }
        _ => event,
    }
}

/// The catalogue's spelling of an action, and whether it has it.
pub(super) fn spell(action: &str) -> (Str, bool) {
    let catalogue = Catalogue::aws();
    match catalogue.position(action).and_then(|at| catalogue.actions.get(at)) {
        Some(entry) => (entry.name.clone(), true),
        None => (action.into(), false),
    }
}

/// The action prefix of an event source.
pub(super) fn prefix(source: &str) -> String {
    if let Some(prefix) = facts().prefix(source) {
        return prefix.to_string();
    }
    let source = source.strip_suffix(".cn").unwrap_or(source);
    let source = source.strip_suffix(".amazonaws.com").unwrap_or(source);
    source.to_ascii_lowercase()
}

/// What a row's event needs.
pub fn needs(key: &Key<'_>) -> Needs {
    let source = key.get(Part::Source);
    let event = key.get(Part::Event);
    let stem = strip_version(source.as_bytes(), event.as_bytes());
    let event = std::str::from_utf8(stem).unwrap_or(event);
    let facts = facts();
    if facts.needs_none(source, event) {
        return Needs::Nothing;
    }
    let rows = facts.exceptions(source, event);
    let row = rows
        .iter()
        .find(|row| row.when.as_ref().is_some_and(|when| holds(when, key)))
        .or_else(|| rows.iter().find(|row| row.when.is_none()));
    let mut needed = match row {
        Some(row) => by_row(row, source, event, key),
        None => vec![general(source, event, key)],
    };
    // Signing in is no call; the few names that the catalogue has are.
    if source == "signin.amazonaws.com" && needed.iter().all(|needed| needed.unmapped) {
        return Needs::Nothing;
    }
    if let Some(first) = needed.first().cloned()
        && has(key, flag::TAGS)
    {
        needed.extend(tagging(source, event, &first));
    }
    if source == "s3.amazonaws.com" && row.is_none() && event == "CreateMultipartUpload" {
        needed.extend(optional(facts.exceptions(source, "PutObject"), key));
    }
    Needs::Actions(needed)
}

fn has(key: &Key<'_>, letter: u8) -> bool {
    key.get(Part::Flags).as_bytes().contains(&letter)
}

fn holds(when: &When, key: &Key<'_>) -> bool {
    match when.key.as_str() {
        "requestParameters.versionId" => has(key, flag::VERSION),
        "additionalEventData.service" => match &when.equals {
            Some(value) => key.get(Part::Service) == value,
            None => key.some(Part::Service).is_some(),
        },
        _ => false,
    }
}

fn needed(action: &str, inferred: bool, certain: bool) -> Needed {
    let (action, known) = spell(action);
    Needed { action, inferred, certain, unmapped: !known, resource: None, on_source: false }
}

/// The event source that several services share; the record says which one it is.
pub(super) const SHARED_SOURCE: &[u8] = b"autoscaling.amazonaws.com";

fn general(source: &str, event: &str, key: &Key<'_>) -> Needed {
    // Three services share the source; the record says which one (fact file, event_sources).
    let service = key.get(Part::Service);
    if source.as_bytes() == SHARED_SOURCE
        && matches!(service, "application-autoscaling" | "autoscaling-plans")
    {
        let other = needed(&format!("{service}:{event}"), false, true);
        if !other.unmapped {
            return other;
        }
    }
    needed(&format!("{}:{event}", prefix(source)), false, true)
}

fn by_row(row: &Exception, source: &str, event: &str, key: &Key<'_>) -> Vec<Needed> {
    let resource = path(&row.resource, key.get(Part::Region));
    if row.some_only() {
        return row
            .actions
            .iter()
            .chain(&row.also)
            .map(|action| Needed { resource: resource.clone(), ..needed(action, true, false) })
            .collect();
    }
    let own = format!("{}:{event}", prefix(source));
    let main = row.actions.iter().position(|action| action.eq_ignore_ascii_case(&own)).unwrap_or(0);
    let mut out: Vec<Needed> = row
        .actions
        .iter()
        .enumerate()
        .map(|(number, action)| Needed {
            resource: resource.clone(),
            on_source: number != main && is_copy(source, event),
            // Re-encryption is two permissions of one name each.
            ..needed(action, number != main && event != "ReEncrypt", true)
        })
        .collect();
    out.extend(optional(std::slice::from_ref(row), key));
    // A stated version of the source needs the action of its own.
    if has(key, flag::SOURCE_VERSION) {
        for other in out.iter_mut().filter(|needed| needed.on_source) {
            if &*other.action == "s3:GetObject" {
                other.action = spell("s3:GetObjectVersion").0;
            }
        }
    }
    out
}

/// Whether an S3 event reads from another object.
fn is_copy(source: &str, event: &str) -> bool {
    source == "s3.amazonaws.com" && matches!(event, "CopyObject" | "UploadPartCopy")
}

/// Permissions that a feature of the request needs: certain if the key shows the feature, left out if it would
/// show it and does not, and possible if the record cannot tell.
fn optional(rows: &[Exception], key: &Key<'_>) -> Vec<Needed> {
    let also = rows.iter().filter(|row| row.when.is_none()).flat_map(|row| &row.also);
    also.filter_map(|action| {
        let on_source = action == "s3:GetObjectTagging";
        let letter = match action.as_str() {
            "s3:PutObjectAcl" => flag::ACL,
            "s3:PutObjectTagging" => flag::OBJECT_TAGS,
            "s3:PutObjectRetention" => flag::RETENTION,
            "s3:PutObjectLegalHold" => flag::LEGAL_HOLD,
            _ => {
                return Some(Needed { on_source, ..needed(action, true, false) });
            }
        };
        has(key, letter).then(|| needed(action, true, true))
    })
    .collect()
}

/// The path of an API Gateway call, if it is one exact path.
fn path(resources: &[String], region: &str) -> Option<ScopeSet> {
    let first = resources.first()?;
    if resources.len() > 1 || first.contains('*') {
        return Some(ScopeSet::Unknown);
    }
    Some(ScopeSet::One(first.replace("REGION", region).into()))
}

/// Tags on what a call creates need a tagging permission too. Known for certain: EC2 (EC2 User Guide, "Grant
/// permission to tag resources during creation"), SQS and RDS (their API references, CreateQueue and tags).
/// Elsewhere an action that could be the one is kept as possible.
fn tagging(source: &str, event: &str, main: &Needed) -> Vec<Needed> {
    let prefix = prefix(source);
    let noun = event.strip_prefix("Create").unwrap_or(event);
    let (names, certain) = match prefix.as_str() {
        "ec2" => (vec!["CreateTags".to_string()], true),
        "sqs" => (vec!["TagQueue".to_string()], true),
        "rds" => (vec!["AddTagsToResource".to_string()], true),
        _ => (
            vec![
                "TagResource".to_string(),
                "AddTagsToResource".to_string(),
                "AddTags".to_string(),
                format!("Tag{noun}"),
            ],
            false,
        ),
    };
    names
        .into_iter()
        .map(|name| Needed {
            resource: Some(ScopeSet::Unknown),
            ..needed(&format!("{prefix}:{name}"), true, certain)
        })
        .filter(|tag| !tag.unmapped && tag.action != main.action)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lambda_and_cloudfront_lose_a_suffix() {
        let cases = [
            ("lambda.amazonaws.com", "CreateFunction20150331", "CreateFunction"),
            ("lambda.amazonaws.com", "GetFunction20150331v2", "GetFunction"),
            ("lambda.amazonaws.com", "Invoke", "Invoke"),
            ("lambda.amazonaws.com", "20150331", "20150331"),
            ("cloudfront.amazonaws.com", "CreateDistribution2020_05_31", "CreateDistribution"),
            ("access-analyzer.amazonaws.com", "GetFindingV2", "GetFindingV2"),
            ("s3.amazonaws.com", "ListObjectsV2", "ListObjectsV2"),
        ];
        for (source, event, expected) in cases {
            let stem = strip_version(source.as_bytes(), event.as_bytes());
            assert_eq!(stem, expected.as_bytes(), "{source} {event}");
        }
    }
}
