//! What a test needs of the host. A test that cannot run says so and passes, except where
//! `MEMWATCH_NO_SKIP` is set, as it is where everything is known to be there.

use std::env;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::workload::PREBUILT;

/// Whether the test must stop because `missing` says so; prints why.
pub fn is_skipped(missing: Option<String>) -> bool {
    let Some(why) = missing else { return false };
    assert!(env::var_os("MEMWATCH_NO_SKIP").is_none(), "MEMWATCH_NO_SKIP is set, and {why}");
    eprintln!("SKIPPED: {why}");
    true
}

/// Why this is not root; `None` if it is.
pub fn lacks_root() -> Option<String> {
    let root = nix::unistd::geteuid().is_root();
    (!root).then(|| "only root may load programs into the kernel".to_owned())
}

/// Why a program cannot be started; `None` if it can. A name with a slash is a path.
pub fn lacks_program(name: &str) -> Option<String> {
    if name == "gcc" && env::var_os(PREBUILT).is_some() {
        return None;
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = if name.contains('/') {
        Path::new(name).exists()
    } else {
        env::split_paths(&path).any(|dir| dir.join(name).exists())
    };
    (!found).then(|| format!("{name} is not installed"))
}

/// Waits for the host: one kernel, one end-to-end test at a time. An agent that shares its two
/// cores with another test's storm loses events, rightly, and the test with it.
pub fn wait_for_host() -> MutexGuard<'static, ()> {
    static HOST: Mutex<()> = Mutex::new(());
    HOST.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `require!(root)`, `require!(root, "strace")`: ends the test, with a printed reason, where the
/// host lacks it; then has the host alone to the end of the test. Each program is a name in PATH
/// or a path.
#[macro_export]
macro_rules! require {
    (root $(, $program:expr)* $(,)?) => {
        if $crate::require::is_skipped($crate::require::lacks_root()) {
            return;
        }
        $(if $crate::require::is_skipped($crate::require::lacks_program($program)) {
            return;
        })*
        let _host = $crate::require::wait_for_host();
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_missing() {
        assert_eq!(lacks_program("sh"), None);
        assert_eq!(lacks_program("/bin/sh"), None);
        assert!(lacks_program("no-such-program").unwrap().contains("no-such-program"));
    }
}
