//! Asks the terminal for its size.

use std::os::fd::AsRawFd as _;

nix::ioctl_read_bad!(window_size, nix::libc::TIOCGWINSZ, nix::libc::winsize);

/// Rows of the terminal on standard output; `None` where it does not say.
pub fn terminal_rows() -> Option<usize> {
    let mut size = nix::libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: TIOCGWINSZ fills the structure behind the pointer, which is live and of its type.
    unsafe { window_size(std::io::stdout().as_raw_fd(), &raw mut size) }.ok()?;
    (size.ws_row > 0).then_some(usize::from(size.ws_row))
}
