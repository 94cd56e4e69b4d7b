//! Deterministic series for the tests of this folder.

use super::stats::splitmix64;

pub(super) const MIB: f64 = 1_048_576.0;

/// A counter hashed: small, seedable, the same everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(splitmix64(seed ^ 0x5eed))
    }

    /// Uniform in (0, 1).
    pub(super) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(1);
        ((splitmix64(self.0) >> 11) as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Uniform in (-1, 1).
    pub(super) fn around(&mut self) -> f64 {
        2.0 * self.unit() - 1.0
    }

    /// Standard normal, by Box and Muller.
    pub(super) fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }
}
