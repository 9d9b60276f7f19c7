//! Conditions: operators, their evaluation in three values, their classes and their text.
//!
//! IAM User Guide, reference_policies_elements_condition_operators and reference_policies_multi-value-conditions.
//! Owns the comparison of values. What a key's value is says [`Scope`].

use std::cmp::Ordering;
use std::net::IpAddr;

use base64::Engine;

use super::document::Test;
use super::matching::{Style, Token, matches, tokens};
use super::scope::{Lookup, Scope, Truth};
use super::variable::{self, Expanded};
use crate::model::{Condition, ConditionClass, Str, Time};

/// How several values of a key are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quantifier {
    /// The key has one value.
    One,
    /// `ForAnyValue:`.
    Any,
    /// `ForAllValues:`.
    All,
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// Text, with case.
    Text,
    /// Text, without case.
    TextFold,
    /// Text with `*` and `?`.
    Like,
    /// ARNs, segment by segment, with `*` and `?`.
    Arn,
    /// Decimal numbers.
    Number(Relation),
    /// Times.
    Date(Relation),
    /// `true` or `false`.
    Bool,
    /// Base64.
    Binary,
    /// Addresses in networks.
    Ip,
    /// Whether the key is absent.
    Null,
}

/// An order between two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// Equal.
    Equal,
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
    /// Greater.
    Greater,
    /// Greater or equal.
    AtLeast,
}

impl Relation {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Relation::Equal => order.is_eq(),
            Relation::Less => order.is_lt(),
            Relation::AtMost => order.is_le(),
            Relation::Greater => order.is_gt(),
            Relation::AtLeast => order.is_ge(),
        }
    }
}

/// A condition operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Operator {
    /// How several values are taken.
    pub quantifier: Quantifier,
    /// What is compared.
    pub comparison: Comparison,
    /// Whether none of the values may match (`…Not…`).
    pub negated: bool,
    /// Whether an absent key satisfies it (`…IfExists`).
    pub if_exists: bool,
}

impl Operator {
    /// Reads an operator's name, without case. `None`: there is no such operator.
    pub fn parse(name: &str) -> Option<Operator> {
        let lower = name.to_ascii_lowercase();
        let (quantifier, rest) = match lower.split_once(':') {
            None => (Quantifier::One, &*lower),
            Some(("foranyvalue", rest)) => (Quantifier::Any, rest),
            Some(("forallvalues", rest)) => (Quantifier::All, rest),
            Some(_) => return None,
        };
        let (rest, if_exists) = match rest.strip_suffix("ifexists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (comparison, negated) = comparison(rest)?;
        // `IfExists` may be added to any operator but `Null`.
        if comparison == Comparison::Null && if_exists {
            return None;
        }
        Some(Operator { quantifier, comparison, negated, if_exists })
    }
}

fn comparison(name: &str) -> Option<(Comparison, bool)> {
    Some(match name {
        "stringequals" => (Comparison::Text, false),
        "stringnotequals" => (Comparison::Text, true),
        "stringequalsignorecase" => (Comparison::TextFold, false),
        "stringnotequalsignorecase" => (Comparison::TextFold, true),
        "stringlike" => (Comparison::Like, false),
        "stringnotlike" => (Comparison::Like, true),
        "arnequals" | "arnlike" => (Comparison::Arn, false),
        "arnnotequals" | "arnnotlike" => (Comparison::Arn, true),
        "bool" => (Comparison::Bool, false),
        "binaryequals" => (Comparison::Binary, false),
        "ipaddress" => (Comparison::Ip, false),
        "notipaddress" => (Comparison::Ip, true),
        "null" => (Comparison::Null, false),
        _ => {
            let is_number = name.starts_with("numeric");
            let rest = name.strip_prefix("numeric").or(name.strip_prefix("date"))?;
            let (relation, negated) = relation(rest)?;
            let comparison = match is_number {
                true => Comparison::Number(relation),
                false => Comparison::Date(relation),
            };
            (comparison, negated)
        }
    })
}

fn relation(name: &str) -> Option<(Relation, bool)> {
    Some(match name {
        "equals" => (Relation::Equal, false),
        "notequals" => (Relation::Equal, true),
        "lessthan" => (Relation::Less, false),
        "lessthanequals" => (Relation::AtMost, false),
        "greaterthan" => (Relation::Greater, false),
        "greaterthanequals" => (Relation::AtLeast, false),
        _ => return None,
    })
}

/// Whether one condition holds. `variables` says whether `${…}` is a variable in this document.
pub fn holds(test: &Test, variables: bool, scope: &Scope<'_>) -> Truth {
    let Some(operator) = test.meaning else {
        return Truth::Unknown;
    };
    let mut lookup = scope.lookup(&test.key);
    if lookup == Lookup::Unknown {
        return Truth::Unknown;
    }
    // To a set operator an empty string is an empty set (reference_policies_multi-value-conditions).
    if operator.quantifier != Quantifier::One && lookup.values().all(str::is_empty) {
        lookup = Lookup::Absent;
    }
    if operator.comparison == Comparison::Null {
        let absent = lookup == Lookup::Absent;
        let wanted =
            |value: &Str| value.eq_ignore_ascii_case(if absent { "true" } else { "false" });
        return test.values.iter().any(wanted).into();
    }
    if lookup == Lookup::Absent {
        return match operator.quantifier {
            _ if operator.if_exists => Truth::True,
            Quantifier::All => Truth::True,
            Quantifier::Any => Truth::False,
            Quantifier::One => operator.negated.into(),
        };
    }
    let expected: Vec<Expected<'_>> = test
        .values
        .iter()
        .map(|value| Expected::of(value, operator.comparison, variables, scope))
        .collect();
    let one = |value: &str| {
        let any = expected.iter().map(|expected| expected.matches(operator.comparison, value));
        any.fold(Truth::False, Truth::or)
    };
    let signed = |value: &str| {
        if operator.negated { !one(value) } else { one(value) }
    };
    let values = lookup.values();
    match operator.quantifier {
        Quantifier::Any => values.map(signed).fold(Truth::False, Truth::or),
        Quantifier::All => values.map(signed).fold(Truth::True, Truth::and),
        // Several values without a quantifier are not defined; any may match, and under negation none.
        Quantifier::One if operator.negated => values.map(signed).fold(Truth::True, Truth::and),
        Quantifier::One => values.map(one).fold(Truth::False, Truth::or),
    }
}

/// A value of the policy, with its variables resolved.
enum Expected<'a> {
    Plain(&'a str),
    Pattern(Vec<Token>),
    Unknown(Vec<Token>),
    Nothing,
}

impl<'a> Expected<'a> {
    fn of(text: &'a str, comparison: Comparison, variables: bool, scope: &Scope<'_>) -> Self {
        let wild = matches!(comparison, Comparison::Like | Comparison::Arn);
        // Variables are not allowed with the other types (reference_policies_variables, "Where you can use").
        let allowed = wild
            || matches!(comparison, Comparison::Text | Comparison::TextFold | Comparison::Bool);
        if variables && allowed && text.contains("${") {
            return match variable::value(text, wild, scope) {
                Expanded::Nothing => Expected::Nothing,
                Expanded::Known(list) => Expected::Pattern(list),
                Expanded::Unknown(list) => Expected::Unknown(list),
            };
        }
        if wild && text.contains(['*', '?']) && text != "*" {
            return Expected::Pattern(tokens(text));
        }
        Expected::Plain(text)
    }

    fn matches(&self, comparison: Comparison, value: &str) -> Truth {
        match self {
            Expected::Plain(text) => plain(comparison, text, value).into(),
            Expected::Pattern(list) => pattern(comparison, list, value).into(),
            Expected::Unknown(list) if pattern(comparison, list, value) => Truth::Unknown,
            Expected::Unknown(_) | Expected::Nothing => Truth::False,
        }
    }
}

fn pattern(comparison: Comparison, list: &[Token], value: &str) -> bool {
    match comparison {
        Comparison::Arn => matches(list, value.as_bytes(), Style::Arn),
        Comparison::TextFold | Comparison::Bool => {
            let fold = |token: &Token| match token {
                Token::Byte(byte) => Token::Byte(byte.to_ascii_lowercase()),
                other => *other,
            };
            let list: Vec<Token> = list.iter().map(fold).collect();
            matches(&list, value.to_ascii_lowercase().as_bytes(), Style::Plain)
        }
        _ => matches(list, value.as_bytes(), Style::Plain),
    }
}

fn plain(comparison: Comparison, expected: &str, value: &str) -> bool {
    match comparison {
        Comparison::Text => expected == value,
        Comparison::TextFold | Comparison::Bool => expected.eq_ignore_ascii_case(value),
        Comparison::Like | Comparison::Arn => expected == "*" || expected == value,
        Comparison::Number(relation) => {
            let pair = Decimal::parse(value).zip(Decimal::parse(expected));
            pair.is_some_and(|(value, expected)| relation.holds(value.cmp(&expected)))
        }
        Comparison::Date(relation) => {
            let pair = moment(value).zip(moment(expected));
            pair.is_some_and(|(value, expected)| relation.holds(value.cmp(&expected)))
        }
        Comparison::Binary => {
            let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
            let pair = decode(value).zip(decode(expected));
            pair.is_some_and(|(value, expected)| value == expected)
        }
        Comparison::Ip => in_network(value, expected),
        Comparison::Null => false,
    }
}

/// A decimal number as digits, so that nothing is rounded.
#[derive(Debug, PartialEq, Eq)]
struct Decimal<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Decimal<'a> {
    fn parse(text: &'a str) -> Option<Decimal<'a>> {
        let text = text.trim();
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let whole = whole.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        Some(Decimal {
            negative: negative && !(whole.is_empty() && fraction.is_empty()),
            whole,
            fraction,
        })
    }

    fn cmp(&self, other: &Decimal<'_>) -> Ordering {
        let size = |left: &Decimal<'_>, right: &Decimal<'_>| {
            let whole = left.whole.len().cmp(&right.whole.len());
            whole
                .then_with(|| left.whole.cmp(right.whole))
                .then_with(|| left.fraction.cmp(right.fraction))
        };
        match (self.negative, other.negative) {
            (false, true) => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, false) => size(self, other),
            (true, true) => size(other, self),
        }
    }
}

/// Seconds and nanoseconds of a W3C date (a year, a month, a day, or a time) or of seconds since the epoch
/// (reference_policies_elements_condition_operators, "Date condition operators").
fn moment(text: &str) -> Option<(i64, u32)> {
    let text = text.trim();
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let part = |from: usize, to: usize| text.get(from..to).and_then(|part| part.parse().ok());
    let seconds = match text.len() {
        4 if is_digits(text) => Time::from_civil((i64::from(part(0, 4)?), 1, 1), (0, 0, 0))?,
        7 if text.as_bytes().get(4) == Some(&b'-') => {
            Time::from_civil((i64::from(part(0, 4)?), part(5, 7)?, 1), (0, 0, 0))?
        }
        _ if is_digits(text) => Time::from_number(text.parse().ok()?)?,
        _ => Time::parse(text)?,
    };
    let fraction = text.split_once('.').map_or("", |(_, rest)| {
        let end = rest.bytes().take_while(u8::is_ascii_digit).count();
        &rest[..end.min(9)]
    });
    let nanos = format!("{fraction:0<9}").parse().unwrap_or(0);
    Some((seconds.seconds(), nanos))
}

/// Whether an address is in a network; a bare address is a network of one ("IP address condition operators").
fn in_network(address: &str, network: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let pair = address.trim().parse::<IpAddr>().ok().zip(base.trim().parse::<IpAddr>().ok());
    let Some((pair, length)) = pair.zip(length) else {
        return false;
    };
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(u32::from(address)) << 96,
        IpAddr::V6(address) => u128::from(address),
    };
    let width = if pair.0.is_ipv4() { 32 } else { 128 };
    if pair.0.is_ipv4() != pair.1.is_ipv4() || (network.contains('/') && length > width) {
        return false;
    }
    let differ = bits(pair.0) ^ bits(pair.1);
    // A shift by the whole width is not defined: a network of length 0 holds everything.
    length == 0 || differ >> (128 - length.min(width)) == 0
}

/// A condition as a person would write it: `IpAddress aws:SourceIp 203.0.113.0/24`.
pub fn text(test: &Test) -> String {
    let mut out = format!("{} {}", test.operator, test.key_text);
    for (at, value) in test.values.iter().enumerate() {
        out.push_str(if at == 0 { " " } else { ", " });
        out.push_str(value);
    }
    if test.meaning.is_none() {
        out.push_str(" (operator not known)");
    }
    out
}

/// The condition of an allow that a test becomes when the context decides it.
pub fn condition(test: &Test) -> Condition {
    Condition { text: text(test).into(), key: test.key.clone(), class: class(&test.key) }
}

/// The condition that a possible deny becomes: all tests must hold for it to deny, so they are one condition.
/// `on` is the part of the resources that it denies; `None` if that is all of them.
pub fn unless(tests: &[&Test], on: Option<&str>) -> Condition {
    let texts: Vec<String> = tests.iter().map(|test| text(test)).collect();
    let mut whole = format!("unless {}", texts.join(" and "));
    if let Some(on) = on {
        whole.push_str(" on ");
        whole.push_str(on);
    }
    // A guard by data labels is what `sensitive-without-condition` looks for, so it names the condition.
    let label = |test: &&&Test| class(&test.key) == ConditionClass::DataLabel;
    let key = tests.iter().find(label).or(tests.first());
    let key: Str = key.map_or_else(|| "".into(), |test| test.key.clone());
    Condition { text: whole.into(), class: class(&key), key }
}

/// The class of a condition key, which is given in lower case (`docs/evaluation.md`, "Condition classes"; the
/// keys are those of reference_policies_condition-keys and of the Service Authorization Reference).
pub fn class(key: &str) -> ConditionClass {
    match key {
        "aws:currenttime" | "aws:epochtime" | "aws:tokenissuetime" => return ConditionClass::Time,
        "aws:sourceip" | "aws:vpcsourceip" | "aws:sourcevpc" | "aws:sourcevpcarn"
        | "aws:sourcevpce" | "aws:useragent" | "aws:referer" => return ConditionClass::Source,
        "aws:requestedregion"
        | "aws:resourceaccount"
        | "aws:resourceorgid"
        | "aws:resourceorgpaths"
        | "s3:locationconstraint"
        | "s3:resourceaccount" => return ConditionClass::Destination,
        "dynamodb:leadingkeys" | "dynamodb:attributes" => return ConditionClass::DataLabel,
        "aws:multifactorauthpresent" | "aws:multifactorauthage" => {
            return ConditionClass::Approval;
        }
        "aws:principalarn"
        | "aws:principalaccount"
        | "aws:principalorgid"
        | "aws:principalorgpaths"
        | "aws:principaltype"
        | "aws:sourceidentity"
        | "aws:userid"
        | "aws:username" => return ConditionClass::Caller,
        "aws:calledvia"
        | "aws:calledviafirst"
        | "aws:calledvialast"
        | "aws:viaawsservice"
        | "kms:viaservice"
        | "iam:passedtoservice"
        | "aws:sourcearn"
        | "aws:sourceaccount"
        | "aws:sourceorgid"
        | "aws:sourceorgpaths"
        | "aws:principalisawsservice" => {
            return ConditionClass::ServicePath;
        }
        "sts:externalid" => return ConditionClass::ThirdParty,
        _ => {}
    }
    let (prefix, name) = key.split_once(':').unwrap_or(("", key));
    if name.starts_with("resourcetag/")
        || name.starts_with("existingobjecttag/")
        || key.starts_with("kms:encryptioncontext:")
    {
        return ConditionClass::DataLabel;
    }
    if name.starts_with("principaltag/") {
        return ConditionClass::Caller;
    }
    // Keys of an identity provider are named after its host (reference_policies_iam-condition-keys).
    if prefix == "saml" || prefix.contains('.') {
        return ConditionClass::Federation;
    }
    ConditionClass::Other
}

/// Whether all tests of a statement hold, and those that context decides.
pub fn all_hold<'a>(
    tests: &'a [Test],
    variables: bool,
    scope: &Scope<'_>,
) -> (Truth, Vec<&'a Test>) {
    let mut open = Vec::new();
    for test in tests {
        match holds(test, variables, scope) {
            Truth::False => return (Truth::False, Vec::new()),
            Truth::Unknown => open.push(test),
            Truth::True => {}
        }
    }
    let truth = if open.is_empty() { Truth::True } else { Truth::Unknown };
    (truth, open)
}

#[cfg(test)]
#[path = "condition_tests.rs"]
mod tests;
