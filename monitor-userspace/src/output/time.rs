//! Wall-clock times made of boot times, so that a recording prints the same anywhere.

use std::fmt::{self, Display};

use jiff::fmt::temporal::DateTimePrinter;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::event::schema;

/// Nanoseconds since 1970, printed as RFC 3339 in UTC with all nine digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// From milliseconds since 1970.
    pub(crate) fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// Milliseconds since 1970.
    pub(crate) fn millis(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}

const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(9));

impl Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // 64 bits of nanoseconds end in 2262, far inside what jiff prints.
        let at = jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default();
        f.write_str(&PRINTER.timestamp_to_string(&at))
    }
}

schema!(Timestamp, "Timestamp", { "type": "string", "format": "date-time" });

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let at = jiff::Timestamp::deserialize(deserializer)?.as_nanosecond();
        i64::try_from(at).map(Self).map_err(serde::de::Error::custom)
    }
}

/// Turns boot times into wall-clock times with the offset taken when the run started.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock {
    boot_epoch_ns: i64,
}

impl WallClock {
    /// Of times that are counted from 1970.
    pub(crate) const UNIX: Self = Self { boot_epoch_ns: 0 };

    /// With the wall-clock time of boot.
    pub fn new(boot_epoch_ns: i64) -> Self {
        Self { boot_epoch_ns }
    }

    /// The time of an instant given in nanoseconds since boot.
    pub fn at(self, boot_ns: u64) -> Timestamp {
        Timestamp(self.boot_epoch_ns.saturating_add_unsigned(boot_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_print_all_nine_digits() {
        let clock = WallClock::new(1_768_645_800_000_000_000);
        assert_eq!(clock.at(123_456_789).to_string(), "2026-01-17T10:30:00.123456789Z");
        let text = serde_json::to_string(&clock.at(123_456_789)).unwrap();
        assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), clock.at(123_456_789));
        assert_eq!(clock.at(0).to_string(), "2026-01-17T10:30:00.000000000Z");
    }
}
