//! A file tree as the kernel unpacks it at boot: the `newc` form of cpio, not compressed, because
//! an emulated processor copies faster than it inflates
//! (Documentation/driver-api/early-userspace/buffer-format.rst).

use std::collections::BTreeSet;

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const SYMLINK: u32 = 0o120_777;

#[derive(Default)]
pub(super) struct Archive {
    bytes: Vec<u8>,
    inode: u32,
    known: BTreeSet<String>,
}

impl Archive {
    /// A directory and those it is in.
    pub(super) fn directory(&mut self, path: &str) {
        let path = path.trim_matches('/');
        if path.is_empty() || self.known.contains(path) {
            return;
        }
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.directory(parent);
        }
        self.put(path, DIRECTORY, &[]);
    }

    /// A file that everybody may read and run.
    pub(super) fn file(&mut self, path: &str, content: &[u8]) {
        self.put_inside(path, PROGRAM, content);
    }

    /// A symbolic link.
    pub(super) fn link(&mut self, path: &str, target: &str) {
        self.put_inside(path, SYMLINK, target.as_bytes());
    }

    /// The whole archive.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.put("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn put_inside(&mut self, path: &str, mode: u32, content: &[u8]) {
        let path = path.trim_matches('/');
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.directory(parent);
        }
        self.put(path, mode, content);
    }

    fn put(&mut self, path: &str, mode: u32, content: &[u8]) {
        self.inode += 1;
        let length = content.len() as u32;
        // Inode, mode, owner, group, links, time, length, four device numbers, name, checksum.
        let name = path.len() as u32 + 1;
        let fields = [self.inode, mode, 0, 0, 1, 0, length, 0, 0, 0, 0, name, 0];
        self.bytes.extend(b"070701");
        for field in fields {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(path.bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend(content);
        self.align();
        self.known.insert(path.to_owned());
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_come_first_and_every_part_is_aligned() {
        let mut archive = Archive::default();
        archive.file("/a/b", b"12345");
        archive.link("a/c", "b");

        let bytes = archive.finish();
        assert_eq!(bytes.len() % 4, 0);
        let text = String::from_utf8_lossy(&bytes);
        let at = |what: &str| text.find(what).unwrap();
        assert!(at("a\0") < at("a/b\0") && at("a/b\0") < at("a/c\0"));
        assert_eq!(text.matches("070701").count(), 4);
        assert_eq!(at("12345") % 4, 0);
        assert!(at("TRAILER!!!") > at("a/c\0"));
    }
}
