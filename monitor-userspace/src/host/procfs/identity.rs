//! Who a process is beyond its name: command line, user and cgroup.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::scratch::Target;
use super::sockets::namespace_of;
use super::{Proc, SMALL_FILE_BYTES, Scratch, cgroup, redact};
use crate::event::ProcIdentity;

/// Most bytes read of a command line: what is shown of it is shorter still.
const CMDLINE_BYTES: usize = 4096;
/// Where an ELF file says of how many bits it is, and what a 32-bit one says (`EI_CLASS`,
/// `ELFCLASS32`, include/uapi/linux/elf.h).
const ELF_MAGIC: [u8; 4] = *b"\x7fELF";
const ELF_CLASS_32: u8 = 1;
/// Where users have their names.
const PASSWD: &str = "/etc/passwd";

impl Proc {
    /// Who a process is. What cannot be read is left out: never worth failing a reading for.
    pub(super) fn identity(&self, target: Target, uid: u32, scratch: &mut Scratch) -> ProcIdentity {
        let cmdline = match scratch.read(&self.root, target, "cmdline", CMDLINE_BYTES) {
            Ok(Some(bytes)) => Some(redact::command_line(bytes)).filter(|line| !line.is_empty()),
            _ => None,
        };
        let trees = match scratch.read(&self.root, target, "cgroup", SMALL_FILE_BYTES) {
            Ok(Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        let path = cgroup::choose(&trees).map(str::to_owned);
        let user = Some(scratch.users.name(Path::new(PASSWD), uid));
        let placement = path.as_deref().map(cgroup::place).unwrap_or_default();
        ProcIdentity {
            cmdline,
            user,
            cgroup: path,
            container: placement.container,
            pod: placement.pod,
            unit: placement.unit,
            component: cgroup::component(&trees).map(Box::new),
            is_32bit: self.is_32bit(target),
            net_namespace: namespace_of(&self.root, target),
        }
    }

    /// Whether the program is a 32-bit one; what cannot be read is taken for none.
    fn is_32bit(&self, target: Target) -> bool {
        let mut start = [0; 5];
        let file = File::open(target.path(&self.root, &["exe"]));
        let is_read = file.and_then(|mut file| file.read_exact(&mut start)).is_ok();
        is_read && start[..4] == ELF_MAGIC && start[4] == ELF_CLASS_32
    }
}
