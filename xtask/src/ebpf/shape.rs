//! What an object is to the kernel and to the loader: its programs and its maps.
//!
//! Two compilers give two sequences of instructions for one source, but never other programs or
//! other maps; so this is what is compared when bytes cannot be. Pure: bytes in, names out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context as _, Result};
use object::{Object as _, ObjectSection as _, ObjectSymbol as _, SectionKind, SymbolKind};

#[derive(Debug, Default, PartialEq)]
pub(super) struct Shape {
    /// `section/function` of each program; the section says what kind it is and where it attaches.
    programs: BTreeSet<String>,
    /// Definition of each map by its name: type, sizes, entries and flags, as the bytes of its
    /// symbol. A map defined through BTF keeps these in its type, so only its name and the number
    /// of its fields are compared.
    maps: BTreeMap<String, Vec<u8>>,
}

impl Shape {
    pub(super) fn of(bytes: &[u8]) -> Result<Self> {
        let elf = object::File::parse(bytes).context("this is no ELF object")?;
        let mut shape = Self::default();
        for symbol in elf.symbols() {
            let Some(section) = symbol.section_index() else { continue };
            let section = elf.section_by_index(section).context("a symbol without its section")?;
            let (name, place) = (symbol.name()?, section.name()?);
            // .text holds functions that programs call, which a compiler may inline or not.
            let is_program = section.kind() == SectionKind::Text && place != ".text";
            let is_map = place == "maps" || place == ".maps" || place.starts_with("maps/");
            if is_program && symbol.kind() == SymbolKind::Text && symbol.is_global() {
                shape.programs.insert(format!("{place}/{name}"));
            } else if is_map && symbol.kind() == SymbolKind::Data {
                let definition = section
                    .data_range(symbol.address(), symbol.size())?
                    .with_context(|| format!("map {name} lies outside its section"))?;
                shape.maps.insert(name.to_owned(), definition.to_owned());
            }
        }
        Ok(shape)
    }

    /// A sentence for each program and map that only one of the two has, or that differs.
    pub(super) fn differences(&self, built: &Self) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(self.programs.difference(&built.programs).map(|p| format!("no program {p}")));
        found.extend(built.programs.difference(&self.programs).map(|p| format!("new program {p}")));
        for (name, definition) in &self.maps {
            match built.maps.get(name) {
                None => found.push(format!("no map {name}")),
                Some(other) if other != definition => {
                    found.push(format!("map {name} is {other:02x?} instead of {definition:02x?}"));
                }
                Some(_) => {}
            }
        }
        let new = built.maps.keys().filter(|name| !self.maps.contains_key(*name));
        found.extend(new.map(|name| format!("new map {name}")));
        found
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} programs and {} maps", self.programs.len(), self.maps.len())
    }
}

/// Names of the sections whose bytes are not the same in both objects.
pub(super) fn differing_sections(left: &[u8], right: &[u8]) -> Result<Vec<String>> {
    let (left, right) = (sections(left)?, sections(right)?);
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    Ok(names.into_iter().filter(|name| left.get(*name) != right.get(*name)).cloned().collect())
}

fn sections(bytes: &[u8]) -> Result<BTreeMap<String, Vec<u8>>> {
    let elf = object::File::parse(bytes).context("this is no ELF object")?;
    elf.sections().map(|s| Ok((s.name()?.to_owned(), s.data()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(programs: &[&str], maps: &[(&str, &[u8])]) -> Shape {
        Shape {
            programs: programs.iter().map(|&name| name.to_owned()).collect(),
            maps: maps.iter().map(|&(name, def)| (name.to_owned(), def.to_owned())).collect(),
        }
    }

    #[test]
    fn every_difference_is_named() {
        let committed =
            shape(&["tracepoint/a", "tracepoint/b"], &[("EVENTS", &[1]), ("OLD", &[2])]);
        let built = shape(&["tracepoint/a", "tracepoint/c"], &[("EVENTS", &[3]), ("NEW", &[2])]);
        assert_eq!(
            committed.differences(&built),
            [
                "no program tracepoint/b",
                "new program tracepoint/c",
                "map EVENTS is [03] instead of [01]",
                "no map OLD",
                "new map NEW"
            ]
        );
        assert!(built.differences(&built).is_empty());
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(Shape::of(b"not an object").is_err());
    }
}
