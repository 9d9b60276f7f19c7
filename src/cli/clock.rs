//! The one place that may read the clock: `--as-of today`.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::Time;

#[expect(clippy::disallowed_methods, reason = "`today` is what the user asked for")]
/// Reads `--as-of`: a time, a date (which means its end, UTC), or `today`.
pub(super) fn as_of(text: &str) -> Result<Time, String> {
    if text == "today" {
        let now =
            SystemTime::now().duration_since(UNIX_EPOCH).map_err(|error| error.to_string())?;
        return Ok(Time::from_seconds(now.as_secs() as i64));
    }
    let time = Time::parse(text).ok_or_else(|| {
        format!("`{text}` is no time: write 2026-09-01, 2026-09-01T06:12:00Z or today")
    })?;
    let is_date = text.trim().len() == 10 && !text.trim().bytes().all(|byte| byte.is_ascii_digit());
    Ok(if is_date { time.plus_seconds(86_399) } else { time })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_means_its_end() {
        assert_eq!(as_of("2026-09-01").unwrap().to_string(), "2026-09-01T23:59:59Z");
        assert_eq!(as_of("2026-09-01T06:12:00Z").unwrap().to_string(), "2026-09-01T06:12:00Z");
        assert!(as_of("soon").is_err());
    }
}
