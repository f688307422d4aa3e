//! Ctrl-C.

use greenroom::Result;
use greenroom::context::CancelCauseHandle;
use greenroom::error::Cause;

/// The cause of a context that the user ended.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("interrupted")]
pub(crate) struct Interrupted;

/// The exit status of a program that Ctrl-C ended: 128 and the number of the signal.
pub(crate) const STATUS: u8 = 130;

/// Waits for Ctrl-C and cancels. A second one ends the process, should something hang in a system call.
pub(crate) async fn listen(cancel: CancelCauseHandle) -> Result<()> {
    tokio::signal::ctrl_c().await?;
    cancel.cancel(Cause::new(Interrupted));
    tokio::signal::ctrl_c().await?;
    std::process::exit(i32::from(STATUS))
}
