//! BTF built by hand, hostile bytes, and the running kernel's own.

use super::*;

/// Builds BTF one type at a time.
#[derive(Default)]
struct Builder {
    types: Vec<u8>,
    strings: Vec<u8>,
    count: u32,
}

impl Builder {
    fn new() -> Self {
        Self { strings: vec![0], ..Self::default() }
    }

    fn name(&mut self, name: &str) -> u32 {
        if name.is_empty() {
            return 0;
        }
        let at = self.strings.len() as u32;
        self.strings.extend(name.bytes().chain([0]));
        at
    }

    fn push(&mut self, name: &str, info: u32, refers: u32, rest: &[u32]) -> u32 {
        let name = self.name(name);
        for word in [name, info, refers].iter().chain(rest) {
            self.types.extend(word.to_ne_bytes());
        }
        self.count += 1;
        self.count
    }

    fn int(&mut self, bytes: u32, bits: u32) -> u32 {
        self.push("int", 1 << 24, bytes, &[bits])
    }

    fn composite(&mut self, kind: u32, name: &str, members: &[(&str, u32, u32)]) -> u32 {
        let mut rest = Vec::new();
        for &(name, id, place) in members {
            rest.extend([self.name(name), id, place]);
        }
        self.push(name, kind << 24 | members.len() as u32, 0, &rest)
    }

    fn finish(&self) -> Vec<u8> {
        let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
        let mut bytes = MAGIC.to_ne_bytes().to_vec();
        bytes.extend([1, 0]);
        for word in [24, 0, types, types, strings] {
            bytes.extend(word.to_ne_bytes());
        }
        bytes.extend(self.types.iter().chain(&self.strings));
        bytes
    }
}

/// A structure with everything that a path may have to pass.
fn sample() -> Vec<u8> {
    let mut btf = Builder::new();
    let int = btf.int(4, 32);
    let narrow = btf.int(4, 3);
    let inner = btf.composite(4, "qstr", &[("hash", int, 0), ("name", int, 64)]);
    let constant = btf.push("", 10 << 24, inner, &[]);
    let typedef = btf.push("qstr_t", 8 << 24, constant, &[]);
    let union = btf.composite(5, "", &[("d_name", typedef, 0), ("other", int, 0)]);
    let nested = btf.composite(4, "", &[("skip", int, 0), ("", union, 64)]);
    for (kind, words) in [(2, 0), (3, 3), (7, 0), (9, 0), (11, 0), (12, 0), (14, 1)] {
        btf.push("x", kind << 24, int, &vec![0; words]);
    }
    for (kind, words) in [(6, 4), (13, 4), (15, 6), (19, 6)] {
        btf.push("y", kind << 24 | 2, int, &vec![0; words]);
    }
    for (kind, words) in [(16, 0), (17, 1), (18, 0)] {
        btf.push("z", kind << 24, int, &vec![0; words]);
    }
    btf.composite(4, "dentry", &[("first", int, 0), ("", nested, 128), ("bits", narrow, 512)]);
    btf.composite(4, "dentry_other", &[("first", int, 32)]);
    let widths = 4 | 1 << 7;
    btf.composite(widths, "flags", &[("a", int, 3 << 24 | 5), ("b", int, 32), ("c", int, 36)]);
    btf.composite(4, "twice", &[("a", int, 0), ("b", int, 64)]);
    btf.composite(4, "twice", &[("a", int, 0), ("b", int, 32), ("c", int, 96)]);
    btf.finish()
}

#[test]
fn members_are_found_through_anonymous_structures_and_modifiers() {
    let bytes = sample();
    let btf = Btf::parse(&bytes).unwrap();
    let of = |path| btf.offset_of(path).unwrap();
    assert_eq!(of("dentry.first"), 0);
    assert_eq!(of("dentry.skip"), 16);
    assert_eq!(of("dentry.other"), 24);
    assert_eq!(of("dentry.d_name"), 24);
    assert_eq!(of("dentry.d_name.name"), 32);
    assert_eq!(of("dentry_other.first"), 4);
    assert_eq!(of("flags.b"), 4);
    assert_eq!(of("twice.a"), 0);
    assert_eq!(of("twice.c"), 12);
}

#[test]
fn what_has_no_byte_offset_is_an_error() {
    let bytes = sample();
    let btf = Btf::parse(&bytes).unwrap();
    let error = |path| btf.offset_of(path).unwrap_err();
    for path in ["flags.a", "flags.c", "dentry.bits"] {
        assert!(matches!(error(path), BtfError::Bitfield { .. }), "{path}");
    }
    for path in ["none.a", "dentry.none", "dentry.first.x", "dentry.d_name.none", "qst.hash"] {
        assert!(matches!(error(path), BtfError::Missing { .. }), "{path}");
    }
    for path in ["", "dentry", "dentry.", ".first", "dentry..first"] {
        assert!(matches!(error(path), BtfError::Path { .. }), "{path}");
    }
    assert!(matches!(error("twice.b"), BtfError::Ambiguous { first: 8, second: 4, .. }));
}

#[test]
fn types_without_end_are_an_error() {
    let mut btf = Builder::new();
    btf.push("loop", 8 << 24, 1, &[]);
    btf.composite(4, "a", &[("m", 1, 0), ("n", 1, 0)]);
    let inside = btf.count + 1;
    btf.composite(4, "", &[("", inside, 0), ("", inside, 0)]);
    btf.composite(4, "b", &[("", inside, 0)]);
    let bytes = btf.finish();
    let btf = Btf::parse(&bytes).unwrap();
    for path in ["a.m.x", "b.x"] {
        assert!(matches!(btf.offset_of(path), Err(BtfError::Endless { .. })), "{path}");
    }
}

#[test]
fn a_kind_that_is_not_known_is_named() {
    let mut btf = Builder::new();
    btf.int(4, 32);
    btf.push("new", 20 << 24, 0, &[]);
    let error = Btf::parse(&btf.finish()).unwrap_err();
    assert!(matches!(error, BtfError::UnknownKind { id: 2, kind: 20 }));
}

/// Asks for everything; the answers do not matter, that there are answers does.
fn ask(bytes: &[u8]) {
    if let Ok(btf) = Btf::parse(bytes) {
        for path in ["dentry.d_name.name", "dentry.bits", "twice.b", "flags.c"] {
            let _any = btf.offset_of(path);
        }
        let _any = kernel_offsets(&btf);
    }
}

#[test]
fn hostile_bytes_give_errors() {
    let bytes = sample();
    for cut in 0..bytes.len() {
        assert!(Btf::parse(&bytes[..cut]).is_err(), "cut at {cut}");
    }
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..20_000 {
        let mut hostile = bytes.clone();
        for _ in 0..=random() % 8 {
            let at = random() as usize % hostile.len();
            hostile[at] = random() as u8;
        }
        ask(&hostile);
        let noise: Vec<u8> = (0..random() % 200).map(|_| random() as u8).collect();
        ask(&noise);
        hostile.truncate(HEADER_BYTES);
        hostile.extend(noise);
        ask(&hostile);
    }
}

#[test]
fn the_running_kernel_answers() {
    let Ok(bytes) = read_kernel_btf(KERNEL_BTF) else {
        eprintln!("skipped: this kernel shows no {KERNEL_BTF}");
        return;
    };
    let offsets = kernel_offsets(&Btf::parse(&bytes).unwrap()).unwrap();
    // Two pid_t side by side, fs/proc and every tracer rely on; a pointer is 8 bytes and aligned.
    assert_eq!(offsets.task_pid + 4, offsets.task_tgid);
    assert_eq!(offsets.fdt_max_fds, 0);
    assert_eq!(offsets.fdt_fd, 8);
    let pointers = [
        offsets.task_mm,
        offsets.task_files,
        offsets.task_group_leader,
        offsets.task_real_parent,
        offsets.task_signal,
        offsets.file_inode,
        offsets.file_dentry,
        offsets.dentry_parent,
        offsets.dentry_name,
        offsets.binprm_filename,
    ];
    assert!(pointers.iter().all(|offset| offset % 8 == 0));
    assert!(offsets.task_comm > offsets.task_pid);
}
