//! The parts of the service beside the engine: whether the configuration on disk counts, whether the history
//! is written.

use super::{
    super::Timestamp,
    page::{
        Kind::{Counter, Gauge},
        Labels, Page,
    },
};

/// How the parts of the service are, where there are any.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// The configuration.
    pub configuration: Option<ReadConfiguration>,
    /// The history.
    pub history: Option<WrittenHistory>,
}

/// How the configuration was read last.
#[derive(Clone, Copy, Debug)]
pub struct ReadConfiguration {
    /// Whether what was read last counts.
    pub is_right: bool,
    /// When the one that counts was read.
    pub loaded_at: Timestamp,
}

/// How the history is written.
#[derive(Clone, Copy, Debug)]
pub struct WrittenHistory {
    /// Whether it can be written.
    pub is_well: bool,
    /// What it takes on disk.
    pub bytes: u64,
    /// What it may take.
    pub max_bytes: u64,
    /// Samples written by this run.
    pub rows: u64,
    /// Looks that could not be kept.
    pub lost_looks: u64,
    /// Lines of findings that could not be kept.
    pub lost_findings: u64,
}

/// Writes them.
pub(super) fn write(page: &mut Page, service: &Service) {
    let none = Labels::default();
    let mut one = |name, kind, help, value| page.family(name, kind, help, [(&none, value)]);
    let truth = |is: bool| f64::from(u8::from(is));
    if let Some(read) = service.configuration {
        let name = "config_last_reload_successful";
        one(
            name,
            Gauge,
            "Whether the configuration that was read last counts.",
            truth(read.is_right),
        );
        let name = "config_last_reload_success_timestamp_seconds";
        let help = "When the configuration that counts was read, counted from 1970.";
        one(name, Gauge, help, read.loaded_at.0 as f64 / 1e9);
    }
    if let Some(history) = service.history {
        one(
            "history_writable",
            Gauge,
            "Whether the history can be written.",
            truth(history.is_well),
        );
        one("history_size_bytes", Gauge, "What the history takes on disk.", history.bytes as f64);
        one("history_limit_bytes", Gauge, "What it may take.", history.max_bytes as f64);
        one("history_samples", Counter, "Samples written to it.", history.rows as f64);
        let help = "Looks at all processes that it could not keep.";
        one("history_lost_looks", Counter, help, history.lost_looks as f64);
        let help = "Lines of findings that it could not keep.";
        one("history_lost_findings", Counter, help, history.lost_findings as f64);
    }
}
