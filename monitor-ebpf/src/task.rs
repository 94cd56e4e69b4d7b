//! Reading the kernel's structures: the calling task, and any other by pointer.

use aya_ebpf::{
    bindings::pt_regs,
    helpers::{
        bpf_get_current_pid_tgid, bpf_probe_read_kernel, bpf_probe_read_user,
        generated::{bpf_get_current_task_btf, bpf_task_pt_regs},
    },
};

use crate::settings::get;

/// Who is calling.
pub(crate) struct Caller {
    /// The task, as a pointer the verifier knows the type of.
    task: *const u64,
    pub(crate) tgid: u32,
    pub(crate) tid: u32,
    pub(crate) mm: u64,
    pub(crate) files: u64,
}

impl Caller {
    /// The process calling, before anything about it is read.
    #[inline(always)]
    pub(crate) fn ids() -> (u32, u32) {
        let id = bpf_get_current_pid_tgid();
        ((id >> 32) as u32, id as u32)
    }

    /// The current task.
    #[inline(always)]
    pub(crate) fn current() -> Self {
        let (tgid, tid) = Self::ids();
        Self::with_ids(tgid, tid)
    }

    /// The current task, whose ids were asked for already.
    #[inline(always)]
    pub(crate) fn with_ids(tgid: u32, tid: u32) -> Self {
        // SAFETY: takes no argument; the current task outlives the program's run.
        let task = unsafe { bpf_get_current_task_btf() } as *const u64;
        // SAFETY: the offsets come from this kernel's BTF, and the verifier checks each load
        // against it.
        let (mm, files) =
            unsafe { (load(task, get!(offsets.task_mm)), load(task, get!(offsets.task_files))) };
        Self { task, tgid, tid, mm, files }
    }

    /// The registers as the system call was entered with them: its arguments. Needs Linux 5.15.
    #[inline(always)]
    pub(crate) fn arguments(&self) -> Arguments {
        // SAFETY: the helper takes a task and returns its saved registers.
        Arguments { regs: unsafe { bpf_task_pt_regs(self.task as *mut _) } as *const pt_regs }
    }

    /// The `struct file` of a descriptor; 0 where it is not open.
    #[inline(always)]
    pub(crate) fn file(&self, fd: u32) -> Result<u64, i64> {
        if self.files == 0 {
            return Ok(0);
        }
        // SAFETY: the verifier still knows that this word is the task's `files_struct`, and what
        // its members point to; a load that faults gives 0.
        let (slots, array) = unsafe {
            let table = load(self.files as *const u64, get!(offsets.files_fdt)) as *const u64;
            if table.is_null() {
                return Ok(0);
            }
            let slots: u32 = load_u32(table, get!(offsets.fdt_max_fds));
            (slots, load(table, get!(offsets.fdt_fd)))
        };
        if fd >= slots {
            return Ok(0);
        }
        // The array is a pointer to pointers, of which the verifier keeps no type.
        read(array + 8 * u64::from(fd), 0)
    }

    /// `mm->start_brk` of the caller, 0 without an address space.
    #[inline(always)]
    pub(crate) fn start_brk(&self) -> u64 {
        self.of_mm(get!(offsets.mm_start_brk))
    }

    /// `mm->task_size` of the caller: where its addresses end.
    #[inline(always)]
    pub(crate) fn task_size(&self) -> u64 {
        self.of_mm(get!(offsets.mm_task_size))
    }

    #[inline(always)]
    fn of_mm(&self, offset: u32) -> u64 {
        if self.mm == 0 {
            return 0;
        }
        // SAFETY: the verifier still knows that this word is the task's `mm_struct`.
        unsafe { load(self.mm as *const u64, offset) }
    }
}

/// The arguments of the system call in flight, x86-64 calling convention.
pub(crate) struct Arguments {
    regs: *const pt_regs,
}

macro_rules! argument {
    ($($index:literal $name:ident $reg:ident;)*) => {
        impl Arguments { $(
            #[doc = concat!("Argument ", $index, ".")]
            #[inline(always)]
            pub(crate) fn $name(&self) -> u64 {
                // SAFETY: `regs` came from bpf_task_pt_regs; the verifier checks the load.
                unsafe { core::ptr::read_volatile(&raw const (*self.regs).$reg) }
            }
        )* }
    };
}

argument! { 0 arg0 rdi; 1 arg1 rsi; 2 arg2 rdx; 3 arg3 r10; 4 arg4 r8; 5 arg5 r9; }

/// Loads a word from a structure whose type the verifier knows, without a helper call.
#[inline(always)]
unsafe fn load(base: *const u64, offset: u32) -> u64 {
    // SAFETY: as the caller promises; see `Caller::current`.
    unsafe { core::ptr::read_volatile(base.byte_add(offset as usize)) }
}

/// As [`load`], of half a word: the verifier lets no load cross the end of a member.
#[inline(always)]
unsafe fn load_u32(base: *const u64, offset: u32) -> u32 {
    // SAFETY: as the caller promises; see `Caller::file`.
    unsafe { core::ptr::read_volatile(base.byte_add(offset as usize).cast()) }
}

/// Reads a `T` of the caller's own memory; what is not in memory right now is an error.
#[inline(always)]
pub(crate) fn read_user<T>(address: u64) -> Result<T, i64> {
    // SAFETY: the helper checks the address and copies nothing on a fault.
    unsafe { bpf_probe_read_user(address as *const T) }.map_err(i64::from)
}

/// Reads a `T` at `base + offset` of kernel memory; faults become errors.
#[inline(always)]
pub(crate) fn read<T>(base: u64, offset: u32) -> Result<T, i64> {
    if base == 0 {
        return Err(-14);
    }
    // SAFETY: the helper checks the address and copies nothing on a fault.
    unsafe { bpf_probe_read_kernel((base + u64::from(offset)) as *const T) }.map_err(i64::from)
}
