//! How far patterns reach: over actions, over resource scopes, over the parts of a resource's name.
//!
//! Knows the forms of names, not the configuration or what is meant.

use crate::model::Glob;

/// How much of something a pattern covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cover {
    None,
    Partly,
    Full,
}

/// How much of an action (or of a pattern that stands for actions without a catalogue) the patterns cover.
pub(super) fn cover_action(patterns: &[Glob], action: &str) -> Cover {
    let one = |glob: &Glob| {
        if !action.contains(['*', '?']) {
            return if glob.matches(action) { Cover::Full } else { Cover::None };
        }
        let action = Glob::fold(action);
        if glob.contains(&action) {
            Cover::Full
        } else if glob.intersects(&action) {
            Cover::Partly
        } else {
            Cover::None
        }
    };
    patterns.iter().map(one).max().unwrap_or(Cover::None)
}

/// How much of a scope a pattern covers: all if it matches the scope or everything in it, partly if it matches
/// things in it.
///
/// A pattern speaks of things in a scope if a part of it, up to a `/` or `:`, matches the scope with as many
/// separators; so `*prod*` does not speak of things in every scope.
pub(super) fn cover_scope(glob: &Glob, scope: &str) -> Cover {
    if glob.matches(scope) {
        return Cover::Full;
    }
    // Logs may leave out the six random characters at the end of a secret's ARN (Secrets Manager User Guide,
    // "Secret ARN").
    if scope.contains(":secret:") && glob.intersects(&Glob::new(&format!("{scope}-??????"))) {
        return Cover::Full;
    }
    let fixed = glob.fixed_prefix();
    if !scope.starts_with(fixed) && !fixed.starts_with(scope) {
        return Cover::None;
    }
    let separators = |text: &str| {
        let count = |wanted: u8| text.bytes().filter(|byte| *byte == wanted).count();
        (count(b'/'), count(b':'))
    };
    let wanted = separators(scope);
    let pattern = glob.as_str();
    for (at, _) in pattern.match_indices(['/', ':']) {
        let (container, rest) = (&pattern[..at], &pattern[at + 1..]);
        if separators(container) == wanted && Glob::new(container).matches(scope) {
            return if rest == "*" { Cover::Full } else { Cover::Partly };
        }
    }
    Cover::None
}

/// Whether a list of resources with this pattern limits the action.
pub(super) fn concerns(pattern: &Glob, action: &str) -> bool {
    let mut parts = pattern.as_str().split(':');
    if parts.next() != Some("arn") {
        return true;
    }
    let (_, Some(service), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        return true;
    };
    let action = action.split_once(':').map_or(action, |(prefix, _)| prefix);
    Glob::fold(service).matches(action)
}

/// A part of an ARN by number, if it is an ARN and the part is not empty.
pub(super) fn arn_part(resource: &str, number: usize) -> Option<&str> {
    if !resource.starts_with("arn:") {
        return None;
    }
    let part = resource.splitn(6, ':').nth(number)?;
    (!part.is_empty()).then_some(part)
}

/// The account that a resource's name states: the fifth part of an ARN, the project of a Google resource name
/// (cloud.google.com/apis/design/resource_names), the subscription of an Azure resource id.
pub(super) fn account_of(resource: &str) -> Option<&str> {
    if resource.starts_with("arn:") {
        return arn_part(resource, 4);
    }
    let path = match resource.strip_prefix("//") {
        Some(full) => full.split_once('/')?.1,
        None => resource.strip_prefix('/').unwrap_or(resource),
    };
    let rest = path.strip_prefix("projects/").or_else(|| path.strip_prefix("subscriptions/"))?;
    let account = rest.split('/').next()?;
    (!account.is_empty()).then_some(account)
}

/// Services whose calls are served in one Region wherever the caller is, so that the Region of a log line says
/// nothing (AWS Organizations User Guide, "Deny access to AWS based on the requested AWS Region", the
/// exempted services; IAM User Guide, `aws:RequestedRegion`).
const GLOBAL_SERVICES: [&str; 21] = [
    "aws-portal",
    "budgets",
    "ce",
    "chime",
    "cloudfront",
    "cur",
    "globalaccelerator",
    "health",
    "iam",
    "importexport",
    "networkmanager",
    "organizations",
    "pricing",
    "route53",
    "route53domains",
    "shield",
    "sts",
    "support",
    "trustedadvisor",
    "waf",
    "wellarchitected",
];

pub(super) fn is_global(action: &str) -> bool {
    let service = action.split_once(':').map_or(action, |(prefix, _)| prefix);
    GLOBAL_SERVICES.iter().any(|name| name.eq_ignore_ascii_case(service))
}
