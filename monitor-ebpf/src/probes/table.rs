//! Readings of descriptor tables: an iterator, which runs once for each descriptor of a thread
//! when userspace reads the file it made of it. No event, and nothing of the ring.

use aya_ebpf::{bindings::seq_file, helpers::generated::bpf_seq_write};
use monitor_common::record::{FileKind, RawDescriptor};

use crate::{file::File, settings::get, task::read};

/// `struct bpf_iter_meta`, include/linux/bpf.h
#[repr(C)]
struct Meta {
    seq: *mut seq_file,
    session_id: u64,
    seq_num: u64,
}

/// `struct bpf_iter__task_file`, kernel/bpf/task_iter.c
#[repr(C)]
pub(crate) struct TaskFile {
    meta: *const Meta,
    /// The thread; 0 in the call that ends a pass.
    task: u64,
    fd: u32,
    /// `struct file`; 0 in the call that ends a pass.
    file: u64,
}

// aya-ebpf has no macro for iterators: the section says what this is.
#[unsafe(no_mangle)]
#[unsafe(link_section = "iter/task_file")]
pub(crate) extern "C" fn descriptor_table_iter(ctx: *const TaskFile) -> i32 {
    // SAFETY: the kernel calls with a context of this layout; the verifier checks each load.
    let (meta, task, fd, file) = unsafe { ((*ctx).meta, (*ctx).task, (*ctx).fd, (*ctx).file) };
    if task == 0 || file == 0 {
        return 0;
    }
    let raw = look_at(task, fd, file).unwrap_or(RawDescriptor {
        file,
        inode: 0,
        fd,
        // No thread: what cannot be read is nobody's, and userspace refuses the pass.
        tid: 0,
        kind: FileKind::Unknown as u16,
        writes: 0,
        socket: 0,
    });
    // SAFETY: the verifier knows that `seq` is the file of this pass. A record that does not fit is
    // the kernel's to write again at the next read.
    unsafe {
        bpf_seq_write((*meta).seq, (&raw const raw).cast(), size_of::<RawDescriptor>() as u32);
    }
    0
}

#[inline(always)]
fn look_at(task: u64, fd: u32, address: u64) -> Result<RawDescriptor, i64> {
    let tid = read(task, get!(offsets.task_pid))?;
    let file = File::at(address)?;
    let kind = file.kind()?;
    let inode = match kind {
        FileKind::Socket | FileKind::Pipe => file.inode_number()?,
        _ => 0,
    };
    let socket = match kind {
        FileKind::Socket => file.socket_facts()?.pack(),
        _ => 0,
    };
    let writes = u16::from(file.is_writable()?);
    Ok(RawDescriptor { file: address, inode, fd, tid, kind: kind as u16, writes, socket })
}
