//! Family socket: the calls that make and move sockets, and the states of TCP.

use aya_ebpf::{
    macros::{raw_tracepoint, tracepoint},
    programs::{RawTracePointContext, TracePointContext},
};
use monitor_common::{Counter, EventKind, record::RawTcpState};

use super::call::{Call, exits, is_failure, on_exit};
use crate::{
    emit::{count, header, record},
    file::File,
    settings::get,
    task::{Caller, read, read_user},
};

const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;
const SOCK_STREAM: u16 = 1;

exits! {
    socket_bind_exit Bind [arg0];
    socket_listen_exit Listen [arg0 arg1];
    socket_connect_exit Connect [arg0];
    socket_shutdown_exit Shutdown [arg0 arg1];
}

/// Calls that return the descriptor of a new socket.
macro_rules! makers {
    ($($program:ident $kind:ident [$($arg:ident)*];)*) => { $(
        #[tracepoint]
        pub(crate) fn $program(ctx: TracePointContext) -> u32 {
            on_exit(&ctx, EventKind::$kind, |caller, args, result| {
                let args = super::call::fill([$(args.$arg()),*]);
                if is_failure(result) {
                    return Ok(Call::new(args));
                }
                let (inode, detail) = made(caller, result as u32)?;
                Ok(Call { args, inode, detail, file: 0 })
            });
            0
        }
    )* };
}

makers! {
    socket_socket_exit Socket [arg0 arg1 arg2];
    socket_accept_exit Accept [arg0];
    socket_accept4_exit Accept4 [arg0 arg3];
}

#[tracepoint]
pub(crate) fn socket_socketpair_exit(ctx: TracePointContext) -> u32 {
    on_exit(&ctx, EventKind::Socketpair, |caller, args, result| {
        let (both, inode, second) = if is_failure(result) {
            (0, 0, 0)
        } else {
            // The kernel has stored two descriptors where the fourth argument says.
            let both: u64 = read_user(args.arg3())?;
            (both, made(caller, both as u32)?.0, made(caller, (both >> 32) as u32)?.0)
        };
        let args = [args.arg0(), args.arg1(), args.arg2(), both];
        Ok(Call { args, inode, detail: second as u32, file: 0 })
    });
    0
}

/// Inode number and packed facts of the socket behind a descriptor; zeros where another thread has
/// closed it already.
#[inline(always)]
fn made(caller: &Caller, fd: u32) -> Result<(u64, u32), i64> {
    let Some(file) = File::of(caller, fd)? else { return Ok((0, 0)) };
    Ok((file.inode_number()?, file.socket_facts()?.pack()))
}

/// `inet_sock_set_state(const struct sock *sk, const int oldstate, const int newstate)`: runs
/// wherever the packet is handled, so the current process says nothing about whose socket it is.
#[raw_tracepoint(tracepoint = "inet_sock_set_state")]
pub(crate) fn socket_tcp_state(ctx: RawTracePointContext) -> i32 {
    if try_tcp_state(&ctx).is_err() {
        count(Counter::ReadError);
    }
    0
}

#[inline(always)]
fn try_tcp_state(ctx: &RawTracePointContext) -> Result<(), i64> {
    let sock: u64 = ctx.arg(0);
    let family: u16 = read(sock, get!(offsets.skc_family))?;
    let socket_type: u16 = read(sock, get!(offsets.sk_type))?;
    if (family != AF_INET && family != AF_INET6) || socket_type != SOCK_STREAM {
        return Ok(());
    }
    let socket: u64 = read(sock, get!(offsets.sk_socket))?;
    // A socket that no descriptor names yet, or any more.
    if socket == 0 {
        return Ok(());
    }
    // `struct socket` is the start of `struct socket_alloc`, which has its inode.
    let inode = socket + u64::from(get!(offsets.socket_alloc_inode));
    let (local_addr, remote_addr) = addresses(sock, family)?;
    let (old_state, new_state): (u32, u32) = (ctx.arg(1), ctx.arg(2));
    let remote_port: u16 = read(sock, get!(offsets.skc_dport))?;
    let value = RawTcpState {
        header: header(EventKind::TcpState, &Caller::current()),
        inode: read(inode, get!(offsets.inode_ino))?,
        old_state: old_state as u16,
        new_state: new_state as u16,
        family,
        local_port: read(sock, get!(offsets.skc_num))?,
        remote_port: u16::from_be(remote_port),
        reserved: [0; 3],
        local_addr,
        remote_addr,
    };
    record(EventKind::TcpState, value);
    Ok(())
}

/// Local and remote address.
#[inline(always)]
fn addresses(sock: u64, family: u16) -> Result<([u8; 16], [u8; 16]), i64> {
    if family == AF_INET6 && get!(offsets.skc_v6_daddr) != 0 {
        let local = read(sock, get!(offsets.skc_v6_rcv_saddr))?;
        return Ok((local, read(sock, get!(offsets.skc_v6_daddr))?));
    }
    let widen = |[a, b, c, d]: [u8; 4]| [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let local: [u8; 4] = read(sock, get!(offsets.skc_rcv_saddr))?;
    let remote: [u8; 4] = read(sock, get!(offsets.skc_daddr))?;
    Ok((widen(local), widen(remote)))
}
