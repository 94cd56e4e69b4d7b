//! Mutants of what an address space holds: the ranges and the operations on them.

use super::operations::Operation;

const MAPPINGS: &[&str] = &["inventory::mappings"];
const OPS: &[&str] = &["inventory::oplog", "engine::tests"];

const fn mappings(
    name: &'static str,
    snippet: &'static str,
    replacement: &'static str,
) -> Operation {
    Operation { name, file: "inventory/mappings.rs", snippet, replacement, tests: MAPPINGS }
}

const fn oplog(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    Operation { name, file: "inventory/oplog.rs", snippet, replacement, tests: OPS }
}

const fn window(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    Operation { name, file: "inventory/window.rs", snippet, replacement, tests: OPS }
}

pub(super) const OPERATIONS: &[Operation] = &[
    mappings(
        "insert: puts nothing in",
        "self.put(start, Mapping { end, born_ns, class, origin });",
        "",
    ),
    mappings(
        "insert: leaves what it covers",
        "let replaced = self.remove(start, end);",
        "let replaced = 0;",
    ),
    mappings(
        "remove: takes one range only",
        "while let Some((&at, &mapping)) = self.ranges.range(start..end).next() {",
        "for (at, mapping) in self.ranges.range(start..end).next().map(|(a, m)| (*a, *m)) {",
    ),
    mappings("remove: a hole loses what is beyond it", "self.ranges.insert(end, cut);", ""),
    mappings("remove: a cut loses what is beyond it", "self.ranges.insert(end, mapping);", ""),
    mappings("remove: the range before keeps its end", "*before = cut.until(start);", ""),
    mappings(
        "totals: nothing is added",
        "self.totals.add(mapping.class, mapping.end - start);",
        "",
    ),
    mappings("totals: a hole is not subtracted", "self.totals.sub(cut.class(), gone);", ""),
    mappings("totals: a range is not subtracted", "self.totals.sub(mapping.class(), gone);", ""),
    mappings("slice: not cut at its start", "(at.max(start), Mapping", "(at, Mapping"),
    mappings("slice: not cut at its end", "end: mapping.end.min(end), ..mapping", "..mapping"),
    mappings(
        "difference: classes are not compared",
        "mine.class_at(edge[0]) != theirs.class_at(edge[0])",
        "mine.class_at(edge[0]).is_some() != theirs.class_at(edge[0]).is_some()",
    ),
    mappings(
        "fold: joins classes",
        "if last.end == start\n                        && last.class == mapping.class",
        "if last.end == start",
    ),
    mappings(
        "fold: joins over holes",
        "if last.end == start\n                        && last.class == mapping.class",
        "if last.class == mapping.class",
    ),
    mappings(
        "fold: keeps the younger birth",
        "last.born_ns.min(mapping.born_ns)",
        "last.born_ns.max(mapping.born_ns)",
    ),
    mappings(
        "fold: never happens",
        "if self.ranges.len() > self.fold_at.max(Self::FOLD_ABOVE) {",
        "if false {",
    ),
    mappings(
        "fold: happens on each insert into many",
        "self.fold_at = folded.len() + Self::FOLD_ABOVE;",
        "",
    ),
    oplog(
        "merge: late releases are forgotten",
        "self.apply_late_releases(&mut mappings, reading.t0_ns);",
        "",
    ),
    oplog(
        "merge: a release is late for ever",
        "before.take_while(|(at_ns, _)| *at_ns >= early)",
        "before",
    ),
    oplog(
        "merge: what was acquired again goes too",
        "reacquired.insert(start, end, MappingClass::Anonymous, 0);",
        "",
    ),
    oplog(
        "merge: later operations are forgotten",
        "self.ops.iter().filter(|(at_ns, _)| *at_ns > reading.t0_ns) {",
        "self.ops.iter().take(0) {",
    ),
    oplog(
        "merge: earlier operations are done again",
        "self.ops.iter().filter(|(at_ns, _)| *at_ns > reading.t0_ns) {",
        "self.ops.iter() {",
    ),
    oplog(
        "merge: a log that starts late is good",
        "if self.since_ns > reading.t0_ns {",
        "if false {",
    ),
    oplog("log: what it dropped is not missed", "self.since_ns = dropped + 1;", ""),
    oplog(
        "window: every reading is clear",
        "if !self.window(reading).is_clear(&mappings) {",
        "if false {",
    ),
    oplog("window: ends with the reading", "reading.t1_ns + Window::SLACK_NS", "reading.t1_ns"),
    oplog(
        "map: a collision goes unnoticed",
        "mappings.insert_from(start, end, class, at_ns, origin) > 0 && !replaces",
        "mappings.insert_from(start, end, class, at_ns, origin) > 0 && false",
    ),
    oplog(
        "map: what MAP_FIXED replaces is a collision",
        "mappings.insert_from(start, end, class, at_ns, origin) > 0 && !replaces",
        "mappings.insert_from(start, end, class, at_ns, origin) > 0",
    ),
    oplog("unmap: does nothing", "            mappings.remove(start, end);\n", ""),
    oplog("mremap: does nothing", "moved.apply(mappings, at_ns);", ""),
    oplog("mremap: a move leaves its source", "if !self.keeps_source {", "if false {"),
    oplog("mremap: DONTUNMAP takes the source", "if !self.keeps_source {", "if true {"),
    oplog(
        "mremap: does not grow in place",
        "mappings.insert(self.old_end, self.new_end, last.class, at_ns);",
        "",
    ),
    oplog("mremap: does not shrink in place", "mappings.remove(self.new_end, self.old_end);", ""),
    oplog(
        "mremap: a move does not grow",
        "mappings.insert(self.new_start + keep, self.new_end, last.class, at_ns);",
        "",
    ),
    oplog(
        "mremap: a move does not shrink",
        "(piece.end - self.old_start).min(keep)",
        "(piece.end - self.old_start)",
    ),
    oplog(
        "mremap: what was at the destination shows through holes",
        "mappings.remove(self.new_start, self.new_end);",
        "",
    ),
    oplog(
        "mremap: a move makes memory younger",
        "if self.keeps_source { at_ns } else { piece.born_ns }",
        "at_ns",
    ),
    oplog("brk: does not grow", "mappings.insert(old, end, MappingClass::Heap, at_ns);", ""),
    oplog("brk: does not shrink", "mappings.remove(end, old);", ""),
    oplog(
        "brk: its end is not kept",
        "heap_end.replace(end).unwrap_or(start)",
        "heap_end.unwrap_or(start)",
    ),
    window(
        "window: others may touch the places of a move",
        "if self.ops.iter().enumerate().any(|(at, other)| at != index && meets(other)) {",
        "if false {",
    ),
    window(
        "window: what is replaced is taken for what moved",
        "(!replaces && !read.overlaps",
        "(!read.overlaps",
    ),
];
