//! One time scale of a series: the bucket that gathers and the ring of closed ones.
//!
//! Positions count closed buckets from the creation of the level (0, 1, 2 …) and never repeat; a
//! void bucket has a position and a floor of NaN. Owned by `Series`, read through [`LevelView`].

use super::bucket::{Bucket, Open, from_bf16};
use super::{FLOORS, MIN_KNOWN, WINDOW, bucket_ns};

#[derive(Clone, Debug)]
pub(super) struct Level {
    /// Bucket being gathered: its start divided by the length of a bucket.
    index: u64,
    pub(super) open: Open,
    ring: Option<Box<Ring>>,
}

#[derive(Clone, Debug)]
struct Ring {
    floors: [f32; FLOORS],
    /// (mean − floor, max − floor, load) as bf16.
    excess: [[u16; 3]; WINDOW],
    closed: u32,
    /// Buckets within the window that are not void.
    known: u32,
}

impl Level {
    pub(super) const fn new(index: u64) -> Self {
        Self { index, open: Open::EMPTY, ring: None }
    }

    pub(super) const fn index(&self) -> u64 {
        self.index
    }

    pub(super) fn ring_bytes(&self) -> usize {
        if self.ring.is_some() { size_of::<Ring>() } else { 0 }
    }

    /// Closes the gathering bucket and moves `gap` > 0 buckets on. Returns what the closed bucket
    /// adds to the level above. Where the value was `held` the buckets passed over have it;
    /// otherwise they are void.
    pub(super) fn close(&mut self, gap: u64, held: Option<(f64, f64)>, strict: bool) -> Open {
        let mut between = Open::EMPTY;
        if let Some((floor, value)) = held {
            self.open.add(floor, value, 0.0, 1);
            between.add(floor, value, 0.0, 1);
        }
        let done = std::mem::replace(&mut self.open, Open::EMPTY);
        let ring = self.ring.get_or_insert_with(Ring::empty);
        ring.push(&done, strict);
        let skipped = gap - 1;
        let written = skipped.min(FLOORS as u64);
        ring.closed = ring.closed.saturating_add((skipped - written) as u32);
        for _ in 0..written {
            ring.push(&between, strict);
        }
        if skipped > 0 {
            ring.recount();
        }
        self.index += gap;
        done
    }

    pub(super) fn view(&self, level: usize) -> Option<LevelView<'_>> {
        Some(LevelView { level, index: self.index, ring: self.ring.as_deref()? })
    }
}

impl Ring {
    fn empty() -> Box<Self> {
        Box::new(Self { floors: [f32::NAN; FLOORS], excess: [[0; 3]; WINDOW], closed: 0, known: 0 })
    }

    fn push(&mut self, bucket: &Open, strict: bool) {
        let slot = self.closed as usize;
        let leaving = self.floors[(slot + FLOORS - WINDOW) % FLOORS];
        let void = bucket.is_void(strict);
        let floor = if void { f32::NAN } else { bucket.floor() };
        self.floors[slot % FLOORS] = floor;
        self.excess[slot % WINDOW] = if void { [0; 3] } else { bucket.excess() };
        self.closed = self.closed.saturating_add(1);
        self.known += u32::from(!floor.is_nan());
        self.known -= u32::from(!leaving.is_nan());
    }

    /// Counts anew after positions were passed over, when slots and positions disagreed a while.
    fn recount(&mut self) {
        let newest = self.closed as usize;
        self.known = (newest.saturating_sub(WINDOW)..newest)
            .filter(|position| !self.floors[position % FLOORS].is_nan())
            .count() as u32;
    }
}

/// Read access to the closed buckets of one level.
#[derive(Clone, Copy, Debug)]
pub struct LevelView<'a> {
    level: usize,
    index: u64,
    ring: &'a Ring,
}

impl LevelView<'_> {
    /// Length of a bucket, ns.
    pub const fn bucket_ns(&self) -> u64 {
        bucket_ns(self.level)
    }

    /// Buckets ever closed; the newest has position `closed() - 1`.
    pub const fn closed(&self) -> u32 {
        self.ring.closed
    }

    /// Has the window enough known floors to be judged?
    pub const fn can_judge(&self) -> bool {
        self.ring.known as usize >= MIN_KNOWN
    }

    /// Buckets within the window whose floor is known.
    pub const fn known(&self) -> u32 {
        self.ring.known
    }

    /// Start of the bucket at `position`, ns since boot.
    pub const fn start_ns(&self, position: u32) -> u64 {
        // The bucket being gathered has index `index` and position `closed`.
        let back = self.ring.closed.saturating_sub(position) as u64;
        self.index.saturating_sub(back) * self.bucket_ns()
    }

    /// First position whose floor is still held (64 at most are).
    pub fn first_held(&self) -> u32 {
        self.ring.closed.saturating_sub(FLOORS as u32)
    }

    /// First position of the window (32 buckets at most).
    pub fn first_in_window(&self) -> u32 {
        self.ring.closed.saturating_sub(WINDOW as u32)
    }

    /// Floor at `position`; `None` where it is void, not closed yet or no longer held.
    pub fn floor(&self, position: u32) -> Option<f64> {
        if position < self.first_held() || position >= self.ring.closed {
            return None;
        }
        let floor = self.ring.floors[position as usize % FLOORS];
        (!floor.is_nan()).then(|| f64::from(floor))
    }

    /// Everything about the bucket at `position`; `None` where it is void or out of the window.
    pub fn bucket(&self, position: u32) -> Option<Bucket> {
        if position < self.first_in_window() {
            return None;
        }
        let floor = self.floor(position)?;
        let [mean, max, load] = self.ring.excess[position as usize % WINDOW].map(from_bf16);
        let start_ns = self.start_ns(position);
        Some(Bucket { start_ns, floor, mean: floor + mean, max: floor + max, load })
    }

    /// The known buckets of the window, oldest first.
    pub fn buckets(&self) -> impl Iterator<Item = Bucket> {
        (self.first_in_window()..self.closed()).filter_map(|position| self.bucket(position))
    }
}
