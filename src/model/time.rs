//! Times: seconds since the epoch, UTC, and the forms in which evidence writes them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A moment, in seconds since 1970-01-01T00:00:00Z.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(i64);

/// A quarter-hour since the epoch.
pub type Slot = u32;

/// Quarter-hours of a day.
pub const SLOTS_A_DAY: Slot = 96;

/// Seconds in a slot.
pub const SLOT_SECONDS: i64 = 900;

/// Seconds in a day.
pub const DAY_SECONDS: i64 = 86_400;

/// The latest second that is accepted: 9999-12-31T23:59:59Z.
const LATEST: i64 = 253_402_300_799;

impl Time {
    /// The latest time that is accepted: the end of the year 9999.
    pub const END: Time = Time(LATEST);

    /// From seconds since the epoch.
    pub fn from_seconds(seconds: i64) -> Time {
        Time(seconds)
    }

    /// Seconds since the epoch.
    pub fn seconds(self) -> i64 {
        self.0
    }

    /// A later (or, negative, an earlier) time.
    pub fn plus_seconds(self, seconds: i64) -> Time {
        Time(self.0.saturating_add(seconds))
    }

    /// A later (or, negative, an earlier) time, in days of 86,400 seconds.
    pub fn plus_days(self, days: i64) -> Time {
        self.plus_seconds(days.saturating_mul(DAY_SECONDS))
    }

    /// Days since the epoch, UTC.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY_SECONDS)
    }

    /// Midnight (UTC) of its day.
    pub fn midnight(self) -> Time {
        Time(self.day() * DAY_SECONDS)
    }

    /// The quarter-hour since the epoch; times before the epoch are slot 0.
    pub fn slot(self) -> Slot {
        u32::try_from(self.0.div_euclid(SLOT_SECONDS)).unwrap_or(0)
    }

    /// Start of a slot.
    pub fn of_slot(slot: Slot) -> Time {
        Time(i64::from(slot) * SLOT_SECONDS)
    }

    /// Calendar days (UTC) from this time to a later one, as ages are printed.
    pub fn age_days(self, as_of: Time) -> i64 {
        as_of.day() - self.day()
    }

    /// `YYYY-MM-DD`.
    pub fn date(self) -> String {
        let (year, month, day) = civil(self.day());
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// `YYYY-MM-DD HH:MM`.
    pub fn minute(self) -> String {
        let second = self.0.rem_euclid(DAY_SECONDS);
        format!("{} {:02}:{:02}", self.date(), second / 3_600, second / 60 % 60)
    }

    /// From civil fields, which are checked.
    pub fn from_civil(date: (i64, u32, u32), clock: (u32, u32, u32)) -> Option<Time> {
        let (year, month, day) = date;
        let (hour, minute, second) = clock;
        let fits = (0..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in_month(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            // A leap second is counted as the second before it.
            && second <= 60;
        fits.then(|| {
            let clock =
                i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second.min(59));
            Time(days_from_civil(year, month, day) * DAY_SECONDS + clock)
        })
    }

    /// Reads the forms that evidence uses (`reference`: `docs/data-model.md`, "Times"): ISO 8601 with `T` or
    /// a space, with or without fraction, with `Z`, an offset or nothing (then UTC); the basic form
    /// `20131102T010628Z`; a date alone (midnight UTC); integers as seconds, milliseconds, microseconds or
    /// nanoseconds by their size (below 10^11, 10^14, 10^17).
    pub fn parse(text: &str) -> Option<Time> {
        let text = text.trim();
        let bytes = text.as_bytes();
        let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == bytes.len() && digits > 8 {
            return Time::from_number(text.parse().ok()?);
        }
        if digits == 8 && bytes.get(8) == Some(&b'T') {
            return basic(text);
        }
        extended(text)
    }

    /// From a number whose unit is told by its size.
    pub fn from_number(number: i64) -> Option<Time> {
        let seconds = match number {
            0..=99_999_999_999 => number,
            100_000_000_000..=99_999_999_999_999 => number / 1_000,
            100_000_000_000_000..=99_999_999_999_999_999 => number / 1_000_000,
            100_000_000_000_000_000.. => number / 1_000_000_000,
            _ => return None,
        };
        (seconds <= LATEST).then_some(Time(seconds))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let second = self.0.rem_euclid(DAY_SECONDS);
        let (hour, minute) = (second / 3_600, second / 60 % 60);
        write!(out, "{}T{hour:02}:{minute:02}:{:02}Z", self.date(), second % 60)
    }
}

fn number(text: Option<&str>) -> Option<u32> {
    let text = text?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

fn date(text: &str) -> Option<(i64, u32, u32)> {
    if text.as_bytes().get(4) != Some(&b'-') || text.as_bytes().get(7) != Some(&b'-') {
        return None;
    }
    let year = number(text.get(0..4))?;
    Some((i64::from(year), number(text.get(5..7))?, number(text.get(8..10))?))
}

fn extended(text: &str) -> Option<Time> {
    let day = date(text)?;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Time::from_civil(day, (0, 0, 0));
    }
    let clock = rest.strip_prefix(['T', 't', ' '])?;
    if clock.as_bytes().get(2) != Some(&b':') {
        return None;
    }
    let (hour, minute) = (number(clock.get(0..2))?, number(clock.get(3..5))?);
    let mut rest = clock.get(5..)?;
    let mut second = 0;
    if let Some(after) = rest.strip_prefix(':') {
        second = number(after.get(0..2))?;
        rest = after.get(2..)?;
    }
    if let Some(after) = rest.strip_prefix(['.', ',']) {
        let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
        if end == 0 {
            return None;
        }
        rest = after.get(end..)?;
    }
    let time = Time::from_civil(day, (hour, minute, second))?;
    Some(time.plus_seconds(-offset(rest.trim_start())?))
}

/// Seconds east of UTC: nothing, `Z`, `UTC`, `+HH`, `+HHMM`, `+HH:MM`.
fn offset(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z" | "UTC") {
        return Some(0);
    }
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits: String = text[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match digits.len() {
        2 => (number(Some(&digits))?, 0),
        4 => (number(digits.get(0..2))?, number(digits.get(2..4))?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3_600 + minutes * 60))
}

fn basic(text: &str) -> Option<Time> {
    let day =
        (i64::from(number(text.get(0..4))?), number(text.get(4..6))?, number(text.get(6..8))?);
    let clock = (number(text.get(9..11))?, number(text.get(11..13))?, number(text.get(13..15))?);
    let time = Time::from_civil(day, clock)?;
    Some(time.plus_seconds(-offset(text.get(15..)?)?))
}

fn days_in_month(year: i64, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since the epoch of a civil date (the proleptic Gregorian calendar, years from March).
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let month = i64::from(month);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of days since the epoch.
pub fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days - era * 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted + 2) / 5 + 1) as u32;
    let month = (if shifted < 10 { shifted + 3 } else { shifted - 9 }) as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_one_moment() {
        let forms = [
            "2026-03-02T09:15:00Z",
            "2026-03-02 09:15:00",
            "2026-03-02T10:15:00+01:00",
            "2026-03-02T04:15:00.123-0500",
            "2026-03-02 09:15:00+00:00",
            "20260302T091500Z",
            "1772442900",
            "1772442900000",
            "1772442900000000",
        ];
        for form in forms {
            assert_eq!(
                Time::parse(form).map(|time| time.to_string()).as_deref(),
                Some("2026-03-02T09:15:00Z"),
                "{form}"
            );
        }
        assert_eq!(Time::parse("2026-03-02").unwrap().to_string(), "2026-03-02T00:00:00Z");
    }

    #[test]
    fn nonsense_is_no_time() {
        for form in [
            "",
            "yesterday",
            "2026-02-30",
            "2026-13-01T00:00:00Z",
            "2026-03-02T25:00:00Z",
            "2026-03-02T09:15:00 CET",
            "12345678",
            "é026-03-02T09:15:00Z",
            "2026-03-02T09:15:00+é1",
        ] {
            assert_eq!(Time::parse(form), None, "{form}");
        }
    }

    proptest! {
        #[test]
        fn printing_reads_back(seconds in 0i64..LATEST) {
            let time = Time::from_seconds(seconds);
            prop_assert_eq!(Time::parse(&time.to_string()), Some(time));
        }

        #[test]
        fn any_text_is_read_without_panic(text in ".{0,40}") {
            let _ = Time::parse(&text);
        }

        #[test]
        fn civil_agrees_with_the_calendar_crate(days in 0i64..2_900_000) {
            let (year, month, day) = civil(days);
            let date = jiff::civil::date(year as i16, month as i8, day as i8);
            let epoch = jiff::civil::date(1970, 1, 1);
            prop_assert_eq!(i64::from((date - epoch).get_days()), days);
            prop_assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
