//! Times as people write them: ISO 8601, in UTC.

use std::fmt;

use pi_server_core::Micros;

/// A time as ISO 8601 has it, in UTC to the microsecond: `2026-11-30T12:05:01.000250Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Iso(pub Micros);

const DAY: u64 = 86_400;

impl fmt::Display for Iso {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0.0 / 1_000_000, self.0.0 % 1_000_000);
        let (days, second) = (seconds / DAY, seconds % DAY);
        let (year, month, day) = date(days);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

/// The date of a day, counted from 1970-01-01. Years begin in March here, so that a leap day is
/// the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

/// The day of a date, counted from 1970-01-01; `None` if there is no such date, or it is before.
fn day(year: u64, month: u64, day: u64) -> Option<u64> {
    let year_from_march = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, of_era) = (year_from_march / 400, year_from_march % 400);
    let month_from_march = (month + 9) % 12;
    let of_year = (153 * month_from_march + 2) / 5 + day.checked_sub(1)?;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    let days = days.checked_sub(719_468)?;
    // What is no date comes back as another one.
    (date(days) == (year, month, day)).then_some(days)
}

/// Reads a date (`2026-11-30`), a date with a time (`2026-11-30T12:05`, `2026-11-30T12:05:01.25`), and
/// after it a zone (`Z`, `+01:00`); without one, UTC is meant.
///
/// # Errors
/// It is none, or before 1970.
pub fn parse(text: &str) -> Result<Micros, String> {
    let wrong = || format!("{text} is no time such as 2026-11-30T12:05Z");
    read(text).ok_or_else(wrong)
}

fn read(text: &str) -> Option<Micros> {
    let (date, rest) = text.split_once(['T', ' ']).unwrap_or((text, "00:00"));
    let parts: Vec<&str> = date.split('-').collect();
    let [year, month, of_month] = parts.as_slice() else { return None };
    let days = day(number(year, 4)?, number(month, 2)?, number(of_month, 2)?)?;
    let zone_at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at(zone_at);
    let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
    let parts: Vec<&str> = time.split(':').collect();
    let (hour, minute, second) = match parts.as_slice() {
        [hour, minute] => (number(hour, 2)?, number(minute, 2)?, 0),
        [hour, minute, second] => (number(hour, 2)?, number(minute, 2)?, number(second, 2)?),
        _ => return None,
    };
    if hour > 23 || minute > 59 || second > 59 || fraction.len() > 6 {
        return None;
    }
    let micros = if fraction.is_empty() {
        0
    } else {
        number(fraction, fraction.len())? * 10_u64.pow(6 - u32::try_from(fraction.len()).ok()?)
    };
    let seconds = days * DAY + hour * 3_600 + minute * 60 + second;
    let seconds = match zone.split_at_checked(1) {
        None | Some(("Z" | "z", "")) => seconds,
        Some((sign, offset)) => {
            let (hours, minutes) = offset.split_once(':').or_else(|| offset.split_at_checked(2))?;
            let minutes = if minutes.is_empty() { 0 } else { number(minutes, 2)? };
            let offset = number(hours, 2)? * 3_600 + minutes * 60;
            // East of Greenwich the clock is ahead.
            if sign == "+" { seconds.checked_sub(offset)? } else { seconds + offset }
        }
    };
    Some(Micros(seconds.checked_mul(1_000_000)?.checked_add(micros)?))
}

/// A number of exactly so many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let is_one = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_one { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_and_read_alike() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (1_796_051_149_674_651, "2026-11-30T15:05:49.674651Z"),
            (4_107_542_399_999_999, "2100-02-28T23:59:59.999999Z"),
            (253_402_300_799_000_000, "9999-12-31T23:59:59.000000Z"),
        ] {
            assert_eq!(Iso(Micros(micros)).to_string(), text);
            assert_eq!(parse(text), Ok(Micros(micros)), "{text}");
        }
        // Every day of four centuries.
        for days in 0..146_097 {
            let (year, month, of_month) = date(days);
            assert_eq!(day(year, month, of_month), Some(days));
        }
    }

    #[test]
    fn zones_and_short_forms_are_read_and_nonsense_is_not() {
        let noon = parse("2026-11-30T12:05:00Z");
        for text in [
            "2026-11-30T12:05",
            "2026-11-30 12:05Z",
            "2026-11-30T13:05+01:00",
            "2026-11-30T13:05+01",
            "2026-11-30T06:35-0530",
            "2026-11-30T12:05:00.0",
        ] {
            assert_eq!(parse(text), noon, "{text}");
        }
        assert_eq!(parse("2026-11-30"), parse("2026-11-30T00:00Z"));
        for text in [
            "",
            "now",
            "2026",
            "2026-13-01",
            "2026-02-29",
            "2026-11-31",
            "2026-11-30T24:00",
            "2026-11-30T12",
            "2026-11-30T12:60",
            "2026-11-30T12:05X",
            "2026-11-30T12:05+1",
            "1969-12-31",
            "2026-11-30T12:05:00.0000001",
            "2026-11-30T1é:05",
            "+026-11-30",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
