//! Conditions of generic grants: kept whole, and evaluated for the keys `ip`, `region`, `hours` and `mfa`.
//!
//! A condition is a JSON object whose entries must all hold, or text, which stays opaque. What the request's
//! context does not say leaves a condition undecided, never false (`docs/platforms/generic.md`, "Conditions").

use std::net::IpAddr;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::json::{Entries, plain};
use crate::model::{Condition, ConditionClass, Glob, Time};

/// Longer texts of conditions are cut in what reports print.
const TEXT_BYTES: usize = 300;

/// Whether something holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    Yes,
    No,
    Unknown,
}

/// One condition and how it is tested.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Check {
    pub(super) condition: Condition,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Ip(Vec<Network>),
    Region(Vec<Glob>),
    Hours(Clock),
    Mfa(bool),
    Opaque,
}

/// A network: its address, and how many leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Network {
    bits: u128,
    length: u32,
    is_v6: bool,
}

/// Clock hours in a zone, in minutes after midnight; `to` is exclusive and may be earlier than `from`.
#[derive(Debug, Clone, PartialEq)]
struct Clock {
    zone: TimeZone,
    days: [bool; 7],
    from: u32,
    to: u32,
}

/// Reads the text of a condition cell.
pub(super) fn read(text: &str) -> Vec<Check> {
    let opaque = || {
        vec![Check {
            condition: condition("text", text, ConditionClass::Other),
            test: Test::Opaque,
        }]
    };
    let Ok(entries) = serde_json::from_str::<Entries<'_>>(text) else {
        return opaque();
    };
    let mut keys: Vec<String> = entries.0.iter().map(|(key, _)| key.to_lowercase()).collect();
    keys.sort_unstable();
    // Of two entries with one key it is not known which one the system applies.
    if keys.windows(2).any(|pair| pair[0] == pair[1]) {
        return opaque();
    }
    let check = |key: &str, value: &serde_json::value::RawValue| {
        let key = key.trim().to_ascii_lowercase();
        let (test, class) = test(&key, value.get());
        let mut shown = plain(value).into_owned();
        if let Ok(Value::Array(items)) = serde_json::from_str(value.get()) {
            let words: Vec<String> = items.iter().map(word).collect();
            shown = words.join(", ");
        }
        let shown = format!("{key} {shown}");
        Check { condition: condition(&key, &shown, class), test }
    };
    entries.0.iter().map(|(key, value)| check(key, value)).collect()
}

fn condition(key: &str, text: &str, class: ConditionClass) -> Condition {
    let end =
        text.char_indices().map(|(at, _)| at).find(|at| *at > TEXT_BYTES).unwrap_or(text.len());
    let text = match end < text.len() {
        true => format!("{}…", &text[..end]),
        false => text.to_string(),
    };
    Condition { text: text.into(), key: key.into(), class }
}

fn word(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn test(key: &str, raw: &str) -> (Test, ConditionClass) {
    let value: Value = serde_json::from_str(raw).unwrap_or(Value::Null);
    let words: Option<Vec<String>> = match &value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_string)).collect(),
        _ => None,
    };
    let tested = match key {
        "ip" => {
            words.and_then(|words| words.iter().map(|word| network(word)).collect()).map(Test::Ip)
        }
        "region" => {
            words.map(|words| words.iter().map(|word| Glob::fold(word)).collect()).map(Test::Region)
        }
        "hours" => clock(&value).map(Test::Hours),
        "mfa" => match &value {
            Value::Bool(wanted) => Some(Test::Mfa(*wanted)),
            Value::String(text) => super::values::truth(text).map(Test::Mfa),
            _ => None,
        },
        _ => None,
    };
    (tested.unwrap_or(Test::Opaque), class(key))
}

fn class(key: &str) -> ConditionClass {
    let holds = |words: &[&str]| words.iter().any(|word| key.contains(word));
    match key {
        "ip" => ConditionClass::Source,
        "region" => ConditionClass::Destination,
        "hours" => ConditionClass::Time,
        "mfa" => ConditionClass::Approval,
        _ if holds(&["label", "classification", "sensitivity"]) => ConditionClass::DataLabel,
        _ => ConditionClass::Other,
    }
}

/// `198.51.100.0/24`, or one address.
fn network(text: &str) -> Option<Network> {
    let (address, length) = match text.trim().split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u32>().ok()?)),
        None => (text.trim(), None),
    };
    let (bits, width, is_v6) = match address.parse::<IpAddr>().ok()? {
        IpAddr::V4(address) => (u128::from(u32::from(address)), 32, false),
        IpAddr::V6(address) => (u128::from(address), 128, true),
    };
    let length = length.unwrap_or(width);
    if length > width {
        return None;
    }
    let bits = bits << (128 - width);
    Some(Network { bits: mask(bits, length), length, is_v6 })
}

fn mask(bits: u128, length: u32) -> u128 {
    match length {
        0 => 0,
        _ => bits & (u128::MAX << (128 - length)),
    }
}

impl Network {
    fn contains(&self, other: &Network) -> bool {
        self.is_v6 == other.is_v6
            && other.length >= self.length
            && mask(other.bits, self.length) == self.bits
    }
}

/// `{"from": "08:00", "to": "18:00", "timezone": …, "days": […]}` or `"08:00-18:00"`; UTC and every day unless
/// it says otherwise.
fn clock(value: &Value) -> Option<Clock> {
    let minutes = |text: &str| {
        let (hour, minute) = text.trim().split_once(':')?;
        let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
        (minute < 60 && hour * 60 + minute <= 1_440).then_some(hour * 60 + minute)
    };
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let (from, to) = match value {
        Value::String(span) => span.split_once('-')?,
        _ => (text("from")?, text("to")?),
    };
    let zone = match value.get("timezone") {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(name.as_str()?).ok()?,
    };
    let days = match value.get("days") {
        None => [true; 7],
        Some(days) => week(days)?,
    };
    let (from, to) = (minutes(from)?, minutes(to)?);
    (from != to).then_some(Clock { zone, days, from, to })
}

fn week(days: &Value) -> Option<[bool; 7]> {
    const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let at = |name: &str| NAMES.iter().position(|day| *day == name.trim().to_ascii_lowercase());
    let mut named = [false; 7];
    let parts: Vec<&str> = match days {
        Value::String(text) => text.split(',').collect(),
        Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    for part in parts {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (mut day, last) = (at(first)?, at(last)?);
        named[day] = true;
        while day != last {
            day = (day + 1) % 7;
            named[day] = true;
        }
    }
    Some(named)
}

impl Clock {
    fn holds(&self, time: Time) -> Option<bool> {
        let local = self.zone.to_datetime(Timestamp::from_second(time.seconds()).ok()?);
        let minute =
            u32::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).ok()?;
        let today = usize::try_from(local.weekday().to_monday_zero_offset()).ok()?;
        let on = |day: usize| self.days.get(day % 7).copied().unwrap_or(false);
        Some(if self.from < self.to {
            on(today) && (self.from..self.to).contains(&minute)
        } else {
            // The evening belongs to today's hours, the early morning to yesterday's.
            (on(today) && minute >= self.from) || (on(today + 6) && minute < self.to)
        })
    }
}

impl Check {
    /// Whether the condition holds in a context: keys and the values that a key has. All values must agree.
    pub(super) fn holds(&self, context: &[(String, Vec<String>)]) -> Holds {
        let values = |names: &[&str]| {
            let named = |key: &str| names.iter().any(|name| key.eq_ignore_ascii_case(name));
            let found = context.iter().find(|(key, _)| named(key));
            found.map_or(&[][..], |(_, values)| values.as_slice())
        };
        match &self.test {
            Test::Opaque => Holds::Unknown,
            Test::Ip(allowed) => agree(values(&["ip", "source_ip"]), |value| {
                let seen = network(value)?;
                if allowed.iter().any(|network| network.contains(&seen)) {
                    Some(true)
                } else if allowed.iter().any(|network| seen.contains(network)) {
                    None
                } else {
                    Some(false)
                }
            }),
            Test::Region(allowed) => agree(values(&["region"]), |value| {
                Some(allowed.iter().any(|glob| glob.matches(value)))
            }),
            Test::Hours(clock) => {
                agree(values(&["time"]), |value| clock.holds(Time::parse(value)?))
            }
            Test::Mfa(wanted) => agree(values(&["mfa"]), |value| {
                super::values::truth(value).map(|given| given == *wanted)
            }),
        }
    }
}

fn agree(values: &[String], test: impl Fn(&str) -> Option<bool>) -> Holds {
    let mut answers = values.iter().map(|value| test(value));
    match answers.next().flatten() {
        Some(first) if answers.all(|answer| answer == Some(first)) => match first {
            true => Holds::Yes,
            false => Holds::No,
        },
        _ => Holds::Unknown,
    }
}

/// Whether all of some conditions hold.
pub(super) fn all_hold(checks: &[Check], context: &[(String, Vec<String>)]) -> Holds {
    let mut all = Holds::Yes;
    for check in checks {
        match check.holds(context) {
            Holds::No => return Holds::No,
            Holds::Unknown => all = Holds::Unknown,
            Holds::Yes => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(condition: &str, key: &str, value: &str) -> Holds {
        let context = [(key.to_string(), vec![value.to_string()])];
        all_hold(&read(condition), &context)
    }

    #[test]
    fn addresses_are_compared_by_network() {
        let condition = r#"{"ip":["198.51.100.0/24","2001:db8::/32"]}"#;
        assert_eq!(holds(condition, "ip", "198.51.100.7"), Holds::Yes);
        assert_eq!(holds(condition, "source_ip", "203.0.113.9"), Holds::No);
        assert_eq!(holds(condition, "ip", "2001:db8::1"), Holds::Yes);
        assert_eq!(holds(condition, "ip", "198.51.100.0/25"), Holds::Yes);
        assert_eq!(holds(condition, "ip", "198.51.0.0/16"), Holds::Unknown);
        assert_eq!(holds(condition, "ip", "nonsense"), Holds::Unknown);
        assert_eq!(holds(condition, "region", "eu"), Holds::Unknown);
        assert_eq!(holds(r#"{"ip":"198.51.100.0/33"}"#, "ip", "1.2.3.4"), Holds::Unknown);
        assert_eq!(holds(r#"{"ip":"0.0.0.0/0"}"#, "ip", "1.2.3.4"), Holds::Yes);
    }

    #[test]
    fn regions_hours_and_mfa() {
        assert_eq!(holds(r#"{"region":"eu-*"}"#, "region", "EU-west-1"), Holds::Yes);
        assert_eq!(holds(r#"{"region":["eu-*"]}"#, "region", "us-east-1"), Holds::No);
        assert_eq!(holds(r#"{"mfa":true}"#, "mfa", "false"), Holds::No);
        let night = r#"{"hours":{"from":"22:00","to":"06:00","days":"fri"}}"#;
        assert_eq!(holds(night, "time", "2026-03-07T05:59:00Z"), Holds::Yes);
        assert_eq!(holds(night, "time", "2026-03-06T05:59:00Z"), Holds::No);
        let day = r#"{"hours":"08:00-18:00"}"#;
        assert_eq!(holds(day, "time", "2026-03-07T17:59:00Z"), Holds::Yes);
        assert_eq!(holds(day, "time", "2026-03-07T18:00:00Z"), Holds::No);
    }

    #[test]
    fn other_keys_and_text_stay_undecided() {
        for condition in [r#"{"purpose":"x"}"#, "only on Mondays", r#"{"ip":"a","ip":"b"}"#] {
            assert_eq!(holds(condition, "ip", "1.2.3.4"), Holds::Unknown, "{condition}");
        }
        let checks = read(r#"{"ip":["198.51.100.0/24"],"data_label":"public"}"#);
        assert_eq!(&*checks[0].condition.text, "ip 198.51.100.0/24");
        assert_eq!(checks[0].condition.class, ConditionClass::Source);
        assert_eq!(checks[1].condition.class, ConditionClass::DataLabel);
    }
}
