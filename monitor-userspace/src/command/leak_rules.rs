//! `leak-rules`: which rules there are, what their conditions may use, and whether a file of rules
//! is right.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    Refusal,
    ask::{Agent, Reach, Wish, ask},
};
use crate::{
    cli::Cli,
    event::RuleFile,
    rule::{Documented, Origin, Rule, Rules, Unit, documented},
};

/// Bytes of a file of rules at most.
const MAX_FILE: u64 = 1 << 20;

/// What the command line asks for.
#[derive(Clone, Debug, clap::Args)]
pub struct LeakRules {
    /// Add this file of rules to the built-in ones.
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,

    /// List what conditions may use instead.
    #[arg(long)]
    pub variables: bool,

    /// Only say whether this file of rules is right; exit with 2 if it is not.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["variables", "rules"])]
    pub check: Option<PathBuf>,

    /// List those that are on in the running agent instead, with its user's.
    #[arg(long, conflicts_with_all = ["variables", "rules", "check"])]
    pub running: bool,

    /// Which agent; implies --running.
    #[command(flatten)]
    pub reach: Reach,

    /// One JSON object a line; of the running agent one with all.
    #[arg(long)]
    pub json: bool,
}

/// Reads and checks the user's files; what is wrong with them is a wrong use of the command line.
pub(super) fn load(paths: &[PathBuf]) -> Result<(Vec<RuleFile>, Rules)> {
    load_before(paths, None)
}

/// The same, with one more file before them, so that they may change what it says.
pub(super) fn load_before(
    paths: &[PathBuf],
    first: Option<RuleFile>,
) -> Result<(Vec<RuleFile>, Rules)> {
    let read = paths.iter().map(|path| read(path));
    let files = first.map(Ok).into_iter().chain(read).collect::<Result<Vec<_>>>()?;
    let rules = Rules::load(&files)
        .map_err(|faults| Refusal::new(Refusal::USAGE, format!("wrong rules\n{faults}")))?;
    Ok((files, rules))
}

fn read(path: &Path) -> Result<RuleFile> {
    let name = path.display().to_string();
    let refuse = |what: String| Refusal::new(Refusal::USAGE, format!("rules {name}: {what}"));
    let found = fs::metadata(path).map_err(|error| refuse(error.to_string()))?;
    if found.len() > MAX_FILE {
        return Err(refuse("a file of rules has at most 1 MiB".to_owned()).into());
    }
    let text = fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    Ok(RuleFile { name, text })
}

/// Does what the command line asks for.
pub(super) fn leak_rules(asked: &LeakRules, cli: &Cli) -> Result<u8> {
    if asked.running || asked.reach.is_named() {
        let agent = Agent { reach: asked.reach.clone(), json: asked.json };
        return ask(Wish::Rules, &agent, cli);
    }
    let mut out = io::stdout().lock();
    if let Some(path) = &asked.check {
        let (files, rules) = load(std::slice::from_ref(path))?;
        let name = files.first().map_or("", |file| file.name.as_str());
        let count = rules.iter().filter(|rule| from(&rule.origin) == Some(name)).count();
        let text = checked(name, count, asked.json);
        return write(&mut out, &text);
    }
    if asked.variables {
        return write(&mut out, &variables(&documented(), asked.json));
    }
    let (_, rules) = load(&asked.rules)?;
    write(&mut out, &list(&rules, asked.json))
}

fn write(out: &mut impl Write, text: &str) -> Result<u8> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        other => other.map(|()| 0).context("write the rules"),
    }
}

fn checked(name: &str, count: usize, as_json: bool) -> String {
    if as_json {
        return format!("{}\n", json!({ "file": name, "rules": count }));
    }
    let rules = if count == 1 { "1 rule".to_owned() } else { format!("{count} rules") };
    format!("{name}: {rules}, nothing wrong\n")
}

/// The user's file that a rule comes from, or is changed by.
fn from(origin: &Origin) -> Option<&str> {
    match origin {
        Origin::BuiltIn => None,
        Origin::Changed(file) | Origin::File(file) => Some(file),
    }
}

fn list(rules: &Rules, as_json: bool) -> String {
    if as_json {
        return lines(rules.iter().map(object));
    }
    let head = ["NAME", "SEVERITY", "ABOUT", "FOR", "", "FROM", "CONDITION"].map(str::to_owned);
    let rows = rules.iter().map(|rule| {
        [
            rule.name.clone(),
            rule.grade.name().to_owned(),
            rule.subject.name().to_owned(),
            time(rule.hold_ns),
            if rule.enabled { "on" } else { "off" }.to_owned(),
            match &rule.origin {
                Origin::BuiltIn => "built-in".to_owned(),
                Origin::Changed(file) => format!("built-in, {file}"),
                Origin::File(file) => file.clone(),
            },
            rule.condition_text.split_whitespace().collect::<Vec<_>>().join(" "),
        ]
    });
    columns(std::iter::once(head).chain(rows))
}

fn object(rule: &Rule) -> serde_json::Value {
    let (origin, file) = match &rule.origin {
        Origin::BuiltIn => ("built-in", None),
        Origin::Changed(file) => ("changed", Some(file)),
        Origin::File(file) => ("file", Some(file)),
    };
    json!({
        "name": rule.name,
        "description": rule.description,
        "severity": rule.grade.name(),
        "subject": rule.subject.name(),
        "condition": rule.condition_text,
        "for_seconds": rule.hold_ns / 1_000_000_000,
        "action": rule.action,
        "cooldown_seconds": rule.cooldown_ns.map(|ns| ns / 1_000_000_000),
        "resource": rule.resource,
        "recommendation": rule.recommendation,
        "enabled": rule.enabled,
        "origin": origin,
        "file": file,
    })
}

fn variables(all: &[Documented], as_json: bool) -> String {
    let kind = |unit| if unit == Unit::Text { "text" } else { "number" };
    if as_json {
        let object = |it: &Documented| {
            json!({
                "name": it.name,
                "subject": it.subject.name(),
                "type": kind(it.unit),
                "unit": (it.unit != Unit::Text).then(|| it.unit.name()),
                "about": it.about,
            })
        };
        return lines(all.iter().map(object));
    }
    let head = ["ABOUT", "NAME", "TYPE", "UNIT", "MEANING"].map(str::to_owned);
    let rows = all.iter().map(|it| {
        let unit = if it.unit == Unit::Text { "" } else { it.unit.name() };
        [it.subject.name(), &it.name, kind(it.unit), unit, &it.about].map(str::to_owned)
    });
    columns(std::iter::once(head).chain(rows))
}

/// Each on a line.
fn lines(objects: impl Iterator<Item = serde_json::Value>) -> String {
    objects.fold(String::new(), |text, object| text + &object.to_string() + "\n")
}

/// Rows of words below each other.
fn columns<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = rows.collect();
    let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// A time in the largest unit that leaves it whole.
fn time(ns: u64) -> String {
    let seconds = ns / 1_000_000_000;
    match seconds {
        0 => "0s".to_owned(),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
#[path = "leak_rules_tests.rs"]
mod tests;
