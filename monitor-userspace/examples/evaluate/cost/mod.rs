//! `cost`: what judging takes of one core, by the number of processes, without a kernel: half of them
//! change every second, and the engine is told what it asks for.

mod world;

use anyhow::{Context as _, Result};
use clap::Args;
use monitor_userspace::engine::{CommPattern, Engine};
use monitor_userspace::event::{Filters, Input, Privilege, RuleFile, StackChoice, Start};
use monitor_userspace::host::clock;
use monitor_userspace::output::{FindingState, Output};
use monitor_userspace::rule::{Grade, Rules};
use serde::Serialize;

use self::world::{SECOND_NS, World};

#[derive(Args)]
pub struct Options {
    /// Processes; one line of JSON for each number
    #[arg(default_values_t = [10, 100, 1_000, 5_000])]
    processes: Vec<u32>,
    /// Seconds of the stream that are measured; as many before them are not
    #[arg(long, default_value_t = 300)]
    seconds: u64,
}

/// How often lines are made.
const INTERVAL_NS: u64 = 10 * SECOND_NS;

/// CPU time of the parts of the engine, in nanoseconds, over the measured seconds.
#[derive(Default, Serialize)]
struct Cost {
    processes: u32,
    seconds: u64,
    events: u64,
    /// Looks at processes.
    readings: u64,
    /// Findings that opened in all the time.
    findings: u64,
    /// What events change of the inventory.
    events_ns: u64,
    /// What looks at processes give: series, verdicts, rules.
    readings_ns: u64,
    /// What looks at the host and at cgroups give: rules.
    host_ns: u64,
    /// What of these two is rules that are no growth rules: what they take less without them.
    rules_ns: u64,
    /// Address spaces and descriptor tables that were checked.
    checks_ns: u64,
    /// Deciding what to look at, and making what is printed every 10 s.
    ticks_ns: u64,
}

pub fn cost(options: &Options) -> Result<()> {
    for &processes in &options.processes {
        let rules = Rules::load(&[])?;
        let off = switched_off(&rules);
        let mut cost = measure(processes, options.seconds, rules)?;
        let without = measure(processes, options.seconds, Rules::load(&[off])?)?;
        let judging_ns = |cost: &Cost| cost.readings_ns + cost.host_ns;
        cost.rules_ns = judging_ns(&cost).saturating_sub(judging_ns(&without));
        println!("{}", serde_json::to_string(&cost).context("print the cost")?);
    }
    Ok(())
}

/// A file that switches off all rules that are no growth rules.
fn switched_off(rules: &Rules) -> RuleFile {
    let others = rules.iter().filter(|rule| rule.grade != Grade::Computed);
    let off = others.map(|rule| format!("[[rule]]\nname = \"{}\"\nenabled = false\n", rule.name));
    RuleFile { name: "off".to_owned(), text: off.collect() }
}

fn measure(processes: u32, seconds: u64, rules: Rules) -> Result<Cost> {
    let mut cost = Cost { processes, seconds, ..Cost::default() };
    let mut world = World::new(processes);
    let mut run = Run::start(rules)?;
    for second in 0..2 * seconds {
        let now_ns = second * SECOND_NS;
        let ticks_ns = run.apply(&[Input::Tick { now_ns }]);
        let asked = run.engine.take_requests();
        let answers: Vec<Input> =
            asked.iter().flat_map(|request| world.answer(request, now_ns)).collect();
        let kinds = [is_reading, is_of_host, is_check];
        let [readings, of_host, checks] = kinds
            .map(|is_kind| answers.iter().filter(|it| is_kind(it)).cloned().collect::<Vec<_>>());
        let [readings_ns, host_ns, checks_ns] =
            [&readings, &of_host, &checks].map(|inputs| run.apply(inputs));
        let events = world.second(now_ns);
        let events_ns = run.apply(&events);
        if second >= seconds {
            cost.events += events.len() as u64;
            cost.readings += readings.len() as u64;
            cost.events_ns += events_ns;
            cost.readings_ns += readings_ns;
            cost.host_ns += host_ns;
            cost.checks_ns += checks_ns;
            cost.ticks_ns += ticks_ns;
        }
    }
    cost.findings = run.findings;
    Ok(cost)
}

const fn is_reading(input: &Input) -> bool {
    matches!(input, Input::Proc(_) | Input::Access(_) | Input::Objects(_))
}

const fn is_of_host(input: &Input) -> bool {
    matches!(input, Input::Host(_) | Input::Cgroup(_))
}

const fn is_check(input: &Input) -> bool {
    matches!(input, Input::Reconcile(_) | Input::Table(_))
}

/// An engine and what came out of it.
struct Run {
    engine: Engine,
    findings: u64,
}

impl Run {
    fn start(rules: Rules) -> Result<Self> {
        let filters = Filters { all: true, ..Filters::default() };
        let comm = CommPattern::compile(&filters)?;
        let engine = Engine::start(facts(filters), comm, rules, false, &mut |_| {});
        Ok(Self { engine, findings: 0 })
    }

    /// Applies inputs; says what CPU time that took, in nanoseconds.
    fn apply(&mut self, inputs: &[Input]) -> u64 {
        let Self { engine, findings } = self;
        let before_ns = clock::thread_cpu_ns();
        for input in inputs {
            engine.apply(input, &mut |output| {
                if let Output::Finding(finding) = output {
                    *findings += u64::from(finding.state == FindingState::Open);
                }
            });
        }
        clock::thread_cpu_ns() - before_ns
    }
}

fn facts(filters: Filters) -> Start {
    Start {
        version: String::new(),
        host: String::new(),
        boot_id: String::new(),
        kernel: String::new(),
        started_ns: 0,
        boot_epoch_ns: 0,
        page_bytes: 4096,
        huge_page_bytes: 2 << 20,
        cpus: 2,
        attach: Vec::new(),
        privilege: Privilege::Full,
        filters,
        reconcile: true,
        stacks: StackChoice::Off,
        max_memory_bytes: 1 << 28,
        interval_ns: INTERVAL_NS,
        agent_pid: 1,
        command_pid: None,
        rules: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_follows_what_happens_and_names_who_leaks() {
        let mut world = World::new(12);
        let mut run = Run::start(Rules::load(&[]).unwrap()).unwrap();
        for second in 0..300 {
            let now_ns = second * SECOND_NS;
            run.apply(&[Input::Tick { now_ns }]);
            let asked = run.engine.take_requests();
            let answers: Vec<Input> =
                asked.iter().flat_map(|request| world.answer(request, now_ns)).collect();
            run.apply(&answers);
            run.apply(&world.second(now_ns));
        }
        let mut summary = None;
        run.engine.apply(&Input::Stop { now_ns: 300 * SECOND_NS }, &mut |output| {
            if let Output::Summary(it) = output {
                summary = Some((it.accuracy, it.stats.order_repairs, it.stats.processes));
            }
        });
        let (accuracy, order_repairs, processes) = summary.unwrap();
        assert!(matches!(accuracy, Some((0, 12))), "{accuracy:?}");
        assert_eq!((order_repairs, processes), (0, 12));
        // Two of twelve leak.
        assert!((2..=4).contains(&run.findings), "{}", run.findings);
    }

    #[test]
    fn every_part_is_measured() {
        let cost = measure(12, 60, Rules::load(&[]).unwrap()).unwrap();
        assert_eq!(cost.events, 6 * 60);
        assert!(cost.readings > 6 * 60 / 5);
        let parts = [cost.events_ns, cost.readings_ns, cost.host_ns, cost.checks_ns, cost.ticks_ns];
        assert!(parts.iter().all(|&ns| ns > 0), "{parts:?}");
    }

    #[test]
    fn growth_is_named_without_other_rules_too() {
        let rules = Rules::load(&[]).unwrap();
        let without = Rules::load(&[switched_off(&rules)]).unwrap();
        let left: Vec<_> = without.iter().filter(|rule| rule.enabled).collect();
        assert!(!left.is_empty() && left.iter().all(|rule| rule.grade == Grade::Computed));
        assert!(measure(12, 150, without).unwrap().findings >= 2);
    }
}
