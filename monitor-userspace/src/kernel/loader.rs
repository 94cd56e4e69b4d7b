//! Loads the embedded object with this host's settings and attaches what the plan says.

use aya::{
    Btf, Ebpf, EbpfError, EbpfLoader,
    maps::{HashMap, MapData, MapError},
    programs::{Program, ProgramError, RawTracePoint, TracePoint},
};
use monitor_common::{Settings, map};
use thiserror::Error;

use super::{Counters, LogPump, Ring, TablePass, detach};
use crate::plan::{Action, Hook, Plan, Probe};

/// The kernel programs, built by `cargo xtask ebpf` and committed.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../../monitor-ebpf/prebuilt/memwatch.bpf.o");

/// Why the kernel side cannot run.
#[derive(Debug, Error)]
pub enum KernelError {
    /// The object was refused.
    #[error("the kernel refused the programs")]
    Load(#[from] EbpfError),
    /// A program was refused.
    #[error("the kernel refused program {program}")]
    Verify {
        /// Its name in the object.
        program: &'static str,
        /// The kernel's word.
        #[source]
        source: ProgramError,
    },
    /// A program could not be hooked in.
    #[error("attach {program} to {target}")]
    Attach {
        /// Its name in the object.
        program: &'static str,
        /// The tracepoint.
        target: &'static str,
        /// The kernel's word.
        #[source]
        source: ProgramError,
    },
    /// The object and this agent are of different builds.
    #[error("the kernel object has no {0}: rebuild it with `cargo xtask ebpf`")]
    Missing(&'static str),
    /// A map could not be used.
    #[error("map {name}")]
    Map {
        /// Which.
        name: &'static str,
        /// The kernel's word.
        #[source]
        source: MapError,
    },
}

/// The loaded programs. Dropping it detaches them, in a child that needs seconds for it, as does any
/// death of the agent: nothing is pinned.
#[derive(Debug)]
pub struct Kernel {
    ebpf: Ebpf,
    watched: HashMap<MapData, u32, u8>,
    pass: Option<TablePass>,
}

impl Drop for Kernel {
    fn drop(&mut self) {
        detach::leave_to_child();
    }
}

impl Kernel {
    /// Loads the programs with `settings` patched in and a ring of so many bytes, if not as built. `log` turns on the kernel side's own debug
    /// log; when off, the verifier removes it.
    pub fn load(settings: &Settings, ring: Option<u32>, log: bool) -> Result<Self, KernelError> {
        let level: u8 = if log { u8::MAX } else { 0 };
        let btf = Btf::from_sys_fs().ok();
        let mut loader = EbpfLoader::new();
        loader.btf(btf.as_ref()).override_global(map::SETTINGS, settings, true).override_global(
            aya_log::LEVEL,
            &level,
            true,
        );
        if !log {
            // The log's ring exists in any case; a page is the least it can be.
            loader.map_max_entries("AYA_LOGS", 4096);
        }
        if let Some(bytes) = ring {
            loader.map_max_entries(map::EVENTS, bytes);
        }
        let mut ebpf = loader.load(OBJECT)?;
        drop(loader);
        let pass = btf.as_ref().and_then(|btf| table_pass(&mut ebpf, btf));
        drop(btf);
        give_back_freed_memory();
        let watched = ebpf.take_map(map::WATCHED).ok_or(KernelError::Missing(map::WATCHED))?;
        let watched =
            HashMap::try_from(watched).map_err(|source| map_error(map::WATCHED, source))?;
        Ok(Self { ebpf, watched, pass })
    }

    /// Attaches what the plan says, in its order.
    pub fn attach(&mut self, plan: &Plan) -> Result<(), KernelError> {
        for (probe, action) in &plan.probes {
            match (action, probe.hook) {
                (Action::Attach, _) => attach(&mut self.ebpf, probe)?,
                (Action::Skip { .. }, Hook::Iterator(_)) => self.pass = None,
                (Action::Skip { .. }, _) => {}
            }
        }
        Ok(())
    }

    /// Whether descriptor tables can be read through the kernel.
    pub fn has_table_pass(&self) -> bool {
        self.pass.is_some()
    }

    /// The reader of descriptor tables; there is one at most.
    pub fn take_table_pass(&mut self) -> Option<TablePass> {
        self.pass.take()
    }

    /// The reader of the ring; there is one.
    pub fn take_ring(&mut self) -> Result<Ring, KernelError> {
        let events = self.ebpf.take_map(map::EVENTS).ok_or(KernelError::Missing(map::EVENTS))?;
        Ring::new(events).map_err(|source| map_error(map::EVENTS, source))
    }

    /// The reader of the counters; there is one.
    pub fn take_counters(&mut self) -> Result<Counters, KernelError> {
        let counters =
            self.ebpf.take_map(map::COUNTERS).ok_or(KernelError::Missing(map::COUNTERS))?;
        Counters::new(counters).map_err(|source| map_error(map::COUNTERS, source))
    }

    /// The reader of the kernel side's debug log.
    pub fn take_log(&mut self) -> Option<LogPump> {
        LogPump::new(&mut self.ebpf)
    }

    /// Watches a process no longer. One that is not there is no error: it may have ended.
    pub fn unwatch(&mut self, pid: u32) {
        let _ = self.watched.remove(&pid);
    }

    /// Watches a process from now on.
    pub fn watch(&mut self, pid: u32) -> Result<(), KernelError> {
        self.watched.insert(pid, 0, 0).map_err(|source| map_error(map::WATCHED, source))
    }
}

/// Loading reads the kernel's types, some 15 MB of small pieces that the allocator would keep.
fn give_back_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes no pointer and only returns free pages to the kernel.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// The iterator over descriptor tables, where this kernel has it: without it, /proc tells.
fn table_pass(ebpf: &mut Ebpf, btf: &Btf) -> Option<TablePass> {
    let pass = TablePass::load(ebpf, btf);
    pass.inspect_err(|error| {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::debug!(
            "descriptor tables are read from /proc: {error}: {}",
            cause.unwrap_or_default()
        );
    })
    .ok()
}

fn attach(ebpf: &mut Ebpf, probe: &Probe) -> Result<(), KernelError> {
    let program = ebpf.program_mut(probe.program).ok_or(KernelError::Missing(probe.program))?;
    let verify = |source| KernelError::Verify { program: probe.program, source };
    let attach =
        |target| move |source| KernelError::Attach { program: probe.program, target, source };
    match probe.hook {
        Hook::Tracepoint(name) => {
            let program: &mut TracePoint = typed(program, probe)?;
            program.load().map_err(verify)?;
            program.attach("syscalls", name).map_err(attach(name))?;
        }
        Hook::Raw(name) => {
            let program: &mut RawTracePoint = typed(program, probe)?;
            program.load().map_err(verify)?;
            program.attach(name).map_err(attach(name))?;
        }
        // Loaded with the object; attached to one thread for as long as its table is read.
        Hook::Iterator(_) => {}
    }
    Ok(())
}

fn typed<'a, T>(program: &'a mut Program, probe: &Probe) -> Result<&'a mut T, KernelError>
where
    &'a mut T: TryFrom<&'a mut Program, Error = ProgramError>,
{
    program.try_into().map_err(|source| KernelError::Verify { program: probe.program, source })
}

fn map_error(name: &'static str, source: MapError) -> KernelError {
    KernelError::Map { name, source }
}
