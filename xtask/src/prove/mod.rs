//! `cargo xtask prove NAME`: proofs with real peers that take longer than the tests have, each with figures to
//! look at.

mod alerts;
mod api;
mod client;
pub(crate) mod http;
mod kills;
mod left;
mod machines;
mod metrics;
mod served;
mod web;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};

use crate::sh;

#[derive(Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Receivers of alerts are dead for two minutes while the agent is killed (four minutes)
    Alerts(alerts::Options),
    /// Every answer of a running agent is held against the description of the API, by schemathesis
    Api(api::Options),
    /// Every command that asks a running agent, without a leak and with one: both outputs (ten minutes)
    Client(client::Options),
    /// An agent is killed again and again while it writes its history at full speed
    Kills(kills::Options),
    /// A whole machine (QEMU) is killed again and again, with the history and the alerts on its disk
    MachineKills(machines::Options),
    /// Debian's Prometheus scrapes a real agent while a program leaks; every query of the Grafana dashboard
    Metrics(metrics::Options),
    /// Look at the page with a browser: hostile names, accessibility, 5,000 rows, a phone's width
    Web(web::Options),
}

pub(crate) fn prove(options: &Options) -> Result<()> {
    match &options.what {
        What::Api(options) => api::prove(options),
        What::Web(options) => web::prove(options),
        What::MachineKills(options) => machines::prove(options),
        _ if !sh::is_root() => {
            bail!("only root may load programs into the kernel; use `sudo -E cargo xtask prove`")
        }
        What::Alerts(options) => alerts::prove(options),
        What::Client(options) => client::prove(options),
        What::Kills(options) => kills::prove(options),
        What::Metrics(options) => metrics::prove(options),
    }
}
