//! Policies of resources, and policy documents that stand alone.
//!
//! Where the JSON lies in each service's answer: API References of S3 (GetBucketPolicy), KMS (GetKeyPolicy),
//! SQS (GetQueueAttributes), SNS (GetTopicAttributes), Lambda (GetPolicy), Secrets Manager
//! (GetResourcePolicy), ECR (GetRepositoryPolicy). The evidence script wraps each answer as
//! `{"ResourceArn": …, "Policy": …}`, because most do not name the resource.

use std::collections::BTreeSet;

use serde_json::value::RawValue;

use super::pool::PolicyDocument;
use super::{Evidence, Source};
use crate::model::{Place, Str};
use crate::platform::Intake;
use crate::platform::aws::arn::Arn;
use crate::platform::aws::policy::Policy;
use crate::platform::aws::scan::Value;

/// The policy of a resource.
#[derive(Debug, Clone)]
pub(crate) struct ResourcePolicy {
    /// ARN of the resource; may hold `*` where the answer does not say a part.
    pub(crate) resource: Str,
    /// The policy; `None`: the resource has none.
    pub(crate) document: Option<PolicyDocument>,
}

/// Reads one answer, or one document.
pub(super) fn read(
    evidence: &mut Evidence,
    source: &Source<'_>,
    page: &Value<'_>,
    intake: &mut Intake,
) {
    let place = source.place(page.at);
    let string = |value: &Value<'_>, name: &str| {
        value.get(name).and_then(|v| v.string()).map(|text| Str::from(text.as_ref()))
    };
    let wrapped = string(page, "ResourceArn");
    let body = match (&wrapped, page.get("Policy")) {
        // The whole answer, or the document itself, lies inside.
        (Some(_), Some(inner)) if inner.is_object() && inner.get("Statement").is_none() => inner,
        _ => *page,
    };
    let document = document_of(&body);
    let stated = wrapped.or_else(|| stated_arn(&body));
    let Some(value) = document else {
        match stated {
            Some(resource) => {
                intake.used(1);
                add(evidence, resource, None, place);
            }
            None => intake.reject(place, "no policy and no resource in it"),
        }
        return;
    };
    let name = stated.as_deref().unwrap_or_else(|| source.stem()).to_string();
    let Ok(raw) = serde_json::from_slice::<&RawValue>(value.text) else {
        intake.reject(source.place(value.at), format!("policy of {name} is not valid JSON"));
        return;
    };
    let label = format!("policy of {name}");
    let document = evidence.pool.parse_one(source, &label, raw, intake);
    let resource = stated.or_else(|| container(document.policy()?));
    match resource {
        Some(resource) => {
            if document.policy().is_some() {
                intake.used(1);
            }
            add(evidence, resource, Some(document), place);
        }
        None if document.policy().is_some_and(|policy| is_identity_policy(policy)) => {
            intake.used(1);
            intake.note(
                "no evidence attaches this policy to an identity: it is judged alone where nothing else grants, else it grants nothing",
            );
            evidence.changes.alone.push((source.path.to_string(), document, place));
        }
        None => {
            intake.skipped(1);
            intake.note(
                "which resource has this policy is not stated: wrap it as {\"ResourceArn\": …, \"Policy\": …}",
            );
        }
    }
}

/// Adds a policy; of two for one resource the first is used.
fn add(evidence: &mut Evidence, resource: Str, document: Option<PolicyDocument>, place: Place) {
    let position = evidence.by_resource.get(&resource);
    let Some(known) = position.and_then(|at| evidence.resources.get(*at)) else {
        let at = evidence.resources.len();
        evidence.by_resource.insert(resource.clone(), at);
        evidence.resources.push(ResourcePolicy { resource, document });
        return;
    };
    let is_same = match (&known.document, &document) {
        (Some(left), Some(right)) => left.is_same(right),
        (left, right) => left.is_none() && right.is_none(),
    };
    if !is_same {
        let text = format!(
            "the policy of {resource} is described twice, and differently: the first description is used"
        );
        evidence.notes.push((Some(place), text));
    }
}

fn is_identity_policy(policy: &Policy) -> bool {
    policy.statements.iter().all(|statement| statement.principals.is_none())
}

/// The document in an answer; `None` if there is none, or it is null.
fn document_of<'a>(body: &Value<'a>) -> Option<Value<'a>> {
    let candidates = [
        body.get("Policy"),
        body.path(&["Attributes", "Policy"]),
        body.get("policyText"),
        body.get("ResourcePolicy"),
        body.path(&["PolicyVersion", "Document"]),
        body.get("Statement").map(|_| *body),
    ];
    candidates.into_iter().flatten().find(|value| value.text != b"null")
}

/// The resource, where the answer itself names it.
fn stated_arn(body: &Value<'_>) -> Option<Str> {
    for path in
        [&["Attributes", "QueueArn"][..], &["Attributes", "TopicArn"], &["ARN"], &["TopicArn"]]
    {
        if let Some(text) = body.path(path).and_then(|value| value.string()) {
            return Some(text.as_ref().into());
        }
    }
    let registry = body.get("registryId")?.string()?;
    let name = body.get("repositoryName")?.string()?;
    Some(format!("arn:*:ecr:*:{registry}:repository/{name}").into())
}

/// The one container that all statements are about.
fn container(policy: &Policy) -> Option<Str> {
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for statement in &policy.statements {
        statement.principals.as_ref()?;
        let resources = statement.resources.as_ref()?;
        if resources.not {
            return None;
        }
        for resource in &resources.list {
            let arn = Arn::parse(resource)?;
            let whole: &str = match arn.service {
                "s3" => resource.split('/').next()?,
                _ => resource,
            };
            if whole.contains(['*', '?']) {
                return None;
            }
            found.insert(whole);
        }
    }
    let first = found.pop_first()?;
    found.is_empty().then(|| first.into())
}
