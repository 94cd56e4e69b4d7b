//! Words of a vocabulary that are read back from what an agent wrote: this one or another version.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize as _, Deserializer};

/// Words that are remembered; there are some fifty. What claims to be more is no vocabulary.
const MOST: usize = 1024;

/// A word from the code. Under this name, because serde takes a `&str` for something borrowed from what
/// it reads.
pub(super) type Word = &'static str;

static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

/// A word, for a field that has its words from the code.
pub(super) fn word<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
    String::deserialize(from).map(known)
}

/// The same where there may be none.
pub(super) fn maybe<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'static str>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(known))
}

fn known(word: String) -> &'static str {
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = words.get(word.as_str()) {
        return known;
    }
    if words.len() == MOST {
        return "unknown";
    }
    let word: &'static str = Box::leak(word.into_boxed_str());
    words.insert(word);
    word
}
