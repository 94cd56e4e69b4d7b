//! `config`: shows what is set and where, checks it, changes it, and takes it back.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::{Refusal, confirm, leak_rules};
use crate::{
    config::{
        Config, EMPTY_FILE, Faults, Key, Loaded, Origin, Place, Profile, Sources, is_secret,
        parse_value, rules_of_thresholds, shown, updated,
    },
    event::RuleFile,
    rule::Rules,
    setup::write_whole,
};

/// What of the configuration is asked for.
#[derive(Clone, Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Configure {
    #[command(subcommand)]
    asked: Option<Asked>,
    #[command(flatten)]
    show: Show,
}

/// What is done.
#[derive(Clone, Debug, clap::Subcommand)]
enum Asked {
    /// Show every value and where it is from.
    Show(Show),
    /// Say whether it is right; exit with 2 if it is not.
    Check {
        /// A file, or a directory with config.toml and conf.d [default: /etc/memwatch-ebpf].
        path: Option<PathBuf>,
        /// Answer with a JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Set keys (serve.interval=30s) in config.toml; comments stay, and what would be wrong is not written.
    Update {
        /// Keys and their values.
        #[arg(required = true, value_name = "KEY=VALUE")]
        values: Vec<String>,
        /// The configuration to change.
        #[arg(long, value_name = "PATH")]
        config: Option<PathBuf>,
    },
    /// Take everything out of config.toml that is set there; what it was is kept as config.toml.old.
    Reset {
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// The configuration to change.
        #[arg(long, value_name = "PATH")]
        config: Option<PathBuf>,
    },
}

/// How it is shown.
#[derive(Clone, Debug, Default, clap::Args)]
struct Show {
    /// Answer with a JSON object.
    #[arg(long)]
    json: bool,
    /// The configuration: a file, or a directory [default: /etc/memwatch-ebpf].
    #[arg(long, value_name = "PATH")]
    config: Option<PathBuf>,
    /// As it would be with this profile.
    #[arg(long, value_name = "NAME")]
    profile: Option<Profile>,
}

/// Does what is asked; the exit status.
pub(super) fn config(asked: &Configure) -> Result<u8> {
    match &asked.asked {
        None => show(&asked.show),
        Some(Asked::Show(how)) => show(how),
        Some(Asked::Check { path, json }) => check(path.as_deref(), *json),
        Some(Asked::Update { values, config }) => update(values, config.as_deref()),
        Some(Asked::Reset { yes, config }) => reset(config.as_deref(), *yes),
    }
}

/// A wrong configuration is a wrong use of the command line.
pub(super) fn refused(faults: &Faults) -> Refusal {
    Refusal::new(Refusal::USAGE, format!("the configuration is wrong\n{faults}"))
}

/// The rules that a configuration asks for.
pub(super) fn rules_of(config: &Config) -> Result<(Vec<RuleFile>, Rules)> {
    leak_rules::load_before(&config.watch.rules, rules_of_thresholds(config))
}

/// Without a value of the command line that a running agent would have.
fn sources(path: Option<&Path>, profile: Option<Profile>) -> Sources {
    let profile = profile.map(|it| (Key::new(["profile"]), it.name().into(), "--profile"));
    Sources::of(Place::new(path), profile.into_iter().collect())
}

fn show(how: &Show) -> Result<u8> {
    let sources = sources(how.config.as_deref(), how.profile);
    let loaded = sources.load().map_err(|faults| refused(&faults))?;
    let mut out = io::stdout();
    let text = if how.json { listed_json(&loaded) } else { listed(&loaded) };
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        other => other.map(|()| 0).context("write the configuration"),
    }
}

fn listed(loaded: &Loaded) -> String {
    let rows: Vec<(String, String, String)> = loaded
        .values()
        .into_iter()
        .map(|(key, value, origin)| (key.to_string(), shown(&key, &value), origin.to_string()))
        .collect();
    let widest = |of: fn(&(String, String, String)) -> usize| rows.iter().map(of).max();
    let keys = widest(|row| row.0.chars().count()).unwrap_or(0);
    let values = widest(|row| row.1.chars().count()).unwrap_or(0).min(40);
    let line = |(key, value, origin): &(String, String, String)| {
        format!("{key:keys$} = {value:values$}  {origin}\n")
    };
    rows.iter().map(line).collect()
}

fn listed_json(loaded: &Loaded) -> String {
    let row = |(key, value, origin): (Key, Value, &Origin)| {
        let is_hidden = is_secret(&key) && !value.is_null();
        let value = if is_hidden { Value::from(shown(&key, &value)) } else { value };
        (key.to_string(), json!({ "value": value, "from": origin.to_string() }))
    };
    let values: Map<String, Value> = loaded.values().into_iter().map(row).collect();
    let files: Vec<String> = loaded.files.iter().map(|path| path.display().to_string()).collect();
    format!("{:#}\n", json!({ "files": files, "values": values }))
}

fn check(path: Option<&Path>, as_json: bool) -> Result<u8> {
    let sources = sources(path, None);
    let loaded = sources.load().map_err(|faults| refused(&faults))?;
    rules_of(&loaded.config)?;
    let mut out = io::stdout();
    let files: Vec<String> = loaded.files.iter().map(|path| path.display().to_string()).collect();
    if as_json {
        writeln!(out, "{}", json!({ "ok": true, "files": files }))?;
    } else if files.is_empty() {
        let place = sources.place.main_file();
        writeln!(out, "there is no {}: everything is as it is by default", place.display())?;
    } else {
        writeln!(out, "{}: right", files.join(", "))?;
    }
    Ok(0)
}

fn update(values: &[String], path: Option<&Path>) -> Result<u8> {
    let sources = sources(path, None);
    let mut set = Vec::new();
    for given in values {
        let wrong = |what: String| Refusal::new(Refusal::USAGE, what);
        let (name, text) = given.split_once('=').ok_or_else(|| {
            wrong(format!("{given:?}: write KEY=VALUE, as in serve.interval=30s"))
        })?;
        let names = toml_edit::Key::parse(name.trim())
            .map_err(|error| wrong(format!("{name:?} is no key: {error}")))?;
        let key = Key::new(names.iter().map(toml_edit::Key::get));
        let value = parse_value(&key, text.trim()).map_err(wrong)?;
        set.push((key, value));
    }
    let main = sources.place.main_file();
    let text = match fs::read_to_string(&main) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => EMPTY_FILE.to_owned(),
        other => other.with_context(|| format!("read {}", main.display()))?,
    };
    let text = updated(&text, &set).map_err(|fault| refused(&fault.into()))?;
    let loaded = sources.load_with(Some(&text)).map_err(|faults| refused(&faults))?;
    rules_of(&loaded.config)?;
    write_whole(&main, &text)?;
    let mut out = io::stdout();
    for (key, _) in &set {
        let value = loaded.values().into_iter().find(|(known, ..)| known == key);
        let value = value.map_or(String::new(), |(_, value, _)| shown(key, &value));
        match loaded.layers.origin(key) {
            Origin::File { path, .. } if *path == main => writeln!(out, "{key} = {value}")?,
            other => writeln!(out, "{key} is written, but is {value} by {other}")?,
        }
    }
    Ok(0)
}

fn reset(path: Option<&Path>, yes: bool) -> Result<u8> {
    let main = sources(path, None).place.main_file();
    if !main.exists() {
        writeln!(io::stdout(), "there is no {}: nothing to reset", main.display())?;
        return Ok(0);
    }
    let question = format!("Take everything out of {}?", main.display());
    match if yes { Some(true) } else { confirm(&question)? } {
        Some(true) => {}
        Some(false) => return Ok(1),
        None => {
            let message = "nobody is there to be asked: add --yes";
            return Err(Refusal::new(Refusal::USAGE, message).into());
        }
    }
    let mut old = main.clone().into_os_string();
    old.push(".old");
    fs::copy(&main, &old).with_context(|| format!("keep {}", main.display()))?;
    write_whole(&main, EMPTY_FILE)?;
    writeln!(
        io::stdout(),
        "{} is empty; what it was is in {}",
        main.display(),
        Path::new(&old).display()
    )?;
    Ok(0)
}
