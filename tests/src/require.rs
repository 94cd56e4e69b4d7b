//! What a test needs of the host. A test that cannot run says so and passes, except where
//! `MEMWATCH_NO_SKIP` is set, as it is where everything is known to be there but the programs that
//! `MEMWATCH_LACKS` names.

use std::env;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::workload::PREBUILT;

/// Whether the test must stop because `missing` says so; prints why. The first word of a reason is
/// what is missing.
pub fn is_skipped(missing: Option<String>) -> bool {
    let Some(why) = missing else { return false };
    let known = env::var("MEMWATCH_LACKS").unwrap_or_default();
    let must_run = env::var_os("MEMWATCH_NO_SKIP").is_some() && !is_known(&why, &known);
    assert!(!must_run, "MEMWATCH_NO_SKIP is set, and {why}");
    eprintln!("SKIPPED: {why}");
    true
}

/// Whether the reason is that one of these is missing, which are separated by blanks.
fn is_known(why: &str, known: &str) -> bool {
    let missing = why.split(' ').next();
    known.split_whitespace().any(|name| Some(name) == missing)
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
    fn only_what_is_known_to_be_missing_may_be() {
        let why = lacks_program("no-such-program").unwrap();
        assert!(is_known(&why, "other no-such-program"));
        assert!(!is_known(&why, "no-such-program-2 such"));
        assert!(!is_known(&why, ""));
    }

    #[test]
    fn only_what_is_missing_is_missing() {
        assert_eq!(lacks_program("sh"), None);
        assert_eq!(lacks_program("/bin/sh"), None);
        assert!(lacks_program("no-such-program").unwrap().contains("no-such-program"));
    }
}
