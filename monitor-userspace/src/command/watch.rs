//! Watching: asks the host, plans, loads and attaches, then hands over to the agent.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};
use monitor_common::{
    Settings,
    settings::{SCOPE_ALL, SCOPE_WATCHED, STACKS_ALL, STACKS_MEMORY, STACKS_OFF},
};

use super::{Refusal, leak_rules};
use crate::{
    agent::{EventChoice, Form, Gate, Run},
    cli::{Cli, EventFamily, OnOff, Stacks},
    engine::CommPattern,
    event::{Family, Filters, Privilege, RuleFile, StackChoice, Start},
    host::{self, HostFacts, Proc, Scratch, Want, btf, clock},
    kernel::{Kernel, KernelError},
    plan::{Plan, plan_none, plan_probes},
    rule::Rules,
    sink::Paint,
};

/// How often processes are printed if nobody says.
const INTERVAL: Duration = Duration::from_secs(10);
/// What the agent may use for what it remembers if nobody says.
const MAX_MEMORY_BYTES: u64 = 256 << 20;
/// Rows of a terminal that does not say.
const DEFAULT_ROWS: usize = 24;
/// Smallest anonymous mapping of which a call stack is taken: glibc's malloc maps what is this
/// large or larger on its own (`M_MMAP_THRESHOLD`), so each stack is one allocation's.
const STACK_MIN_BYTES: u64 = 128 << 10;

pub(super) fn watch(cli: Cli) -> Result<u8> {
    let (fail_on, form) = (cli.fail_on, form_of(&cli));
    Ok(prepare(cli, form)?.go(fail_on)?.status(fail_on))
}

/// Whether it is said whom to watch.
pub(super) fn is_scoped(cli: &Cli) -> bool {
    let scope = &cli.scope;
    scope.all || !scope.pid.is_empty() || scope.comm.is_some() || !cli.argv.is_empty()
}

/// Asks the host, plans, loads and attaches: a run of this form, ready to go.
pub(super) fn prepare(cli: Cli, form: Form) -> Result<Run> {
    let rules = leak_rules::load(&cli.rules)?;
    prepare_with(cli, form, rules)
}

/// The same with these rules.
pub(super) fn prepare_with(
    cli: Cli,
    form: Form,
    (rule_files, rules): (Vec<RuleFile>, Rules),
) -> Result<Run> {
    if !is_scoped(&cli) {
        let message = "say what to watch: --all, --pid PID, --comm REGEX or -- COMMAND \
                       (--help shows examples)";
        return Err(Refusal::new(Refusal::USAGE, message).into());
    }
    let facts = HostFacts::probe().context("ask the host")?;
    let filters = filters_of(&cli);
    let comm = CommPattern::compile(&filters)
        .map_err(|error| Refusal::new(Refusal::USAGE, format!("--comm: {error}")))?;
    check_pids(&cli.scope.pid)?;
    let (plan, mut kernel) = if cli.no_ebpf {
        (plan_none(), None)
    } else {
        check_host(&facts)?;
        let events = host::syscall_events(&tracefs_of(&facts)?)?;
        let kernel = load(&cli)?;
        (plan_probes(&cli.skip_probe, &events, kernel.has_table_pass()), Some(kernel))
    };
    let gate = start_gate(&cli)?;
    if let Some(kernel) = &mut kernel {
        kernel.attach(&plan).map_err(|error| refused(&error))?;
        for pid in cli.scope.pid.iter().copied().chain(gate.as_ref().map(Gate::pid)) {
            kernel.watch(pid)?;
        }
    }
    let mut start = start_of(&cli, facts, filters, &plan, gate.as_ref());
    start.rules = rule_files;
    Ok(Run {
        start,
        comm,
        rules,
        kernel,
        form,
        output: cli.output,
        record: cli.record,
        counters: cli.counters,
        duration: cli.duration,
        gate,
        kernel_log: cli.verbose > 1,
    })
}

/// How the output looks: as asked, else a live table on a terminal and plain lines elsewhere.
pub(super) fn form_of(cli: &Cli) -> Form {
    if cli.json {
        return Form::Json(EventChoice(families_of(cli)));
    }
    let is_live = !cli.plain && cli.output.is_none() && std::io::stdout().is_terminal();
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    if !is_live || is_dumb {
        return Form::Plain;
    }
    Form::Live { rows: host::terminal_rows().unwrap_or(DEFAULT_ROWS), paint: paint() }
}

/// Colours, unless nobody wants them (no-color.org).
pub(super) fn paint() -> Paint {
    Paint { has_colour: std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
}

fn families_of(cli: &Cli) -> Vec<Family> {
    let Some(chosen) = &cli.events else { return Family::ALL.to_vec() };
    let has = |family| chosen.contains(&family);
    let named = |family: &Family| match family {
        Family::Memory => has(EventFamily::Memory),
        Family::Timer => has(EventFamily::Timer),
        Family::Socket => has(EventFamily::Socket),
        Family::Descriptor => has(EventFamily::Descriptor),
        Family::Process => has(EventFamily::Process),
    };
    Family::ALL.into_iter().filter(named).collect()
}

fn filters_of(cli: &Cli) -> Filters {
    Filters {
        all: cli.scope.all,
        pids: cli.scope.pid.clone(),
        comm: cli.scope.comm.clone(),
        follow: cli.scope.follow,
        min_mapping_bytes: cli.min_mapping.unwrap_or(0),
    }
}

/// Without the kernel there are none.
fn stacks_of(cli: &Cli) -> StackChoice {
    match cli.stacks.unwrap_or_default() {
        _ if cli.no_ebpf => StackChoice::Off,
        Stacks::Off => StackChoice::Off,
        Stacks::Memory => StackChoice::Memory,
        Stacks::All => StackChoice::All,
    }
}

/// A pid that is not there is a typing error, not an empty run.
fn check_pids(pids: &[u32]) -> Result<()> {
    let (proc, mut scratch) = (Proc::default(), Scratch::default());
    for &pid in pids {
        match proc.read_process(pid, Want::default(), &mut scratch)? {
            Some(reading) if !reading.kernel_thread => {}
            Some(_) => {
                let message = format!("--pid {pid}: a kernel thread holds no memory of its own");
                return Err(Refusal::new(Refusal::USAGE, message).into());
            }
            None => {
                let message = format!("--pid {pid}: there is no such process");
                return Err(Refusal::new(Refusal::USAGE, message).into());
            }
        }
    }
    Ok(())
}

/// Refuses, with what helps, where the kernel programs cannot run.
pub(super) fn check_host(facts: &HostFacts) -> Result<()> {
    if !facts.may_load {
        let message = "loading kernel programs needs root (or CAP_BPF, CAP_PERFMON and \
                       CAP_SYS_PTRACE): run it with sudo, or use --no-ebpf for what /proc alone \
                       shows";
        return Err(Refusal::new(Refusal::PRIVILEGE, message).into());
    }
    if let Some(level) = facts.perf_refused_at {
        let message = format!(
            "kernel.perf_event_paranoid is {level}, which lets nobody but root attach to \
             tracepoints: run it with sudo, or `sysctl kernel.perf_event_paranoid=2`, or use \
             --no-ebpf"
        );
        return Err(Refusal::new(Refusal::PRIVILEGE, message).into());
    }
    if facts.in_initial_pid_ns == Some(false) {
        let message = "the kernel's events carry the host's pids, which /proc does not show in \
                       this pid namespace: run it in the host's (for a container, --pid=host), \
                       or use --no-ebpf";
        return Err(Refusal::new(Refusal::KERNEL, message).into());
    }
    if !facts.has_btf {
        let message = "this kernel has no type information (/sys/kernel/btf/vmlinux, \
                       CONFIG_DEBUG_INFO_BTF): use --no-ebpf for what /proc alone shows";
        return Err(Refusal::new(Refusal::KERNEL, message).into());
    }
    Ok(())
}

/// Where tracefs is, which is mounted if it must be.
fn tracefs_of(facts: &HostFacts) -> Result<PathBuf> {
    if let Some(path) = &facts.tracefs {
        return Ok(path.clone());
    }
    host::mount_tracefs().map_err(|error| {
        let message = format!(
            "tracefs is not mounted and cannot be: {error}; try `mount -t tracefs tracefs \
             /sys/kernel/tracing`, or --no-ebpf"
        );
        Refusal::new(Refusal::KERNEL, message).into()
    })
}

/// Loads the programs with this host's facts patched in.
pub(super) fn load(cli: &Cli) -> Result<Kernel> {
    let settings = settings_of(cli)?;
    Ok(Kernel::load(&settings, cli.ring, cli.verbose > 1).map_err(|error| refused(&error))?)
}

fn settings_of(cli: &Cli) -> Result<Settings> {
    let bytes = btf::read_kernel_btf(btf::KERNEL_BTF)?;
    let offsets = host::kernel_offsets(&btf::Btf::parse(&bytes)?).map_err(|error| {
        let message = format!("this kernel's type information is not what we know: {error}");
        Refusal::new(Refusal::KERNEL, message)
    })?;
    Ok(Settings {
        offsets,
        min_mapping_bytes: cli.min_mapping.unwrap_or(0),
        agent_tgid: std::process::id(),
        scope: if cli.scope.all { SCOPE_ALL } else { SCOPE_WATCHED },
        follow: u32::from(cli.scope.follow),
        process_unscoped: u32::from(cli.scope.comm.is_some()),
        failed: u32::from(cli.failed),
        stack_min_bytes: STACK_MIN_BYTES,
        stacks: match cli.stacks.unwrap_or_default() {
            Stacks::Off => STACKS_OFF,
            Stacks::Memory => STACKS_MEMORY,
            Stacks::All => STACKS_ALL,
        },
    })
}

/// What the kernel refuses is the kernel's limit, said with its own word.
fn refused(error: &KernelError) -> Refusal {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    Refusal::new(Refusal::KERNEL, format!("{message} (--no-ebpf works from /proc alone)"))
}

fn start_gate(cli: &Cli) -> Result<Option<Gate>> {
    if cli.argv.is_empty() {
        return Ok(None);
    }
    let is_json_on_stdout = cli.json && cli.output.is_none();
    Gate::start(&cli.argv, is_json_on_stdout).map(Some)
}

fn start_of(
    cli: &Cli,
    facts: HostFacts,
    filters: Filters,
    plan: &Plan,
    gate: Option<&Gate>,
) -> Start {
    Start {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        host: facts.hostname,
        boot_id: facts.boot_id,
        kernel: facts.release,
        started_ns: clock::boot_ns(),
        boot_epoch_ns: clock::boot_epoch_ns(),
        page_bytes: facts.page_bytes,
        huge_page_bytes: facts.huge_page_bytes,
        cpus: facts.cpus,
        attach: plan.attach_table(),
        privilege: if cli.no_ebpf { Privilege::ProcOnly } else { Privilege::Full },
        filters,
        reconcile: cli.reconcile == OnOff::On,
        stacks: stacks_of(cli),
        max_memory_bytes: cli.max_memory.unwrap_or(MAX_MEMORY_BYTES),
        interval_ns: u64::try_from(cli.interval.unwrap_or(INTERVAL).as_nanos()).unwrap_or(u64::MAX),
        agent_pid: std::process::id(),
        command_pid: gate.map(Gate::pid),
        rules: Vec::new(),
    }
}
