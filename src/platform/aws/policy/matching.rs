//! Matching of actions, resources and principals against what statements name.
//!
//! Owns the rules of wildcards and of ARN segments (IAM User Guide, reference_policies_elements_resource and
//! reference_policies_elements_principal). Does not know conditions or layers.

use std::borrow::Cow;

use super::document::{Match, Named};
use super::scope::{Scope, Truth};
use super::variable::{self, Expanded};
use super::{Caller, CallerKind};
use crate::model::{Glob, Str};

/// One element of a pattern after its variables are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// One byte of fixed text.
    Byte(u8),
    /// `?`.
    One,
    /// `*`.
    Star,
    /// A variable whose value is not known: any text.
    Any,
}

/// How wildcards treat the colons of an ARN.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `Resource`: a wildcard stays in its segment, except that a `*` which ends a segment may run past the
    /// colon, and that the sixth part has no segments (reference_policies_elements_resource, "Specifying
    /// resource ARNs with wildcards").
    Resource,
    /// `ArnEquals` and `ArnLike`: each of the first five segments is compared by itself
    /// (reference_policies_elements_condition_operators, "Amazon Resource Name (ARN) condition operators").
    Arn,
    /// No segments.
    Plain,
}

/// The pattern's tokens, with `*` and `?` as wildcards.
pub fn tokens(pattern: &str) -> Vec<Token> {
    let token = |byte| match byte {
        b'*' => Token::Star,
        b'?' => Token::One,
        other => Token::Byte(other),
    };
    pattern.bytes().map(token).collect()
}

/// Length in bytes of the character that begins at the front.
fn character(text: &[u8]) -> usize {
    let follows = text.iter().skip(1).take_while(|byte| **byte & 0xc0 == 0x80);
    1 + follows.count()
}

/// Whether the whole text is in the pattern's language.
///
/// A star that may take anything makes every earlier one final, as in plain globs; a star that stays in its
/// segment can only fail over to the last star that may take anything. So two points to return to are enough.
pub fn matches(pattern: &[Token], text: &[u8], style: Style) -> bool {
    let fifth = match style {
        Style::Plain => None,
        _ => Some(fifth_colon(text)),
    };
    // Whether a wildcard must stop before this byte.
    let stops = |at: usize| text[at] == b':' && fifth.is_some_and(|fifth| at <= fifth);
    let (mut p, mut t) = (0, 0);
    let mut wide: Option<(usize, usize)> = None;
    let mut narrow: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            Some(Token::Star | Token::Any) => {
                let ends_segment = matches!(pattern.get(p + 1), None | Some(Token::Byte(b':')));
                let is_wide = fifth.is_none_or(|fifth| t > fifth)
                    || (style == Style::Resource && ends_segment)
                    || pattern[p] == Token::Any;
                p += 1;
                if is_wide {
                    (wide, narrow) = (Some((p, t)), None);
                } else {
                    narrow = Some((p, t));
                }
                continue;
            }
            Some(Token::One) if t < text.len() && !stops(t) => Some(character(&text[t..])),
            Some(Token::Byte(byte)) if text.get(t) == Some(byte) => Some(1),
            None if t == text.len() => return true,
            _ => None,
        };
        if let Some(length) = step {
            p += 1;
            t += length;
            continue;
        }
        let back = match (narrow, wide) {
            (Some((after, from)), _) if from < text.len() && !stops(from) => {
                let from = from + character(&text[from..]);
                narrow = Some((after, from));
                (after, from)
            }
            (_, Some((after, from))) if from < text.len() => {
                let from = from + character(&text[from..]);
                (wide, narrow) = (Some((after, from)), None);
                (after, from)
            }
            _ => return false,
        };
        (p, t) = back;
    }
}

/// Offset of the fifth colon, or the length of the text.
fn fifth_colon(text: &[u8]) -> usize {
    memchr::memchr_iter(b':', text).nth(4).unwrap_or(text.len())
}

/// Whether an `Action` or `NotAction` element applies to an action
/// (reference_policies_elements_action: without case, `*` and `?` anywhere).
pub fn action_applies(actions: &Match<Glob>, action: &str) -> bool {
    actions.list.iter().any(|glob| glob.matches(action)) != actions.not
}

/// How a resource pattern is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// Whether missing segments of a short ARN stand for anything. So in identity, boundary and session
    /// policies (observed by the authors of cloud-copilot/iam-simulate; `arn:aws:s3` works).
    pub short: bool,
    /// Whether `${…}` is a variable.
    pub variables: bool,
    /// Where variables are looked up.
    pub scope: Scope<'a>,
}

/// Whether a resource pattern matches a resource.
pub fn resource_matches(pattern: &str, resource: &str, reading: &Reading<'_>) -> Truth {
    let has_variable = reading.variables && pattern.contains("${");
    if pattern == "*" || (pattern == resource && !has_variable) {
        return Truth::True;
    }
    if has_variable {
        return match variable::resource(pattern, &reading.scope) {
            Expanded::Nothing => Truth::False,
            Expanded::Known(list) => arn_matches(&list, resource, reading.short).into(),
            Expanded::Unknown(list) if arn_matches(&list, resource, reading.short) => {
                Truth::Unknown
            }
            Expanded::Unknown(_) => Truth::False,
        };
    }
    let wild = memchr::memchr2(b'*', b'?', pattern.as_bytes());
    match wild {
        None if !reading.short || pattern.matches(':').count() >= 5 => Truth::False,
        // The most frequent pattern: one star at the end.
        Some(at) if at + 1 == pattern.len() && pattern.ends_with('*') => {
            let starts = resource.as_bytes().starts_with(&pattern.as_bytes()[..at]);
            starts.into()
        }
        _ => arn_matches(&tokens(pattern), resource, reading.short).into(),
    }
}

fn arn_matches(pattern: &[Token], resource: &str, short: bool) -> bool {
    let text = resource.as_bytes();
    matches(pattern, text, Style::Resource)
        || short && complete(pattern).is_some_and(|whole| matches(&whole, text, Style::Resource))
}

/// A short ARN with `*` for each missing segment; `None` if the pattern is not short, or not an ARN.
fn complete(pattern: &[Token]) -> Option<Vec<Token>> {
    let colons = pattern.iter().filter(|token| **token == COLON).count();
    let is_arn =
        pattern.starts_with(&[Token::Byte(b'a'), Token::Byte(b'r'), Token::Byte(b'n'), COLON]);
    let mut whole = pattern.to_vec();
    for _ in colons..5 {
        whole.extend([COLON, Token::Star]);
    }
    (is_arn && colons < 5).then_some(whole)
}

const COLON: Token = Token::Byte(b':');

/// Whether a `Resource` or `NotResource` element applies to a resource. Without the element the statement
/// applies to what carries the policy.
pub fn resources_apply(
    resources: Option<&Match<Str>>,
    resource: &str,
    reading: &Reading<'_>,
) -> Truth {
    let Some(resources) = resources else {
        return Truth::True;
    };
    let mut truth = Truth::False;
    for pattern in &resources.list {
        truth = truth.or(resource_matches(pattern, resource, reading));
        if truth == Truth::True {
            break;
        }
    }
    if resources.not { !truth } else { truth }
}

/// The resource on which an action is decided: `s3:ListAllMyBuckets` takes no resource, yet policies name
/// `arn:aws:s3:::*` for it (the guide contradicts itself; its examples in reference_policies_evaluation-logic
/// and reference_policies_elements_condition_operators rely on the match).
pub fn decided_on<'a>(action: &str, resource: &'a str, partition: &str) -> Cow<'a, str> {
    if resource == "*" && action.eq_ignore_ascii_case("s3:ListAllMyBuckets") {
        all_buckets(partition).into()
    } else {
        resource.into()
    }
}

/// What `s3:ListAllMyBuckets` is decided on.
pub fn all_buckets(partition: &str) -> String {
    format!("arn:{partition}:s3:::*")
}

/// How a resource policy names a caller, weakest first. What limits the grant in the same account depends on it
/// (reference_policies_evaluation-logic, "Evaluating identity-based policies with resource-based policies").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NamedBy {
    /// By its account, which delegates the decision to the account's identity policies.
    Account,
    /// By its role: boundary and session policies still limit.
    Role,
    /// By itself, or as part of everybody: implicit denies do not limit.
    Itself,
}

/// Whether a statement names a caller, for each way of naming it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Naming([Truth; 3]);

impl Naming {
    /// In no way.
    pub const NONE: Naming = Naming([Truth::False; 3]);

    /// In this way.
    pub fn only(by: NamedBy, truth: Truth) -> Naming {
        let mut naming = Naming::NONE;
        naming.0[by as usize] = truth;
        naming
    }

    /// Whether it is named in this way.
    pub fn by(self, by: NamedBy) -> Truth {
        self.0[by as usize]
    }

    /// Whether it is named in any way.
    pub fn any(self) -> Truth {
        self.0.into_iter().fold(Truth::False, Truth::or)
    }

    /// Either.
    pub fn or(self, other: Naming) -> Naming {
        Naming(std::array::from_fn(|at| self.0[at].or(other.0[at])))
    }

    /// Each way only as far as `truth` holds too.
    pub fn and(self, truth: Truth) -> Naming {
        Naming(self.0.map(|own| own.and(truth)))
    }
}

/// How one name of a list stands to a caller.
fn named(name: &Named, caller: &Caller) -> Naming {
    let text = match name {
        Named::Anyone => return Naming::only(NamedBy::Itself, Truth::True),
        Named::Aws(text) => &**text,
        // Services and identity providers are no callers of this kind, and a canonical user id cannot be
        // traced to an account.
        Named::Service(_) | Named::Federated(_) | Named::Canonical(_) => return Naming::NONE,
    };
    if is_account(text, &caller.account) {
        let by = match caller.kind {
            CallerKind::Root => NamedBy::Itself,
            _ => NamedBy::Account,
        };
        return Naming::only(by, Truth::True);
    }
    let is_caller = text == &*caller.arn;
    let is_id = caller.unique_id.as_deref() == Some(text);
    match caller.kind {
        CallerKind::Role if is_caller || is_id => Naming::only(NamedBy::Role, Truth::True),
        // The policy names one session of the role.
        CallerKind::Role if names_session(text, caller) => {
            Naming::only(NamedBy::Itself, Truth::Unknown)
        }
        CallerKind::RoleSession if is_caller => Naming::only(NamedBy::Itself, Truth::True),
        CallerKind::RoleSession if is_id || names_role(text, caller) => {
            Naming::only(NamedBy::Role, Truth::True)
        }
        CallerKind::User | CallerKind::FederatedUser if is_caller || is_id => {
            Naming::only(NamedBy::Itself, Truth::True)
        }
        _ => Naming::NONE,
    }
}

/// An account as its id or as the ARN of its root.
fn is_account(text: &str, account: &str) -> bool {
    text == account
        || text
            .strip_suffix(":root")
            .and_then(|rest| rest.strip_suffix(account))
            .is_some_and(|rest| rest.starts_with("arn:") && rest.ends_with(":iam::"))
}

/// Whether an ARN is that of the role of a session. A session's ARN lacks the role's path, and role names are
/// unique in an account without it (reference_identifiers).
fn names_role(text: &str, caller: &Caller) -> bool {
    if caller.role_arn.as_deref() == Some(text) {
        return true;
    }
    let session_role = caller.arn.split('/').nth(1);
    let has_path = |arn: &str| arn.matches('/').count() > 1;
    // With a path on the caller's side the whole ARN had to be equal.
    !caller.role_arn.as_deref().is_some_and(has_path)
        && role_name(text, &caller.account).is_some_and(|name| Some(name) == session_role)
}

fn role_name<'a>(arn: &'a str, account: &str) -> Option<&'a str> {
    let (_, rest) = arn.split_once(":iam::")?;
    let path = rest.strip_prefix(account)?.strip_prefix(":role/")?;
    path.rsplit('/').next()
}

fn names_session(text: &str, caller: &Caller) -> bool {
    let name = caller.arn.rsplit('/').next();
    let session = text
        .split_once(":sts::")
        .and_then(|(_, rest)| rest.strip_prefix(&*caller.account))
        .and_then(|rest| rest.strip_prefix(":assumed-role/"))
        .and_then(|rest| rest.split('/').next());
    session.is_some() && session == name
}

/// Whether a `Principal` or `NotPrincipal` element applies to a caller, and how it names it.
///
/// `NotPrincipal` with a deny denies whoever has a permissions boundary, whomever it lists
/// (access_policies_boundaries).
pub fn principals_apply(
    principals: &Match<Named>,
    allow: bool,
    caller: &Caller,
    is_bounded: bool,
) -> Naming {
    let names = principals.list.iter().map(|name| named(name, caller));
    let naming = names.fold(Naming::NONE, Naming::or);
    if !principals.not {
        return naming;
    }
    let is_spared = if !allow && is_bounded {
        Truth::False
    } else if allow || principals.list.contains(&Named::Anyone) {
        naming.any()
    } else {
        spared(naming, caller.kind)
    };
    Naming::only(NamedBy::Itself, !is_spared)
}

/// Whether a `NotPrincipal` of a deny spares the caller: it must name the account too, and for a session the
/// role and the session (reference_policies_elements_notprincipal).
fn spared(naming: Naming, kind: CallerKind) -> Truth {
    let (account, itself) = (naming.by(NamedBy::Account), naming.by(NamedBy::Itself));
    match kind {
        CallerKind::Root => itself,
        CallerKind::User | CallerKind::FederatedUser => account.and(itself),
        CallerKind::Role | CallerKind::RoleSession => {
            account.and(naming.by(NamedBy::Role)).and(itself)
        }
    }
}

#[cfg(test)]
#[path = "matching_tests.rs"]
mod tests;
