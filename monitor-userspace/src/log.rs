//! What the agent says on standard error, and how much; standard output is the product.

use std::{fmt, io::IsTerminal as _, sync::OnceLock};

use tracing_subscriber::{
    EnvFilter,
    fmt::{
        format::Writer,
        time::{FormatTime, SystemTime},
    },
};

/// The loader tells every relocation at debug; that is nobody's business but its authors'.
const QUIET: &str = "aya=info,aya_obj=info";

/// Sets the level.
type SetLevel = Box<dyn Fn(&str) + Send + Sync>;

static SET_LEVEL: OnceLock<SetLevel> = OnceLock::new();

/// The time of a message.
struct Clock {
    is_shown: bool,
}

impl FormatTime for Clock {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        if self.is_shown { SystemTime.format_time(to) } else { Ok(()) }
    }
}

/// Starts the log. Said by `RUST_LOG`, how much is said stays so.
pub fn start(verbose: u8) {
    let level = if is_debug(verbose) { "debug" } else { "warn" };
    let said = EnvFilter::try_from_default_env().ok();
    let is_fixed = said.is_some();
    let builder = tracing_subscriber::fmt()
        .with_env_filter(said.unwrap_or_else(|| filter(level)))
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        // The journal has its own clock.
        .with_timer(Clock { is_shown: std::env::var_os("JOURNAL_STREAM").is_none() })
        .with_filter_reloading();
    let handle = builder.reload_handle();
    builder.init();
    if !is_fixed {
        let set = move |level: &str| {
            // It fails only where the log has ended.
            let _ = handle.reload(filter(level));
        };
        // It is started once.
        let _ = SET_LEVEL.set(Box::new(set));
    }
}

/// Whether more is asked for than a configuration may say.
pub fn is_debug(verbose: u8) -> bool {
    verbose > 0 || std::env::var("MEMORY_DEBUG").is_ok_and(|value| value == "true")
}

/// From now on so much is said.
pub fn set_level(level: &str) {
    if let Some(set) = SET_LEVEL.get() {
        set(level);
    }
}

fn filter(level: &str) -> EnvFilter {
    EnvFilter::new(format!("{level},{QUIET}"))
}
