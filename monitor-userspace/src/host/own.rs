//! What the agent itself has open.

use std::fs;
use std::os::fd::RawFd;

/// Every descriptor of this process with what it leads to, the one that lists them among them; `None`
/// where they cannot be listed.
pub fn own_descriptors() -> Option<Vec<(RawFd, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd").ok()? {
        let entry = entry.ok()?;
        // One that another thread closed meanwhile leads nowhere.
        let Ok(link) = fs::read_link(entry.path()) else { continue };
        let fd = entry.file_name().to_str()?.parse().ok()?;
        found.push((fd, link.to_string_lossy().into_owned()));
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd as _;

    use super::*;

    #[test]
    fn what_is_open_is_listed() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let found = own_descriptors().unwrap();
        let pipe = found.iter().find(|(fd, _)| *fd == reader.as_raw_fd()).unwrap();
        assert!(pipe.1.starts_with("pipe:["), "{pipe:?}");
    }
}
