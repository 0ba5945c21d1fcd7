//! Dates of session files, in integer arithmetic: milliseconds since the epoch to text and back.

use std::path::Path;

/// How the name of a session file begins.
const PATTERN: &str = "dddd-dd-ddTdd-dd-dd-dddZ";

/// The time in a file name that begins like `2026-02-22T16-09-11-130Z`, in milliseconds.
pub(super) fn of_name(path: &Path) -> Option<u64> {
    let name = path.file_name()?.to_str()?.get(..PATTERN.len())?;
    let fits = name.bytes().zip(PATTERN.bytes()).all(|(byte, kind)| match kind {
        b'd' => byte.is_ascii_digit(),
        literal => byte == literal,
    });
    let number = |from: usize, to: usize| -> Option<u64> { name.get(from..to)?.parse().ok() };
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let sane = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24;
    if !fits || !sane {
        return None;
    }
    let seconds = ((days_since_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    Some(seconds * 1_000 + number(20, 23)?)
}

/// The time of a day such as `2026-02-22` (its beginning) or of a second such as
/// `2026-02-22T16:09:11Z`, in milliseconds.
pub(in crate::daemon) fn of_iso(text: &str) -> Option<u64> {
    let (day, time) = text.split_once('T').unwrap_or((text, "00:00:00Z"));
    let whole = format!("{day}T{time}");
    let whole = format!("{}.000Z", whole.strip_suffix('Z')?);
    // As file names have it. A day that there is not comes back as another one.
    let ms = of_name(Path::new(&whole.replace([':', '.'], "-")))?;
    (to_iso(ms) == whole).then_some(ms)
}

/// ISO-8601 with milliseconds and `Z`.
pub(super) fn to_iso(ms: u64) -> String {
    let (days, rest) = (ms / 86_400_000, ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, millisecond) = (rest / 1_000 % 60, rest % 1_000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// Days from 1970-01-01 to a Gregorian date not before it.
fn days_since_epoch(year: u64, month: u64, day: u64) -> u64 {
    // Years that begin in March have the leap day at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day;
    // The same sum for 1970-01-01.
    days.saturating_sub(719_469)
}

/// Year, month and day of a number of days since 1970-01-01: the inverse, by eras of 400 years.
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_go_there_and_back() {
        assert_eq!(to_iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(to_iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        let name = Path::new("/s/2026-02-22T16-09-11-130Z_0190.jsonl");
        let ms = of_name(name).expect("a date");
        assert_eq!(to_iso(ms), "2026-02-22T16:09:11.130Z");
        for day in 0..200_000 {
            let (year, month, date) = civil(day);
            assert_eq!(days_since_epoch(year, month, date), day);
        }
    }

    #[test]
    fn days_and_seconds_are_moments_and_what_there_is_not_is_none() {
        assert_eq!(of_iso("1970-01-02"), Some(86_400_000));
        assert_eq!(
            of_iso("2026-02-22T16:09:11Z").map(to_iso).as_deref(),
            Some("2026-02-22T16:09:11.000Z")
        );
        for text in [
            "2026-02-30",
            "2026-02-22T24:00:00Z",
            "2026-02-22T16:09:61Z",
            "2026-2-2",
            "",
            "T",
            "2026-02-22T16:09:11",
            "2026-02-22Z",
        ] {
            assert_eq!(of_iso(text), None, "{text}");
        }
    }

    #[test]
    fn a_name_without_a_date_has_none() {
        for name in ["a.jsonl", "2026-02-22T16-09-11-130", "2026-13-22T16-09-11-130Z.jsonl", "é"] {
            assert_eq!(of_name(Path::new(name)), None, "{name}");
        }
    }
}
