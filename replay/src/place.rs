//! Places in a journal as they are asked for: an input, or a time.

use pi_server_core::{Micros, Seq};

use crate::clock::Clock;
use crate::feed::Feed;
use crate::source::{Source, SourceError};
use crate::times;

/// A place in a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The input of that number.
    Input(Seq),
    /// A time.
    Time(Micros),
}

/// Reads `#120` or `120`, a time on the wall in milliseconds since 1970 (`t1700000000123`),
/// or one as ISO 8601 has it.
///
/// # Errors
/// It is none of them.
pub fn place(text: &str) -> Result<Place, String> {
    let wrong = || {
        "an input such as #120, or a time such as 2026-11-30T12:05Z or t1700000000123".to_owned()
    };
    if let Some(time) = text.strip_prefix('t') {
        let (millis, micros) = time.split_once('.').unwrap_or((time, "0"));
        let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
        let millis = number(millis)?.saturating_mul(1_000);
        return Ok(Place::Time(Micros(millis.saturating_add(number(micros)?))));
    }
    if let Ok(time) = times::parse(text) {
        return Ok(Place::Time(time));
    }
    let number = text.strip_prefix('#').unwrap_or(text).parse().map_err(|_| wrong())?;
    Ok(Place::Input(Seq(number)))
}

/// The first input at a time on the wall or later, and the last one that is not later; `None` where
/// there is none. Where that clock was set back, everything between them is meant.
///
/// # Errors
/// The journal cannot be read.
pub fn inputs_at(source: &Source, time: Micros) -> Result<[Option<Seq>; 2], SourceError> {
    let mut feed = Feed::start(source)?;
    let begin = feed.begin();
    let mut clock = Clock::of(&begin.state);
    let mut last = begin.begins().filter(|begins| begins.wall <= time).map(|begins| begins.seq);
    let mut first = None;
    while let Some(batch) = feed.take() {
        clock.walk(&batch, |seq, wall| {
            if wall >= time {
                first.get_or_insert(seq);
            }
            if wall <= time {
                last = Some(seq);
            }
        });
    }
    Ok([first, last])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_times_are_told_apart() {
        assert_eq!(place("#7"), Ok(Place::Input(Seq(7))));
        assert_eq!(place("2026"), Ok(Place::Input(Seq(2026))));
        assert_eq!(place("t1001.5"), Ok(Place::Time(Micros(1_001_005))));
        assert_eq!(place("1970-01-01T00:00:01Z"), Ok(Place::Time(Micros(1_000_000))));
        assert!(place("yesterday").is_err() && place("2026-11-31").is_err());
    }
}
