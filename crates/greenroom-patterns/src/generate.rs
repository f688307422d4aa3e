//! Makes values one by one, as fast as they are taken.
//!
//! Go counterpart: a function that starts a goroutine and returns the channel it sends on. What it makes
//! goes on to a [pipeline](crate::pipeline) or a [fan](crate::fan).
//!
//! # Invariants
//! 1. One value is begun ahead: it waits at a rendezvous channel until the consumer takes it, and only
//!    then is the next one begun. Nothing is buffered.
//! 2. A generator ends when its values do, when its consumer drops the receiver, or with the context of
//!    its scope. So an endless one leaks nothing.
//! 3. A consumer that left is no error. An error or a panic of the generator is one of its scope, and
//!    the output closes after the scope knows of it.
//!
//! # Ordering
//! Values come out in the order in which they were made. With several receivers each value goes to one
//! of them.
//!
//! # Differences from Go
//! - Go's generator that is left after a few values stays blocked for ever, unless it was given a
//!   context and selects on it. Dropping the receiver ends this one.
//! - A generator cannot outlive its scope.
//!
//! # Values that block
//! An iterator is advanced on its scope's arbiter, and delays what else runs there. Make values that
//! block in [`generate_with`], by [`blocking`](greenroom_actor::blocking).

use std::error::Error;
use std::future::Future;
use std::pin::pin;

use futures_core::Stream;
use greenroom_actor::Scope;
use greenroom_core::channel::{Receiver, SendError, SendFromError, Sender};
use greenroom_core::{Failure, Result};

use crate::flow::{self, Outlet};

/// Sends the items of an iterator, each when the one before has been taken.
///
/// The iterator may be endless. It is advanced once before the first receive, as Go's generator is,
/// and once more after each. If the scope has ended, the output is closed at once.
///
/// # Panics
/// A panic of the iterator is an error of the scope, not of this call.
///
/// # Differences from Go
/// Go needs one function for each type and source; an [`IntoIterator`] covers them.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_patterns::prelude::*;
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// let first = runtime.block_on(|scope| async move {
///     let naturals = generate(&scope, 0_u64..);
///     let first = [naturals.recv().await?, naturals.recv().await?];
///     drop(naturals); // Ends the generator: without this the scope would wait for it.
///     Ok(first)
/// })?;
/// assert_eq!(first, [0, 1]);
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn generate<I>(scope: &Scope, items: I) -> Receiver<I::Item>
where
    I: IntoIterator,
    I::IntoIter: Send + 'static,
    I::Item: Send + 'static,
{
    let items = items.into_iter();
    flow::source(scope, 0, move |out| async move {
        for item in items {
            if out.send(item).await.is_err() {
                break;
            }
        }
        Ok(())
    })
}

/// Sends the items of a stream, each when the one before has been taken.
///
/// A stream that is waiting when the consumer leaves is dropped then. If the scope has ended, the
/// output is closed at once.
///
/// # Panics
/// A panic of the stream is an error of the scope, not of this call.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_patterns::{generate::generate_stream, prelude::*};
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// let all = runtime.block_on(|scope| async move {
///     let rx = generate_stream(&scope, futures_util::stream::iter(["a", "b"]));
///     Ok(rx.collect().await?)
/// })?;
/// assert_eq!(all, ["a", "b"]);
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn generate_stream<S>(scope: &Scope, stream: S) -> Receiver<S::Item>
where
    S: Stream + Send + 'static,
    S::Item: Send + 'static,
{
    flow::source(scope, 0, move |out| async move {
        let mut stream = pin!(stream);
        let mut outlet = Outlet::new(&out);
        loop {
            let next = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx));
            let Some(Some(item)) = outlet.run(next).await else {
                break;
            };
            if !outlet.send(Some(item)).await {
                break;
            }
        }
        Ok(())
    })
}

/// Sends what an async function sends.
///
/// The output closes when the function has returned. When the consumer leaves, a waiting send of the
/// function fails, and the function is dropped at the first await that is not ready; inside a
/// [context without cancel](greenroom_core::Context::without_cancel) it goes on. If the scope has
/// ended, the function is not called and the output is closed at once.
///
/// # Errors
/// None of this call's own. An error that the function returns is an error of the scope, unless it is,
/// or comes from, a send that was refused because the consumer has left.
///
/// # Panics
/// A panic of the function is an error of the scope, not of this call.
///
/// # Examples
/// ```
/// use greenroom_actor::{Runtime, blocking};
/// use greenroom_patterns::{generate::generate_with, prelude::*};
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// let lines = runtime.block_on(|scope| async move {
///     let lines = generate_with(&scope, |out| async move {
///         let text = blocking(|| Ok(std::fs::read_to_string("Cargo.toml")?)).await?;
///         for line in text.lines() {
///             out.send(line.to_owned()).await?;
///         }
///         Ok(())
///     });
///     Ok(lines.recv().await?)
/// })?;
/// assert_eq!(lines, "[package]");
///
/// let failed = runtime.block_on(|scope| async move {
///     let rx = generate_with(&scope, |out| async move {
///         out.send("12".parse::<u8>()?).await?;
///         out.send("300".parse::<u8>()?).await?;
///         Ok(())
///     });
///     Ok(rx.collect().await?)
/// });
/// assert!(failed.is_err());
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn generate_with<T, F, Fut>(scope: &Scope, f: F) -> Receiver<T>
where
    T: Send + 'static,
    F: FnOnce(Sender<T>) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    flow::source(scope, 0, move |out| async move {
        let mut outlet = Outlet::new(&out);
        match outlet.run(f(out.clone())).await {
            Some(Err(failure)) if !(out.is_closed() && is_refused_send::<T>(&failure)) => {
                Err(failure)
            }
            _ => Ok(()),
        }
    })
}

fn is_refused_send<T: 'static>(failure: &Failure) -> bool {
    let is_closed = |error: &(dyn Error + 'static)| {
        matches!(error.downcast_ref(), Some(SendError::<T>::Closed(_)))
            || matches!(error.downcast_ref(), Some(SendError::<()>::Closed(())))
            || matches!(error.downcast_ref(), Some(SendFromError::Closed))
    };
    failure.chain().any(is_closed)
}
