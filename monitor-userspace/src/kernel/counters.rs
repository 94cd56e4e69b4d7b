//! Reads what the programs count per CPU, as sums.

use aya::maps::{Map, MapData, MapError, PerCpuArray};
use monitor_common::Counter;

/// The programs' counters.
pub struct Counters {
    array: PerCpuArray<MapData, u64>,
}

impl Counters {
    pub(super) fn new(map: Map) -> Result<Self, MapError> {
        Ok(Self { array: PerCpuArray::try_from(map)? })
    }

    /// The counter's value since loading, over all CPUs.
    pub fn total(&self, counter: Counter) -> Result<u64, MapError> {
        Ok(self.array.get(&counter.index(), 0)?.iter().sum())
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counters")
    }
}
