//! What the tasks behind a stream of values share.
//!
//! # Invariants
//! 1. A task watches the channel that it writes to, and ends quietly when that closes. So a consumer
//!    that has gone ends everything upstream, link by link.
//! 2. A task drops its sender after its last value. So a close travels downstream, behind the data.
//! 3. An output stays open until the scope knows how its writers ended: a keeper holds a sender of it
//!    and joins them. The wrong version lets the last writer close: on its way out, a writer that has
//!    failed drops its sender before the scope hears of it, and a consumer on another arbiter takes
//!    the close for a complete stream in between.

pub(crate) mod run;

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;

use greenroom_actor::{JoinError, JoinHandle, Scope};
use greenroom_core::channel::{self, Closed, Receiver, RecvError, Sender};
use greenroom_core::error::ContextError;
use greenroom_core::{Context, Failure, Result, current};

/// A task that writes to an output. Its value tells how its context ended, if that cut it short.
pub(crate) type Writer = JoinHandle<Option<ContextError>>;

/// Starts a task that writes to an output.
#[track_caller]
pub(crate) fn write<F, M>(scope: &Scope, make: M) -> Writer
where
    F: Future<Output = Result<()>> + 'static,
    M: FnOnce() -> F + Send + 'static,
{
    scope.unlimited().go_local(move || async move {
        let result = make().await;
        match ended() {
            Some(ended) => Ok(Some(ended)),
            None => result.map(|()| None),
        }
    })
}

/// Keeps an output, or several, open until its writers have ended and the scope knows how. Invariant 3.
#[track_caller]
pub(crate) fn keep_open(scope: &Scope, out: impl Send + 'static, writers: Vec<Writer>) {
    let scope = scope.unlimited();
    let teller = scope.clone();
    let keeper = scope.go(async move {
        if let Err(cut) = joined(writers).await {
            // Told by another task, since the scope learns of this one's error after `out` is gone.
            let told: JoinHandle<()> = teller.go(async move { Err(cut) });
            let _known = told.await;
        }
        drop(out);
        Ok(())
    });
    keeper.detach();
}

/// Waits for writers. An error is one that the scope does not know.
async fn joined(writers: Vec<Writer>) -> Result<()> {
    for writer in writers {
        match writer.await {
            Ok(None) | Err(JoinError::Failed(_) | JoinError::Panicked(_)) => {}
            // Cancelled by itself, which is no error of the scope; but a stream that lacks it is cut.
            Ok(Some(ended)) => return Err(ended.into()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Makes a stream with one writer, over a channel of this capacity.
#[track_caller]
pub(crate) fn source<T, F, M>(scope: &Scope, capacity: usize, make: M) -> Receiver<T>
where
    T: Send + 'static,
    F: Future<Output = Result<()>> + 'static,
    M: FnOnce(Sender<T>) -> F + Send + 'static,
{
    let (out, output) = channel::bounded(capacity);
    let writer = write(scope, {
        let out = out.clone();
        move || make(out)
    });
    keep_open(scope, out, vec![writer]);
    output
}

/// Makes a stream that ends at once, with an error of the scope.
#[track_caller]
pub(crate) fn failed<T: Send + 'static>(scope: &Scope, failure: Failure) -> Receiver<T> {
    source(scope, 0, move |_out| async move { Err(failure) })
}

/// Works on each value of an input, and writes what comes of it.
pub(crate) async fn work<T, U, F, Fut>(input: Receiver<T>, out: Sender<U>, f: F) -> Result<()>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<Option<U>>>,
{
    let mut outlet = Outlet::new(&out);
    while let Some(item) = outlet.recv(&input).await {
        let Some(result) = outlet.run(f(item)).await else {
            break;
        };
        if !outlet.send(result?).await {
            break;
        }
    }
    Ok(())
}

/// The channel that a task writes to, watched. Invariant 1.
pub(crate) struct Outlet<'a, T> {
    out: &'a Sender<T>,
    closed: Closed<'a, T>,
    is_watching: bool,
}

impl<'a, T> Outlet<'a, T> {
    pub(crate) fn new(out: &'a Sender<T>) -> Self {
        Self {
            out,
            closed: out.closed(),
            is_watching: false,
        }
    }

    /// Receives the next value; `None` when there is none, nobody wants it, or the context has ended.
    pub(crate) async fn recv<I>(&mut self, input: &Receiver<I>) -> Option<I> {
        self.run(input.recv()).await?.ok()
    }

    /// Sends a value, if there is one. Returns whether another is wanted.
    pub(crate) async fn send(&mut self, value: Option<T>) -> bool {
        match value {
            Some(value) => self.out.send(value).await.is_ok(),
            // A task that drops all its values would never learn from a send.
            None => !self.out.is_closed(),
        }
    }

    /// Runs a future, which is dropped when nobody wants its result any more: then this is `None`.
    /// One that is inside a context without cancel goes on until it has left that.
    pub(crate) async fn run<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        std::future::poll_fn(|cx| {
            if !self.is_watching {
                // Before the future, so that the task is said to wait for what the future waits for.
                self.is_watching = true;
                let _later = Pin::new(&mut self.closed).poll(cx);
            }
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            // The end of the context is the future's own to notice: it may have to clean up.
            match Pin::new(&mut self.closed).poll(cx) {
                Poll::Ready(Ok(())) if !is_shielded() => Poll::Ready(None),
                _ => Poll::Pending,
            }
        })
        .await
    }
}

/// Receives the next value; `None` when the input is complete.
///
/// A close that comes with the end of the context is that end: whoever wrote was cut by it as well.
pub(crate) async fn next<T>(input: &Receiver<T>) -> Result<Option<T>, RecvError> {
    match input.recv().await {
        Ok(value) => Ok(Some(value)),
        Err(RecvError::Closed) => match ended() {
            Some(ended) => Err(ended.into()),
            None => Ok(None),
        },
        Err(error) => Err(error),
    }
}

/// Returns how the current context ended, if it has.
pub(crate) fn ended() -> Option<ContextError> {
    Context::current().and_then(|context| context.err())
}

fn is_shielded() -> bool {
    current::with_task(|task| task.is_shielded()).unwrap_or(false)
}
