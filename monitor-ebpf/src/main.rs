//! The kernel programs of memwatch-ebpf. Each program is two functions: an entry that never fails
//! and a `try_` that may; what goes wrong becomes a counter, never a log line in production.
//! Nothing here writes to a process: only read helpers are called.
#![no_std]
#![no_main]
#![expect(clippy::inline_always, reason = "a call costs what the budget of a probe is made of")]
#![expect(clippy::needless_pass_by_value, reason = "contexts come by value from aya's macros")]

mod emit;
mod file;
mod filter;
mod maps;
mod probes;
mod settings;
mod task;

/// The kernel offers its tracing helpers to programs under a GPL-compatible licence only.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Any path that could panic becomes an endless loop, which the verifier refuses: so no loaded
/// program can panic.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
