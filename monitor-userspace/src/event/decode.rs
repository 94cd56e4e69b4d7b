//! Turns ring bytes into events. Pure and total: whatever the bytes, the answer is a value.

use monitor_common::{
    EventKind, RawHeader, WIRE_VERSION,
    record::{
        FileKind, RawBrk, RawCall, RawClose, RawExec, RawExit, RawFork, RawMmap, RawMremap,
        RawMunmap, RawRename, RawStack, RawTcpState, WireRecord,
    },
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use thiserror::Error;
use zerocopy::FromBytes;

use super::{Body, Call, Comm, Event, TcpState};

/// `AF_INET`, include/linux/socket.h.
const AF_INET: u16 = 2;

/// Why a record is not an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// Fewer bytes than the kind needs.
    #[error("record of {got} bytes where {want} are needed")]
    Truncated {
        /// Bytes the kind has.
        want: usize,
        /// Bytes there were.
        got: usize,
    },
    /// A kind this version does not know.
    #[error("unknown record kind {0}")]
    UnknownKind(u16),
    /// Written by other kernel programs than ours.
    #[error("record of wire version {0}, this agent speaks {WIRE_VERSION}")]
    Version(u16),
}

/// Decodes one record; bytes beyond its length are ignored (the ring rounds up to eight).
pub fn decode(record: &[u8]) -> Result<Event, DecodeError> {
    let header = prefix::<RawHeader>(record)?;
    if header.version != WIRE_VERSION {
        return Err(DecodeError::Version(header.version));
    }
    let kind = EventKind::from_raw(header.kind).ok_or(DecodeError::UnknownKind(header.kind))?;
    let body = match kind {
        EventKind::Mmap => mmap(&body::<RawMmap>(record)?),
        EventKind::Munmap => {
            let raw = body::<RawMunmap>(record)?;
            Body::Munmap { addr: raw.addr, length: raw.length }
        }
        EventKind::Mremap => {
            let raw = body::<RawMremap>(record)?;
            Body::Mremap {
                old_addr: raw.old_addr,
                old_length: raw.old_length,
                new_length: raw.new_length,
                flags: raw.flags,
                result: raw.result,
            }
        }
        EventKind::Brk => {
            let raw = body::<RawBrk>(record)?;
            Body::Brk { requested: raw.requested, result: raw.result, start_brk: raw.start_brk }
        }
        EventKind::Close => Body::Close { fd: body::<RawClose>(record)?.fd },
        EventKind::TcpState => tcp_state(&body::<RawTcpState>(record)?),
        EventKind::Stack => {
            let raw = body::<RawStack>(record)?;
            let depth = (raw.depth as usize).min(raw.frames.len());
            Body::Stack(raw.frames[..depth].into())
        }
        EventKind::Fork => fork(&body::<RawFork>(record)?),
        EventKind::Exec => exec(&body::<RawExec>(record)?),
        EventKind::Exit => {
            let raw = body::<RawExit>(record)?;
            Body::Exit { start_ns: raw.start_ns, exit_code: raw.exit_code }
        }
        EventKind::Rename => {
            let raw = body::<RawRename>(record)?;
            Body::Rename { pid: raw.renamed_tgid, comm: Comm(raw.comm) }
        }
        // Every other kind is a call whose arguments are numbers.
        kind => call(kind, &body::<RawCall>(record)?),
    };
    Ok(Event {
        at_ns: header.boot_ns,
        pid: header.tgid,
        tid: header.tid,
        mm: header.mm,
        files: header.files,
        body,
    })
}

fn call(kind: EventKind, raw: &RawCall) -> Body {
    Body::Call(Call {
        kind,
        args: raw.args,
        result: raw.result,
        inode: raw.inode,
        file: FileKind::from_raw(raw.file),
        detail: raw.detail,
    })
}

fn tcp_state(raw: &RawTcpState) -> Body {
    let address = |bytes: [u8; 16]| match raw.family {
        AF_INET => {
            let [a, b, c, d, ..] = bytes;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => IpAddr::V6(Ipv6Addr::from(bytes)),
    };
    Body::TcpState(Box::new(TcpState {
        inode: raw.inode,
        old_state: raw.old_state,
        new_state: raw.new_state,
        local: SocketAddr::new(address(raw.local_addr), raw.local_port),
        remote: SocketAddr::new(address(raw.remote_addr), raw.remote_port),
    }))
}

fn mmap(raw: &RawMmap) -> Body {
    Body::Mmap {
        hint: raw.hint,
        length: raw.length,
        offset: raw.offset,
        prot: raw.prot,
        flags: raw.flags,
        fd: raw.fd,
        file: FileKind::from_raw(raw.file_kind),
        result: raw.result,
    }
}

fn fork(raw: &RawFork) -> Body {
    Body::Fork {
        child: raw.child_tgid,
        child_ppid: raw.child_ppid,
        child_start_ns: raw.child_start_ns,
        child_mm: raw.child_mm,
        child_files: raw.child_files,
        open: Box::new(raw.open),
        comm: Comm(raw.comm),
    }
}

fn exec(raw: &RawExec) -> Body {
    let used = (raw.filename_len as usize).min(raw.filename.len());
    let path = raw.filename[..used].split(|&b| b == 0).next().unwrap_or_default();
    Body::Exec {
        start_ns: raw.start_ns,
        comm: Comm(raw.comm),
        filename: String::from_utf8_lossy(path).into_owned(),
        open: Box::new(raw.open),
    }
}

fn body<T: WireRecord>(record: &[u8]) -> Result<T, DecodeError> {
    prefix(record)
}

fn prefix<T: FromBytes>(record: &[u8]) -> Result<T, DecodeError> {
    match T::read_from_prefix(record) {
        Ok((value, _)) => Ok(value),
        Err(_) => Err(DecodeError::Truncated { want: size_of::<T>(), got: record.len() }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A record of `kind` whose bytes after the header are `fill`.
    fn record(kind: u16, version: u16, fill: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<RawHeader>()];
        bytes[32..34].copy_from_slice(&kind.to_ne_bytes());
        bytes[34..36].copy_from_slice(&version.to_ne_bytes());
        bytes.extend_from_slice(fill);
        bytes
    }

    #[test]
    fn every_cut_of_every_kind_is_truncated_not_a_panic() {
        for &kind in EventKind::ALL {
            let whole = record(kind as u16, WIRE_VERSION, &[0xa5; 1024]);
            for cut in 0..kind.wire_len() {
                let got = decode(&whole[..cut]);
                assert!(matches!(got, Err(DecodeError::Truncated { .. })), "{kind:?} cut at {cut}");
            }
            assert_eq!(decode(&whole).map(|event| event.kind()), Ok(kind));
        }
    }

    #[test]
    fn foreign_versions_and_kinds_are_named() {
        assert_eq!(decode(&record(1, 9, &[0; 64])), Err(DecodeError::Version(9)));
        assert_eq!(decode(&record(999, WIRE_VERSION, &[])), Err(DecodeError::UnknownKind(999)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..1000)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn arbitrary_bodies_of_known_kinds_decode(
            kind in proptest::sample::select(EventKind::ALL),
            fill in proptest::collection::vec(any::<u8>(), 600),
        ) {
            let event = decode(&record(kind as u16, WIRE_VERSION, &fill)).expect("long enough");
            prop_assert_eq!(event.kind(), kind);
        }
    }
}
