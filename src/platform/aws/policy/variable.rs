//! Policy variables: `${key}`, `${key, 'default'}` and the literals `${*}`, `${?}`, `${$}`.
//!
//! IAM User Guide, reference_policies_variables. Owns their syntax and substitution; what a key's value is says
//! [`Scope`]. Characters of a substituted value are literal: a `*` in a tag is no wildcard.

use super::matching::{Token, tokens};
use super::scope::{Lookup, Scope};

/// A text after substitution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expanded {
    /// A variable has no value: the text matches nothing.
    Nothing,
    /// Every variable has a value.
    Known(Vec<Token>),
    /// The value of a variable is not known; it is [`Token::Any`].
    Unknown(Vec<Token>),
}

/// One part of a text with variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// Text outside of variables.
    Text(&'a str),
    /// `${*}`, `${?}` or `${$}`: the character itself.
    Literal(u8),
    /// A variable: the whole of it as written, its key, and its default.
    Variable {
        /// `${aws:username, 'x'}`.
        whole: &'a str,
        /// `aws:username`.
        key: &'a str,
        /// `x`.
        default: Option<&'a str>,
    },
}

/// Splits a text. A `${` without its `}` is text.
pub fn parts(text: &str) -> Vec<Part<'_>> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let Some(length) = rest[start..].find('}') else {
            break;
        };
        let (before, tail) = rest.split_at(start);
        let (whole, after) = tail.split_at(length + 1);
        if !before.is_empty() {
            out.push(Part::Text(before));
        }
        out.push(variable(whole));
        rest = after;
    }
    if !rest.is_empty() {
        out.push(Part::Text(rest));
    }
    out
}

fn variable(whole: &str) -> Part<'_> {
    let inner = whole.get(2..whole.len() - 1).unwrap_or_default();
    match inner {
        "*" => return Part::Literal(b'*'),
        "?" => return Part::Literal(b'?'),
        "$" => return Part::Literal(b'$'),
        _ => {}
    }
    let (key, default) = match inner.split_once(',') {
        None => (inner, None),
        Some((key, default)) => (key, Some(default.trim())),
    };
    let unquoted =
        |text: &'_ str| text.len() >= 2 && text.starts_with('\'') && text.ends_with('\'');
    Part::Variable {
        whole,
        key: key.trim(),
        default: default.map(|text| match unquoted(text) {
            true => &text[1..text.len() - 1],
            false => text,
        }),
    }
}

/// Substitutes the variables of a condition value. `wild` says whether `*` and `?` outside of variables are
/// wildcards.
pub fn value(text: &str, wild: bool, scope: &Scope<'_>) -> Expanded {
    expand(&parts(text), wild, scope)
}

/// Substitutes the variables of a resource pattern. They stand after the fifth colon only
/// (reference_policies_variables, "Where you can use policy variables"); before it, `${` is text. A `*` that
/// ends a segment can stand for several, so after one a variable is taken too.
pub fn resource(pattern: &str, scope: &Scope<'_>) -> Expanded {
    expand(&resource_parts(pattern), true, scope)
}

/// The parts of a resource pattern, with variables that stand where none can as text.
pub fn resource_parts(pattern: &str) -> Vec<Part<'_>> {
    let mut colons = 0;
    let mut runs_on = false;
    let mut list = parts(pattern);
    for part in &mut list {
        match *part {
            Part::Text(text) => {
                colons += text.matches(':').count();
                runs_on = runs_on || text.contains("*:");
            }
            Part::Variable { whole, .. } if colons < 5 && !runs_on => {
                *part = Part::Text(whole);
            }
            Part::Variable { .. } | Part::Literal(_) => {}
        }
    }
    list
}

fn expand(parts: &[Part<'_>], wild: bool, scope: &Scope<'_>) -> Expanded {
    let mut out = Vec::new();
    let mut is_known = true;
    for part in parts {
        match part {
            Part::Text(text) if wild => out.extend(tokens(text)),
            Part::Text(text) => out.extend(text.bytes().map(Token::Byte)),
            Part::Literal(byte) => out.push(Token::Byte(*byte)),
            Part::Variable { key, default, .. } => {
                match resolve(key, *default, scope) {
                    Resolved::Value(text) => out.extend(text.bytes().map(Token::Byte)),
                    Resolved::Nothing => return Expanded::Nothing,
                    Resolved::Unknown => {
                        is_known = false;
                        out.push(Token::Any);
                    }
                };
            }
        }
    }
    if is_known { Expanded::Known(out) } else { Expanded::Unknown(out) }
}

/// The value of one variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    /// It has this one.
    Value(String),
    /// It has none, and no default; or it has several, which a variable cannot have.
    Nothing,
    /// It is not known.
    Unknown,
}

/// Looks a variable up. The default counts when the key is absent.
pub fn resolve(key: &str, default: Option<&str>, scope: &Scope<'_>) -> Resolved {
    match scope.lookup(&key.to_ascii_lowercase()) {
        Lookup::Unknown => Resolved::Unknown,
        Lookup::One(value) => Resolved::Value(value.into_owned()),
        Lookup::Many(_) => Resolved::Nothing,
        Lookup::Absent => match default {
            Some(text) => Resolved::Value(text.to_string()),
            None => Resolved::Nothing,
        },
    }
}
