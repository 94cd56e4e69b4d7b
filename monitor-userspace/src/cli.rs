//! The command line as typed; nothing here is resolved. Help text is written for somebody whose
//! host is running out of memory right now.

use std::{path::PathBuf, time::Duration};

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};

use crate::{
    command::{
        Agent, Alert, Configure, LeakRules, Look, Period, Reset, Serve, Setup, Silence, Top,
    },
    output::Severity,
    plan,
};

const EXAMPLES: &str = "\
Examples:
  memwatch-ebpf --all                            watch every process of the host
  memwatch-ebpf --all --plain --duration 30s     for half a minute, as plain lines
  memwatch-ebpf --pid 4242 --json                one process, every event as a JSON line
  memwatch-ebpf --comm '^postgres' --follow      by name, with the children they make
  memwatch-ebpf --fail-on medium -- ./server     start a program and watch it from its first
                                                 instruction; exit 3 if it leaks
  memwatch-ebpf --all --record run.mwr           keep everything the judgement was made of
  memwatch-ebpf --replay run.mwr                 judge it again, as any user, anywhere
  memwatch-ebpf leaks                            ask the running agent (serve) who leaks
  memwatch-ebpf leaks --all                      watch for four minutes, then say who leaks
  memwatch-ebpf explain --replay run.mwr         what speaks for the finding in it, and against

Exit status:
  0 fine   1 failure   2 usage   3 findings at or above --fail-on   4 no privilege
  5 the kernel cannot.   With -- COMMAND: its own status when that is not 0.";

/// Finds the process that leaks memory, without touching it.
///
/// Watches mmap, munmap, mremap and brk of every process from the kernel side, rebuilds what each
/// holds, and says which one grows without end, and how fast.
#[derive(Clone, Debug, Parser)]
#[command(name = "memwatch-ebpf", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(subcommand_value_name = "ACTION", subcommand_help_heading = "Actions")]
#[command(group = ArgGroup::new("scope").args(["all", "pid", "comm", "argv"]).multiple(true))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Cli {
    /// What to do instead of watching.
    #[command(subcommand)]
    pub action: Option<Action>,

    /// Whom to watch.
    #[command(flatten)]
    pub scope: Scope,

    /// One JSON object a line on standard output: events, snapshots, findings.
    #[arg(long, conflicts_with = "plain")]
    pub json: bool,

    /// Plain lines instead of a live table.
    #[arg(long)]
    pub plain: bool,

    /// Write to this file instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Stop after this long (30s, 5m, 2h).
    #[arg(long, short, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    /// Print the processes this often [default: 10s].
    #[arg(long, short, value_name = "TIME", value_parser = duration)]
    pub interval: Option<Duration>,

    /// Families of events that --json prints.
    #[arg(long, value_name = "FAMILY", value_delimiter = ',', requires = "json")]
    pub events: Option<Vec<EventFamily>>,

    /// Print failed calls too, with their errno (they are always counted).
    #[arg(long)]
    pub failed: bool,

    /// Trace only mappings of at least this size (4096, 64K, 1M).
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub min_mapping: Option<u64>,

    /// Keep all inputs of this run in a file, for --replay.
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,

    /// Judge a recording again instead of watching. Needs no privilege.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["scope", "record", "duration", "no_ebpf", "skip_probe", "follow"]
    )]
    pub replay: Option<PathBuf>,

    /// Add this file of rules to the built-in ones; it may also change them. Can be repeated.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub rules: Vec<PathBuf>,

    /// Read what applications report of themselves: lines of JSON in a file that grows, or at a
    /// socket that is made there if its name ends in .sock.
    #[arg(long, value_name = "FILE|SOCKET", conflicts_with = "replay")]
    pub counters: Option<PathBuf>,

    /// Correct what is held when /proc disagrees, or only measure the difference.
    #[arg(long, value_name = "WHEN", default_value = "on")]
    pub reconcile: OnOff,

    /// Which call stacks are taken, to say where the growth comes from [default: memory].
    #[arg(long, value_name = "WHICH")]
    pub stacks: Option<Stacks>,

    /// What the agent may use for what it remembers (64M, 1G). Beyond it detail is given up, the
    /// oldest and smallest first; totals never [default: 256M].
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub max_memory: Option<u64>,

    /// Size of the ring between kernel and agent; a power of two.
    #[arg(long, value_name = "SIZE", env = "MEMWATCH_RING_BYTES", hide = true, value_parser = ring)]
    pub ring: Option<u32>,

    /// Use /proc alone: coarser, and without the kernel's events.
    #[arg(long)]
    pub no_ebpf: bool,

    /// Leave a probe out, to see what its absence breaks.
    #[arg(long, value_name = "NAME", value_parser = probe_names())]
    pub skip_probe: Vec<String>,

    /// Exit with 3 if a finding reached this severity: low, medium, high, critical.
    #[arg(long, value_name = "SEVERITY", global = true)]
    pub fail_on: Option<Severity>,

    /// More about what the agent does, on standard error; twice for the kernel side's own log.
    #[arg(long, short, action = clap::ArgAction::Count)]
    pub verbose: u8,

    /// Start this command and watch it from its first instruction; the run ends with it.
    #[arg(last = true, value_name = "COMMAND")]
    pub argv: Vec<String>,
}

/// Whom to watch.
#[derive(Clone, Debug, Default, Args)]
pub struct Scope {
    /// Watch every process of the host.
    #[arg(long, conflicts_with_all = ["pid", "comm"])]
    pub all: bool,

    /// Watch these processes.
    #[arg(long, short, value_name = "PID", value_delimiter = ',')]
    pub pid: Vec<u32>,

    /// Watch processes whose name matches this regular expression.
    #[arg(long, value_name = "REGEX")]
    pub comm: Option<String>,

    /// Watch the children of watched processes too.
    #[arg(long)]
    pub follow: bool,
}

/// What to do instead of watching.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Run as a service: watch the host, and answer over a unix socket and HTTP.
    Serve(Serve),
    /// Show the configuration and where each value is from; check it, change it, or reset it.
    Config(Configure),
    /// Install the service: configuration, systemd unit, state directory and group.
    Setup(Setup),
    /// Say how the running agent is.
    Status(Agent),
    /// See whether alerts arrive.
    #[command(subcommand)]
    Alert(Alert),
    /// Let nobody be told of a cause for a while, unless it doubles. Without a finding, list the silences.
    Silence(Silence),
    /// Say how the host is, as the running agent sees it.
    Health {
        /// Which agent.
        #[command(flatten)]
        agent: Agent,
        /// As a monitoring plugin: one line with performance data; exit 0, 1 (warning), 2 (critical) or 3.
        #[arg(long, conflicts_with = "json")]
        plugin: bool,
    },
    /// Memory, CPU and response times of the last hour, from the running agent.
    Metrics {
        /// Which agent.
        #[command(flatten)]
        agent: Agent,
        /// Look back so far: minutes, or 30m, 2h, 1d.
        #[arg(long, value_name = "TIME", default_value = "60")]
        period: Period,
    },
    /// Say in short how the running agent's time went: health, directions, what to do.
    Performance(Agent),
    /// Watch processes and findings of the running agent on the whole screen; ? lists the keys.
    Top(Top),
    /// Have the running agent clean up what its policy allows.
    Cleanup(Agent),
    /// Have the running agent get memory back that programs hold and do not use.
    Gc(Agent),
    /// Have the running agent act on its findings now, as far as its policy allows.
    #[command(name = "leak-force-cleanup")]
    LeakForceCleanup(Agent),
    /// Have the running agent forget the history it kept.
    Reset(Reset),
    /// Print shell completions.
    Completions {
        /// For which shell.
        shell: Shell,
    },
    /// List the rules, built-in or of the running agent (--running), or what their conditions may use, or
    /// check a file of rules.
    LeakRules(LeakRules),
    /// Have the running agent judge now; or watch for a while and print findings as they come. Exported
    /// snapshots are judged offline, and what is found there is printed as one JSON object a line.
    #[command(name = "leak-check")]
    LeakCheck(Look),
    /// Say what grows without end: how fast, how sure that is, and when it will hurt.
    Leaks(Look),
    /// Say what grew and what shrank, process by process, whether or not that means anything.
    Trends(Look),
    /// Sum the time watched up on one page.
    Report(Look),
    /// Say what to change, each with the finding or the figure that speaks for it.
    Optimize(Look),
    /// Say what speaks for a finding and against, what would decide, and what to run next.
    Explain {
        /// Its id, or what it begins with; may be left out where there is one finding.
        #[arg(value_name = "FINDING")]
        finding: Option<String>,
        /// Where to look.
        #[command(flatten)]
        look: Look,
    },
    /// Print the JSON Schema of a line of --json.
    Schema,
    /// Waits to be watched, then becomes the command. Started by the agent itself.
    #[command(name = "exec-gate", hide = true)]
    ExecGate {
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        argv: Vec<String>,
    },
    /// Times both readers of descriptor tables. Started by `cargo xtask bench seed`.
    #[command(name = "bench-seed", hide = true)]
    BenchSeed {
        /// Whose tables.
        #[arg(required = true, value_delimiter = ',')]
        pids: Vec<u32>,
        /// How often each is read by either.
        #[arg(long, default_value_t = 5)]
        rounds: u32,
    },
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOff {
    /// Correct it.
    On,
    /// Only measure it; each address space is read once and then followed by events alone.
    Off,
}

/// Which call stacks are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stacks {
    /// None.
    Off,
    /// Of large anonymous mappings and of a growing heap.
    #[default]
    Memory,
    /// Of those, and of every descriptor, socket and timer made.
    All,
}

/// A family as named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventFamily {
    /// Mappings, heap and shared memory.
    Memory,
    /// POSIX timers, interval timers and timerfds.
    Timer,
    /// Sockets and the states of TCP.
    Socket,
    /// Descriptors of every other kind, and how they are copied and closed.
    Descriptor,
    /// Birth, exec and death of processes.
    Process,
    /// No events at all.
    None,
}

fn probe_names() -> clap::builder::PossibleValuesParser {
    plan::probe_names().into()
}

pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time above zero: write 500ms, 30s, 5m or 2h");
    let (number, unit) = split(text);
    let Ok(number) = number.parse::<f64>() else { return Err(wrong()) };
    let seconds = match unit {
        "ms" => number / 1e3,
        "" | "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        "d" => number * 86400.0,
        _ => return Err(wrong()),
    };
    // Below a millisecond there is nothing to wait for, above a century nobody waits.
    if !(0.001..3.2e9).contains(&seconds) {
        return Err(wrong());
    }
    Ok(Duration::from_secs_f64(seconds))
}

pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no size: write 4096, 64K, 1.5M or 2G");
    let (number, unit) = split(text);
    let Ok(number) = number.parse::<f64>() else { return Err(wrong()) };
    let unit = unit.trim_end_matches("iB").trim_end_matches('B').to_ascii_uppercase();
    let shift = match unit.as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err(wrong()),
    };
    let bytes = number * f64::from(1 << shift);
    if !(0.0..9e18).contains(&bytes) {
        return Err(wrong());
    }
    Ok(bytes as u64)
}

/// Less would not hold the processes of a small host.
const MIN_MEMORY: u64 = 1 << 20;

pub(crate) fn memory(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if bytes < MIN_MEMORY {
        return Err("at least 1M is needed".to_owned());
    }
    Ok(bytes)
}

fn ring(text: &str) -> Result<u32, String> {
    let bytes = u32::try_from(size(text)?).unwrap_or(u32::MAX);
    if !bytes.is_power_of_two() || bytes < 4096 {
        return Err("a power of two from 4096 to 2G is needed".to_owned());
    }
    Ok(bytes)
}

/// A number and the letters behind it.
fn split(text: &str) -> (&str, &str) {
    let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at(at)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_and_sizes_are_read_with_their_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2h"), Ok(Duration::from_hours(2)));
        assert_eq!(size("1.5M"), Ok(1_572_864));
        assert_eq!(size("64KiB"), Ok(65_536));
        for wrong in ["", "s", "-3s", "0s", "5 parsecs", "nan", "infs", "1e400s"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
        for wrong in ["", "K", "-1", "1T2", "nan"] {
            assert!(size(wrong).is_err(), "{wrong:?}");
        }
    }
}
