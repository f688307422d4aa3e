//! The operating system's signals, heard through the keeper's tokio runtime.

use std::io;

use tokio::runtime::Handle;

use crate::signals::Signal;

#[cfg(unix)]
pub(crate) struct Listener(tokio::signal::unix::Signal);

#[cfg(unix)]
impl Listener {
    /// Installs the handler for a signal in this process, or joins those that listen already.
    pub(crate) fn install(signal: Signal, runtime: &Handle) -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal as install};
        let kind = match signal {
            Signal::Interrupt => SignalKind::interrupt(),
            Signal::Terminate => SignalKind::terminate(),
        };
        let _entered = runtime.enter();
        install(kind).map(Self)
    }

    /// Waits for the next one. Those that come faster than they are waited for count as one.
    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

/// Elsewhere there is Ctrl-C only.
#[cfg(not(unix))]
pub(crate) struct Listener(Signal);

#[cfg(not(unix))]
impl Listener {
    pub(crate) fn install(signal: Signal, _runtime: &Handle) -> io::Result<Self> {
        Ok(Self(signal))
    }

    pub(crate) async fn next(&mut self) {
        match self.0 {
            Signal::Interrupt if tokio::signal::ctrl_c().await.is_ok() => {}
            _ => std::future::pending::<()>().await,
        }
    }
}
