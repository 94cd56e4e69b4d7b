//! How single values print: as words where the kernel has names for them. All of them stream into
//! the serializer; none allocates for what it knows.

use std::{borrow::Cow, fmt::Display};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer, ser::SerializeSeq};

/// Names of numbers, or of bits.
pub(super) type Names = [(u32, &'static str)];

/// Gives a type that prints as something else a schema of its own, written in place.
macro_rules! schema {
    ($type:ty, $name:literal, $($json:tt)+) => {
        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($($json)+)
            }
        }
    };
}
pub(in crate::output) use schema;

/// A number in hexadecimal: addresses do not fit the numbers of every reader of JSON.
#[derive(Clone, Copy)]
pub(super) struct Hex(pub u64);

schema!(Hex, "Hex", { "type": "string", "pattern": "^0x[0-9a-f]+$" });

impl Serialize for Hex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

/// Names of the bits that are set; what has no name is one hexadecimal string.
pub(super) struct Flags {
    first: Option<&'static str>,
    bits: u32,
    names: &'static Names,
}

impl Flags {
    pub(super) fn new(bits: u64, names: &'static Names) -> Self {
        Self { first: None, bits: bits as u32, names }
    }

    /// With a word in front that no bit stands for.
    pub(super) fn after(first: &'static str, bits: u32, names: &'static Names) -> Self {
        Self { first: Some(first), bits, names }
    }
}

schema!(Flags, "Flags", { "type": "array", "items": { "type": "string" } });

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        if let Some(first) = self.first {
            list.serialize_element(first)?;
        }
        let mut rest = self.bits;
        for (bit, name) in self.names {
            if rest & bit != 0 {
                list.serialize_element(name)?;
                rest &= !bit;
            }
        }
        if rest != 0 {
            list.serialize_element(&Hex(rest.into()))?;
        }
        list.end()
    }
}

/// The name of a number; the number itself, as text, where it has none.
pub(super) struct Word {
    number: i32,
    names: &'static Names,
}

impl Word {
    pub(super) fn new(number: u64, names: &'static Names) -> Self {
        Self { number: number as i32, names }
    }
}

schema!(Word, "Word", { "type": "string" });

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = self.names.iter().find(|(number, _)| *number == self.number as u32);
        match named {
            Some((_, name)) => serializer.serialize_str(name),
            None => serializer.collect_str(&self.number),
        }
    }
}

/// What may be done with a mapping: `rw-`, and bits without a letter behind it.
pub(super) struct Protection(pub u32);

schema!(Protection, "Protection", { "type": "string", "pattern": "^[r-][w-][x-](\\+0x[0-9a-f]+)?$" });

impl Serialize for Protection {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        const LETTERS: [&str; 8] = ["---", "r--", "-w-", "rw-", "--x", "r-x", "-wx", "rwx"];
        let letters = LETTERS[(self.0 & 7) as usize];
        match self.0 & !7 {
            0 => serializer.serialize_str(letters),
            rest => serializer.collect_str(&format_args!("{letters}+{rest:#x}")),
        }
    }
}

/// An address and a port, as `127.0.0.1:80` or `[::1]:80`.
pub(super) struct Endpoint<T>(pub T);

impl<T> JsonSchema for Endpoint<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Endpoint".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": ":[0-9]+$" })
    }
}

impl<T: Display> Serialize for Endpoint<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// What a process shares with another.
#[derive(Default)]
pub(super) struct Shares {
    pub(super) memory: bool,
    pub(super) descriptors: bool,
}

schema!(Shares, "Shares", {
    "type": "array",
    "items": { "type": "string", "enum": ["memory", "descriptors"] },
});

impl Serialize for Shares {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let words = [(self.memory, "memory"), (self.descriptors, "descriptors")];
        serializer.collect_seq(words.iter().filter(|(is_shared, _)| *is_shared).map(|word| word.1))
    }
}

/// A call stack: return addresses, innermost first.
#[derive(Clone, Copy)]
pub(super) struct Frames<'a>(pub &'a [u64]);

schema!(Frames<'_>, "Frames", {
    "type": "array",
    "items": { "type": "string", "pattern": "^0x[0-9a-f]+$" },
});

impl Serialize for Frames<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|&frame| Hex(frame)))
    }
}

/// The errno in what a call returned.
pub(super) fn errno(result: i64) -> Option<u16> {
    (-4095..0).contains(&result).then_some(-result as u16)
}

/// How a call ended.
#[derive(Serialize, JsonSchema)]
pub(super) struct Outcome {
    /// 0, or the descriptor or id that was made; null where the call failed.
    result: Option<i64>,
    /// Why it failed.
    errno: Option<u16>,
}

impl Outcome {
    /// Of a call that returns 0 or a descriptor or id.
    pub(super) fn of(result: i64) -> Self {
        let errno = errno(result);
        Self { result: errno.is_none().then_some(result), errno }
    }

    /// Of a call that returns something else, as an address; `made` is what it is to be known by.
    pub(super) fn made(result: i64, made: i64) -> Self {
        let errno = errno(result);
        Self { result: errno.is_none().then_some(made), errno }
    }
}

/// How a call that acquires something ended, and where it was called from.
#[derive(Serialize, JsonSchema)]
pub(super) struct Acquired<'a> {
    #[serde(flatten)]
    outcome: Outcome,
    /// The call stack where one was taken: return addresses, innermost first.
    stack: Option<Frames<'a>>,
}

impl<'a> Acquired<'a> {
    pub(super) fn new(outcome: Outcome, stack: Option<&'a [u64]>) -> Self {
        Self { outcome, stack: stack.map(Frames) }
    }
}

/// Two descriptors in one number, the second in the upper half; `None` where the call failed.
pub(super) fn pair(descriptors: u64, result: i64) -> Option<[i32; 2]> {
    errno(result).is_none().then_some([descriptors as i32, (descriptors >> 32) as i32])
}

/// The descriptor or id a call made; `None` where it failed.
pub(super) fn made(result: i64) -> Option<i32> {
    errno(result).is_none().then_some(result as i32)
}
