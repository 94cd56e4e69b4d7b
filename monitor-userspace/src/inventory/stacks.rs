//! Call stacks, each kept once under a number.

use rustc_hash::FxHashMap;

/// Call stacks by number; 0 stands for none.
#[derive(Debug, Default)]
pub struct Stacks {
    ids: FxHashMap<Box<[u64]>, u32>,
    refused: u64,
}

impl Stacks {
    /// Different stacks that are kept: at most 5 MiB. Later ones have no number.
    pub const CAP: usize = 16_384;

    /// The number of a stack: return addresses, innermost first.
    pub fn number(&mut self, frames: &[u64]) -> u32 {
        if let Some(&id) = self.ids.get(frames) {
            return id;
        }
        if self.ids.len() >= Self::CAP {
            self.refused += 1;
            return 0;
        }
        let id = self.ids.len() as u32 + 1;
        self.ids.insert(frames.into(), id);
        id
    }

    /// How many stacks found no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_has_one_number_and_a_full_table_counts_instead_of_growing() {
        let mut stacks = Stacks::default();
        assert_eq!(stacks.number(&[1, 2]), stacks.number(&[1, 2]));
        assert_ne!(stacks.number(&[1, 2]), stacks.number(&[1]));
        for at in 0..Stacks::CAP as u64 {
            stacks.number(&[at, at]);
        }
        assert_eq!((stacks.number(&[9, 9, 9]), stacks.refused()), (0, 3));
    }
}
