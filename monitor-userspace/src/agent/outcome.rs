//! How a run went, and the exit status that makes of it.

use crate::output::{ExitLine, Line, Severity, View};

/// Exit status: findings at or above `--fail-on`.
const FINDINGS: u8 = 3;

/// How a run went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The worst severity of a finding.
    pub worst: Option<Severity>,
    /// Status of the command started with `--`.
    pub command_status: Option<i32>,
    /// What was seen, where that was wanted.
    pub view: Option<Box<View>>,
}

impl Outcome {
    /// The status a run ends with: the command's own when that is not 0, then the findings'.
    pub fn status(&self, fail_on: Option<Severity>) -> u8 {
        match self.command_status {
            Some(status) if status != 0 => u8::try_from(status).unwrap_or(1),
            _ if fail_on.is_some_and(|limit| self.worst >= Some(limit)) => FINDINGS,
            _ => 0,
        }
    }

    /// The last line of JSON of a run with a command; `None` without one.
    pub fn exit_line(&self, fail_on: Option<Severity>) -> Option<String> {
        let exit = ExitLine { command_status: self.command_status?, status: self.status(fail_on) };
        serde_json::to_string(&Line::Exit(exit)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_own_status_comes_first() {
        let outcome = |worst, command_status| Outcome { worst, command_status, view: None };
        let medium = Some(Severity::Medium);
        assert_eq!(outcome(medium, Some(7)).status(medium), 7);
        assert_eq!(outcome(medium, Some(0)).status(medium), FINDINGS);
        assert_eq!(outcome(medium, None).status(Some(Severity::High)), 0);
        assert_eq!(outcome(None, None).status(Some(Severity::Low)), 0);
        let line = r#"{"type":"exit","command_status":7,"status":7}"#;
        assert_eq!(outcome(medium, Some(7)).exit_line(medium).as_deref(), Some(line));
        assert_eq!(outcome(medium, None).status(None), 0);
    }
}
