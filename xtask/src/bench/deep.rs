//! System calls that look as if they were made from deep inside a program.
//!
//! The kernel walks the frame pointers of a caller to take its call stack, and what that costs
//! depends on how many there are. Code that is compiled without them would show next to none, so the
//! frames are made here.

use anyhow::{Result, bail};

/// As many as a program has that keeps its frame pointers and is called from a short way down.
pub(super) const FEW_FRAMES: usize = 8;
/// As many as the agent keeps of a call stack.
pub(super) const ALL_FRAMES: usize = 32;

/// What a function that keeps a frame pointer leaves on its stack.
#[repr(C)]
struct Frame {
    caller: usize,
    return_address: usize,
}

/// Makes system calls.
pub(super) struct Caller {
    frames: Box<[Frame]>,
}

impl Caller {
    /// As if from so many functions deep; at least one.
    pub(super) fn new(depth: usize) -> Self {
        let depth = depth.max(1);
        // Where the code is does not matter; the kernel takes it as it stands.
        let return_address = Self::new as *const () as usize;
        let frame = |_| Frame { caller: 0, return_address };
        let mut frames: Box<[Frame]> = (0..depth).map(frame).collect();
        for index in 1..depth {
            frames[index - 1].caller = &raw const frames[index] as usize;
        }
        Self { frames }
    }

    /// Makes a call, with what it returns; a failure is an error that names the call's number.
    ///
    /// # Safety
    ///
    /// The call must not change memory that anything else uses.
    pub(super) unsafe fn call(&self, number: libc::c_long, args: [usize; 6]) -> Result<usize> {
        // SAFETY: the caller vouches for what the call does.
        let result = unsafe { raw(&raw const self.frames[0], number, args) };
        if (-4095..0).contains(&result) {
            let error = std::io::Error::from_raw_os_error(-result as i32);
            bail!("system call {number} failed: {error}");
        }
        Ok(result as usize)
    }
}

#[cfg(target_arch = "x86_64")]
unsafe fn raw(frames: *const Frame, number: libc::c_long, args: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the frame pointer is put back before anything but the kernel looks at it; the kernel
    // changes the result and the two registers that are named.
    unsafe {
        std::arch::asm!(
            "push rbp",
            "mov rbp, {frames}",
            "syscall",
            "pop rbp",
            frames = in(reg) frames,
            inlateout("rax") number as isize => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// Elsewhere the stack is what the compiler made of it.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn raw(_frames: *const Frame, number: libc::c_long, args: [usize; 6]) -> isize {
    let [a, b, c, d, e, f] = args;
    // SAFETY: the caller vouches for what the call does.
    match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
        -1 => -(std::io::Error::last_os_error().raw_os_error().unwrap_or(0) as isize),
        result => result as isize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_has_its_result_or_its_error() {
        let caller = Caller::new(0);
        // SAFETY: both calls change nothing.
        let (pid, refused) = unsafe {
            (caller.call(libc::SYS_getpid, [0; 6]), caller.call(libc::SYS_close, [usize::MAX; 6]))
        };
        assert_eq!(pid.unwrap(), std::process::id() as usize);
        assert!(refused.unwrap_err().to_string().contains("os error 9"));
    }

    #[test]
    fn the_frames_are_a_chain_with_an_end() {
        let caller = Caller::new(FEW_FRAMES);
        let ends = caller.frames.iter().filter(|frame| frame.caller == 0).count();
        assert_eq!((ends, caller.frames.len()), (1, FEW_FRAMES));
        assert_eq!(caller.frames[0].caller, &raw const caller.frames[1] as usize);
    }
}
