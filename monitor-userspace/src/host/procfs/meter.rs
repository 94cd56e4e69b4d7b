//! Looks at the host as a whole and at the agent itself.

use std::path::PathBuf;

use super::scratch::read_start;
use super::stat::{kib_field, parse_statm};
use super::{Proc, ProcError, SMALL_FILE_BYTES, memory};
use crate::event::{HostReading, SelfReading};
use crate::host::clock::{boot_ns, own_cpu_ns, thread_cpu_ns};
use crate::host::pressure;

/// `BPF_MAP_TYPE_RINGBUF`, include/uapi/linux/bpf.h.
const MAP_TYPE_RINGBUF: u64 = 27;

impl Proc {
    /// One look at the host: its memory, its limits and its pressures.
    pub fn host_reading(&self) -> Result<HostReading, ProcError> {
        let path = self.root.join("meminfo");
        let mut buffer = Vec::new();
        let at_ns = boot_ns();
        let len = match read_start(&path, &mut buffer, SMALL_FILE_BYTES) {
            Ok(len) => len,
            Err(source) => return Err(ProcError::Read { path, source }),
        };
        let value = |name: &'static str| {
            kib_field(&buffer[..len], name)
                .ok_or_else(|| ProcError::Parse { path: path.clone(), what: name })
        };
        let sockstat = self.sockstat();
        let (cpu_busy_ticks, cpu_all_ticks) = self.cpu_ticks().unwrap_or_default();
        Ok(HostReading {
            at_ns,
            mem_total_bytes: value("MemTotal:")?,
            mem_available_bytes: value("MemAvailable:")?,
            mem_free_bytes: value("MemFree:")?.saturating_add(self.cpu_free_bytes()),
            swap_total_bytes: value("SwapTotal:")?,
            swap_free_bytes: value("SwapFree:")?,
            socket_buffer_bytes: memory::sockstat_bytes(&sockstat, self.page_bytes),
            tmpfs_bytes: self.tmpfs_bytes(),
            segments: self.segments(),
            limits: self.system_limits(&sockstat, &buffer[..len]),
            cpu_busy_ticks,
            cpu_all_ticks,
            pressure: pressure::of_host(&self.root.join("pressure"), &mut Vec::new()),
            ..memory::parts_of(&buffer[..len])
        })
    }
}

/// Measures what the agent itself uses. Belongs to the thread that reads for the engine: what that
/// takes is the cost of the readings.
#[derive(Debug)]
pub struct SelfMeter {
    path: PathBuf,
    descriptors: PathBuf,
    page_bytes: u64,
    buffer: Vec<u8>,
    last_ns: u64,
    last_cpu_ns: u64,
    last_thread_ns: u64,
}

impl SelfMeter {
    /// A meter whose first reading covers the time from now on.
    pub fn new(proc: &Proc, now_ns: u64) -> Self {
        Self {
            path: proc.root.join("self/statm"),
            descriptors: proc.root.join("self/fdinfo"),
            page_bytes: proc.page_bytes,
            buffer: Vec::new(),
            last_ns: now_ns,
            last_cpu_ns: own_cpu_ns(),
            last_thread_ns: 0,
        }
    }

    /// One look.
    pub fn read(&mut self, now_ns: u64) -> Result<SelfReading, ProcError> {
        let len = read_start(&self.path, &mut self.buffer, SMALL_FILE_BYTES)
            .map_err(|source| ProcError::Read { path: self.path.clone(), source })?;
        let pages = parse_statm(&self.buffer[..len]).ok_or_else(|| ProcError::Parse {
            path: self.path.clone(),
            what: "not the seven numbers of statm",
        })?;
        let cpu_ns = own_cpu_ns();
        let thread_ns = thread_cpu_ns();
        let passed = now_ns.saturating_sub(self.last_ns);
        let percent = |now: u64, last: u64| {
            let used = now.saturating_sub(last) as f64;
            if passed == 0 { 0.0 } else { used * 100.0 / passed as f64 }
        };
        let cpu_percent = percent(cpu_ns, self.last_cpu_ns);
        let reading_cpu_percent = percent(thread_ns, self.last_thread_ns);
        (self.last_ns, self.last_cpu_ns, self.last_thread_ns) = (now_ns, cpu_ns, thread_ns);
        Ok(SelfReading {
            rss_anon_bytes: pages.resident_anon().saturating_mul(self.page_bytes),
            kernel_bytes: self.kernel_bytes(),
            cpu_percent,
            reading_cpu_percent,
        })
    }

    /// Memory the kernel holds for our maps and programs, from the `memlock` line that the
    /// descriptors of both have (kernel/bpf/syscall.c, `bpf_map_show_fdinfo`). Older kernels
    /// (seen: 6.1) leave the pages of a ring out of it; its size is its number of entries.
    fn kernel_bytes(&mut self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.descriptors) else { return 0 };
        let mut total = 0;
        for entry in entries.flatten() {
            // One that was closed meanwhile holds nothing.
            let Ok(len) = read_start(&entry.path(), &mut self.buffer, SMALL_FILE_BYTES) else {
                continue;
            };
            let text = String::from_utf8_lossy(&self.buffer[..len]);
            let value = |name| {
                let line = text.lines().find_map(|line: &str| line.strip_prefix(name));
                line.and_then(|value| value.trim().parse::<u64>().ok())
            };
            let is_ring = value("map_type:") == Some(MAP_TYPE_RINGBUF);
            let ring = value("max_entries:").filter(|_| is_ring).unwrap_or(0);
            total += value("memlock:").unwrap_or(0).max(ring);
        }
        total
    }
}
