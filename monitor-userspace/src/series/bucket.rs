//! A bucket while it gathers samples, and as it is read back. Owned by `level`.

/// A closed bucket, in the unit of the samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// Start of the bucket, ns since boot.
    pub start_ns: u64,
    /// Smallest sample, rounded down to the quantum.
    pub floor: f64,
    /// Mean sample; kept to three digits of its distance from the floor.
    pub mean: f64,
    /// Largest sample; same precision.
    pub max: f64,
    /// Mean of the load per sample; three digits.
    pub load: f64,
}

/// A bucket that still gathers. Small, because each level of each series holds one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    sum: f64,
    floor: f32,
    max: f32,
    load: f32,
    known: u32,
    missed: u32,
}

impl Open {
    pub(super) const EMPTY: Self = Self {
        sum: 0.0,
        floor: f32::INFINITY,
        max: f32::NEG_INFINITY,
        load: 0.0,
        known: 0,
        missed: 0,
    };

    /// Takes a value that stood for `times` samples.
    pub(super) fn add(&mut self, floor: f64, value: f64, load: f64, times: u32) {
        self.sum += value * f64::from(times);
        self.floor = self.floor.min(floor as f32);
        self.max = self.max.max(value as f32);
        if load.is_finite() {
            self.load += load as f32;
        }
        self.known = self.known.saturating_add(times);
    }

    pub(super) fn miss(&mut self) {
        self.missed = self.missed.saturating_add(1);
    }

    pub(super) fn merge(&mut self, child: &Self) {
        self.sum += child.sum;
        self.floor = self.floor.min(child.floor);
        self.max = self.max.max(child.max);
        self.load += child.load;
        self.known = self.known.saturating_add(child.known);
        self.missed = self.missed.saturating_add(child.missed);
    }

    /// Does this bucket say nothing? One of the finest level may miss no sample (`strict`); for a
    /// longer one, which would otherwise die of a single failed read in hours, half is enough.
    pub(super) const fn is_void(&self, strict: bool) -> bool {
        self.known == 0 || (strict && self.missed > 0) || self.missed >= self.known
    }

    pub(super) const fn floor(&self) -> f32 {
        self.floor
    }

    /// (mean − floor, max − floor, mean load), the way a ring stores them.
    pub(super) fn excess(&self) -> [u16; 3] {
        let known = f64::from(self.known.max(1));
        let mean = (self.sum / known) as f32 - self.floor;
        [to_bf16(mean.max(0.0)), to_bf16(self.max - self.floor), to_bf16(self.load / known as f32)]
    }
}

/// The upper half of an `f32`, rounded to nearest.
fn to_bf16(value: f32) -> u16 {
    let value = if value.is_finite() { value } else { 0.0 };
    ((value.to_bits() + 0x7fff) >> 16) as u16
}

pub(super) fn from_bf16(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}
