//! Helpers of the end-to-end tests: the real agent, started and stopped like a user would, real
//! programs beside it, and readers of strace and /proc that share no code with the agent.
//!
//! Everything that a test starts ends when its guard is dropped. A helper that cannot do its work
//! panics with the reason: it is the test that failed.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "helpers of tests: what goes wrong here fails the test, with its message"
)]

pub mod act;
pub mod agent;
pub mod cgroup;
pub mod compare;
pub mod draws;
pub mod held;
pub mod maps;
pub mod real;
pub mod receivers;
pub mod require;
pub mod run;
pub mod schema;
pub mod servers;
pub mod snippet;
pub mod strace;
pub mod workload;

use std::env;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a load goes on, in seconds: a minute where `MEMWATCH_LONG` is 1, else a third of it.
pub fn load_seconds() -> u64 {
    if env::var_os("MEMWATCH_LONG").is_some_and(|value| value == "1") { 60 } else { 20 }
}

/// Asks again and again until `ask` has an answer. Panics, naming `what`, after `limit`.
pub fn wait_until<T>(limit: Duration, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {} s in vain for {what}", limit.as_secs());
        sleep(Duration::from_millis(10));
    }
}
