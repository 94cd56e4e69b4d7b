//! `setup`: shows what it would make, asks, makes it, and says how to go on.

use std::{
    fs,
    io::{self, IsTerminal as _, Write},
    os::unix::fs::{DirBuilderExt as _, chown},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use nix::unistd::{Group, geteuid};

use super::{Refusal, confirm};
use crate::{
    config::Profile,
    setup::{
        Facts, GROUP, Made, Places, Plan, Step, UNIT_NAME, plan, remove, write_new, write_whole,
    },
};

/// Is there where systemd manages the host (sd_booted(3)).
const SYSTEMD: &str = "/run/systemd/system";

/// How the service is installed.
#[derive(Clone, Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct Setup {
    /// Which set of thresholds the configuration starts from.
    #[arg(value_name = "PROFILE")]
    pub profile: Option<Profile>,

    /// Also print the text of what is written.
    #[arg(long, short)]
    pub verbose: bool,

    /// Only print what would be done.
    #[arg(long)]
    pub dry_run: bool,

    /// Take away again what was made, and only that.
    #[arg(long, conflicts_with = "profile")]
    pub remove: bool,

    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

/// Installs or removes; the exit status.
pub(super) fn setup(asked: &Setup) -> Result<u8> {
    if !asked.dry_run && !geteuid().is_root() {
        let message =
            "installing a service needs root: run it with sudo, or look first with --dry-run";
        return Err(Refusal::new(Refusal::PRIVILEGE, message).into());
    }
    let places = Places::below(Path::new("/"));
    let has_systemd = Path::new(SYSTEMD).is_dir();
    if asked.remove {
        take_away(asked, &places, has_systemd)
    } else {
        install(asked, &places, has_systemd)
    }
}

fn install(asked: &Setup, places: &Places, has_systemd: bool) -> Result<u8> {
    let program = std::env::current_exe().context("find this program")?;
    let has_group = group_id()?.is_some();
    let facts = Facts { has_systemd, has_group, program };
    let Some(profile) = chosen_profile(asked)? else { return Ok(1) };
    let plan = plan(&facts, places, profile)?;
    let mut out = io::stdout();
    tell(&mut out, &plan, asked.verbose || asked.dry_run)?;
    if asked.dry_run {
        writeln!(out, "nothing was done (--dry-run)")?;
        return Ok(0);
    }
    if !may_go_on(asked, &plan)? {
        writeln!(out, "nothing was done")?;
        return Ok(1);
    }
    let mut made = Made::read(places)?;
    for step in &plan.steps {
        carry_out(step, &mut made)?;
        // What was made before something fails can be taken away, too.
        if places.state.is_dir() {
            made.write(places)?;
        }
    }
    writeln!(out, "\n{}", how_to_go_on(&facts))?;
    Ok(0)
}

/// As named, else as answered; `None` where nothing is wanted.
fn chosen_profile(asked: &Setup) -> Result<Option<Profile>> {
    if let Some(profile) = asked.profile {
        return Ok(Some(profile));
    }
    if asked.yes || asked.dry_run || !io::stdin().is_terminal() {
        return Ok(Some(Profile::default()));
    }
    let mut err = io::stderr();
    write!(
        err,
        "Thresholds for [p]roduction (told when it matters) or [d]evelopment (told early)? [P/d] "
    )?;
    let mut answer = String::new();
    if io::stdin().read_line(&mut answer)? == 0 {
        return Ok(None);
    }
    let is_development = answer.trim().to_ascii_lowercase().starts_with('d');
    Ok(Some(if is_development { Profile::Development } else { Profile::Production }))
}

fn tell(out: &mut impl Write, plan: &Plan, with_text: bool) -> Result<()> {
    for path in &plan.as_is {
        writeln!(out, "  as it is: {}", path.display())?;
    }
    for step in &plan.steps {
        writeln!(out, "  {}", step.title())?;
        if let Some(text) = step.text().filter(|_| with_text) {
            for line in text.lines() {
                writeln!(out, "    | {line}")?;
            }
        }
    }
    Ok(())
}

/// Nothing is written over without a yes; where nobody can be asked, what is new is made.
fn may_go_on(asked: &Setup, plan: &Plan) -> Result<bool> {
    if asked.yes || plan.steps.is_empty() {
        return Ok(true);
    }
    if let Some(answer) = confirm("Go on?")? {
        return Ok(answer);
    }
    if plan.steps.iter().any(|step| matches!(step, Step::Replace { .. })) {
        let message =
            "there are files that would be written over, and nobody to be asked: add --yes";
        return Err(Refusal::new(Refusal::USAGE, message).into());
    }
    Ok(true)
}

fn carry_out(step: &Step, made: &mut Made) -> Result<()> {
    match step {
        Step::Group => {
            run(Command::new("groupadd").args(["--system", GROUP]))?;
            made.group = true;
        }
        Step::Directory { path, mode } => {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(*mode)
                .create(path)
                .with_context(|| format!("make {}", path.display()))?;
            give_to_group(path, *mode)?;
            made.add_directory(path);
        }
        Step::File { path, mode, text } => {
            write_new(path, *mode, text)?;
            give_to_group(path, *mode)?;
            made.add_file(path, text);
        }
        Step::Replace { path, text } => {
            let mut old = path.clone().into_os_string();
            old.push(".old");
            fs::copy(path, &old).with_context(|| format!("keep {}", path.display()))?;
            write_whole(path, text)?;
            // What was somebody else's stays that.
            if made.has_file(path) {
                made.add_file(path, text);
            }
        }
        Step::DaemonReload => run(Command::new("systemctl").arg("daemon-reload"))?,
    }
    Ok(())
}

fn group_id() -> Result<Option<u32>> {
    let group = Group::from_name(GROUP).context("look for the group")?;
    Ok(group.map(|group| group.gid.as_raw()))
}

/// What others may not read the group may.
fn give_to_group(path: &Path, mode: u32) -> Result<()> {
    let Some(gid) = group_id()?.filter(|_| mode.trailing_zeros() >= 3) else { return Ok(()) };
    chown(path, None, Some(gid)).with_context(|| format!("give {} to {GROUP}", path.display()))
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("run {program}"))?;
    if !status.success() {
        bail!("{program} failed: {status}");
    }
    Ok(())
}

fn how_to_go_on(facts: &Facts) -> String {
    if facts.has_systemd {
        return "start it now and at every boot: systemctl enable --now memwatch-ebpf\n\
                see how it is:                  memwatch-ebpf status; journalctl -u memwatch-ebpf\n\
                change what is set:             memwatch-ebpf config update KEY=VALUE"
            .to_owned();
    }
    format!(
        "systemd does not manage this host, so there is no unit. Run it from the init system that\n\
         does, or by hand:\n  {} serve\n\
         It ends on SIGTERM and reads its configuration again on SIGHUP.",
        facts.program.display()
    )
}

fn take_away(asked: &Setup, places: &Places, has_systemd: bool) -> Result<u8> {
    let made = Made::read(places)?;
    let mut out = io::stdout();
    if made == Made::default() {
        writeln!(out, "nothing was made by setup: nothing to take away")?;
        return Ok(0);
    }
    let has_unit = has_systemd && made.has_file(&places.unit);
    let would = remove(places, &made, true)?;
    if has_unit {
        writeln!(out, "  systemctl disable --now {UNIT_NAME}")?;
    }
    for path in &would.removed {
        writeln!(out, "  remove {}", path.display())?;
    }
    for (path, why) in &would.kept {
        writeln!(out, "  stays: {} ({why})", path.display())?;
    }
    let takes_group = made.group && would.kept.is_empty();
    if made.group {
        let what = if takes_group { "remove" } else { "stays, since its files do:" };
        writeln!(out, "  {what} the group {GROUP}")?;
    }
    if asked.dry_run {
        writeln!(out, "nothing was done (--dry-run)")?;
        return Ok(0);
    }
    if !asked.yes && confirm("Go on?")? == Some(false) {
        writeln!(out, "nothing was done")?;
        return Ok(1);
    }
    if has_unit {
        run(Command::new("systemctl").args(["disable", "--now", "--quiet", UNIT_NAME]))?;
    }
    remove(places, &made, false)?;
    if has_unit {
        run(Command::new("systemctl").arg("daemon-reload"))?;
    }
    if takes_group && group_id()?.is_some() {
        run(Command::new("groupdel").arg(GROUP))?;
    }
    Ok(0)
}
