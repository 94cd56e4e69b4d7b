//! Sizes and times as they are written: `64M`, `30s`.

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::cli;

/// A time above zero: `500ms`, `30s`, `5m`, `2h`, `7d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeSpan(pub Duration);

/// A number of bytes: `4096`, `64K`, `1.5M`, `2G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        cli::duration(text).map(Self)
    }
}

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        cli::size(text).map(Self)
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s"), (1, "ms")];
        let found =
            units.into_iter().find(|(unit, _)| millis >= *unit && millis.is_multiple_of(*unit));
        let (unit, name) = found.unwrap_or((1, "ms"));
        write!(f, "{}{name}", millis / unit)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(1_u64 << 30, "G"), (1 << 20, "M"), (1 << 10, "K")];
        let found =
            units.into_iter().find(|(unit, _)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        let (unit, name) = found.unwrap_or((1, ""));
        write!(f, "{}{name}", self.0 / unit)
    }
}

/// Text, or a bare number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Number(u64),
}

fn read<'de, T: FromStr<Err = String>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    let text = match Written::deserialize(from)? {
        Written::Text(text) => text,
        Written::Number(number) => number.to_string(),
    };
    text.parse().map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for TimeSpan {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        read(from)
    }
}

impl Serialize for TimeSpan {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Serialize for ByteSize {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Deserialize, Serialize)]
    struct Section {
        every: TimeSpan,
        most: ByteSize,
    }

    #[test]
    fn what_is_written_is_read_and_written_again() {
        let text = "every = \"90s\"\nmost = \"64M\"\n";
        let section: Section = toml::from_str(text).unwrap();
        assert_eq!(section.every, TimeSpan(Duration::from_secs(90)));
        assert_eq!(
            (section.every.to_string(), section.most.to_string()),
            ("90s".into(), "64M".into())
        );
        assert_eq!(ByteSize(1000).to_string(), "1000");
        assert_eq!(
            toml::from_str::<Section>("every = 5\nmost = 1").unwrap().every.to_string(),
            "5s"
        );
        let error = toml::from_str::<Section>("every = \"5 moons\"\nmost = 1").unwrap_err();
        assert!(error.to_string().contains("write 500ms, 30s, 5m or 2h"), "{error}");
    }
}
