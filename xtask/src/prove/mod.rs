//! `cargo xtask prove NAME`: proofs that take longer than CI has, each with figures to look at.

mod web;

use anyhow::Result;
use clap::{Args, Subcommand};

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Look at the page with a browser: hostile names, accessibility, 5,000 rows, a phone's width
    Web(web::Options),
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    match &options.what {
        What::Web(options) => web::prove(options),
    }
}
