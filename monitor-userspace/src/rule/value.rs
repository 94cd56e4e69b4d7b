//! What a variable is worth at one moment, and how it is written for a person.

use std::hash::{Hash as _, Hasher as _};

/// The value of a variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Not measured here, or not now. A condition that needs it is undecided.
    Unknown,
    /// A number in the variable's unit.
    Number(f64),
    /// A name.
    Text(&'a str),
}

/// The bits of [`Value::Unknown`]: a NaN that no measurement has.
const UNKNOWN_BITS: u64 = u64::MAX;

impl Value<'_> {
    /// A word that differs (but for one chance in 2^64 of two texts) when the value does: what was
    /// seen last is kept in eight bytes.
    pub fn fingerprint(self) -> u64 {
        match self {
            Self::Unknown => UNKNOWN_BITS,
            Self::Number(number) => number.to_bits(),
            Self::Text(text) => {
                let mut hasher = rustc_hash::FxHasher::default();
                text.hash(&mut hasher);
                hasher.finish()
            }
        }
    }
}

impl From<u64> for Value<'_> {
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Number(f64::from(number))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<f64> for Value<'_> {
    /// What is not finite is no measurement.
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::Number(number) } else { Self::Unknown }
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value<'_> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Unknown, Into::into)
    }
}

/// What a variable counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Percent.
    Percent,
    /// Seconds.
    Seconds,
    /// Minutes.
    Minutes,
    /// A share, 0 to 1.
    Share,
    /// Bytes or things a minute.
    PerMinute,
    /// The unit of whoever reports it.
    Own,
    /// A name.
    Text,
}

impl Unit {
    /// Its name in the table of variables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Bytes => "bytes",
            Self::Percent => "percent",
            Self::Seconds => "seconds",
            Self::Minutes => "minutes",
            Self::Share => "0 to 1",
            Self::PerMinute => "per minute",
            Self::Own => "its own",
            Self::Text => "text",
        }
    }

    /// A number in this unit, as a person reads it.
    pub fn show(self, number: f64) -> String {
        match self {
            Self::Bytes => crate::output::byte_text(number),
            Self::Percent => format!("{} %", short(number)),
            Self::Seconds => format!("{} s", short(number)),
            Self::Minutes => format!("{} min", short(number)),
            Self::PerMinute => format!("{} a minute", short(number)),
            Self::Count | Self::Share | Self::Own | Self::Text => short(number),
        }
    }
}

/// At most three digits after the point, and none that say nothing.
fn short(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_with_their_unit() {
        assert_eq!(Unit::Bytes.show(1536.0), "1.5 KiB");
        assert_eq!(Unit::Count.show(9000.0), "9000");
        assert_eq!(Unit::Percent.show(12.5), "12.5 %");
        assert_eq!(Unit::Share.show(0.9504), "0.95");
        assert_eq!(Unit::Count.show(0.0), "0");
    }

    #[test]
    fn different_values_have_different_fingerprints() {
        let values = [
            Value::Unknown,
            Value::Number(0.0),
            Value::Number(1.0),
            Value::Text(""),
            Value::Text("api"),
        ];
        let mut seen: Vec<u64> = values.iter().map(|value| value.fingerprint()).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), values.len());
    }

    #[test]
    fn what_is_not_finite_is_unknown() {
        assert_eq!(Value::from(f64::NAN), Value::Unknown);
        assert_eq!(Value::from(f64::INFINITY), Value::Unknown);
    }
}
