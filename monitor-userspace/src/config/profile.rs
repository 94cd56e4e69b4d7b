//! Profiles: named sets of values between the defaults and the files.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Which set of values the others start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Told early.
    Development,
    /// Told when it matters.
    #[default]
    Production,
}

const DEVELOPMENT: &str = r#"
[serve]
log_level = "debug"

[thresholds]
memory_warning = "256M"
memory_critical = "512M"
cpu_warning_percent = 70.0
cpu_critical_percent = 90.0
"#;

const PRODUCTION: &str = r#"
[thresholds]
memory_warning = "1G"
memory_critical = "2G"
cpu_warning_percent = 80.0
cpu_critical_percent = 95.0
"#;

impl Profile {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Development => "development",
            Self::Production => "production",
        }
    }

    /// What it sets, in the form of a file.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Development => DEVELOPMENT,
            Self::Production => PRODUCTION,
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
