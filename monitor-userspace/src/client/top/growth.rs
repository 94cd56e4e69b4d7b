//! How fast the memory of each process moved while it was looked at: between the oldest look that is kept and
//! the newest.

use std::collections::{HashMap, VecDeque};

use super::frame::Frame;

/// Looks are kept so many seconds apart, and so many of them: five minutes.
const APART: f64 = 5.0;
const KEPT: usize = 61;
/// Less says nothing.
const LEAST_SECONDS: f64 = 4.0;

/// What was seen of each process, by its pid and its start.
#[derive(Debug, Default)]
pub(super) struct Growths(HashMap<(u64, String), VecDeque<(f64, f64)>>);

impl Growths {
    /// Takes a look at `at` seconds and fills in how fast each process grows.
    pub(super) fn look(&mut self, at: f64, frame: &mut Frame) {
        let mut seen = HashMap::with_capacity(frame.rows.len());
        for row in &mut frame.rows {
            let Some(memory) = row.memory_bytes else { continue };
            let key = (row.pid, row.start_time.clone());
            let mut looks = self.0.remove(&key).unwrap_or_default();
            if let Some(&(first_at, first)) = looks.front()
                && at - first_at >= LEAST_SECONDS
            {
                row.growth_per_min = Some((memory - first) / (at - first_at) * 60.0);
            }
            if looks.back().is_none_or(|(last_at, _)| at - last_at >= APART) {
                looks.push_back((at, memory));
                if looks.len() > KEPT {
                    looks.pop_front();
                }
            }
            seen.insert(key, looks);
        }
        // Whoever is gone is forgotten.
        self.0 = seen;
    }
}
