//! Signals of the operating system, as the end of a context.
//!
//! Go counterpart: `signal.NotifyContext`.

use std::collections::BTreeSet;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::task::Poll;

use greenroom_core::Context;
use greenroom_core::context::CancelCauseHandle;
use greenroom_core::error::Cause;
use greenroom_core::task::{Task, TaskInfo, TaskKind};

use crate::engine::signals::Listener;
use crate::runtime::Home;

/// A signal that asks a program to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Signal {
    /// SIGINT: Ctrl-C.
    #[error("interrupted (SIGINT)")]
    Interrupt,
    /// SIGTERM: what `kill` and service managers send.
    #[error("asked to terminate (SIGTERM)")]
    Terminate,
}

impl Signal {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Interrupt, Self::Terminate];

    /// Returns the exit status by which shells know a program that this signal ended: 128 and its
    /// number.
    #[must_use]
    pub fn exit_status(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// Derives contexts that end with a signal.
pub trait WithSignals {
    /// Derives a context that is cancelled by the first of these signals, with the [`Signal`] as its
    /// cause. The second signal, the same or another of them, ends the process at once, with
    /// [`Signal::exit_status`] and without a destructor.
    ///
    /// The cancel is an event of the runtime's driver, as every cancel is. Several runtimes, and several
    /// contexts of one, may listen: each is cancelled. Signals that come faster than they can be told
    /// apart count as one.
    ///
    /// The first use in a process installs a handler for the signal, and that stays: from then on
    /// Ctrl-C and `kill` do not end the process by themselves. Nor do they when the runtime has ended,
    /// with which the listening ends: then the signal is ignored. A program that goes on for long
    /// without its runtime needs a handler of its own.
    ///
    /// Where there is no SIGTERM (other than Unix) only Ctrl-C is heard.
    ///
    /// # Errors
    /// The system refused the handler, or the context's runtime has ended. No context was derived.
    ///
    /// # Differences from Go
    /// `signal.NotifyContext` gives a `stop` that puts the old behaviour back, and a second signal ends
    /// a program only if that was called in time. Here the second one always does.
    ///
    /// # Examples
    /// ```no_run
    /// use greenroom_actor::{Runtime, Signal, WithSignals};
    /// let runtime = Runtime::new()?;
    /// let stop = runtime.context().with_signals(Signal::ALL)?;
    /// runtime.block_on(|scope| async move {
    ///     let ended = stop.done().await;
    ///     println!("{}", ended.cause());
    ///     scope.cancel(ended.cause().clone());
    ///     Ok(())
    /// })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    fn with_signals(&self, signals: impl IntoIterator<Item = Signal>) -> io::Result<Context>;
}

impl WithSignals for Context {
    #[track_caller]
    fn with_signals(&self, signals: impl IntoIterator<Item = Signal>) -> io::Result<Context> {
        let home = self.value::<Home>().ok_or_else(|| {
            io::Error::other("the context does not belong to a runtime of greenroom-actor")
        })?;
        // Each once: heard twice, the first signal would count as the second one too.
        let signals: BTreeSet<_> = signals.into_iter().collect();
        let listeners = signals
            .into_iter()
            .map(|signal| Ok((signal, Listener::install(signal, &home.tokio)?)))
            .collect::<io::Result<Vec<_>>>()?;
        let (context, cancel) = self.with_cancel_cause();
        let driver = self.driver().driver().clone();
        let info = TaskInfo::new(
            self.root_id().child("signals"),
            TaskKind::Kernel,
            Location::caller(),
            driver.now(),
        );
        // Not in the new context: the second signal comes when that has ended.
        let task = Task::new(
            Arc::new(info),
            self.without_cancel(),
            listen(listeners, cancel),
        );
        driver.spawn(task);
        Ok(context)
    }
}

async fn listen(mut listeners: Vec<(Signal, Listener)>, cancel: CancelCauseHandle) {
    let first = next(&mut listeners).await;
    cancel.cancel(Cause::new(first));
    let second = next(&mut listeners).await;
    std::process::exit(second.exit_status());
}

async fn next(listeners: &mut [(Signal, Listener)]) -> Signal {
    std::future::poll_fn(|cx| {
        // Each is polled, so that each wakes.
        let heard = listeners
            .iter_mut()
            .fold(None, |heard, (signal, listener)| {
                match (heard, listener.poll_next(cx)) {
                    (None, Poll::Ready(())) => Some(*signal),
                    (heard, _) => heard,
                }
            });
        heard.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}
