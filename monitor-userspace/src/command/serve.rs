//! `serve`: the agent as a service.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context as _, Result};

use super::{Refusal, config, watch};
use crate::{
    agent::Form,
    alert::Alerts,
    cli::{self, Cli, Scope, Stacks},
    config::{ByteSize, Config, Key, Place, Profile, Sources, TimeSpan},
    history::FILE,
    log,
    serve::{self, Alone, Doors, Live, Parts, Where},
};

/// How the service runs. What is not said here is as the configuration says.
#[derive(Clone, Debug, clap::Args)]
pub struct Serve {
    /// Whom to watch; the whole host if nobody is named.
    #[command(flatten)]
    pub scope: Scope,

    /// The configuration: a file, or a directory with config.toml and conf.d
    /// [default: /etc/memwatch-ebpf].
    #[arg(long, value_name = "PATH")]
    pub config: Option<PathBuf>,

    /// Which set of thresholds the others start from [default: production].
    #[arg(long, value_name = "NAME")]
    pub profile: Option<Profile>,

    /// Listen for HTTP here; port 0 takes a free one. Can be repeated [default: 127.0.0.1:9890].
    #[arg(long, value_name = "ADDR")]
    pub listen: Vec<SocketAddr>,

    /// Listen on this unix socket [default: /run/memwatch-ebpf/memwatch-ebpf.sock].
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,

    /// Sum up what is seen this often [default: 10s].
    #[arg(long, short, value_name = "TIME", value_parser = cli::duration)]
    pub interval: Option<Duration>,

    /// Which call stacks are taken [default: memory].
    #[arg(long, value_name = "WHICH")]
    pub stacks: Option<Stacks>,

    /// What the agent may use for what it remembers [default: 256M].
    #[arg(long, value_name = "SIZE", value_parser = cli::memory)]
    pub max_memory: Option<u64>,

    /// Add this file of rules to the built-in ones. Can be repeated.
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,

    /// Read what applications report of themselves from this file or socket.
    #[arg(long, value_name = "FILE|SOCKET")]
    pub counters: Option<PathBuf>,

    /// Keep what must survive a restart in this directory [default: /var/lib/memwatch-ebpf].
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,

    /// Keep no history.
    #[arg(long)]
    pub no_history: bool,

    /// Keep the state of all processes this often in the history.
    #[arg(long, value_name = "TIME", hide = true, value_parser = cli::duration)]
    pub history_interval: Option<Duration>,

    /// A file with the token that calls over TCP need which change something, and all calls at addresses
    /// that are not loopback. Made if it is not there.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,

    /// Use /proc alone: coarser, and without the kernel's events.
    #[arg(long)]
    pub no_ebpf: bool,
}

pub(super) fn serve(serve: &Serve, cli: Cli) -> Result<u8> {
    let options = options_of(serve, &cli)?;
    let sources = Sources::of(Place::new(serve.config.as_deref()), options);
    let loaded = sources.load().map_err(|faults| config::refused(&faults))?;
    let rules = config::rules_of(&loaded.config)?;
    log::set_level(loaded.config.serve.log_level.name());
    let _alone = alone(&loaded.config)?;
    let place = Where {
        listen: loaded.config.serve.listen.clone(),
        socket: Some(loaded.config.serve.socket.clone()),
    };
    let doors = Doors::bind(&place, loaded.config.api.clone())?;
    let addresses = doors.addresses();
    let alerts = loaded.config.alerts.clone().with_environment();
    let alerts = Alerts::start(&alerts, &loaded.config.serve.state)?;
    let cli = configured(serve, cli, &loaded.config);
    let history = loaded.config.history.clone();
    let live =
        Live::new(sources, loaded, rules.0.clone(), |config| Ok(config::rules_of(config)?.0));
    let parts = Parts { live, history: history.enabled.then_some(history), alerts };
    let run = watch::prepare_with(cli, Form::Findings { as_json: false }, rules)?;
    let mut out = std::io::stdout();
    for address in addresses {
        writeln!(out, "listening on http://{address}").context("say where it listens")?;
    }
    let outcome = run.serve(serve::attend(doors, parts))?;
    Ok(outcome.status(None))
}

/// Takes the folders in which something is kept.
fn alone(config: &Config) -> Result<Alone> {
    let history = config.history.path.parent().filter(|_| config.history.enabled);
    let alerts = Some(config.serve.state.as_path()).filter(|_| config.alerts.enabled);
    Alone::in_folders(alerts.into_iter().chain(history))
}

/// What the command line says, as values of the configuration.
fn options_of(serve: &Serve, cli: &Cli) -> Result<Vec<(Key, toml::Value, &'static str)>> {
    let mut options = Vec::new();
    let mut set = |section: &str, name: &str, value: Option<toml::Value>, option| {
        options.extend(value.map(|value| (Key::new([section, name]), value, option)));
    };
    let text = |path: &PathBuf| path.to_str().map(toml::Value::from);
    let texts = |paths: &[PathBuf]| paths.iter().map(text).collect::<Option<Vec<_>>>();
    let not_text = || Refusal::new(Refusal::USAGE, "a path of an option is no text (UTF-8)");
    let rules = [&cli.rules[..], &serve.rules[..]].concat();
    let rules = texts(&rules).ok_or_else(not_text)?;
    let listen: Vec<toml::Value> =
        serve.listen.iter().map(|address| address.to_string().into()).collect();
    let list = |values: Vec<toml::Value>| (!values.is_empty()).then(|| values.into());
    let interval = serve.interval.or(cli.interval);
    let max_memory = serve.max_memory.or(cli.max_memory);
    let stacks = serve.stacks.or(cli.stacks);
    let stacks = stacks.map(toml::Value::try_from).transpose().context("name the stacks")?;
    let level = log::is_debug(cli.verbose).then(|| "debug".into());
    set("serve", "listen", list(listen), "--listen");
    set("serve", "socket", serve.socket.as_ref().and_then(text), "--socket");
    set("serve", "interval", interval.map(|it| TimeSpan(it).to_string().into()), "--interval");
    set("serve", "log_level", level, "--verbose");
    set(
        "watch",
        "max_memory",
        max_memory.map(|it| ByteSize(it).to_string().into()),
        "--max-memory",
    );
    let min_mapping = cli.min_mapping.map(|it| ByteSize(it).to_string().into());
    set("watch", "min_mapping", min_mapping, "--min-mapping");
    set("watch", "stacks", stacks, "--stacks");
    set("watch", "rules", list(rules), "--rules");
    let counters = serve.counters.as_ref().or(cli.counters.as_ref());
    set("watch", "counters", counters.and_then(text), "--counters");
    let is_off = serve.no_ebpf || cli.no_ebpf;
    set("watch", "ebpf", is_off.then(|| false.into()), "--no-ebpf");
    let state = serve.state.as_ref();
    set("serve", "state", state.and_then(text), "--state");
    set("history", "path", state.and_then(|state| text(&state.join(FILE))), "--state");
    set("history", "enabled", serve.no_history.then(|| false.into()), "--no-history");
    let every = serve.history_interval.map(|it| TimeSpan(it).to_string().into());
    set("history", "interval", every, "--history-interval");
    set("api", "token_file", serve.token_file.as_ref().and_then(text), "--token-file");
    let profile =
        serve.profile.map(|profile| (Key::new(["profile"]), profile.name().into(), "--profile"));
    options.extend(profile);
    Ok(options)
}

/// The command line of the run. Whom to watch the command line says, else the configuration, else it is
/// everybody.
fn configured(serve: &Serve, mut cli: Cli, config: &Config) -> Cli {
    let scope = serve.scope.clone();
    cli.scope.all |= scope.all;
    cli.scope.follow |= scope.follow;
    cli.scope.pid.extend(scope.pid);
    cli.scope.comm = scope.comm.or(cli.scope.comm);
    let watch = &config.watch;
    if !watch::is_scoped(&cli) {
        cli.scope.comm.clone_from(&watch.comm);
        cli.scope.follow |= watch.follow;
        cli.scope.all = watch.comm.is_none();
    }
    cli.no_ebpf = !watch.ebpf;
    // What is kept is what is said.
    cli.interval = Some(config.serve.interval.min(config.history.interval).0);
    cli.stacks = Some(watch.stacks);
    cli.max_memory = Some(watch.max_memory.0);
    cli.min_mapping = Some(watch.min_mapping.0);
    cli.counters.clone_from(&watch.counters);
    cli
}
