//! `cargo xtask prove`: proofs that take minutes or need a network, and so are no part of the tests.

use anyhow::Result;
use clap::{Args, Subcommand};

mod api;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Every answer of a running agent is held against the description of the API, by schemathesis
    Api(api::Options),
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    match &options.what {
        What::Api(options) => api::prove(options),
    }
}
