//! The conditions of the slow evaluator: operators and the kinds of values they compare. Not where
//! a condition stands.

use std::cmp::Ordering;
use std::net::IpAddr;

use serde_json::Value;

use super::patterns::{Token, context_values, expand, glob};
use super::{Context, Request, texts};

/// All operators and all their keys must hold (IAM-UG elements_condition).
pub(super) fn conditions_hold(
    statement: &Value,
    request: &Request,
    variables: Option<&Context>,
) -> Result<bool, String> {
    let Some(condition) = statement.get("Condition") else {
        return Ok(true);
    };
    let mut all = true;
    for (name, keys) in condition.as_object().ok_or("Condition is not an object")? {
        let operator = Operator::of(name)?;
        for (key, values) in keys.as_object().ok_or("an operator's keys are not an object")? {
            let given = context_values(key, request.context);
            all &= operator.holds(&texts(values)?, given, variables);
        }
    }
    Ok(all)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Set {
    No,
    Any,
    All,
}

#[derive(Clone, Copy)]
enum Test {
    Null,
    Equals,
    EqualsIgnoreCase,
    Like,
    Arn,
    Bool,
    Binary,
    Ip,
    Numeric(fn(Ordering) -> bool),
    Date(fn(Ordering) -> bool),
}

/// A condition operator (IAM-UG elements_condition_operators), with its set qualifier (IAM-UG
/// multi-value-conditions).
struct Operator {
    set: Set,
    test: Test,
    negated: bool,
    if_exists: bool,
}

impl Operator {
    fn of(text: &str) -> Result<Self, String> {
        type Ordered = (fn(Ordering) -> bool, bool);
        let lower = text.to_ascii_lowercase();
        let (set, rest) = match lower.split_once(':') {
            None => (Set::No, lower.as_str()),
            Some(("foranyvalue", rest)) => (Set::Any, rest),
            Some(("forallvalues", rest)) => (Set::All, rest),
            Some(_) => return Err(format!("unknown operator {text}")),
        };
        let base = rest.strip_suffix("ifexists").unwrap_or(rest);
        let if_exists = base.len() < rest.len();
        let ordered = |name: &str| -> Option<Ordered> {
            Some(match name {
                "equals" => (Ordering::is_eq, false),
                "notequals" => (Ordering::is_eq, true),
                "lessthan" => (Ordering::is_lt, false),
                "lessthanequals" => (Ordering::is_le, false),
                "greaterthan" => (Ordering::is_gt, false),
                "greaterthanequals" => (Ordering::is_ge, false),
                _ => return None,
            })
        };
        let found = match base {
            "null" if !if_exists => Some((Test::Null, false)),
            "stringequals" => Some((Test::Equals, false)),
            "stringnotequals" => Some((Test::Equals, true)),
            "stringequalsignorecase" => Some((Test::EqualsIgnoreCase, false)),
            "stringnotequalsignorecase" => Some((Test::EqualsIgnoreCase, true)),
            "stringlike" => Some((Test::Like, false)),
            "stringnotlike" => Some((Test::Like, true)),
            "arnequals" | "arnlike" => Some((Test::Arn, false)),
            "arnnotequals" | "arnnotlike" => Some((Test::Arn, true)),
            "bool" => Some((Test::Bool, false)),
            "binaryequals" => Some((Test::Binary, false)),
            "ipaddress" => Some((Test::Ip, false)),
            "notipaddress" => Some((Test::Ip, true)),
            other => match (other.strip_prefix("numeric"), other.strip_prefix("date")) {
                (Some(name), _) => ordered(name).map(|(is, not)| (Test::Numeric(is), not)),
                (_, Some(name)) => ordered(name).map(|(is, not)| (Test::Date(is), not)),
                _ => None,
            },
        };
        let (test, negated) = found.ok_or_else(|| format!("unknown operator {text}"))?;
        Ok(Self { set, test, negated, if_exists })
    }

    /// Values of the policy are alternatives; under a negated operator none of them may match.
    fn holds(&self, wanted: &[String], given: Option<Vec<String>>, vars: Option<&Context>) -> bool {
        if let Test::Null = self.test {
            let absent = if given.is_none() { "true" } else { "false" };
            return wanted.iter().any(|value| value.eq_ignore_ascii_case(absent));
        }
        let fits = |value: &String| {
            self.negated != wanted.iter().any(|w| matches_one(self.test, w, value, vars))
        };
        let Some(given) = given else {
            return match self.set {
                Set::No => self.negated || self.if_exists,
                Set::Any => self.if_exists,
                Set::All => true,
            };
        };
        // An empty string is an empty set here (IAM-UG multi-value-conditions, note).
        let empty_set = given.iter().all(String::is_empty);
        match self.set {
            Set::Any => !empty_set && given.iter().any(fits),
            Set::All => empty_set || given.iter().all(fits),
            Set::No if self.negated => given.iter().all(fits),
            Set::No => given.iter().any(fits),
        }
    }
}

/// Whether one value of the policy matches one value of the request. Variables are replaced in
/// string, ARN and boolean values only (IAM-UG elements_condition_operators).
fn matches_one(test: Test, wanted: &str, given: &str, variables: Option<&Context>) -> bool {
    let tokens = || expand(wanted, variables, 0);
    let plain = || -> Option<String> { Some(tokens()?.into_iter().map(token_char).collect()) };
    let compare = |left: Option<i128>, right: Option<i128>, is: fn(Ordering) -> bool| {
        left.zip(right).is_some_and(|(left, right)| is(left.cmp(&right)))
    };
    match test {
        Test::Null => false,
        Test::Equals => plain().is_some_and(|text| text == given),
        Test::EqualsIgnoreCase => {
            plain().is_some_and(|text| text.to_lowercase() == given.to_lowercase())
        }
        Test::Like => tokens().is_some_and(|tokens| glob(&tokens, given)),
        Test::Arn => tokens().is_some_and(|tokens| arn_matches(&tokens, given)),
        Test::Bool => plain().is_some_and(|text| {
            matches!(given.to_ascii_lowercase().as_str(), "true" | "false")
                && text.eq_ignore_ascii_case(given)
        }),
        Test::Binary => base64(wanted).is_some_and(|bytes| base64(given) == Some(bytes)),
        Test::Ip => in_network(wanted, given).unwrap_or(false),
        Test::Numeric(is) => compare(decimal(given), decimal(wanted), is),
        Test::Date(is) => compare(instant(given), instant(wanted), is),
    }
}

fn token_char(token: Token) -> char {
    match token {
        Token::Char(c) => c,
        Token::One(_) => '?',
        Token::Run(_) => '*',
    }
}

/// Each of the six components is checked separately; the last one holds any further colons.
fn arn_matches(pattern: &[Token], given: &str) -> bool {
    let patterns: Vec<&[Token]> = pattern.splitn(6, |t| *t == Token::Char(':')).collect();
    let parts: Vec<&str> = given.splitn(6, ':').collect();
    patterns.len() == 6
        && parts.len() == 6
        && patterns.iter().zip(parts).all(|(pattern, part)| glob(pattern, part))
}

/// An integer or decimal as units of 10^-18.
fn decimal(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.len() <= 18 && text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    format!("{whole}{part:0<18}").parse::<i128>().ok().map(|units| sign * units)
}

/// A W3C date (`2026`, `2026-06`, `2026-06-30`, `2026-06-30T10:00Z`, seconds and fractions,
/// offsets) or epoch seconds, as units of 10^-18 s since 1970. Four digits are a year.
pub(super) fn instant(text: &str) -> Option<i128> {
    if text.len() != 4 && !text.contains(['T', ':']) && !text.get(1..)?.contains('-') {
        return decimal(text);
    }
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let number = |text: &str, width: usize| -> Option<i128> {
        let right = text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
        if right { text.parse().ok() } else { None }
    };
    let parts: Vec<&str> = date.split('-').collect();
    let (year, month, day) = match parts.as_slice() {
        [y] if time.is_none() => (number(y, 4)?, 1, 1),
        [y, m] if time.is_none() => (number(y, 4)?, number(m, 2)?, 1),
        [y, m, d] => (number(y, 4)?, number(m, 2)?, number(d, 2)?),
        _ => return None,
    };
    let leap = |y: i128| (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    let in_month = |m: i128| match m {
        2 => 28 + i128::from(leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    if !(1..=12).contains(&month) || !(1..=in_month(month)).contains(&day) {
        return None;
    }
    let years: i128 = (1970..year).map(|y| 365 + i128::from(leap(y))).sum::<i128>()
        - (year..1970).map(|y| 365 + i128::from(leap(y))).sum::<i128>();
    let days = years + (1..month).map(in_month).sum::<i128>() + day - 1;
    let mut units = days * 86_400 * decimal("1")?;
    if let Some(time) = time {
        let zone_at = time.find(['Z', '+', '-'])?;
        let (clock, zone) = time.split_at(zone_at);
        let mut fields = clock.split(':');
        let (hour, minute) = (number(fields.next()?, 2)?, number(fields.next()?, 2)?);
        let second = decimal(fields.next().unwrap_or("00"))?;
        let offset = match zone.split_at(1) {
            ("Z", "") => 0,
            (sign, shift) => {
                let (hours, minutes) = shift.split_once(':')?;
                let minutes = number(hours, 2)? * 60 + number(minutes, 2)?;
                if sign == "-" { -minutes } else { minutes }
            }
        };
        let in_day = hour < 24 && minute < 60 && (0..60 * decimal("1")?).contains(&second);
        if !in_day || fields.next().is_some() {
            return None;
        }
        units += ((hour * 60 + minute - offset) * 60) * decimal("1")? + second;
    }
    Some(units)
}

/// Whether an address is in a CIDR range of its own family; a bare address is itself.
fn in_network(range: &str, given: &str) -> Option<bool> {
    let (base, length) = match range.split_once('/') {
        Some((base, length)) => (base, Some(length.parse::<u32>().ok()?)),
        None => (range, None),
    };
    let (base, given, width) = match (base.parse().ok()?, given.parse().ok()?) {
        (IpAddr::V4(a), IpAddr::V4(b)) => (u128::from(a.to_bits()), u128::from(b.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => (a.to_bits(), b.to_bits(), 128),
        _ => return None,
    };
    let length = length.unwrap_or(width);
    let ignored = u32::checked_sub(width, length)?;
    Some(length == 0 || base >> ignored == given >> ignored)
}

/// Standard base64 with padding.
fn base64(text: &str) -> Option<Vec<u8>> {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if !text.len().is_multiple_of(4) || padding > 2 {
        return None;
    }
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0, 0u32);
    for c in digits.chars() {
        held = (held << 6) | u32::try_from(ALPHABET.find(c)?).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    Some(bytes)
}
