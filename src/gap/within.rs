//! Asks the intent about uses and grants, in the terms of the passes.

use super::Window;
use crate::catalogue::Entry;
use crate::intent::{Beyond, Extent, Intent, Judgement, Within};
use crate::model::{Glob, GrantRow, ScopeSet, Str, UsageRow};
use crate::platform;

/// In which respects a use in the window is outside of the intent, or not decided; empty of use before it.
pub(super) fn judgement(intent: &Intent, row: &UsageRow, window: Option<Window>) -> Judgement {
    let from = window.map(|window| window.from);
    let is_before = matches!((row.last, from), (Some(last), Some(from)) if last < from);
    if is_before || !intent.limits() {
        return Judgement::default();
    }
    intent.judge(row, from)
}

/// What part of a grant of an action the intent excludes.
pub(super) fn beyond(intent: &Intent, entry: &Entry, row: &GrantRow) -> Vec<Beyond> {
    if entry.takes_resource {
        let mut beyond = intent.grant_beyond(&entry.name, &row.resources, &row.except);
        beyond.retain_mut(|part| {
            part.patterns.retain(|pattern| is_resource_of(entry, pattern));
            !part.patterns.is_empty()
        });
        return beyond;
    }
    // The action takes no resource: only the action itself can be excluded.
    match intent.action_resource(&entry.name, &ScopeSet::Unknown) {
        Within::Outside(breach) => vec![Beyond {
            breach,
            extent: Extent::Whole,
            patterns: row.resources.to_vec(),
            within: Vec::new(),
        }],
        Within::Inside | Within::Undecided => Vec::new(),
    }
}

/// Whether a pattern can name a resource of the action's platform.
pub fn is_resource_of(entry: &Entry, pattern: &str) -> bool {
    platform::by_id(&entry.platform).is_none_or(|platform| platform.names_resource(pattern))
}

/// Patterns of actions that the intent allows.
pub(super) fn intended(intent: &Intent) -> Vec<String> {
    let rules = intent.allow.iter().flat_map(|allow| &allow.value);
    rules.flat_map(|rule| &rule.actions).map(|glob| glob.as_str().to_string()).collect()
}

/// Whether a scope is labelled as production, or with a sensitivity above the intent's limit.
pub fn is_production_or_sensitive(intent: &Intent, scope: &ScopeSet) -> bool {
    let ScopeSet::One(scope) = scope else {
        return false;
    };
    let environment: Option<&Str> = intent.environment_of(scope);
    environment.is_some_and(|environment| environment.to_ascii_lowercase().contains("prod"))
        || matches!(intent.data_on(&ScopeSet::One(scope.clone())), Within::Outside(_))
}

/// Whether a grant's resource pattern can reach something in a scope. A scope is a container: a pattern for
/// what lies in it (`bucket/*`) reaches it as well.
pub fn reaches(pattern: &str, scope: &str) -> bool {
    let glob = Glob::new(pattern);
    if glob.is_all() || glob.matches(scope) {
        return true;
    }
    // A request over all namespaces needs a grant over all (Kubernetes, "Using RBAC Authorization").
    if scope.starts_with("*/") && !pattern.starts_with('*') {
        return false;
    }
    let inside = |separator: &str| glob.intersects(&Glob::new(&format!("{scope}{separator}*")));
    // Secrets' ARNs end in six characters that logs may leave out (Secrets Manager User Guide, "Secret ARN").
    inside("/") || inside(":") || glob.intersects(&Glob::new(&format!("{scope}-??????")))
}

/// Whether a pattern can name a resource of the kind that an action takes, by the catalogue's templates; without a
/// catalogue any may.
pub(super) fn can_be_on(entry: &Entry, pattern: &str) -> bool {
    let (Some(index), Some(platform)) = (entry.index, platform::by_id(&entry.platform)) else {
        return true;
    };
    let catalogue = platform.catalogue();
    let Some(action) = catalogue.actions.get(index as usize) else { return true };
    let types = action.resource_types.iter();
    let types = types.filter_map(|(number, _)| catalogue.resource_types.get(*number as usize));
    types.flat_map(|one| &one.templates).any(|template| {
        let mut glob = String::new();
        let mut rest = &**template;
        while let Some((before, after)) = rest.split_once("${") {
            glob.push_str(before);
            glob.push('*');
            rest = after.split_once('}').map_or("", |(_, after)| after);
        }
        glob.push_str(rest);
        meet(&glob, pattern)
    })
}

/// Whether two patterns of ARNs have a name in common, part by part: a `*` within a part of a template stands for no
/// colon.
fn meet(template: &str, pattern: &str) -> bool {
    let parts = |text: &str| -> Vec<Glob> { text.splitn(6, ':').map(Glob::new).collect() };
    let (ours, theirs) = (parts(template), parts(pattern));
    if ours.len() == theirs.len() {
        return ours.iter().zip(&theirs).all(|(one, other)| one.intersects(other));
    }
    Glob::new(template).intersects(&Glob::new(pattern))
}
