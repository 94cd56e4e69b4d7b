//! Mutants of address spaces and of who runs in them: fork, exec, exit, and what a reading may do.

use super::operations::Operation;

const TESTS: &[&str] = &["inventory::", "engine::tests"];

const fn space(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    Operation { name, file: "inventory/space.rs", snippet, replacement, tests: TESTS }
}

const fn process(
    name: &'static str,
    snippet: &'static str,
    replacement: &'static str,
) -> Operation {
    Operation { name, file: "inventory/process.rs", snippet, replacement, tests: TESTS }
}

const fn events(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    Operation { name, file: "engine/events.rs", snippet, replacement, tests: TESTS }
}

pub(super) const OPERATIONS: &[Operation] = &[
    space(
        "fork: the child holds nothing",
        "mappings: Arc::clone(&self.mappings),",
        "mappings: Arc::default(),",
    ),
    space(
        "fork: the child's heap starts anew",
        "heap_end: self.heap_end,\n            coarse: self.coarse,",
        "heap_end: None,\n            coarse: self.coarse,",
    ),
    space(
        "fork: a parent never read has a child that was",
        "if !self.is_seeded {\n            return Self::unseeded(now_ns);",
        "if false {\n            return Self::unseeded(now_ns);",
    ),
    space(
        "seed: operations do not wait for it",
        "if !self.is_seeded {\n            return Applied::Waiting;",
        "if false {\n            return Applied::Waiting;",
    ),
    space(
        "collision: the space stays exact",
        "self.is_exact = false;\n            return Applied::Collided;",
        "return Applied::Collided;",
    ),
    space(
        "loss: the space stays exact",
        "self.is_exact = false;\n        self.accuracy = None;",
        "self.accuracy = None;",
    ),
    space(
        "loss: the old accuracy stays",
        "self.is_exact = false;\n        self.accuracy = None;",
        "self.is_exact = false;",
    ),
    space(
        "reading: is never taken over",
        "if seeding || (correct && !self.is_exact) {",
        "if seeding {",
    ),
    space(
        "reading: is taken over unasked",
        "if seeding || (correct && !self.is_exact) {",
        "if seeding || !self.is_exact {",
    ),
    space(
        "reading: makes memory younger",
        "Arc::new(self.with_births(&merged))",
        "Arc::new(merged.clone())",
    ),
    space(
        "call: a failure counts",
        "(!(-4095..0).contains(&result)).then_some(result as u64)",
        "Some(result as u64)",
    ),
    space(
        "call: lengths are not rounded up",
        "let length = length.checked_next_multiple_of(granule(flags, facts))?;",
        "",
    ),
    space(
        "call: an old length of 0 moves",
        "keeps_source: old_length == 0 || flags & MREMAP_DONTUNMAP != 0,",
        "keeps_source: flags & MREMAP_DONTUNMAP != 0,",
    ),
    space("call: huge pages are small ones", "if flags & MAP_HUGETLB == 0 {", "if true {"),
    space("call: stacks that grow are counted", "if flags & MAP_GROWSDOWN != 0 {", "if false {"),
    process("release: the last user leaves the space", "if space.users == 0 {", "if false {"),
    process("release: any user takes the space along", "if space.users == 0 {", "if true {"),
    process("exit: does not release the space", "self.release(process.space);", ""),
    process("exec: does not release the old space", "self.release(old);", ""),
    process(
        "insert: the process is no user",
        ".or_insert_with(|| Space::unseeded(process.since_ns))\n            .users += 1;",
        ".or_insert_with(|| Space::unseeded(process.since_ns));",
    ),
    process(
        "reused address: the old process has the new space",
        ".filter(|process| process.space == key)",
        ".filter(|_| false)",
    ),
    process(
        "bind: what was learnt is forgotten",
        "self.spaces.insert(key, space);\n        }\n    }\n\n    fn release",
        "self.spaces.insert(key, Space::unseeded(now_ns));\n        }\n    }\n\n    fn release",
    ),
    process(
        "pids: in no order",
        "pids.sort_unstable();",
        "pids.sort_unstable_by(|a, b| b.cmp(a));",
    ),
    events(
        "exec: the program keeps the old space",
        "self.table.move_to(event.pid, key, event.at_ns);",
        "",
    ),
];
