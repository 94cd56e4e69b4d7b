//! What a descriptor names: its inode, its kind, and of a socket what it talks.

use monitor_common::record::{FileKind, SocketFacts};

use crate::{
    settings::get,
    task::{Caller, read},
};

/// Type bits of `i_mode` (include/uapi/linux/stat.h); anonymous inodes of older kernels have none.
const TYPE_MASK: u16 = 0o170_000;
const TYPE_SOCKET: u16 = 0o140_000;
const TYPE_LINK: u16 = 0o120_000;
const TYPE_PLAIN: u16 = 0o100_000;
const TYPE_BLOCK: u16 = 0o060_000;
const TYPE_DIRECTORY: u16 = 0o040_000;
const TYPE_CHARACTER: u16 = 0o020_000;
const TYPE_FIFO: u16 = 0o010_000;

/// File systems of files that nobody can open by path (include/uapi/linux/magic.h).
const ANON_INODE_FS: u64 = 0x0904_1934;
const PID_FS: u64 = 0x5049_4446;

/// include/linux/fs.h
const FMODE_WRITE: u32 = 2;

/// How the names of files without a path start, as the word read from memory.
const MEMFD: u64 = u64::from_le_bytes(*b"memfd:\0\0");
const MEMFD_MASK: u64 = (1 << 48) - 1;
const EVENTFD: u64 = u64::from_le_bytes(*b"[eventfd");
const EVENTPOLL: u64 = u64::from_le_bytes(*b"[eventpo");
const TIMERFD: u64 = u64::from_le_bytes(*b"[timerfd");
const INOTIFY: u64 = u64::from_le_bytes(*b"inotify\0");

/// An open file.
pub(crate) struct File {
    address: u64,
    inode: u64,
    /// Type bits of its mode.
    format: u16,
}

impl File {
    /// What a descriptor of the caller names; `None` where it is not open. Three reads.
    #[inline(always)]
    pub(crate) fn of(caller: &Caller, fd: u32) -> Result<Option<Self>, i64> {
        let address = caller.file(fd)?;
        if address == 0 { Ok(None) } else { Self::at(address).map(Some) }
    }

    /// The `struct file` at an address. Two reads.
    #[inline(always)]
    pub(crate) fn at(address: u64) -> Result<Self, i64> {
        let inode: u64 = read(address, get!(offsets.file_inode))?;
        let mode: u16 = read(inode, get!(offsets.inode_mode))?;
        Ok(Self { address, inode, format: mode & TYPE_MASK })
    }

    /// Whether it is a file or directory of a path, of which only the path is of interest. Newer
    /// kernels call anonymous inodes plain files too.
    #[inline(always)]
    pub(crate) fn is_plain(&self) -> Result<bool, i64> {
        match self.format {
            TYPE_PLAIN => Ok(!is_rootless(self.dentry()?)?),
            TYPE_DIRECTORY | TYPE_BLOCK | TYPE_LINK => Ok(true),
            _ => Ok(false),
        }
    }

    /// Inode number.
    #[inline(always)]
    pub(crate) fn inode_number(&self) -> Result<u64, i64> {
        read(self.inode, get!(offsets.inode_ino))
    }

    /// Whether it was opened for writing.
    #[inline(always)]
    pub(crate) fn is_writable(&self) -> Result<bool, i64> {
        let mode: u32 = read(self.address, get!(offsets.file_mode))?;
        Ok(mode & FMODE_WRITE != 0)
    }

    /// What kind of file it is.
    #[inline(always)]
    pub(crate) fn kind(&self) -> Result<FileKind, i64> {
        match self.format {
            TYPE_CHARACTER => {
                // /dev/zero is character device 1:5; the kernel packs major << 20 | minor.
                let device: u32 = read(self.inode, get!(offsets.inode_rdev))?;
                return Ok(if device == (1 << 20 | 5) {
                    FileKind::DevZero
                } else {
                    FileKind::Path
                });
            }
            TYPE_DIRECTORY | TYPE_BLOCK | TYPE_LINK => return Ok(FileKind::Path),
            _ => {}
        }
        let dentry = self.dentry()?;
        if !is_rootless(dentry)? {
            return Ok(FileKind::Path);
        }
        match self.format {
            TYPE_SOCKET => Ok(FileKind::Socket),
            TYPE_FIFO => Ok(FileKind::Pipe),
            _ => self.kind_by_name(dentry),
        }
    }

    /// The kind of a file without a path, by the name its maker gave it.
    #[inline(always)]
    fn kind_by_name(&self, dentry: u64) -> Result<FileKind, i64> {
        let name: u64 = read(dentry, get!(offsets.dentry_name))?;
        // Names lie in the dentry, which has more room than this, or are longer.
        let start: u64 = read(name, 0)?;
        Ok(match start {
            EVENTFD => FileKind::Eventfd,
            EVENTPOLL => FileKind::Epoll,
            TIMERFD => FileKind::Timerfd,
            INOTIFY => FileKind::Inotify,
            _ if start & MEMFD_MASK == MEMFD => FileKind::Memfd,
            _ if self.is_anonymous()? => FileKind::Other,
            _ => FileKind::Path,
        })
    }

    /// Whether it is of a file system that has anonymous files only.
    #[inline(always)]
    fn is_anonymous(&self) -> Result<bool, i64> {
        let super_block: u64 = read(self.inode, get!(offsets.inode_sb))?;
        let magic: u64 = read(super_block, get!(offsets.sb_magic))?;
        Ok(magic == ANON_INODE_FS || magic == PID_FS)
    }

    #[inline(always)]
    fn dentry(&self) -> Result<u64, i64> {
        read(self.address, get!(offsets.file_dentry))
    }

    /// What is known of a socket; all 0 where it is none, because another thread put another file
    /// in its place.
    #[inline(always)]
    pub(crate) fn socket_facts(&self) -> Result<SocketFacts, i64> {
        if self.format != TYPE_SOCKET {
            return Ok(SocketFacts::default());
        }
        let socket: u64 = read(self.address, get!(offsets.file_private_data))?;
        let sock: u64 = read(socket, get!(offsets.socket_sk))?;
        let family: u16 = read(sock, get!(offsets.skc_family))?;
        let socket_type: u16 = read(sock, get!(offsets.sk_type))?;
        Ok(SocketFacts {
            family: family as u8,
            socket_type: socket_type as u8,
            state: read(sock, get!(offsets.skc_state))?,
        })
    }
}

/// What the descriptor names, as far as it decides the class of a mapping or a copy.
#[inline(always)]
pub(crate) fn file_kind(caller: &Caller, fd: u32) -> FileKind {
    match File::of(caller, fd) {
        Ok(Some(file)) => file.kind().unwrap_or(FileKind::Unknown),
        _ => FileKind::Unknown,
    }
}

/// Whether the file lies in no directory: files made without a path are their own parents.
#[inline(always)]
fn is_rootless(dentry: u64) -> Result<bool, i64> {
    let parent: u64 = read(dentry, get!(offsets.dentry_parent))?;
    Ok(parent == dentry)
}
