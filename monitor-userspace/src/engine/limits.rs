//! Which limits growth runs into.

use super::Engine;
use crate::rule::Signal;

/// A limit on the way of a signal, in its unit.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Its name, for a person.
    pub name: String,
    /// Where it is.
    pub value: f64,
    /// How much of it is used.
    pub held: f64,
}

impl Engine {
    /// The limits of a signal of a process that are known.
    pub(super) fn limits_of(&self, _pid: u32, signal: Signal) -> Vec<Limit> {
        let mut limits = Vec::new();
        if signal == Signal::Touched
            && let Some(host) = &self.host
        {
            // What all that grows shares.
            let value = (host.mem_total_bytes + host.swap_total_bytes) as f64;
            let free = (host.mem_available_bytes + host.swap_free_bytes) as f64;
            limits.push(Limit { name: "host memory".to_owned(), value, held: value - free });
        }
        limits
    }
}
