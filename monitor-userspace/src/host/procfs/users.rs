//! Names of users, from the host's own /etc/passwd. No name service is asked: that could mean the
//! network, and code of others in the agent.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustc_hash::FxHashMap;

use super::scratch::read_whole;

/// Most bytes read of the file: some tens of thousands of users.
const PASSWD_BYTES: usize = 4 << 20;

/// The file as it was when it last changed.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// When it was changed, to the nanosecond; `None` before the first reading.
    changed: Option<(i64, i64)>,
    names: FxHashMap<u32, String>,
}

impl Users {
    /// The name of a user, or its number where it has none.
    pub(super) fn name(&mut self, path: &Path, uid: u32) -> String {
        let metadata = std::fs::metadata(path).ok();
        let changed = metadata.map(|it| (it.mtime(), it.mtime_nsec()));
        if changed != self.changed {
            self.changed = changed;
            let mut bytes = Vec::new();
            // A file that cannot be read names nobody.
            let _unreadable = read_whole(path, &mut bytes, PASSWD_BYTES);
            self.names = parse(&bytes);
        }
        self.names.get(&uid).cloned().unwrap_or_else(|| uid.to_string())
    }
}

/// The first name of each number, from lines `name:password:uid:…`.
fn parse(bytes: &[u8]) -> FxHashMap<u32, String> {
    let mut names = FxHashMap::default();
    for line in String::from_utf8_lossy(bytes).lines() {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty() && !name.starts_with('#'));
        let uid = fields.nth(1).and_then(|uid| uid.parse::<u32>().ok());
        if let (Some(name), Some(uid)) = (name, uid) {
            names.entry(uid).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("passwd");
        let mut users = Users::default();
        assert_eq!(users.name(&path, 7), "7");
        std::fs::write(&path, "root:x:0:0::/:/bin/sh\ntoor:x:0:0\n#no:x:7:7\nx\n::\n").unwrap();
        assert_eq!((users.name(&path, 0), users.name(&path, 7)), ("root".into(), "7".into()));
        std::fs::write(&path, "seven:x:7:7::/:/bin/sh\n").unwrap();
        assert_eq!((users.name(&path, 0), users.name(&path, 7)), ("0".into(), "seven".into()));
    }
}
