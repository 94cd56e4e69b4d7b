//! Where a process runs, from the paths of its cgroups. Pure: text in, names out.

use crate::event::{Placement as Component, TreePath};

/// What a path tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placement {
    pub(super) container: Option<String>,
    pub(super) pod: Option<String>,
    pub(super) unit: Option<String>,
}

/// What runtimes put before the id of a container.
const SCOPES: [&str; 4] = ["docker-", "libpod-", "cri-containerd-", "crio-"];
/// Units of systemd that have processes; a slice only groups them.
const UNITS: [&str; 5] = [".service", ".scope", ".socket", ".mount", ".swap"];
/// Hexadecimal digits of a container id.
const ID_DIGITS: usize = 64;

/// The path to show of a /proc/PID/cgroup: that of the v2 tree, unless nobody uses it; else that
/// of systemd's or of the memory hierarchy.
pub(super) fn choose(text: &str) -> Option<&str> {
    let lines = || text.lines().filter_map(split_line);
    let of = |wanted: fn(&str, &str) -> bool| {
        let mut paths = lines().filter(move |(id, names, _)| wanted(id, names));
        paths.find_map(|(_, _, path)| (path != "/").then_some(path))
    };
    of(|id, names| id == "0" && names.is_empty())
        .or_else(|| of(|_, names| names == "name=systemd"))
        .or_else(|| of(|_, names| names.split(',').any(|name| name == "memory")))
        .or_else(|| lines().next().map(|_| "/"))
}

/// `id:controllers:path`; only the path may hold colons.
fn split_line(line: &str) -> Option<(&str, &str, &str)> {
    let (id, rest) = line.split_once(':')?;
    let (names, path) = rest.split_once(':')?;
    Some((id, names, path))
}

/// The component that a /proc/PID/cgroup tells: the cgroup's container, else its unit, else its
/// last part. `None` in the root cgroup, and outside the agent's cgroup namespace, whose paths
/// begin with `/..`.
pub(super) fn component(text: &str) -> Option<Component> {
    let (name, path) = name_of(choose(text)?)?;
    let tree = |wanted: fn(&str, &str) -> bool| {
        let (_, _, path) = text.lines().filter_map(split_line).find(|it| wanted(it.0, it.1))?;
        let (own_name, own_path) = name_of(path)?;
        // A unit may be one in systemd's hierarchy and only part of a larger group in another.
        let is_own = own_name == name;
        Some(TreePath { path: if is_own { own_path } else { path.to_owned() }, is_own })
    };
    Some(Component {
        unified: tree(|id, names| id == "0" && names.is_empty()),
        memory_v1: tree(|_, names| names.split(',').any(|name| name == "memory")),
        pids_v1: tree(|_, names| names.split(',').any(|name| name == "pids")),
        name,
        path,
    })
}

/// The name of the component of a path, and where the path comes to it.
fn name_of(path: &str) -> Option<(String, String)> {
    let parts = parts_of(path);
    if parts.contains(&"..") {
        return None;
    }
    let container = || (0..parts.len()).rev().find_map(|at| Some((at, container(&parts, at)?)));
    let unit = || parts.iter().rposition(is_unit).map(|at| (at, decode(parts[at])));
    let leaf = || parts.len().checked_sub(1).map(|at| (at, parts[at].to_owned()));
    let (at, name) = container().or_else(unit).or_else(leaf)?;
    Some((name, format!("/{}", parts[..=at].join("/"))))
}

fn parts_of(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}

fn is_unit(part: &&str) -> bool {
    UNITS.iter().any(|end| part.len() > end.len() && part.ends_with(end))
}

/// What the path tells; the innermost container, pod and unit each.
pub(super) fn place(path: &str) -> Placement {
    let parts = parts_of(path);
    Placement {
        container: (0..parts.len()).rev().find_map(|at| container(&parts, at)),
        pod: parts.iter().rev().find_map(|part| pod(part)),
        unit: parts.iter().rev().find(|part| is_unit(part)).map(|unit| decode(unit)),
    }
}

/// The container that a part of a path names.
fn container(parts: &[&str], at: usize) -> Option<String> {
    let part = *parts.get(at)?;
    let parent = at.checked_sub(1).and_then(|at| parts.get(at)).copied().unwrap_or_default();
    // `slice:runtime:id`, where a runtime that knows systemd runs under one that does not.
    let part = part.rsplit(':').next().unwrap_or(part);
    let name = part.strip_suffix(".scope").unwrap_or(part);
    let id = SCOPES.iter().find_map(|prefix| name.strip_prefix(prefix)).unwrap_or(name);
    if id.len() == ID_DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Some(id.to_owned());
    }
    let named = if parent == "lxc" || parent == "lxc.payload" {
        Some(part)
    } else if let Some(name) = part.strip_prefix("lxc.payload.") {
        Some(name)
    } else if let Some(unit) = part.strip_prefix("systemd-nspawn@") {
        unit.strip_suffix(".service")
    } else if parent == "machine.slice" && part != name {
        name.strip_prefix("machine-")
    } else {
        None
    };
    let name = decode(named.filter(|name| !name.is_empty())?);
    // What libvirt calls so is a virtual machine.
    (!name.starts_with("qemu-")).then_some(name)
}

/// The uid of the pod that a part of a path names. A slice of systemd has `_` for `-`.
fn pod(part: &str) -> Option<String> {
    let uid = match part.strip_suffix(".slice") {
        Some(slice) if slice.starts_with("kubepods") => slice.rsplit_once("-pod")?.1,
        Some(_) => return None,
        None => part.strip_prefix("pod")?,
    };
    let is_uid = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-' || byte == b'_';
    // The uid of a static pod is a hash, without dashes.
    let fits = (32..=36).contains(&uid.len()) && uid.bytes().all(is_uid);
    fits.then(|| uid.replace('_', "-"))
}

/// A name as it was before systemd escaped its dashes; they are all that is undone, so that the
/// name holds nothing that the path does not.
fn decode(name: &str) -> String {
    name.replace("\\x2d", "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "2c48913c-b29f-4fe9-b7ab-1d4f2b7a3e11";

    fn placed(path: &str) -> (Option<String>, Option<String>, Option<String>) {
        let path = path.replace("U_D", &UID.replace('-', "_"));
        let path = path.replace("UID", UID).replace("ID", ID);
        let Placement { container, pod, unit } = place(&path);
        (container, pod, unit)
    }

    #[test]
    fn paths_of_runtimes_name_their_containers() {
        let (id, uid) = (|| Some(ID.to_owned()), || Some(UID.to_owned()));
        let scope = |prefix: &str| Some(format!("{prefix}-{ID}.scope"));
        let cases = [
            ("/system.slice/docker-ID.scope", id(), None, scope("docker")),
            ("/docker/ID", id(), None, None),
            ("/machine.slice/libpod-ID.scope/container", id(), None, scope("libpod")),
            ("/kubepods/besteffort/podUID/ID", id(), uid(), None),
            (
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podU_D.slice/\
                 cri-containerd-ID.scope",
                id(),
                uid(),
                scope("cri-containerd"),
            ),
            ("/kubepods.slice/kubepods-podU_D.slice/crio-ID.scope", id(), uid(), scope("crio")),
            (
                "/system.slice/containerd.service/kubepods-podU_D.slice:cri-containerd:ID",
                id(),
                None,
                Some("containerd.service".to_owned()),
            ),
        ];
        for (path, container, pod, unit) in cases {
            assert_eq!(placed(path), (container, pod, unit), "{path}");
        }
        let (container, ..) = placed("/machine.slice/libpod-conmon-ID.scope");
        assert_eq!(container, None, "the watcher of a container is not in it");
    }

    #[test]
    fn other_paths_name_what_they_can() {
        let text = |text: &str| Some(text.to_owned());
        let cases = [
            ("/lxc/web/init", text("web"), None),
            ("/lxc.payload.db/system.slice/x.service", text("db"), text("x.service")),
            (
                "/machine.slice/machine-my\\x2dbox.scope",
                text("my-box"),
                text("machine-my-box.scope"),
            ),
            (
                "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope",
                None,
                text("machine-qemu-1-vm.scope"),
            ),
            (
                "/machine.slice/systemd-nspawn@deb.service/payload",
                text("deb"),
                text("systemd-nspawn@deb.service"),
            ),
            ("/system.slice/cron.service", None, text("cron.service")),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/foo.service",
                None,
                text("foo.service"),
            ),
            ("/user.slice/user-1000.slice/session-2.scope", None, text("session-2.scope")),
            ("/system.slice/a.socket", None, text("a.socket")),
            ("/system.slice/dev\\x2fsda.mount", None, text("dev\\x2fsda.mount")),
            ("/user.slice", None, None),
            ("/.service", None, None),
            ("/podium/pod123", None, None),
            ("/", None, None),
            ("", None, None),
            ("/../../x", None, None),
        ];
        for (path, container, unit) in cases {
            assert_eq!(placed(path), (container, None, unit), "{path}");
        }
    }

    fn tree(path: &str, is_own: bool) -> TreePath {
        TreePath { path: path.to_owned(), is_own }
    }

    #[test]
    fn a_component_is_named_by_its_container_or_unit_or_group() {
        let found = component(&format!("0::/system.slice/docker-{ID}.scope/init\n")).unwrap();
        let path = format!("/system.slice/docker-{ID}.scope");
        assert_eq!((found.name.as_str(), &found.path), (ID, &path));
        assert_eq!(found.unified, Some(tree(&path, true)));
        assert_eq!((found.memory_v1, found.pids_v1), (None, None));
        let found = component("0::/a.slice/b.service/sub/part\n").unwrap();
        assert_eq!((found.name.as_str(), found.path.as_str()), ("b.service", "/a.slice/b.service"));
        let found = component("0::/jobs/nightly\n").unwrap();
        assert_eq!((found.name.as_str(), found.path.as_str()), ("nightly", "/jobs/nightly"));
        for text in ["", "0::/\n", "0::/../x.service\n", "4:memory:/\n0::/\n"] {
            assert_eq!(component(text), None, "{text}");
        }
    }

    #[test]
    fn a_component_of_v1_may_be_part_of_a_larger_group() {
        let text = "9:name=systemd:/s.slice/a.service\n8:pids:/s.slice/a.service/x\n\
                    4:cpu,memory:/s.slice\n0::/\n";
        let found = component(text).unwrap();
        assert_eq!((found.name.as_str(), found.path.as_str()), ("a.service", "/s.slice/a.service"));
        assert_eq!(found.pids_v1, Some(tree("/s.slice/a.service", true)));
        assert_eq!(found.memory_v1, Some(tree("/s.slice", false)), "with others");
        assert_eq!(found.unified, None, "the root is nobody's");
    }

    #[test]
    fn the_tree_in_use_is_shown() {
        assert_eq!(choose("0::/a:b\n"), Some("/a:b"));
        assert_eq!(choose("9:memory:/m\n1:name=systemd:/s\n0::/\n"), Some("/s"));
        assert_eq!(choose("9:cpu,memory:/m\n1:name=systemd:/\n0::/\n"), Some("/m"));
        assert_eq!(choose("9:memory:/\n0::/\n"), Some("/"));
        assert_eq!(choose("x\n"), None);
        assert_eq!(choose(""), None);
    }
}
