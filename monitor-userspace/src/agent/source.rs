//! The kernel side of a live run: its ring, its counters, its log.

use anyhow::{Context as _, Result};
use monitor_common::Counter;

use crate::{
    event::{Family, Loss},
    kernel::{Counters, Kernel, LogPump, Ring},
};

/// Records left out at most when the kernel side is taken over: more than the ring holds, but not
/// without end.
const BACKLOG: usize = 131_072;

/// The kernel side of a pump.
pub(super) struct Source {
    pub(super) kernel: Kernel,
    pub(super) ring: Ring,
    counters: Counters,
    pub(super) log: Option<LogPump>,
    reported: Loss,
}

impl Source {
    /// Takes over what was attached, one probe after the other, which can take seconds while those
    /// of an earlier agent are let go. Nobody read the ring meanwhile, and half of the probes tell
    /// half of the truth: what stands there is left out, and what found no room was not lost. All
    /// processes are read after this.
    pub(super) fn new(mut kernel: Kernel, carry_log: bool) -> Result<Self> {
        let mut ring = kernel.take_ring()?;
        let counters = kernel.take_counters()?;
        let log = if carry_log { kernel.take_log() } else { None };
        ring.drain(BACKLOG, |_| {});
        let mut source = Self { kernel, ring, counters, log, reported: Loss::default() };
        source.reported = source.totals()?;
        Ok(source)
    }

    /// The counters since loading.
    fn totals(&self) -> Result<Loss> {
        let total = |counter| {
            self.counters.total(counter).with_context(|| format!("read counter {counter:?}"))
        };
        let mut loss = Loss::default();
        for family in Family::ALL {
            loss.lost[family as usize] = total(Counter::Lost(family))?;
            loss.failed[family as usize] = total(Counter::Failed(family))?;
        }
        loss.read_errors = total(Counter::ReadError)?;
        loss.unwatched = total(Counter::WatchedFull)?;
        Ok(loss)
    }

    /// What was lost since this was last asked; `None` if nothing. `decode_errors` is the total of
    /// records that could not be decoded.
    pub(super) fn new_loss(&mut self, at_ns: u64, decode_errors: u64) -> Result<Option<Loss>> {
        let total = Loss { decode_errors, ..self.totals()? };
        let last = std::mem::replace(&mut self.reported, total);
        let since = |now: [u64; _], then: [u64; _]| std::array::from_fn(|at| now[at] - then[at]);
        let loss = Loss {
            at_ns: 0,
            lost: since(total.lost, last.lost),
            failed: since(total.failed, last.failed),
            decode_errors: total.decode_errors - last.decode_errors,
            read_errors: total.read_errors - last.read_errors,
            unwatched: total.unwatched - last.unwatched,
        };
        Ok((loss != Loss::default()).then_some(Loss { at_ns, ..loss }))
    }
}
