//! How this tool talks to the machine: where the repository is, and child processes that name
//! themselves when they fail.
//!
//! Every command line that fails is quoted in the error, without the environment it ran in, which
//! would bury what went wrong.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};
use nix::sys::signal::{SigHandler, Signal, signal};

/// The root of the repository.
///
/// Cargo says at run time where this package lies; the path of the build would be wrong for a
/// binary that two clones share through `CARGO_TARGET_DIR`.
pub(crate) fn root() -> Result<PathBuf> {
    let package = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    let root = package
        .parent()
        .with_context(|| format!("{} has no parent directory", package.display()))?;
    Ok(root.to_owned())
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => std::path::absolute(&dir)
            .with_context(|| format!("CARGO_TARGET_DIR {} is not a path", dir.display())),
        None => Ok(root()?.join("target")),
    }
}

/// The same cargo that runs this tool, in the root of the repository.
pub(crate) fn cargo() -> Result<Command> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()?);
    Ok(command)
}

/// Where cargo keeps its registry and the programs it installed.
pub(crate) fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = env::var_os("CARGO_HOME") {
        return std::path::absolute(&home)
            .with_context(|| format!("CARGO_HOME {} is not a path", home.display()));
    }
    let home = env::home_dir().context("neither CARGO_HOME nor HOME is set; set one of them")?;
    Ok(home.join(".cargo"))
}

/// Builds the agent in release and says where it is.
pub(crate) fn build_agent() -> Result<PathBuf> {
    run(cargo()?.args(["build", "--locked", "--release", "--package", "monitor-userspace"]))?;
    Ok(target_dir()?.join("release").join("memwatch-ebpf"))
}

/// The agent that `cargo test` built for the integration tests of its package, with checks of overflow: a
/// build of its own would compile its dependencies again, with other features.
pub(crate) fn tested_agent() -> Result<PathBuf> {
    Ok(target_dir()?.join("debug").join("memwatch-ebpf"))
}

/// Runs a command with our own output streams and no input; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("failed to run {}", quoted(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", quoted(command));
    }
    Ok(())
}

/// Runs a command and returns what it wrote to stdout; anything but success is an error that
/// carries its stderr.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let out = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to run {}", quoted(command)))?;
    if !out.status.success() {
        let stderr = String::from_utf8_lossy(&out.stderr);
        bail!("`{}` ended with {}: {}", quoted(command), out.status, stderr.trim());
    }
    String::from_utf8(out.stdout)
        .with_context(|| format!("`{}` printed what is not UTF-8", quoted(command)))
}

/// The program and its arguments, as one would type them.
pub(crate) fn quoted(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let word = |word: &OsStr| {
        let text = word.to_string_lossy();
        if text.is_empty() || text.contains(char::is_whitespace) {
            format!("'{text}'")
        } else {
            text.into_owned()
        }
    };
    words.map(word).collect::<Vec<_>>().join(" ")
}

/// Lets this process outlive Ctrl-C, which ends its children, until its guards have tidied up.
pub(crate) fn survive_interrupt() -> Result<()> {
    extern "C" fn ignore(_signal: i32) {}
    // SAFETY: the handler does nothing, so there is nothing it could do unsafely.
    unsafe { signal(Signal::SIGINT, SigHandler::Handler(ignore)) }
        .context("failed to set a handler for SIGINT")?;
    Ok(())
}

/// Whether this process may do everything.
pub(crate) fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The first file of that name on the search path, as the shell would find it.
pub(crate) fn find_on_path(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    let name = Path::new(name.as_ref());
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(name)).find(|path| path.is_file())
}
