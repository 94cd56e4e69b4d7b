//! The members that the kernel programs read, each under the name its field's comment gives.

use monitor_common::settings::Offsets;

use super::{Btf, BtfError};

/// The offsets the kernel programs are loaded with.
pub fn kernel_offsets(btf: &Btf<'_>) -> Result<Offsets, BtfError> {
    let of = |path| btf.offset_of(path);
    Ok(Offsets {
        task_mm: of("task_struct.mm")?,
        task_files: of("task_struct.files")?,
        task_tgid: of("task_struct.tgid")?,
        task_pid: of("task_struct.pid")?,
        task_group_leader: of("task_struct.group_leader")?,
        task_real_parent: of("task_struct.real_parent")?,
        task_signal: of("task_struct.signal")?,
        task_start_boottime: of("task_struct.start_boottime")?,
        task_exit_code: of("task_struct.exit_code")?,
        task_comm: of("task_struct.comm")?,
        signal_live: of("signal_struct.live")?,
        mm_start_brk: of("mm_struct.start_brk")?,
        files_fdt: of("files_struct.fdt")?,
        fdt_max_fds: of("fdtable.max_fds")?,
        fdt_fd: of("fdtable.fd")?,
        file_inode: of("file.f_inode")?,
        file_dentry: of("file.f_path.dentry")?,
        inode_rdev: of("inode.i_rdev")?,
        dentry_parent: of("dentry.d_parent")?,
        dentry_name: of("dentry.d_name.name")?,
        binprm_filename: of("linux_binprm.filename")?,
        mm_task_size: of("mm_struct.task_size")?,
        fdt_open_fds: of("fdtable.open_fds")?,
        file_private_data: of("file.private_data")?,
        inode_mode: of("inode.i_mode")?,
        inode_ino: of("inode.i_ino")?,
        inode_sb: of("inode.i_sb")?,
        sb_magic: of("super_block.s_magic")?,
        socket_sk: of("socket.sk")?,
        socket_alloc_inode: of("socket_alloc.vfs_inode")?,
        sk_socket: of("sock.sk_socket")?,
        sk_type: of("sock.sk_type")?,
        skc_family: of("sock_common.skc_family")?,
        skc_state: of("sock_common.skc_state")?,
        skc_dport: of("sock_common.skc_dport")?,
        skc_num: of("sock_common.skc_num")?,
        skc_rcv_saddr: of("sock_common.skc_rcv_saddr")?,
        skc_daddr: of("sock_common.skc_daddr")?,
        file_mode: of("file.f_mode")?,
        reserved: 0,
        // A kernel may be built without IPv6.
        skc_v6_rcv_saddr: of("sock_common.skc_v6_rcv_saddr").unwrap_or_default(),
        skc_v6_daddr: of("sock_common.skc_v6_daddr").unwrap_or_default(),
    })
}
