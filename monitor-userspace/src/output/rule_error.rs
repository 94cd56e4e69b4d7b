//! A rule that could not be evaluated.

use schemars::JsonSchema;
use serde::Serialize;

use super::Timestamp;

/// The condition of a rule failed. Printed once per rule and run; for that subject the rule says
/// nothing until a variable of its condition changes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, JsonSchema)]
pub struct RuleError {
    /// When.
    pub ts: Timestamp,
    /// Which rule.
    pub rule: String,
    /// For which process; `None` for a component or the host.
    pub pid: Option<u32>,
    /// When the process started.
    pub start_time: Option<Timestamp>,
    /// Its name.
    pub comm: Option<String>,
    /// For which component.
    pub component: Option<String>,
    /// What failed.
    pub message: String,
}
