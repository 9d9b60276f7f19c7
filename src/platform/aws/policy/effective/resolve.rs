//! Statements for one caller: resources with variables put in, conditions decided as far as the caller decides.
//!
//! Owns the step from a statement's text to plain `*` and `?` patterns. Those are read without segments, which
//! only widens them; where widening would hide a grant, a pattern that is not exact is told apart.

use std::sync::Arc;

use crate::model::{ActionSet, Condition, ConditionClass, Glob, Layer, Str};
use crate::platform::aws::policy::condition;
use crate::platform::aws::policy::decide::is_short;
use crate::platform::aws::policy::document::Test;
use crate::platform::aws::policy::scope::{Scope, Truth};
use crate::platform::aws::policy::variable::{Part, Resolved, resolve, resource_parts};
use crate::platform::aws::policy::{Bound, Statement};

/// A resource pattern for one caller.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern {
    pub(super) text: Str,
    /// Whether the text, read without segments, matches nothing that the statement does not.
    pub(super) is_exact: bool,
    /// The variable whose value is not known.
    pub(super) open: Option<Condition>,
}

/// The resources of a statement for one caller.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Resources {
    /// All.
    All,
    /// Those that one of the patterns matches.
    List(Vec<Pattern>),
    /// All but those that one of the patterns matches.
    Not(Vec<Pattern>),
}

/// A statement for one caller, whose conditions may hold.
#[derive(Debug, Clone)]
pub(super) struct Applied<'a> {
    pub(super) bound: &'a Bound,
    pub(super) statement: &'a Statement,
    pub(super) actions: Arc<ActionSet>,
    pub(super) resources: Resources,
    /// Conditions that context decides.
    pub(super) open: Vec<&'a Test>,
}

impl<'a> Applied<'a> {
    /// `None`: the caller alone makes a condition fail.
    pub(super) fn of(
        bound: &'a Bound,
        statement: &'a Statement,
        actions: Arc<ActionSet>,
        scope: &Scope<'_>,
    ) -> Option<Applied<'a>> {
        let variables = bound.policy.has_variables;
        let (truth, open) = condition::all_hold(&statement.conditions, variables, scope);
        (truth != Truth::False).then(|| Applied {
            bound,
            statement,
            actions,
            resources: resources(bound, statement, scope),
            open,
        })
    }

    /// The open conditions as an allow's.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        self.open.iter().map(|test| condition::condition(test)).collect()
    }
}

fn resources(bound: &Bound, statement: &Statement, scope: &Scope<'_>) -> Resources {
    let own = matches!(bound.layer, Layer::Resource | Layer::Trust);
    let Some(element) = &statement.resources else {
        // Implied: what carries the policy.
        return if own { carrier(bound) } else { Resources::All };
    };
    let has_star = element.list.iter().any(|pattern| &**pattern == "*");
    if has_star && !element.not {
        return if own { carrier(bound) } else { Resources::All };
    }
    if has_star {
        return Resources::List(Vec::new());
    }
    let mut list = Vec::new();
    for text in &element.list {
        let Some(pattern) = pattern(text, bound.policy.has_variables, scope) else {
            continue;
        };
        let is_partial = pattern.text.matches(':').count() < 5;
        if is_short(bound.layer) && is_partial && pattern.text.starts_with("arn:") {
            let mut whole = pattern.clone();
            whole.text = format!("{}:*", pattern.text).into();
            list.push(whole);
        }
        list.push(pattern);
    }
    if element.not { Resources::Not(list) } else { Resources::List(list) }
}

/// The resource that carries a policy, which its name says where it is an ARN.
fn carrier(bound: &Bound) -> Resources {
    if !bound.name.starts_with("arn:") {
        return Resources::All;
    }
    let exact = |text: Str| Pattern { text, is_exact: true, open: None };
    let mut list = vec![exact(bound.name.clone())];
    if bound.name.split(':').nth(2) == Some("s3") {
        list.push(exact(format!("{}/*", bound.name).into()));
    }
    Resources::List(list)
}

/// `None`: a variable has no value for this caller, so the pattern matches nothing.
fn pattern(text: &Str, variables: bool, scope: &Scope<'_>) -> Option<Pattern> {
    if !variables || !text.contains("${") {
        return Some(Pattern { is_exact: !is_confined(text), text: text.clone(), open: None });
    }
    let mut out = String::with_capacity(text.len());
    let mut is_exact = true;
    let mut open = None;
    for part in resource_parts(text) {
        match part {
            Part::Text(text) => out.push_str(text),
            // Patterns have no escape; one character stands for the literal one.
            Part::Literal(b'$') => out.push('$'),
            Part::Literal(_) => {
                is_exact = false;
                out.push('?');
            }
            Part::Variable { whole, key, default } => match resolve(key, default, scope) {
                Resolved::Nothing => return None,
                Resolved::Value(value) => {
                    is_exact &= !value.contains(['*', '?']);
                    out.push_str(&value);
                }
                Resolved::Unknown => {
                    out.push('*');
                    open.get_or_insert_with(|| Condition {
                        text: format!("{whole} in the resource").into(),
                        key: key.to_ascii_lowercase().into(),
                        class: ConditionClass::Caller,
                    });
                }
            },
        }
    }
    Some(Pattern { is_exact: is_exact && !is_confined(&out), text: out.into(), open })
}

/// Whether a wildcard before the sixth part stays in its segment, which a pattern without segments ignores.
fn is_confined(text: &str) -> bool {
    let bytes = text.as_bytes();
    let end = memchr::memchr_iter(b':', bytes).nth(4).unwrap_or(bytes.len());
    let inner = |at: usize| !matches!(bytes.get(at + 1), None | Some(b':'));
    memchr::memchr2_iter(b'*', b'?', &bytes[..end]).any(|at| bytes[at] == b'?' || inner(at))
}

/// The resources that two unions of patterns share. `None`: too many patterns to list.
pub(super) fn meet(left: &[Str], right: &[Str]) -> Option<Vec<Str>> {
    if right.iter().any(|pattern| &**pattern == "*") {
        return Some(left.to_vec());
    }
    if left.iter().any(|pattern| &**pattern == "*") {
        return Some(right.to_vec());
    }
    let mut out: Vec<Str> = Vec::new();
    for mine in left {
        let mine = Glob::new(mine);
        for theirs in right {
            out.extend(mine.intersection(&Glob::new(theirs))?);
            if out.len() > MEET_CAP {
                return None;
            }
        }
    }
    out.sort_unstable();
    out.dedup();
    Some(out)
}

/// More patterns than this in a row's resources are not listed.
const MEET_CAP: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_inside_a_segment_is_confined_and_one_at_its_end_is_not() {
        assert!(is_confined("arn:aws:ec2:eu-*-1:1:instance/*"));
        assert!(is_confined("arn:aws:ec2:eu-west-?:1:instance/*"));
        assert!(!is_confined("arn:aws:ec2:eu-*:*:instance/*x*"));
        assert!(!is_confined("arn:aws:s3:::a*b"));
        assert!(!is_confined("arn:aws:s3*"));
    }
}
