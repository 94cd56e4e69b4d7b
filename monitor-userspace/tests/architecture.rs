//! The dependency rules of `lib.rs`, as a search through the sources.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Source files below a folder of `src`, or the file itself.
fn sources(module: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(module);
    let mut files = Vec::new();
    let mut rest = vec![root];
    while let Some(path) = rest.pop() {
        if path.is_dir() {
            rest.extend(fs::read_dir(&path).expect("a folder").flatten().map(|entry| entry.path()));
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            files.push((path, text));
        }
    }
    assert!(!files.is_empty(), "no sources in {module}");
    files
}

/// Asserts that no file of these modules contains any of these words outside its tests.
fn forbid(modules: &[&str], words: &[&str], why: &str) {
    for (path, text) in modules.iter().flat_map(|module| sources(module)) {
        if path.to_string_lossy().ends_with("tests.rs") {
            continue;
        }
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        for word in words {
            assert!(!code.contains(word), "{} uses {word}: {why}", path.display());
        }
    }
}

const PURE: [&str; 8] =
    ["plan", "event", "inventory", "series", "detect", "rule", "engine", "output"];
/// What acts and is neither the agent's own threads nor the reader of the host.
const EDGES: [&str; 10] =
    ["api", "client", "command", "config", "history", "log.rs", "serve", "setup", "sink", "cli.rs"];

#[test]
fn deciding_modules_do_no_io_read_no_clock_and_start_no_threads() {
    let words = [
        "std::fs",
        "TcpStream",
        "UdpSocket",
        "UnixStream",
        "std::process",
        "std::thread",
        "std::env",
        "Instant",
        "SystemTime",
        "tokio",
        "nix::",
        "crate::host",
        "crate::kernel",
        "crate::sink",
        "crate::agent",
    ];
    forbid(&PURE, &words, "it must stay pure");
    // What becomes an alert is decided apart from who sends it; the words are those of the sink.
    let words: Vec<&str> = words.into_iter().filter(|word| *word != "crate::sink").collect();
    forbid(&["alert/decide"], &words, "it must stay pure");
}

#[test]
fn only_the_kernel_module_uses_aya() {
    forbid(&PURE, &["aya::", "aya_log"], "only kernel/ may");
    forbid(&EDGES, &["aya::", "aya_log"], "only kernel/ may");
    forbid(&["agent", "host"], &["aya::", "aya_log"], "only kernel/ may");
}

#[test]
fn only_the_host_module_reads_proc_and_sys() {
    forbid(&PURE, &["\"/proc", "\"/sys"], "only host/ may");
    forbid(&EDGES, &["\"/proc", "\"/sys"], "only host/ may");
    forbid(&["kernel"], &["\"/proc", "\"/sys"], "only host/ may");
}

#[test]
fn every_file_can_be_read_in_one_sitting() {
    for (path, text) in sources("") {
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_way_of_one_event_names_files_that_exist_in_at_most_twelve_steps() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let way = page.split("## The way of one event").nth(1).unwrap();
    let way = way.split("\n## ").next().unwrap();
    let is_step = |line: &&str| {
        line.split_once(". `").is_some_and(|(number, _)| number.parse::<u32>().is_ok())
    };
    let steps: Vec<&str> = way.lines().filter(is_step).collect();
    assert!((1..=12).contains(&steps.len()), "{} steps", steps.len());
    for step in steps {
        let file = step.split('`').nth(1).unwrap();
        assert!(root.join(file).is_file(), "{file} does not exist");
    }
}
