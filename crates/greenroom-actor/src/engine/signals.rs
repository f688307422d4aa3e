//! The operating system's signals, heard through the keeper's tokio runtime.

use std::io;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::signals::Signal;

/// Hears one signal.
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

    /// Ready with the next one. Those that come faster than they are heard count as one.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.0.poll_recv(cx) {
            Poll::Ready(Some(())) => Poll::Ready(()),
            // The runtime is going away: there will be no other.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

/// Hears one signal. Elsewhere there is Ctrl-C only.
#[cfg(not(unix))]
pub(crate) struct Listener {
    signal: Signal,
    next: Option<std::pin::Pin<Box<dyn Future<Output = io::Result<()>> + Send>>>,
}

#[cfg(not(unix))]
impl Listener {
    pub(crate) fn install(signal: Signal, _runtime: &Handle) -> io::Result<Self> {
        Ok(Self { signal, next: None })
    }

    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.signal != Signal::Interrupt {
            return Poll::Pending;
        }
        let next = self
            .next
            .get_or_insert_with(|| Box::pin(tokio::signal::ctrl_c()));
        let heard = std::task::ready!(next.as_mut().poll(cx));
        self.next = None;
        match heard {
            Ok(()) => Poll::Ready(()),
            Err(_refused) => Poll::Pending,
        }
    }
}
