//! The ranges one address space holds, each with its class and birth, and their totals by class.

use std::collections::{BTreeMap, BTreeSet};

use super::packed::{GRAIN, Packed};
use crate::event::{MappingClass, Reconcile};

/// A live range; its start is its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// First address after it.
    pub end: u64,
    /// When it was made, in nanoseconds since boot, to the [step](Self::BIRTH_STEP_NS); for ranges
    /// that were read, when that was.
    pub born_ns: u64,
    /// Its class.
    pub class: MappingClass,
    /// Where it came from, as far as that matters.
    pub origin: Origin,
}

/// Where a range came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nothing known, or nothing that matters.
    #[default]
    Unknown,
    /// The call stack with this number made it.
    Stack(u32),
    /// shmat attached the System V segment with this id.
    Segment(i32),
    /// io_setup made it.
    Aio,
}

impl Origin {
    /// Whether a call that names only its start takes it away whole.
    pub fn is_detachable(self) -> bool {
        matches!(self, Self::Segment(_) | Self::Aio)
    }
}

/// Bytes held, by class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    by_class: [u64; MappingClass::ALL.len()],
}

impl Totals {
    /// Bytes of one class.
    pub fn get(&self, class: MappingClass) -> u64 {
        self.by_class[class as usize]
    }

    /// Bytes of all classes.
    pub fn all(&self) -> u64 {
        self.by_class.iter().sum()
    }

    /// Those of a reading.
    pub fn of_reading(reading: &Reconcile) -> Self {
        let mut totals = Self::default();
        for range in &reading.ranges {
            totals.add(range.2, range.1.saturating_sub(range.0));
        }
        totals
    }

    fn add(&mut self, class: MappingClass, bytes: u64) {
        self.by_class[class as usize] += bytes;
    }

    fn sub(&mut self, class: MappingClass, bytes: u64) {
        self.by_class[class as usize] -= bytes;
    }
}

/// Disjoint ranges in address order. Neighbours are kept apart, so that each keeps its birth,
/// until there are more than [`Mappings::FOLD_ABOVE`]; then neighbours of one class are joined,
/// as the kernel joins its own, so the number stays within the kernel's `vm.max_map_count`.
#[derive(Clone, Debug, Default)]
pub struct Mappings {
    ranges: BTreeMap<u64, Packed>,
    totals: Totals,
    fold_at: usize,
}

impl Mappings {
    /// Ranges a process may hold before neighbours are joined.
    pub const FOLD_ABOVE: usize = 65_536;

    /// Bytes held, by class.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// How many ranges are kept.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether nothing is held.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// All ranges in address order: start and mapping.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Mapping)> + '_ {
        self.ranges.iter().map(|(&start, range)| (start, range.unpack()))
    }

    /// Puts a range in, replacing what it covers; says how many bytes it replaced.
    /// Empty and inverted ranges do nothing.
    pub fn insert(&mut self, start: u64, end: u64, class: MappingClass, born_ns: u64) -> u64 {
        self.insert_from(start, end, class, born_ns, Origin::Unknown)
    }

    /// The same, with where the range came from.
    pub fn insert_from(
        &mut self,
        start: u64,
        end: u64,
        class: MappingClass,
        born_ns: u64,
        origin: Origin,
    ) -> u64 {
        let (start, end) = whole_pages(start, end);
        if start >= end {
            return 0;
        }
        let replaced = self.remove(start, end);
        self.put(start, Mapping { end, born_ns, class, origin });
        if self.ranges.len() > self.fold_at.max(Self::FOLD_ABOVE) {
            self.fold();
        }
        replaced
    }

    /// Takes a range out, splitting what it cuts; says how many bytes were held in it.
    pub fn remove(&mut self, start: u64, end: u64) -> u64 {
        let mut removed = 0;
        let (start, end) = whole_pages(start, end);
        if start >= end {
            return 0;
        }
        if let Some((_, before)) = self.ranges.range_mut(..start).next_back()
            && before.end() > start
        {
            let cut = *before;
            *before = cut.until(start);
            let gone = cut.end().min(end) - start;
            self.totals.sub(cut.class(), gone);
            removed += gone;
            if cut.end() > end {
                // The rest beyond the hole was counted all along.
                self.ranges.insert(end, cut);
                return removed;
            }
        }
        while let Some((&at, &mapping)) = self.ranges.range(start..end).next() {
            self.ranges.remove(&at);
            let gone = mapping.end().min(end) - at;
            self.totals.sub(mapping.class(), gone);
            removed += gone;
            if mapping.end() > end {
                self.ranges.insert(end, mapping);
                break;
            }
        }
        removed
    }

    /// Takes out what one call put in at `start` and whose length its release does not say: the
    /// adjoining ranges of the same origin. Nothing where no such range starts there.
    pub fn detach(&mut self, start: u64) -> u64 {
        let Some(origin) = self.ranges.get(&start).map(|range| range.origin()) else { return 0 };
        if !origin.is_detachable() {
            return 0;
        }
        let mut end = start;
        while let Some(next) = self.ranges.get(&end).filter(|next| next.origin() == origin) {
            end = next.end();
        }
        self.remove(start, end)
    }

    /// Which System V segments are attached.
    pub fn segments(&self) -> BTreeSet<i32> {
        if self.totals.get(MappingClass::Shared) == 0 {
            return BTreeSet::new();
        }
        let ids = self.ranges.values().filter_map(|range| match range.origin() {
            Origin::Segment(id) => Some(id),
            _ => None,
        });
        ids.collect()
    }

    /// Whether anything is held in a range.
    pub fn overlaps(&self, start: u64, end: u64) -> bool {
        self.ranges.range(..end).next_back().is_some_and(|(_, range)| range.end() > start)
    }

    /// What is held in a range, cut to it: start and mapping.
    pub fn slice(&self, start: u64, end: u64) -> Vec<(u64, Mapping)> {
        let before =
            self.ranges.range(..start).next_back().filter(|(_, range)| range.end() > start);
        before
            .into_iter()
            .chain(self.ranges.range(start..end.max(start)))
            .map(|(&at, range)| {
                let mapping = range.unpack();
                (at.max(start), Mapping { end: mapping.end.min(end), ..mapping })
            })
            .collect()
    }

    /// Bytes on which two sets disagree: held in one only, or in both by different classes (which
    /// counts once).
    pub fn difference_bytes(&self, other: &Self) -> u64 {
        let mut edges: Vec<u64> =
            self.iter().chain(other.iter()).flat_map(|(start, m)| [start, m.end]).collect();
        edges.sort_unstable();
        edges.dedup();
        let (mut mine, mut theirs) = (Cursor::new(self), Cursor::new(other));
        edges
            .windows(2)
            .filter(|edge| mine.class_at(edge[0]) != theirs.class_at(edge[0]))
            .map(|edge| edge[1] - edge[0])
            .sum()
    }

    fn put(&mut self, start: u64, mapping: Mapping) {
        self.totals.add(mapping.class, mapping.end - start);
        self.ranges.insert(start, Packed::new(mapping));
    }

    /// Bytes of memory a range takes at most: key and value in tree nodes that are half full, as
    /// ranges that come in the order of their addresses leave them.
    pub const RANGE_BYTES: usize = 56;

    /// Joins neighbours of one class now; see [`Self::FOLD_ABOVE`]. Says how many were joined.
    pub fn join_neighbours(&mut self) -> usize {
        let before = self.ranges.len();
        self.fold();
        before - self.ranges.len()
    }

    /// Joins neighbours of one class; the older birth stays. Runs again only after as many ranges
    /// more, so that a space of many scattered ranges does not pay for it on each insert.
    fn fold(&mut self) {
        let mut folded: Vec<(u64, Mapping)> = Vec::with_capacity(self.ranges.len());
        for (start, mapping) in self.iter() {
            match folded.last_mut() {
                Some((_, last))
                    if last.end == start
                        && last.class == mapping.class
                        && !last.origin.is_detachable()
                        && !mapping.origin.is_detachable() =>
                {
                    last.end = mapping.end;
                    last.origin = Origin::Unknown;
                    last.born_ns = last.born_ns.min(mapping.born_ns);
                }
                _ => folded.push((start, mapping)),
            }
        }
        self.fold_at = folded.len() + Self::FOLD_ABOVE;
        self.ranges =
            folded.into_iter().map(|(start, mapping)| (start, Packed::new(mapping))).collect();
    }
}

/// The pages that a range touches: the kernel gives and takes whole ones only.
fn whole_pages(start: u64, end: u64) -> (u64, u64) {
    let last = end.checked_next_multiple_of(GRAIN).unwrap_or(!(GRAIN - 1));
    if start >= end { (start, end) } else { (start & !(GRAIN - 1), last) }
}

/// Looks classes up at rising addresses.
struct Cursor<'a> {
    rest: std::iter::Peekable<std::collections::btree_map::Iter<'a, u64, Packed>>,
}

impl<'a> Cursor<'a> {
    fn new(mappings: &'a Mappings) -> Self {
        Self { rest: mappings.ranges.iter().peekable() }
    }

    fn class_at(&mut self, address: u64) -> Option<MappingClass> {
        while self.rest.next_if(|(_, range)| range.end() <= address).is_some() {}
        self.rest.peek().filter(|(start, _)| **start <= address).map(|(_, range)| range.class())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One page is one slot: the model everything must agree with.
    #[derive(Clone)]
    struct Naive([Option<MappingClass>; PAGES]);
    const PAGES: usize = 96;
    const PAGE: u64 = 4096;

    impl Naive {
        fn fill(&mut self, start: usize, end: usize, with: Option<MappingClass>) -> u64 {
            let slots = &mut self.0[start..end.max(start)];
            let held = slots.iter().flatten().count() as u64;
            slots.fill(with);
            held * PAGE
        }

        fn total(&self, class: MappingClass) -> u64 {
            self.0.iter().filter(|slot| **slot == Some(class)).count() as u64 * PAGE
        }
    }

    fn class() -> impl Strategy<Value = MappingClass> {
        proptest::sample::select(&MappingClass::ALL[..])
    }

    type Step = (usize, usize, Option<MappingClass>);

    fn steps(count: usize) -> impl Strategy<Value = Vec<Step>> {
        let page = 0..PAGES;
        proptest::collection::vec((page.clone(), page, proptest::option::of(class())), count)
    }

    fn run(steps: &[Step]) -> (Mappings, Naive) {
        let (mut real, mut naive) = (Mappings::default(), Naive([None; PAGES]));
        for (step, &(start, end, class)) in steps.iter().enumerate() {
            let (from, to) = (start as u64 * PAGE, end as u64 * PAGE);
            let did = match class {
                Some(class) => real.insert(from, to, class, step as u64),
                None => real.remove(from, to),
            };
            assert_eq!(did, naive.fill(start, end, class), "step {step}");
        }
        (real, naive)
    }

    fn check(real: &Mappings, naive: &Naive) {
        for class in MappingClass::ALL {
            assert_eq!(real.totals().get(class), naive.total(class));
        }
        let mut last_end = 0;
        for (start, mapping) in real.iter() {
            assert!(start >= last_end && mapping.end > start, "overlap or empty at {start:#x}");
            last_end = mapping.end;
        }
        for page in 0..PAGES {
            let at = page as u64 * PAGE;
            let slice = real.slice(at, at + PAGE);
            let class = slice.first().map(|(_, mapping)| mapping.class);
            assert_eq!(class, naive.0[page], "page {page}");
            let is_cut = slice.iter().all(|(start, m)| (*start, m.end) == (at, at + PAGE));
            assert!(is_cut, "page {page}: {slice:?}");
            assert_eq!(real.overlaps(at, at + PAGE), naive.0[page].is_some());
        }
    }

    /// So many ranges of a page each, `stride` pages apart.
    fn many(count: usize, stride: u64) -> Mappings {
        let mut mappings = Mappings::default();
        for at in (0..count as u64).map(|index| index * stride * PAGE) {
            mappings.insert(at, at + PAGE, MappingClass::File, (at + 1) * Mapping::BIRTH_STEP_NS);
        }
        mappings
    }

    #[test]
    fn too_many_neighbours_are_joined_and_keep_the_older_birth() {
        assert_eq!(many(Mappings::FOLD_ABOVE, 1).len(), Mappings::FOLD_ABOVE);
        let folded: Vec<_> = many(Mappings::FOLD_ABOVE + 1, 1).iter().collect();
        assert_eq!(folded.len(), 1);
        assert_eq!((folded[0].0, folded[0].1.born_ns), (0, Mapping::BIRTH_STEP_NS));
    }

    #[test]
    fn a_space_of_scattered_ranges_is_not_folded_on_each_insert() {
        let mut scattered = many(Mappings::FOLD_ABOVE + 1, 2);
        let before = scattered.len();
        assert_eq!(before, Mappings::FOLD_ABOVE + 1);
        scattered.insert(PAGE, 2 * PAGE, MappingClass::File, 9);
        assert_eq!(scattered.len(), before + 1, "its neighbours were joined at once");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn thousands_of_operations_agree_with_one_slot_a_page(steps in steps(2_000)) {
            let (real, naive) = run(&steps);
            check(&real, &naive);
        }

        #[test]
        fn folding_changes_neither_ranges_nor_totals(steps in steps(200)) {
            let (mut real, naive) = run(&steps);
            let before = real.totals();
            real.fold();
            prop_assert_eq!(before, real.totals());
            check(&real, &naive);
        }

        #[test]
        fn difference_counts_pages_that_disagree(a in steps(60), b in steps(60)) {
            let ((a, slots_a), (b, slots_b)) = (run(&a), run(&b));
            let differ = slots_a.0.iter().zip(&slots_b.0).filter(|(x, y)| x != y).count() as u64;
            prop_assert_eq!(a.difference_bytes(&b), differ * PAGE);
            prop_assert_eq!(a.difference_bytes(&a), 0);
        }
    }
}
