//! The sections of the configuration. Their documentation is `docs/config.md`.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};

use super::{ByteSize, Profile, Thresholds, TimeSpan};
use crate::cli::Stacks;

/// Where the service listens if nobody says.
const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9890);
/// The unix socket if nobody says.
pub const SOCKET: &str = "/run/memwatch-ebpf/memwatch-ebpf.sock";

/// Everything that can be set. A part of the service adds its section here, as one line.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Which set of thresholds the others start from.
    pub profile: Profile,
    /// How the service runs.
    pub serve: Serve,
    /// Whom it watches, and how closely.
    pub watch: Watch,
    /// Who may ask, and how much.
    pub api: crate::api::Options,
    /// Who is told of findings.
    pub alerts: crate::alert::Options,
    /// What is kept on disk.
    pub history: crate::history::Options,
    /// Absolute thresholds of the components that are named below.
    pub thresholds: Thresholds,
    /// Components with absolute thresholds, by name.
    pub components: BTreeMap<String, Component>,
}

/// How the service runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Serve {
    /// Addresses for HTTP.
    pub listen: Vec<SocketAddr>,
    /// The unix socket.
    pub socket: PathBuf,
    /// The directory of what must survive a restart.
    pub state: PathBuf,
    /// How often what is seen is summed up for those who listen.
    pub interval: TimeSpan,
    /// How much is said on standard error.
    pub log_level: LogLevel,
}

impl Default for Serve {
    fn default() -> Self {
        Self {
            listen: vec![LISTEN],
            socket: PathBuf::from(SOCKET),
            state: PathBuf::from(crate::history::STATE_DIR),
            interval: TimeSpan(Duration::from_secs(10)),
            log_level: LogLevel::Info,
        }
    }
}

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// And what may soon.
    Warn,
    /// And what the service did.
    Info,
    /// And how.
    Debug,
}

impl LogLevel {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// Whom the service watches, and how closely.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Watch {
    /// Only processes whose name matches this regular expression; unset, every process of the host.
    pub comm: Option<String>,
    /// The children of watched processes too.
    pub follow: bool,
    /// Whether the kernel's events are used, or /proc alone.
    pub ebpf: bool,
    /// Which call stacks are taken.
    pub stacks: Stacks,
    /// Only mappings of at least this size are traced.
    pub min_mapping: ByteSize,
    /// What the agent may use for what it remembers.
    pub max_memory: ByteSize,
    /// Files of rules that are added to the built-in ones.
    pub rules: Vec<PathBuf>,
    /// Where applications report of themselves: a file that grows, or a socket (`….sock`).
    pub counters: Option<PathBuf>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            comm: None,
            follow: false,
            ebpf: true,
            stacks: Stacks::Memory,
            min_mapping: ByteSize(0),
            max_memory: ByteSize(256 << 20),
            rules: Vec::new(),
            counters: None,
        }
    }
}

/// Thresholds of one component; what is unset comes from `[thresholds]`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Component {
    /// Working set from which on it is told, as `medium`.
    pub memory_warning: Option<ByteSize>,
    /// Working set from which on it is told, as `critical`.
    pub memory_critical: Option<ByteSize>,
    /// CPU of one of its processes, in percent of one core, from which on it is told, as `low`.
    pub cpu_warning_percent: Option<f64>,
    /// CPU of one of its processes, in percent of one core, from which on it is told, as `medium`.
    pub cpu_critical_percent: Option<f64>,
}
