//! The binary `memwatch-ebpf`: parses, sets logging up, dispatches, and turns errors into exit
//! statuses.

use std::process::ExitCode;

use clap::Parser as _;
use monitor_userspace::{
    cli::Cli,
    command::{self, Refusal},
    log,
};

fn main() -> ExitCode {
    let cli = Cli::parse();
    log::start(cli.verbose);
    match command::run(cli) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("memwatch-ebpf: {error:#}");
            let refusal = error.downcast_ref::<Refusal>();
            ExitCode::from(refusal.map_or(1, |refusal| refusal.status))
        }
    }
}
