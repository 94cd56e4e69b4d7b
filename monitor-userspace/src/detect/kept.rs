//! Looks of one length, in fixed room.
//!
//! What walks the heap spoils single looks, so of each block of looks the quietest is kept; when there are
//! too many, blocks are joined and grow.

use super::use_slope::Look;

/// Looks that are kept, thinned when there are more.
const KEPT: usize = 16;

/// The quietest look of each block, oldest first.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    blocks: Vec<Look>,
    /// The quietest of the block that is not full yet, and how many looks are in it.
    pending: (Look, u32),
    /// Looks of a block.
    block: u32,
}

impl Kept {
    /// No look yet; so many make the first block.
    pub(super) const fn new(block: u32) -> Self {
        let none = Look { at_ns: 0, held: 0.0, touched: 0.0, is_saturated: false };
        Self { blocks: Vec::new(), pending: (none, 0), block }
    }

    pub(super) fn add(&mut self, look: Look) {
        let (quietest, count) = self.pending;
        let quietest = if count == 0 { look } else { quieter(quietest, look) };
        self.pending = (quietest, count + 1);
        if count + 1 < self.block {
            return;
        }
        self.pending.1 = 0;
        if self.blocks.len() == KEPT {
            let pairs = self.blocks.chunks(2).map(|pair| quieter(pair[0], pair[pair.len() - 1]));
            self.blocks = pairs.collect();
            self.block *= 2;
        }
        self.blocks.push(quietest);
    }

    /// Those since then.
    pub(super) fn since(&self, since_ns: u64) -> Vec<Look> {
        self.blocks.iter().filter(|look| look.at_ns >= since_ns).copied().collect()
    }

    /// Bytes it has on the heap.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.blocks.capacity() * size_of::<Look>()
    }
}

fn share(look: Look) -> f64 {
    f64::from(look.touched) / f64::from(look.held).max(1.0)
}

fn quieter(a: Look, b: Look) -> Look {
    if share(a) <= share(b) { a } else { b }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at_ns: u64, touched: f32) -> Look {
        Look { at_ns, held: 1e8, touched, is_saturated: true }
    }

    #[test]
    fn the_quietest_of_a_block_is_kept_and_many_take_no_more_room() {
        let mut kept = Kept::new(2);
        for at in 0..1000 {
            // Each third look is spoiled: never two in a row.
            kept.add(look(at, if at % 3 == 0 { 9e7 } else { 1e6 }));
        }
        let all = kept.since(0);
        assert!(all.len() <= KEPT && all.iter().all(|look| look.touched < 2e6), "{all:?}");
        assert!(kept.heap_bytes() <= 2 * KEPT * size_of::<Look>());
        assert!(kept.since(900).len() < all.len());
    }
}
