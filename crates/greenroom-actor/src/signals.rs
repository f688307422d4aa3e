//! Signals of the operating system, as the end of a context.
//!
//! Go counterpart: `signal.NotifyContext`.

use std::io;
use std::panic::Location;
use std::sync::Arc;

use greenroom_core::Context;
use greenroom_core::context::CancelCauseHandle;
use greenroom_core::error::Cause;
use greenroom_core::task::{Task, TaskInfo, TaskKind};

use crate::engine;
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
    /// cause. The second one ends the process at once, with [`Signal::exit_status`].
    ///
    /// The first use in a process installs a handler for the signal, which stays: from then on Ctrl-C
    /// does not end the process by itself. Several runtimes, and several contexts of one, may listen;
    /// each is cancelled. The listening ends with the runtime.
    ///
    /// # Errors
    /// The system refused the handler.
    ///
    /// # Examples
    /// ```no_run
    /// use greenroom_actor::{Runtime, Signal, WithSignals};
    /// let runtime = Runtime::new()?;
    /// let stop = runtime.context().with_signals(Signal::ALL)?;
    /// runtime.block_on(|scope| async move {
    ///     let ended = stop.done().await;
    ///     println!("{ended}");
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
        let (context, cancel) = self.with_cancel_cause();
        for signal in signals {
            listen(self, signal, cancel.clone(), Location::caller())?;
        }
        Ok(context)
    }
}

/// Starts a task of the kernel that waits for one signal, and returns when its handler stands.
fn listen(
    context: &Context,
    signal: Signal,
    cancel: CancelCauseHandle,
    asked_at: &'static Location<'static>,
) -> io::Result<()> {
    let driver = context.driver().driver().clone();
    let info = TaskInfo::new(
        context.root_id().child("signals"),
        TaskKind::Kernel,
        asked_at,
        driver.now(),
    );
    let home = context.value::<Home>().ok_or_else(|| {
        io::Error::other("the context does not belong to a runtime of greenroom-actor")
    })?;
    let listener = engine::signals::Listener::install(signal, &home.tokio)?;
    let task = Task::new(Arc::new(info), context.without_cancel(), async move {
        let mut listener = listener;
        listener.next().await;
        cancel.cancel(Cause::new(signal));
        listener.next().await;
        std::process::exit(signal.exit_status());
    });
    driver.spawn(task);
    Ok(())
}
