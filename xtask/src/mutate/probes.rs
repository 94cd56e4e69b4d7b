//! Mutants of the kernel side: the agent runs without one of its probes, and the end-to-end tests
//! of what that probe reports are asked. Needs root, like those tests.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::ask::{Fate, ask};
use crate::testbin::{self, TestBinary};
use crate::{setup, sh};

/// Tests that wait for what never comes give up by themselves, after a minute each.
const TEST_LIMIT: Duration = Duration::from_mins(15);

/// A test executable and the parts of names that pick its tests.
type Tests = (&'static str, &'static [&'static str]);

const MEMORY: &[Tests] = &[
    ("strace", &["every_form_of_every_call"]),
    ("exact", &["random_changes", "busy_when_it_is_first_read"]),
];
const PROCESS: &[Tests] = &[
    ("strace", &["every_form_of_every_call"]),
    ("exact", &["a_child_that_goes_its_own_way"]),
    ("life", &["from_its_first_instruction"]),
    ("filter", &[]),
];
/// Every call that makes, copies, sets or gives back anything else, and what is left of it.
const KINDS: &[Tests] = &[
    ("kinds", &["every_form_of_every_kind", "failures_of_every_kind"]),
    ("held", &["what_a_killed_program_held"]),
    ("own", &[]),
];
/// A call that succeeds on few processors and is unknown to the witness.
const SHADOW_STACK: &[Tests] = &[("kinds", &["a_shadow_stack"])];
/// What no call tells of.
const STATES: &[Tests] = &[("held", &["what_a_killed_program_held"])];
const UNSHARE: &[Tests] = &[("own", &["leaves_the_table"])];
const SEED: &[Tests] = &[("seed", &[])];

/// The tests of what a probe reports; the likeliest to fail first.
fn tests_of(probe: &str) -> &'static [Tests] {
    match probe {
        "mmap" | "munmap" | "mremap" | "brk" => MEMORY,
        "fork" | "exec" | "exit" | "rename" => PROCESS,
        "unshare" => UNSHARE,
        "map_shadow_stack" => SHADOW_STACK,
        "tcp_state" => STATES,
        "task_file" => SEED,
        _ => KINDS,
    }
}

pub(super) fn run(
    is_wanted: impl Fn(&str) -> bool,
    note: &mut dyn FnMut(&str, &Fate),
) -> Result<()> {
    if !sh::is_root() {
        bail!("only root may load programs; use sudo -E, or --operations for the rest");
    }
    setup::tests()?;
    let bench = Bench::make()?;
    let wanted: Vec<String> =
        bench.probes()?.into_iter().filter(|probe| is_wanted(&format!("probe {probe}"))).collect();
    let mut sound: Vec<Tests> = Vec::new();
    for probe in wanted {
        note(&format!("probe {probe}"), &bench.fate_of(&probe, &mut sound)?);
    }
    Ok(())
}

/// The agent and the executables that test it.
struct Bench {
    agent: std::path::PathBuf,
    binaries: Vec<TestBinary>,
    log: std::path::PathBuf,
}

impl Bench {
    fn make() -> Result<Self> {
        let agent = sh::build_agent()?;
        let mut build = sh::cargo()?;
        build.args(["test", "--quiet", "--locked", "--package", "memwatch-tests"]);
        let dir = sh::target_dir()?.join("mutate");
        fs::create_dir_all(&dir).with_context(|| format!("failed to create {}", dir.display()))?;
        Ok(Self { agent, binaries: testbin::build(&mut build)?, log: dir.join("probe-output") })
    }

    /// All probes that this kernel has a place for, as the header of a short run names them.
    fn probes(&self) -> Result<Vec<String>> {
        let text =
            sh::output(Command::new(&self.agent).args(["--all", "--json", "--duration", "100ms"]))?;
        let header: Value = serde_json::from_str(text.lines().next().unwrap_or_default())
            .context("the agent did not begin with a header")?;
        let attach = header["attach"].as_object().context("the header names no probes")?;
        let is_attached = |(_, hook): &(&String, &Value)| *hook != "none";
        Ok(attach.iter().filter(is_attached).map(|(name, _)| name.clone()).collect())
    }

    /// Asks one after the other until any fails. What fails with every probe attached too says
    /// nothing of this one; which do not is kept in `sound`.
    fn fate_of(&self, probe: &str, sound: &mut Vec<Tests>) -> Result<Fate> {
        for tests in tests_of(probe) {
            let fate = self.ask(tests, Some(probe))?;
            if matches!(fate, Fate::Survived) {
                continue;
            }
            if !sound.contains(tests) {
                if let Fate::Killed(by) = self.ask(tests, None)? {
                    bail!("{by} fails with all probes attached; mend that first");
                }
                sound.push(*tests);
            }
            return Ok(fate);
        }
        Ok(Fate::Survived)
    }

    /// Runs some tests of one executable with a probe left out.
    fn ask(&self, (name, filters): &Tests, without: Option<&str>) -> Result<Fate> {
        let binary = self.binaries.iter().find(|binary| binary.name == *name);
        let binary = binary.with_context(|| format!("there is no test executable {name}"))?;
        let mut tests = Command::new(&binary.path);
        tests.args(*filters).arg("--test-threads=1").env("MEMWATCH_BIN", &self.agent);
        // A test that skips itself would be a survivor's alibi.
        tests.env("MEMWATCH_NO_SKIP", "1").env_remove("MEMWATCH_SKIP_PROBE");
        if let Some(probe) = without {
            tests.env("MEMWATCH_SKIP_PROBE", probe);
        }
        ask(&mut tests, &self.log, TEST_LIMIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_test_executable_that_is_asked_exists() {
        let dir = sh::root().unwrap().join("tests/tests");
        for (name, _) in [MEMORY, PROCESS, KINDS, SHADOW_STACK, STATES, UNSHARE, SEED].concat() {
            assert!(dir.join(format!("{name}.rs")).is_file(), "{name}");
        }
    }
}
