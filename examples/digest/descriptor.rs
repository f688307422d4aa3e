//! Standard output and standard error without a buffer in between, and whether a write would block.

use std::fs::File;
use std::io;

#[cfg(unix)]
use std::os::fd::AsFd;

/// Returns standard output.
pub(crate) fn stdout() -> io::Result<File> {
    #[cfg(unix)]
    let owned = io::stdout().as_fd().try_clone_to_owned()?;
    #[cfg(windows)]
    let owned = std::os::windows::io::AsHandle::as_handle(&io::stdout()).try_clone_to_owned()?;
    Ok(owned.into())
}

/// Returns standard error.
pub(crate) fn stderr() -> io::Result<File> {
    #[cfg(unix)]
    let owned = io::stderr().as_fd().try_clone_to_owned()?;
    #[cfg(windows)]
    let owned = std::os::windows::io::AsHandle::as_handle(&io::stderr()).try_clone_to_owned()?;
    Ok(owned.into())
}

/// Waits a little until a file can be written to, and returns whether it can.
#[cfg(unix)]
pub(crate) fn is_ready(file: &File) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let patience = Timespec {
        tv_sec: 0,
        tv_nsec: 50_000_000,
    };
    match poll(&mut [PollFd::new(file, PollFlags::OUT)], Some(&patience)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Returns that a write may be tried: elsewhere there is no way to ask.
#[cfg(not(unix))]
pub(crate) fn is_ready(_file: &File) -> io::Result<bool> {
    Ok(true)
}
