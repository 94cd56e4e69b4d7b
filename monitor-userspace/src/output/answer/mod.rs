//! What the commands answer, as values made of a [`View`](super::View): the JSON of each is also that of
//! the monitoring API, whose names are in camelCase. Text is made of them in `sink/answer`.

mod explain;
mod figures;
mod leaks;
mod optimize;
mod report;
mod steps;
#[cfg(test)]
pub(crate) mod tests;
mod trends;

pub use explain::{Explanation, UnknownFinding};
pub use leaks::Leaks;
pub use optimize::{Advice, Figure, Optimization};
pub use report::{Performance, Prevention, Report, TopProcess};
pub use steps::Step;
pub use trends::{HostTrends, ProcessTrends, Trends};

/// Bytes of the megabyte of the monitoring API.
pub(crate) const MB: f64 = 1_048_576.0;

use super::Finding;

/// Whether a finding is about growth, not about a threshold.
fn is_growth(finding: &Finding) -> bool {
    finding.rate_per_min.is_some()
}
