//! Mutants of what else a process holds: timers, segments, zombies, children; of what calls mean;
//! and of what is given up where memory is short.

use super::operations::Operation;

const fn op(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    const TESTS: &[&str] = &["inventory::descriptors::op"];
    Operation { name, file: "inventory/descriptors/op.rs", snippet, replacement, tests: TESTS }
}

const fn timers(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    const TESTS: &[&str] = &["inventory::timers"];
    Operation { name, file: "inventory/timers.rs", snippet, replacement, tests: TESTS }
}

const fn space(name: &'static str, snippet: &'static str, replacement: &'static str) -> Operation {
    const TESTS: &[&str] = &["inventory::space"];
    Operation { name, file: "inventory/space.rs", snippet, replacement, tests: TESTS }
}

const fn inventory(
    file: &'static str,
    name: &'static str,
    snippet: &'static str,
    replacement: &'static str,
) -> Operation {
    const TESTS: &[&str] = &["inventory::", "engine::"];
    Operation { name, file, snippet, replacement, tests: TESTS }
}

/// A kind of descriptor whose call is not understood.
macro_rules! not_made {
    ($($name:literal $kind:literal;)*) => {
        [$(op(
            $name,
            concat!("        EventKind::", $kind, " => open("),
            concat!("        EventKind::", $kind, " if made == u32::MAX => open("),
        )),*]
    };
}

pub(super) const MADE: &[Operation] = &not_made! {
    "memfd_create: makes nothing" "MemfdCreate";
    "timerfd_create: makes nothing" "TimerfdCreate";
    "eventfd: makes nothing" "Eventfd | EventKind::Eventfd2";
    "epoll_create: makes nothing" "EpollCreate | EventKind::EpollCreate1";
    "inotify_init: makes nothing" "InotifyInit | EventKind::InotifyInit1";
};

pub(super) const OPERATIONS: &[Operation] = &[
    op(
        "pidfd_open, userfaultfd, io_uring_setup: make nothing",
        "            open(DescriptorKind::Other)\n        }\n        // With",
        "            [None, None]\n        }\n        // With",
    ),
    op("signalfd: a change makes one more", " if first as u32 == u32::MAX => {", " => {"),
    op(
        "socket: is not known by its inode",
        "[Some(socket(made, call.inode, SocketFacts::unpack(call.detail))), None]",
        "[Some(socket(made, 0, SocketFacts::unpack(call.detail))), None]",
    ),
    op(
        "socket: its state is not known",
        "[Some(socket(made, call.inode, SocketFacts::unpack(call.detail))), None]",
        "[Some(socket(made, call.inode, SocketFacts::default())), None]",
    ),
    op(
        "socketpair: makes one",
        "[Some(socket(both as u32, call.inode, facts)), Some(socket((both >> 32) as u32, second, facts))]",
        "[Some(socket(both as u32, call.inode, facts)), None.or((second == u64::MAX).then(|| socket(0, second, facts)))]",
    ),
    op("pipe: makes one", ", Some(end((both >> 32) as u32, true))]", ", None]"),
    op("pipe: both ends write", "[Some(end(both as u32, false))", "[Some(end(both as u32, true))"),
    op(
        "dup2: what it lands on is a collision",
        "replaces: matches!(call.kind, EventKind::Dup2 | EventKind::Dup3),",
        "replaces: false,",
    ),
    op(
        "dup2: onto itself makes one",
        "[(first as u32 != made).then_some(copy), None]",
        "[Some(copy), None]",
    ),
    op(
        "close_range: CLOEXEC closes at once",
        "if third & CLOSE_RANGE_CLOEXEC != 0 => [None, None]",
        "if third & CLOSE_RANGE_CLOEXEC == 99 => [None, None]",
    ),
    op(
        "close_range: closes one",
        "FdOp::Close { first: first as u32, last: second as u32 }), None]",
        "FdOp::Close { first: first as u32, last: first as u32 }), None]",
    ),
    op(
        "close: closes nothing",
        "Body::Close { fd } => [Some(FdOp::Close { first: *fd, last: *fd }), None],",
        "Body::Close { .. } => [None, None],",
    ),
    op(
        "listen: means nothing",
        "EventKind::Listen => [Some(FdOp::Listen { fd: first as u32 }), None],",
        "EventKind::Listen => [None, None],",
    ),
    op(
        "epoll_ctl: nothing is added",
        "EPOLL_CTL_ADD => Some(FdOp::Watch { epoll, fd }),",
        "EPOLL_CTL_ADD => None,",
    ),
    op(
        "epoll_ctl: nothing is taken away",
        "EPOLL_CTL_DEL => Some(FdOp::Unwatch { epoll, fd }),",
        "EPOLL_CTL_DEL => None,",
    ),
    op(
        "inotify_add_watch: adds nothing",
        "[Some(FdOp::AddWatch { inotify: first as u32, watch: made }), None]",
        "[None, None]",
    ),
    op(
        "inotify_rm_watch: takes nothing away",
        "[Some(FdOp::RemoveWatch { inotify: first as u32, watch: second as u32 }), None]",
        "[None, None]",
    ),
    op(
        "a failed call makes something",
        "if call.result >= 0 => of_call",
        "if call.result > -4095 => of_call",
    ),
    timers("timer_create: goes unnoticed", "self.change(at_ns, second as i32, true)", "{}"),
    timers("timer_delete: goes unnoticed", "self.change(at_ns, first as i32, false)", "{}"),
    timers(
        "setitimer: goes unnoticed",
        "self.set_interval(at_ns, first as usize, second, third)",
        "{ let _ = third; }",
    ),
    timers(
        "alarm: goes unnoticed",
        "                self.set_interval(at_ns, ITIMER_REAL, first.saturating_mul(1_000_000_000), 0);\n",
        "",
    ),
    timers(
        "setitimer: never expires",
        "(_, 0) if which == ITIMER_REAL => Armed::Until(at_ns.saturating_add(value_ns)),",
        "",
    ),
    timers("setitimer: is never stopped", "(0, _) => Armed::No,", ""),
    timers(
        "timers: stay over exec",
        "        self.ids = Some(BTreeSet::new());\n        self.log.clear();",
        "",
    ),
    timers(
        "timers: a reading corrects unasked",
        "if self.ids.is_some() && !correct {",
        "if false {",
    ),
    timers(
        "timers: what happened around a reading is forgotten",
        "            if is_made {\n                ids.insert(id);\n            } else {\n                ids.remove(&id);\n            }\n        }\n        self.ids",
        "            let _ = (id, is_made);\n        }\n        self.ids",
    ),
    space(
        "shmat: attaches nothing",
        "EventKind::Shmat => {",
        "EventKind::Shmat if first == u64::MAX => {",
    ),
    space(
        "shmdt: detaches nothing",
        "EventKind::Shmdt | EventKind::IoDestroy =>",
        "EventKind::IoDestroy =>",
    ),
    space(
        "io_destroy: destroys nothing",
        "EventKind::Shmdt | EventKind::IoDestroy =>",
        "EventKind::Shmdt =>",
    ),
    space(
        "io_setup: maps nothing",
        "EventKind::IoSetup => ",
        "EventKind::IoSetup if first == u64::MAX => ",
    ),
    space(
        "map_shadow_stack: maps nothing",
        "EventKind::MapShadowStack => ",
        "EventKind::MapShadowStack if first == u64::MAX => ",
    ),
    space(
        "shmat: SHM_REMAP is a collision",
        "replaces: third & SHM_REMAP != 0,",
        "replaces: false,",
    ),
    space("io_setup: the size that was read is not used", "if read_bytes > 0 {", "if false {"),
    space(
        "mmap: a memfd is a file",
        "FileKind::Memfd => MappingClass::Shared,",
        "FileKind::Memfd => MappingClass::File,",
    ),
    space(
        "mmap: /dev/zero is a file",
        "FileKind::DevZero if flags & MAP_SHARED != 0 => MappingClass::Shared,",
        "",
    ),
    inventory(
        "inventory/segments.rs",
        "shmget: a segment that is there shrinks",
        "call.args[1].max(known.0)",
        "call.args[1]",
    ),
    inventory(
        "inventory/mappings.rs",
        "detach: takes the first piece only",
        "while let Some(next) = self.ranges.get(&end).filter(|next| next.origin() == origin) {",
        "if let Some(next) = self.ranges.get(&end).filter(|next| next.origin() == origin) {",
    ),
    inventory(
        "inventory/mappings.rs",
        "detach: takes what was not attached",
        "        if !origin.is_detachable() {\n            return 0;\n        }\n",
        "",
    ),
    inventory(
        "inventory/oplog.rs",
        "merge: a late detach is forgotten",
        "                    mappings.detach(start);\n                }",
        "                }",
    ),
    inventory(
        "inventory/oplog.rs",
        "merge: a late detach takes what was attached again",
        "if !reacquired.overlaps(start, start + 1) {",
        "if true {",
    ),
    inventory(
        "engine/zombies.rs",
        "zombies: who ended is not looked at",
        "            self.ended.insert(pid, at_ns + SETTLED_NS);\n",
        "            let _ = (pid, at_ns);\n",
    ),
    inventory(
        "engine/zombies.rs",
        "zombies: stay for ever",
        "self.known.retain(|_, zombie| now_ns < zombie.seen_ns + FORGET_NS);",
        "",
    ),
    inventory(
        "engine/events.rs",
        "fork: timers are inherited",
        "timers: Timers::none(),",
        "timers: self.table.get(event.pid).map(|maker| maker.timers.clone()).unwrap_or_default(),",
    ),
    inventory(
        "engine/events.rs",
        "exec: timers go unnoticed",
        "            process.timers.exec();\n",
        "",
    ),
    inventory(
        "inventory/process.rs",
        "children: a new one is not counted",
        "        self.adopt(process.ppid);\n        self.processes.insert",
        "        self.processes.insert",
    ),
    inventory(
        "inventory/process.rs",
        "children: one that ended stays",
        "        self.disown(process.ppid);\n        self.release",
        "        self.release",
    ),
    inventory(
        "inventory/process.rs",
        "children: another parent goes unnoticed",
        "            self.disown(old);\n            self.adopt(ppid);\n",
        "",
    ),
    inventory(
        "engine/budget.rs",
        "memory: nothing is given up",
        "        self.make_coarse(limit);\n",
        "",
    ),
    inventory(
        "inventory/descriptors/table.rs",
        "memory: numbers go with the descriptors",
        "        self.coarse = Some(self.counts(objects).unwrap_or_default());\n        self.clear(objects);",
        "        self.clear(objects);\n        self.coarse = Some(self.counts(objects).unwrap_or_default());",
    ),
    inventory(
        "inventory/space.rs",
        "memory: totals go with the ranges",
        "self.coarse = Some(Coarse { totals, segments });\n        self.mappings",
        "self.coarse = Some(Coarse::default());\n        let _ = (totals, segments);\n        self.mappings",
    ),
    inventory(
        "inventory/descriptors/object.rs",
        "memory: the room of files is kept",
        "            self.slots.pop();\n",
        "            break;\n",
    ),
    inventory(
        "engine/checks.rs",
        "checks: what is doubted waits",
        "is_doubted || self.now_ns",
        "self.now_ns",
    ),
    inventory(
        "engine/readings.rs",
        "sampling: a 32-bit program is believed to be followed",
        "        if is_unseen {\n",
        "        if is_unseen && reading.kernel_thread {\n",
    ),
    inventory(
        "engine/resources.rs",
        "sampling: a ring that was there goes unnoticed",
        "        if reading.has_ring {\n",
        "        if reading.has_ring && !reading.found {\n",
    ),
    inventory(
        "engine/resources.rs",
        "sampling: a ring that is made goes unnoticed",
        "            && call.kind == EventKind::IoUringSetup\n",
        "            && call.kind == EventKind::Bind\n",
    ),
    inventory(
        "inventory/descriptors/tables.rs",
        "sampling: another program is sampled too",
        "Some(old) if !old.is_coarse() => old",
        "Some(old) => old",
    ),
];
