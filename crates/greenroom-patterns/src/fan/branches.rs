//! What the failure of one worker does to the others.

use std::future::Future;
use std::panic::Location;

use greenroom_core::{Panic, Result, current};

use crate::caught::caught;
use crate::flow;

/// How many workers a fan-out has, and what the failure of one does.
///
/// A plain number: an error or a panic ends the scope, and with it all of them. [`isolated`]: it is the
/// outcome of its value. Implemented for these only.
pub trait Branches: sealed::Branches {}

/// Workers whose failures are their own. Made by [`isolated`].
#[derive(Clone, Copy, Debug)]
pub struct Isolated {
    workers: usize,
}

/// Isolates the workers of a fan-out: an error or a panic is the outcome of the value that it came of,
/// and neither the worker, nor the others, nor the scope end by it.
///
/// The outputs give results then. A [`Panic`] is found by
/// [`downcast_ref`](greenroom_core::Failure::downcast_ref).
///
/// # Differences from Go
/// In Go a panic of one worker ends the process.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_patterns::{fan::{fan_out_fan_in, isolated}, prelude::*};
/// # std::panic::set_hook(Box::new(|_| ()));
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// let results = runtime.block_on(|scope| async move {
///     let texts = generate(&scope, ["1", "two", "3"]);
///     let numbers = fan_out_fan_in(&scope, texts, isolated(2), |text| async move {
///         assert!(text != "3", "not three");
///         Ok(text.parse::<u8>()?)
///     })?;
///     Ok(numbers.collect().await?)
/// })?;
/// assert_eq!(results.len(), 3);
/// assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[must_use]
pub const fn isolated(workers: usize) -> Isolated {
    Isolated { workers }
}

impl Branches for usize {}

impl sealed::Branches for usize {
    type Output<U: Send + 'static> = U;

    fn count(&self) -> usize {
        *self
    }

    async fn outcome<U, Fut>(
        run: impl FnOnce() -> Fut,
        _spawned_at: &'static Location<'static>,
    ) -> Result<Option<U>>
    where
        U: Send + 'static,
        Fut: Future<Output = Result<U>>,
    {
        run().await.map(Some)
    }
}

impl Branches for Isolated {}

impl sealed::Branches for Isolated {
    type Output<U: Send + 'static> = Result<U>;

    fn count(&self) -> usize {
        self.workers
    }

    async fn outcome<U, Fut>(
        run: impl FnOnce() -> Fut,
        spawned_at: &'static Location<'static>,
    ) -> Result<Option<Result<U>>>
    where
        U: Send + 'static,
        Fut: Future<Output = Result<U>>,
    {
        // The closure is called inside, so that its own panic is caught as well.
        match caught(Box::pin(async move { run().await })).await {
            // The end of the context is nobody's outcome: the worker ends with it.
            Ok(Err(failure)) if flow::ended().is_some() => Err(failure),
            Ok(result) => Ok(Some(result)),
            Err(payload) => {
                let Some(id) = current::task_id() else {
                    unreachable!("a worker is a task");
                };
                let panic = Panic::new(payload, id, Some("a value"), spawned_at);
                Ok(Some(Err(panic.into())))
            }
        }
    }
}

pub(super) mod sealed {
    use super::{Future, Location, Result};

    pub trait Branches: Send + 'static {
        /// What an output gives for a value of the closure.
        type Output<U: Send + 'static>: Send + 'static;

        fn count(&self) -> usize;

        /// Works on one value. An error is the scope's.
        fn outcome<U, Fut>(
            run: impl FnOnce() -> Fut,
            spawned_at: &'static Location<'static>,
        ) -> impl Future<Output = Result<Option<Self::Output<U>>>>
        where
            U: Send + 'static,
            Fut: Future<Output = Result<U>>;
    }
}
