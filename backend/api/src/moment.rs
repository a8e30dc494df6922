//! A moment as the browser knows it. The backend's type can do far more, and what it can say of a text that is no
//! time weighs 50 KB of wasm.

use std::fmt;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, Visitor},
};

/// Microseconds of a second, and seconds of a day.
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400;

/// A moment in UTC; RFC 3339 on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    /// Microseconds since 1970.
    since: i64,
}

impl Timestamp {
    /// The moment so many milliseconds after the beginning of 1970; `None` where there is none.
    #[must_use]
    pub const fn from_millisecond(milliseconds: i64) -> Option<Self> {
        match milliseconds.checked_mul(1000) {
            Some(since) => Some(Self { since }),
            None => None,
        }
    }

    /// Whole seconds since 1970.
    #[must_use]
    pub const fn as_second(self) -> i64 {
        self.since.div_euclid(SECOND)
    }

    /// Whole milliseconds since 1970.
    #[must_use]
    pub const fn as_millisecond(self) -> i64 {
        self.since.div_euclid(1000)
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn as_microsecond(self) -> i64 {
        self.since
    }

    /// Reads `2026-11-21T10:16:06.25Z`, the only form that the server writes.
    fn read(text: &str) -> Option<Self> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, ""));
        let [year, month, day] = figures(date, '-')?;
        let [hour, minute, second] = figures(time, ':')?;
        if !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        // A shorter fraction is filled up; what is finer than a microsecond is left out.
        let fraction = fraction.bytes().chain(std::iter::repeat(b'0')).take(6);
        let micros = fraction.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
        let seconds = days(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
        Some(Self { since: seconds * SECOND + micros })
    }
}

/// Three numbers of at most four digits.
fn figures(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| part.parse::<u16>().ok().map(i64::from));
    Some([parts.next()??, parts.next()??, parts.next()??])
}

/// Days from 1970 to a date. The year begins in March here, so that a leap day is its last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let in_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + in_year - 719_468
}

/// The date so many days after the first of 1970: year, month, day.
const fn date(days: i64) -> [i64; 3] {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let in_era = days.rem_euclid(146_097);
    let of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * of_era + of_era / 4 - of_era / 100);
    let month = (5 * in_year + 2) / 153;
    let day = in_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    [400 * era + of_era + if month <= 2 { 1 } else { 0 }, month, day]
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.as_second(), self.since.rem_euclid(SECOND));
        let [year, month, day] = date(seconds.div_euclid(DAY));
        let time = seconds.rem_euclid(DAY);
        let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z")
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Moment)
    }
}

struct Moment;

impl Visitor<'_> for Moment {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment such as 2026-11-21T10:16:06Z")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        Timestamp::read(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Timestamp;

    fn read(text: &str) -> Option<Timestamp> {
        serde_json::from_value(text.into()).ok()
    }

    proptest! {
        #[test]
        fn a_moment_is_read_and_written_as_the_server_does(since in -60_000_000_000_000_000_i64..250_000_000_000_000_000) {
            let known = jiff::Timestamp::from_microsecond(since).unwrap();
            let read = read(&known.to_string()).unwrap();
            prop_assert_eq!(read.as_microsecond(), since);
            prop_assert_eq!(read.as_second(), since.div_euclid(1_000_000));
            prop_assert_eq!(read.as_millisecond(), since.div_euclid(1000));
            let written = serde_json::to_value(read).unwrap();
            prop_assert_eq!(serde_json::from_value::<jiff::Timestamp>(written).unwrap(), known);
        }

        #[test]
        fn no_text_is_too_odd(text in "[0-9TZ:.+é-]{0,30}") {
            let _ = read(&text);
        }
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in ["", "2026-11-21", "2026-11-21T10:16Z", "2026-11-21T10:16:06", "2026-11-21T10:16:06.xZ"] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(Timestamp::from_millisecond(1_250).unwrap().to_string(), "1970-01-01T00:00:01.250000Z");
        assert_eq!(Timestamp::from_millisecond(i64::MAX), None);
    }
}
