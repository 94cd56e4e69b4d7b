//! Carries the kernel side's debug log (`-vv`) to the agent's own.

use std::fmt;

use aya::Ebpf;
use aya_log::EbpfLogger;

/// The reader of the kernel side's log.
pub struct LogPump {
    flush: Box<dyn FnMut() + Send>,
}

impl LogPump {
    /// `None` where the object carries no log.
    pub(super) fn new(ebpf: &mut Ebpf) -> Option<Self> {
        let mut logger = EbpfLogger::init(ebpf).ok()?;
        Some(Self { flush: Box::new(move || logger.flush()) })
    }

    /// Logs what has arrived.
    pub fn flush(&mut self) {
        (self.flush)();
    }
}

impl fmt::Debug for LogPump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogPump")
    }
}
