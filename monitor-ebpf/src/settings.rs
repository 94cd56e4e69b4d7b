//! The settings userspace patches into read-only memory before loading.

use monitor_common::Settings;

/// Patched by name; read through [`get`] only, or the compiler would fold the zeros in.
#[unsafe(no_mangle)]
pub(crate) static SETTINGS: Settings = monitor_common::settings::ZERO;

/// Reads one field where userspace patched it. The verifier knows the value, so a branch on it is
/// decided at load time.
macro_rules! get {
    ($($field:ident).+) => { $crate::settings::read(&$crate::settings::SETTINGS.$($field).+) };
}
pub(crate) use get;

#[inline(always)]
pub(crate) fn read<T: Copy>(field: &T) -> T {
    // SAFETY: a reference is valid for reads; volatile only keeps the compiler from knowing.
    unsafe { core::ptr::read_volatile(field) }
}
