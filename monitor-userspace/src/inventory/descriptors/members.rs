//! The open files of one kind that a process holds, one by one.

use std::collections::BTreeMap;

use super::{Object, ObjectId, Tables};
use crate::event::DescriptorKind;

/// An open file that a process holds.
#[derive(Clone, Copy, Debug)]
pub struct Held<'a> {
    /// One of its descriptors.
    pub fd: u32,
    /// Its place, which is another's once it is gone.
    pub place: u32,
    /// What is known of it.
    pub object: &'a Object,
}

impl Tables {
    /// The open files of a kind in the table /proc shows for a process, each once, by their places.
    pub fn held(&self, pid: u32, kind: DescriptorKind) -> impl Iterator<Item = Held<'_>> {
        let mut places: BTreeMap<ObjectId, u32> = BTreeMap::new();
        for (&fd, &place) in self.of(pid).into_iter().flat_map(|table| &table.open) {
            if self.objects().get(place).is_some_and(|object| object.kind == kind) {
                places.entry(place).or_insert(fd);
            }
        }
        places.into_iter().filter_map(|(place, fd)| {
            let object = self.objects().get(place)?;
            Some(Held { fd, place, object })
        })
    }
}
