//! The binary `memwatch-ebpf`: parses, sets logging up, dispatches, and turns errors into exit
//! statuses.

use std::{io::IsTerminal as _, process::ExitCode};

use clap::Parser as _;
use monitor_userspace::{
    cli::Cli,
    command::{self, Refusal},
};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log(cli.verbose);
    match command::run(cli) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("memwatch-ebpf: {error:#}");
            let refusal = error.downcast_ref::<Refusal>();
            ExitCode::from(refusal.map_or(1, |refusal| refusal.status))
        }
    }
}

/// Messages go to standard error; standard output is the product.
fn start_log(verbose: u8) {
    let is_debug = verbose > 0 || std::env::var("MEMORY_DEBUG").is_ok_and(|value| value == "true");
    // The loader tells every relocation at debug; that is nobody's business but its authors'.
    let level = if is_debug { "debug,aya=info,aya_obj=info" } else { "warn" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}
