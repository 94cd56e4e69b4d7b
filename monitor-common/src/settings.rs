//! What userspace tells the programs before they load: one read-only global, which the verifier
//! treats as a constant, so that a setting which is off costs nothing.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Byte offsets of the kernel's structure members, read from the running kernel's BTF.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Offsets {
    /// `task_struct.mm`
    pub task_mm: u32,
    /// `task_struct.files`
    pub task_files: u32,
    /// `task_struct.tgid`
    pub task_tgid: u32,
    /// `task_struct.pid`
    pub task_pid: u32,
    /// `task_struct.group_leader`
    pub task_group_leader: u32,
    /// `task_struct.real_parent`
    pub task_real_parent: u32,
    /// `task_struct.signal`
    pub task_signal: u32,
    /// `task_struct.start_boottime`
    pub task_start_boottime: u32,
    /// `task_struct.exit_code`
    pub task_exit_code: u32,
    /// `task_struct.comm`
    pub task_comm: u32,
    /// `signal_struct.live` (an `atomic_t`)
    pub signal_live: u32,
    /// `mm_struct.start_brk`
    pub mm_start_brk: u32,
    /// `files_struct.fdt`
    pub files_fdt: u32,
    /// `fdtable.max_fds`
    pub fdt_max_fds: u32,
    /// `fdtable.fd`
    pub fdt_fd: u32,
    /// `file.f_inode`
    pub file_inode: u32,
    /// `file.f_path.dentry`
    pub file_dentry: u32,
    /// `inode.i_rdev`
    pub inode_rdev: u32,
    /// `dentry.d_parent`
    pub dentry_parent: u32,
    /// `dentry.d_name.name`
    pub dentry_name: u32,
    /// `linux_binprm.filename`
    pub binprm_filename: u32,
    /// `mm_struct.task_size`
    pub mm_task_size: u32,
    /// `fdtable.open_fds`
    pub fdt_open_fds: u32,
    /// `file.private_data`
    pub file_private_data: u32,
    /// `inode.i_mode`
    pub inode_mode: u32,
    /// `inode.i_ino`
    pub inode_ino: u32,
    /// `inode.i_sb`
    pub inode_sb: u32,
    /// `super_block.s_magic`
    pub sb_magic: u32,
    /// `socket.sk`
    pub socket_sk: u32,
    /// `socket_alloc.vfs_inode`
    pub socket_alloc_inode: u32,
    /// `sock.sk_socket`
    pub sk_socket: u32,
    /// `sock.sk_type`
    pub sk_type: u32,
    /// `sock_common.skc_family`
    pub skc_family: u32,
    /// `sock_common.skc_state`
    pub skc_state: u32,
    /// `sock_common.skc_dport`
    pub skc_dport: u32,
    /// `sock_common.skc_num`
    pub skc_num: u32,
    /// `sock_common.skc_rcv_saddr`
    pub skc_rcv_saddr: u32,
    /// `sock_common.skc_daddr`
    pub skc_daddr: u32,
    /// `sock_common.skc_v6_rcv_saddr`, 0 in a kernel without IPv6
    pub skc_v6_rcv_saddr: u32,
    /// `sock_common.skc_v6_daddr`, 0 in a kernel without IPv6
    pub skc_v6_daddr: u32,
    /// `file.f_mode`
    pub file_mode: u32,
    /// Keeps the settings free of padding.
    pub reserved: u32,
}

/// Which processes' memory is traced: every one.
pub const SCOPE_ALL: u32 = 0;
/// Which processes' memory is traced: those in [`crate::map::WATCHED`].
pub const SCOPE_WATCHED: u32 = 1;

/// No call stacks.
pub const STACKS_OFF: u32 = 0;
/// Call stacks of large anonymous mappings and of heap growth.
pub const STACKS_MEMORY: u32 = 1;
/// Those, and of every descriptor, socket and timer made.
pub const STACKS_ALL: u32 = 2;

/// Filters and facts, fixed for the life of the programs.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Settings {
    /// Where the kernel keeps what the programs read.
    pub offsets: Offsets,
    /// Mappings smaller than this many bytes emit nothing (mmap and munmap); 0 traces all.
    pub min_mapping_bytes: u64,
    /// A call stack is taken of anonymous mappings of at least this many bytes.
    pub stack_min_bytes: u64,
    /// Thread-group id of the agent, whose own calls are never traced.
    pub agent_tgid: u32,
    /// [`SCOPE_ALL`] or [`SCOPE_WATCHED`].
    pub scope: u32,
    /// 1: a child of a watched process is watched too, from its first instruction.
    pub follow: u32,
    /// 1: fork, exec, rename and exit of every process are traced whatever the scope, because
    /// userspace picks processes by name.
    pub process_unscoped: u32,
    /// 1: failed calls are emitted too; they are counted always.
    pub failed: u32,
    /// Which call stacks are taken: [`STACKS_OFF`], [`STACKS_MEMORY`] or [`STACKS_ALL`].
    pub stacks: u32,
}

/// All zero: what the object holds until userspace patches it.
pub const ZERO: Settings = Settings {
    offsets: Offsets {
        task_mm: 0,
        task_files: 0,
        task_tgid: 0,
        task_pid: 0,
        task_group_leader: 0,
        task_real_parent: 0,
        task_signal: 0,
        task_start_boottime: 0,
        task_exit_code: 0,
        task_comm: 0,
        signal_live: 0,
        mm_start_brk: 0,
        files_fdt: 0,
        fdt_max_fds: 0,
        fdt_fd: 0,
        file_inode: 0,
        file_dentry: 0,
        inode_rdev: 0,
        dentry_parent: 0,
        dentry_name: 0,
        binprm_filename: 0,
        mm_task_size: 0,
        fdt_open_fds: 0,
        file_private_data: 0,
        inode_mode: 0,
        inode_ino: 0,
        inode_sb: 0,
        sb_magic: 0,
        socket_sk: 0,
        socket_alloc_inode: 0,
        sk_socket: 0,
        sk_type: 0,
        skc_family: 0,
        skc_state: 0,
        skc_dport: 0,
        skc_num: 0,
        skc_rcv_saddr: 0,
        skc_daddr: 0,
        skc_v6_rcv_saddr: 0,
        skc_v6_daddr: 0,
        file_mode: 0,
        reserved: 0,
    },
    min_mapping_bytes: 0,
    stack_min_bytes: 0,
    agent_tgid: 0,
    scope: SCOPE_ALL,
    follow: 0,
    process_unscoped: 0,
    failed: 0,
    stacks: STACKS_OFF,
};
