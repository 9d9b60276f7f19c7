//! Hours in which an identity may act, in a time zone.
//!
//! Owns days, clock times and the question whether a quarter-hour lies outside of them. Daylight saving is
//! that of the IANA time zone database, which is compiled in, so that answers do not depend on the machine.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use roaring::RoaringBitmap;

use crate::model::{Slot, Time, time::SLOT_SECONDS};

const DAY: i64 = 86_400;
const MINUTE: i64 = 60;

/// Names of days, Monday first.
const DAYS: [&str; 7] =
    ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Hours on some days of the week: `from` inclusive, `to` exclusive. If `to` is earlier than `from` they span
/// midnight, and the day is the one on which they begin.
#[derive(Debug, Clone, PartialEq)]
pub struct Hours {
    zone: TimeZone,
    days: [bool; 7],
    /// Seconds after local midnight.
    from: i64,
    /// Seconds after local midnight; more than a day if the hours span midnight.
    to: i64,
}

impl Hours {
    /// Hours of a zone; `from` and `to` are minutes after midnight, from 0 to 1,440.
    ///
    /// # Errors
    /// If `from` and `to` are equal or out of range, or no day is named.
    pub fn new(zone: TimeZone, days: [bool; 7], from: u32, to: u32) -> Result<Hours, &'static str> {
        if from >= 1_440 || to > 1_440 {
            return Err("a clock time lies between 00:00 and 24:00");
        }
        if from == to {
            return Err("`from` and `to` are equal; the whole day is 00:00 to 24:00");
        }
        if !days.contains(&true) {
            return Err("no day is named");
        }
        let to = if to < from { to + 1_440 } else { to };
        Ok(Hours { zone, days, from: i64::from(from) * MINUTE, to: i64::from(to) * MINUTE })
    }

    /// Whether the whole quarter-hour lies outside of the hours. A quarter-hour that is partly inside is not
    /// outside: the use may have been in that part.
    pub fn is_outside(&self, slot: Slot) -> bool {
        let start = Time::of_slot(slot).seconds();
        let last = start + SLOT_SECONDS - 1;
        let (Some(first_local), Some(last_local)) = (self.local(start), self.local(last)) else {
            return false;
        };
        if last_local - first_local == last - start {
            return !self.meets(first_local, last_local);
        }
        // The clock changes within the quarter-hour.
        !(start..=last)
            .step_by(MINUTE as usize)
            .filter_map(|second| self.local(second))
            .any(|local| self.meets(local, local))
    }

    /// The quarter-hours that lie outside of the hours.
    pub fn outside(&self, slots: &RoaringBitmap) -> RoaringBitmap {
        slots.iter().filter(|slot| self.is_outside(*slot)).collect()
    }

    /// Seconds since the epoch by the zone's clock.
    fn local(&self, second: i64) -> Option<i64> {
        let moment = Timestamp::from_second(second).ok()?;
        Some(second + i64::from(self.zone.to_offset(moment).seconds()))
    }

    /// Whether the hours hold a second of an inclusive local range that is shorter than a day.
    fn meets(&self, first: i64, last: i64) -> bool {
        // The hours of the day before may span midnight, and the range may begin a new day.
        let day = first.div_euclid(DAY);
        (day - 1..=day + 1).any(|day| {
            let midnight = day * DAY;
            self.days[weekday(day)] && first < midnight + self.to && last >= midnight + self.from
        })
    }
}

/// Day of the week of a day since the epoch, Monday is 0; 1970-01-01 was a Thursday.
fn weekday(day: i64) -> usize {
    let thursday = Weekday::Thursday.to_monday_zero_offset();
    (day + i64::from(thursday)).rem_euclid(7) as usize
}

/// Reads days: `mon-fri`, `sat,sun`, `fri-mon`, with names cut to three letters or whole.
///
/// # Errors
/// The part that names no day.
pub fn parse_days(text: &str, days: &mut [bool; 7]) -> Result<(), String> {
    for part in text.split(',').map(str::trim) {
        let (first, last) = match part.split_once('-') {
            Some((first, last)) => (day(first), day(last)),
            None => (day(part), day(part)),
        };
        let (Some(first), Some(last)) = (first, last) else {
            return Err(part.to_string());
        };
        let mut at = first;
        days[at] = true;
        while at != last {
            at = (at + 1) % 7;
            days[at] = true;
        }
    }
    Ok(())
}

fn day(text: &str) -> Option<usize> {
    let text = text.trim().to_ascii_lowercase();
    let is = |name: &str| name == text || (text.len() == 3 && name.starts_with(&text));
    DAYS.iter().position(|name| is(name))
}

/// Reads a clock time `HH:MM` as minutes after midnight; `24:00` is the day's end.
pub fn parse_clock(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |part: &str| {
        let digits = (1..=2).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        if digits { part.parse::<u32>().ok() } else { None }
    };
    if minute.len() != 2 {
        return None;
    }
    let (hour, minute) = (number(hour)?, number(minute)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= 1_440).then_some(minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(zone: &str, days: &str, from: &str, to: &str) -> Hours {
        let mut named = [false; 7];
        parse_days(days, &mut named).unwrap();
        let zone = TimeZone::get(zone).unwrap();
        Hours::new(zone, named, parse_clock(from).unwrap(), parse_clock(to).unwrap()).unwrap()
    }

    fn outside(hours: &Hours, time: &str) -> bool {
        hours.is_outside(Time::parse(time).unwrap().slot())
    }

    #[test]
    fn london_hours_follow_daylight_saving() {
        let london = hours("Europe/London", "mon-fri", "08:00", "18:00");
        // Friday before and Monday after the change of 2026-03-29.
        assert!(outside(&london, "2026-03-27T07:45:00Z"));
        assert!(!outside(&london, "2026-03-27T08:00:00Z"));
        assert!(!outside(&london, "2026-03-27T17:45:00Z"));
        assert!(outside(&london, "2026-03-27T18:00:00Z"));
        assert!(!outside(&london, "2026-03-30T07:00:00Z"));
        assert!(outside(&london, "2026-03-30T17:00:00Z"));
        // Back on 2026-10-25.
        assert!(!outside(&london, "2026-10-23T07:00:00Z"));
        assert!(outside(&london, "2026-10-26T07:00:00Z"));
        // A Saturday.
        assert!(outside(&london, "2026-03-28T12:00:00Z"));
    }

    #[test]
    fn half_hour_zone() {
        let kolkata = hours("Asia/Kolkata", "mon-fri", "09:00", "17:30");
        assert!(outside(&kolkata, "2026-03-02T03:15:00Z"));
        assert!(!outside(&kolkata, "2026-03-02T03:30:00Z"));
        assert!(!outside(&kolkata, "2026-03-02T11:45:00Z"));
        assert!(outside(&kolkata, "2026-03-02T12:00:00Z"));
        // Sunday evening in UTC is Monday morning there.
        assert!(outside(&kolkata, "2026-03-01T22:00:00Z"));
    }

    #[test]
    fn the_day_of_hours_over_midnight_is_the_one_they_begin_on() {
        let night = hours("UTC", "fri", "22:00", "06:00");
        assert!(!outside(&night, "2026-03-06T22:00:00Z"));
        assert!(!outside(&night, "2026-03-07T05:45:00Z"));
        assert!(outside(&night, "2026-03-07T06:00:00Z"));
        assert!(outside(&night, "2026-03-07T22:00:00Z"));
        assert!(outside(&night, "2026-03-06T03:00:00Z"));
    }

    #[test]
    fn a_quarter_hour_that_is_partly_inside_is_not_outside() {
        let odd = hours("UTC", "mon-sun", "08:10", "08:20");
        assert!(!outside(&odd, "2026-03-06T08:00:00Z"));
        assert!(!outside(&odd, "2026-03-06T08:15:00Z"));
        assert!(outside(&odd, "2026-03-06T08:30:00Z"));
        assert!(outside(&odd, "2026-03-06T07:45:00Z"));
    }

    #[test]
    fn days_wrap_around_the_week() {
        let mut named = [false; 7];
        parse_days("sat-mon, wednesday", &mut named).unwrap();
        assert_eq!(named, [true, false, true, false, false, true, true]);
        assert_eq!(parse_days("mon-fry", &mut named), Err("mon-fry".into()));
        assert_eq!(parse_days("", &mut named), Err(String::new()));
    }

    #[test]
    fn clock_times() {
        assert_eq!(parse_clock("08:05"), Some(485));
        assert_eq!(parse_clock("24:00"), Some(1_440));
        for wrong in ["24:01", "8", "08:60", "08:5", "-1:00", "08:00:00", "é:00"] {
            assert_eq!(parse_clock(wrong), None, "{wrong}");
        }
    }

    // The zone's own clock, asked for each second, is the slow twin.
    #[test]
    fn agrees_with_asking_each_second() {
        let cases = [
            hours("Europe/London", "mon-fri", "00:30", "01:30"),
            hours("Australia/Lord_Howe", "sun-sat", "01:45", "02:15"),
            hours("Asia/Kathmandu", "sat-sun", "23:50", "00:10"),
        ];
        let moments = ["2026-03-28T20:00:00Z", "2026-04-04T12:00:00Z", "2026-10-24T20:00:00Z"];
        for (hours, moment) in cases.iter().flat_map(|h| moments.map(|m| (h, m))) {
            let start = Time::parse(moment).unwrap().slot();
            for slot in start..start + 96 {
                let second = Time::of_slot(slot).seconds();
                let inside = (second..second + 900).any(|second| {
                    let moment = Timestamp::from_second(second).unwrap();
                    let local = hours.zone.to_datetime(moment);
                    let clock = i64::from(local.hour()) * 3_600
                        + i64::from(local.minute()) * 60
                        + i64::from(local.second());
                    let today = local.weekday().to_monday_zero_offset() as usize;
                    let yesterday = (today + 6) % 7;
                    (hours.days[today] && clock >= hours.from && clock < hours.to)
                        || (hours.days[yesterday] && clock + DAY < hours.to)
                });
                assert_eq!(hours.is_outside(slot), !inside, "{moment} {slot}");
            }
        }
    }
}
