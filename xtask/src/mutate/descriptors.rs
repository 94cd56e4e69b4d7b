//! Mutants of descriptor tables: what opens, copies, closes, shares and watches.

use super::operations::Operation;

const TESTS: &[&str] = &["inventory::descriptors"];

const fn table(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    Operation { name, file: "inventory/descriptors/table.rs", snippet, replacement, tests: TESTS }
}

const fn tables(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    Operation { name, file: "inventory/descriptors/tables.rs", snippet, replacement, tests: TESTS }
}

const fn object(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    Operation { name, file: "inventory/descriptors/object.rs", snippet, replacement, tests: TESTS }
}

const fn reading(
    name: &'static str,
    snippet: &'static str,
    replacement: &'static str,
) -> Operation {
    Operation { name, file: "inventory/descriptors/reading.rs", snippet, replacement, tests: TESTS }
}

const fn log(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    Operation { name, file: "inventory/descriptors/log.rs", snippet, replacement, tests: TESTS }
}

pub(super) const OPERATIONS: &[Operation] = &[
    table(
        "descriptors: open: nothing is put in",
        "self.put(fd, Some(objects.add(object)), objects)",
        "self.put(fd, None, objects)",
    ),
    table(
        "descriptors: dup: the copy is not put in",
        "let object = self.copy_of(old, kind, inode, at_ns, objects);",
        "let object = None;",
    ),
    table(
        "descriptors: dup: what it lands on is kept alive",
        "        if let Some(before) = before {\n            objects.release(before);\n        }\n",
        "",
    ),
    table(
        "descriptors: close: nothing is let go",
        "            self.open.remove(&fd);\n            objects.release(id);",
        "            self.open.remove(&fd);",
    ),
    table(
        "descriptors: close: watches on plain files stay",
        "            objects.unwatch(epoll, fd, None);\n",
        "",
    ),
    table(
        "descriptors: listen: goes unnoticed",
        "                    object.is_listener = true;\n",
        "",
    ),
    table(
        "descriptors: epoll add: goes unnoticed",
        "                    objects.watch(id, fd, watched);\n",
        "",
    ),
    table(
        "descriptors: epoll del: goes unnoticed",
        "                    objects.unwatch(id, fd, self.open.get(&fd).copied());\n",
        "",
    ),
    table(
        "descriptors: collision: goes unnoticed",
        "            self.is_exact = false;\n            return Applied::Collided;",
        "            return Applied::Ok;",
    ),
    table(
        "descriptors: fork: copies what the record calls closed",
        "copy.open.retain(|&fd, _| open.has(fd) != Some(false));\n",
        "let _ = open;\n",
    ),
    table(
        "descriptors: fork: the copy holds nothing",
        "copy.open.values().for_each(|&id| objects.hold(id));\n",
        "",
    ),
    table(
        "descriptors: end of a table: nothing is let go",
        "            objects.release(id);\n        }\n    }\n\n    /// Whether it was read once.",
        "            let _ = (id, &objects);\n        }\n    }\n\n    /// Whether it was read once.",
    ),
    reading(
        "descriptors: reading: errors are not counted",
        "(wrong.count() + missed.count()) as u64",
        "wrong.count() as u64",
    ),
    reading(
        "descriptors: reading: corrects when told not to",
        "if seeding || correct {\n            self.install",
        "if seeding || !correct || correct {\n            self.install",
    ),
    table(
        "descriptors: total: a surprise goes unnoticed",
        "self.is_suspect |= files.is_none() || self.files != files;\n",
        "",
    ),
    tables(
        "descriptors: fork: a shared table is copied",
        "if files == maker.files && files != 0 {",
        "if files == maker.files && files == 0 {",
    ),
    tables(
        "descriptors: exec: the old table stays",
        "            self.leave(*key);\n",
        "            let _ = key;\n",
    ),
    tables(
        "descriptors: unshare: goes unnoticed",
        "        self.copy(Some(from), key, &OpenSet::UNKNOWN, now_ns);\n        self.take_up(pid, tid, key, now_ns);",
        "        let _ = (from, tid, now_ns);",
    ),
    tables(
        "descriptors: exit: the table stays",
        "        for key in uses.others.into_iter().chain([uses.main]) {\n            self.leave(key);\n        }",
        "        drop(uses);",
    ),
    tables(
        "descriptors: a thread's table becomes the process's",
        "if pid == tid {",
        "if pid == tid || true {",
    ),
    object(
        "descriptors: release: with the first descriptor",
        "if object.refs > 0 {",
        "if object.refs > 99 {",
    ),
    object(
        "descriptors: release: watches on the file stay",
        "                    watches.retain(|(_, watched)| *watched != Some(id));\n",
        "                    let _ = watches;\n",
    ),
    object(
        "descriptors: tcp state: goes unnoticed",
        "            object.socket.state = state;\n            object.state_ns = at_ns;\n            return;",
        "            object.state_ns = at_ns;\n            return;",
    ),
    log(
        "descriptors: late releases are not applied",
        "        self.apply_late_releases(&mut sketch, reading.t0_ns);\n",
        "",
    ),
    log(
        "descriptors: late releases hit what was acquired again",
        "let stays = reacquired.contains(fd) || ",
        "let stays = ",
    ),
    log(
        "descriptors: later operations are not applied",
        "skip_while(|(at_ns, _)| *at_ns <= reading.t0_ns) {\n            sketch.apply(*op);",
        "skip_while(|(at_ns, _)| *at_ns <= reading.t0_ns) {\n            let _ = op;",
    ),
    object(
        "descriptors: a reading: what the kernel calls a file finds none",
        "if file == 0 { None } else { self.by_file.get(&file).copied() }",
        "if file == 0 { None } else { None }",
    ),
    object(
        "descriptors: a file that is gone is still found by what the kernel called it",
        "        self.forget_name(id, gone.file);\n",
        "",
    ),
    reading(
        "descriptors: a reading: what the kernel calls a file is not taken over",
        "            objects.name(id, seen.file);\n",
        "",
    ),
    log(
        "descriptors: a reading: what it says of copies is not believed",
        "        if file == 0 {\n            return told",
        "        if file != u64::MAX {\n            return told",
    ),
];
