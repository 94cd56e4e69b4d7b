//! `top`: the running agent on the whole screen, or one look at it as JSON.

use std::{
    io::{self, IsTerminal as _, Write as _},
    time::Duration,
};

use anyhow::{Context as _, Result};

use super::{Refusal, ask::Reach, output_to, watch};
use crate::{
    cli::{Cli, duration},
    client::{
        NoAgent,
        top::{self, Sort},
    },
};

/// What is shown.
#[derive(Clone, Debug, clap::Args)]
pub struct Top {
    /// Which agent.
    #[command(flatten)]
    pub reach: Reach,

    /// Look this often.
    #[arg(long, short, value_name = "TIME", default_value = "2s", value_parser = duration)]
    pub interval: Duration,

    /// What comes first; also a key while it runs.
    #[arg(long, value_name = "BY", default_value = "memory")]
    pub sort: Sort,

    /// Print one look as a JSON object and end.
    #[arg(long)]
    pub json: bool,
}

pub(super) fn top(asked: &Top, cli: &Cli) -> Result<u8> {
    let client = asked.reach.client()?;
    if asked.json || cli.json {
        let look = top::look(&client).map_err(without)?;
        let mut out = output_to(cli.output.as_deref())?;
        writeln!(out, "{look}").context("write the answer")?;
        return Ok(0);
    }
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let message =
            "top needs a terminal; --json prints one look, and `memwatch-ebpf trends` what moved";
        return Err(Refusal::new(Refusal::USAGE, message).into());
    }
    // Before the screen is taken: where nobody answers there is nothing to show.
    top::look(&client).map_err(without)?;
    let options = top::Options {
        interval: asked.interval,
        sort: asked.sort,
        has_colour: watch::paint().has_colour,
    };
    top::show(client, &options)?;
    Ok(0)
}

fn without(error: anyhow::Error) -> anyhow::Error {
    if error.is::<NoAgent>() {
        let words = "start one with `memwatch-ebpf serve`, or watch yourself: memwatch-ebpf --all";
        return anyhow::anyhow!("{error}: {words}");
    }
    error
}
