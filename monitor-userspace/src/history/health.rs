//! How the history is: written by its thread, shown by whoever asks.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemars::JsonSchema;
use serde::Serialize;

use crate::output::Timestamp;

/// How the history is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HistoryState {
    /// Its file.
    pub path: String,
    /// What keeps it from being written now; `null` while all is well. Observing goes on, and writing is
    /// tried again.
    pub problem: Option<String>,
    /// A damaged file that was set aside when this run began or since, and replaced by a new one; `null` again
    /// when it is gone.
    pub set_aside: Option<String>,
    /// When it was last written.
    pub last_write: Option<Timestamp>,
    /// Samples of processes and components written by this run.
    pub rows: u64,
    /// What it takes on disk.
    pub bytes: u64,
    /// What it may take.
    pub max_bytes: u64,
    /// Looks at all processes that could not be kept.
    pub lost_looks: u64,
    /// Lines of findings that could not be kept.
    pub lost_findings: u64,
}

impl HistoryState {
    /// What somebody has to mend, in a sentence.
    pub fn to_mend(&self) -> Option<String> {
        let problem =
            self.problem.as_ref().map(|problem| format!("the history is not written: {problem}"));
        let aside = || {
            let aside = self.set_aside.as_ref()?;
            Some(format!(
                "the history was damaged and begun anew; look at {aside}, and move it away or delete it"
            ))
        };
        problem.or_else(aside)
    }
}

/// The shared state. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<HistoryState>>);

impl Health {
    /// How it is now.
    pub fn now(&self) -> HistoryState {
        self.state().clone()
    }

    /// Whether it can be written.
    pub fn is_well(&self) -> bool {
        self.state().problem.is_none()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut HistoryState)) {
        change(&mut self.state());
    }

    /// Notes what keeps it from being written, which is logged once.
    pub(super) fn fails(&self, problem: String) {
        let mut state = self.state();
        if state.problem.as_ref() != Some(&problem) {
            tracing::warn!("the history is not written: {problem}; observing goes on");
        }
        state.problem = Some(problem);
    }

    /// Notes that it was written.
    pub(super) fn writes(&self) {
        if self.state().problem.take().is_some() {
            tracing::info!("the history is written again");
        }
    }

    fn state(&self) -> MutexGuard<'_, HistoryState> {
        // Every change is whole whenever its thread dies.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
