//! What a receiver gains.

use std::future::Future;
use std::sync::Arc;

use greenroom_actor::{Placement, Scope};
use greenroom_core::Result;
use greenroom_core::channel::{self, Receiver, RecvError};

use super::error::PipelineError;
use super::ordered;
use super::policy::{ErrorPolicy, sealed::Policy};
use super::stage::{Order, Stage};
use crate::flow::{self, Outlet};

/// Builds pipelines from a [`Receiver`]: stages with [`pipe`](Self::pipe) and
/// [`batches`](Self::batches), ends with [`fold`](Self::fold), [`for_each`](Self::for_each) and
/// [`collect`](Self::collect).
///
/// Each takes the receiver, so that it is dropped when the work is done or given up. It is implemented
/// for receivers only.
pub trait Pipeline<T>: Sized + sealed::Sealed {
    /// Adds a stage: calls `f` with each value and sends what its future gives.
    ///
    /// The stage runs in the scope, from now on. Its output closes when the input has closed and every
    /// value is done. When the consumer of the output leaves, the stage ends quietly; the values in it
    /// are dropped, those in work at their next await that is not ready. If the scope has ended, the
    /// output is closed at once.
    ///
    /// # Errors
    /// None of this call's own. These become errors of the scope:
    /// - an error of the closure, unless the stage [skips](Stage::skip_errors) errors or makes them
    ///   [dead letters](Stage::dead_letters);
    /// - [`PipelineError::ZeroWorkers`]: the stage has no workers; the input is dropped.
    ///
    /// # Panics
    /// A panic of the closure is an error of the scope, not of this call.
    ///
    /// # Differences from Go
    /// A stage is a closure for one value; Go's is a function with the loop, the goroutine and the
    /// close in it.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::{pipeline::PipelineError, prelude::*};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// let squares = runtime.block_on(|scope| async move {
    ///     let squares = generate(&scope, 1..=3)
    ///         .pipe(&scope, stage("square").workers(2), |x| async move { Ok(x * x) });
    ///     Ok(squares.collect().await?)
    /// })?;
    /// assert_eq!(squares, [1, 4, 9]);
    ///
    /// let refused = runtime.block_on(|scope| async move {
    ///     generate(&scope, 1..=3)
    ///         .pipe(&scope, stage("square").workers(0), |x| async move { Ok(x * x) })
    ///         .collect()
    ///         .await?;
    ///     Ok(())
    /// });
    /// let error = PipelineError::ZeroWorkers { stage: "square" };
    /// assert_eq!(refused.unwrap_err().downcast_ref(), Some(&error));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    #[must_use = "dropping the output ends the stage"]
    fn pipe<U, P, F, Fut>(self, scope: &Scope, stage: Stage<P>, f: F) -> Receiver<U>
    where
        U: Send + 'static,
        P: ErrorPolicy<T>,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<U>> + 'static;

    /// Gathers values into batches of `size`; the last one may be shorter.
    ///
    /// It waits until a batch is full or the input has closed. To take what is there instead, receive
    /// by [`recv_many`](Receiver::recv_many). A batch that is not full when the context ends is dropped.
    /// The output is a rendezvous channel.
    ///
    /// # Errors
    /// None of this call's own. [`PipelineError::ZeroBatch`] becomes the error of the scope if `size` is
    /// 0; the input is dropped.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::prelude::*;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// let batches = runtime.block_on(|scope| async move {
    ///     Ok(generate(&scope, 1..=5).batches(&scope, 2).collect().await?)
    /// })?;
    /// assert_eq!(batches, [vec![1, 2], vec![3, 4], vec![5]]);
    ///
    /// let refused = runtime.block_on(|scope| async move {
    ///     Ok(generate(&scope, 1..=5).batches(&scope, 0).collect().await?)
    /// });
    /// assert!(refused.is_err());
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    #[must_use = "dropping the output ends the stage"]
    fn batches(self, scope: &Scope, size: usize) -> Receiver<Vec<T>>;

    /// Folds the values into one, until the input closes.
    ///
    /// # Errors
    /// - [`RecvError::Cancelled`], [`RecvError::Deadline`]: the current context ended first, or with the
    ///   close, which was then its doing. What was folded is dropped.
    ///
    /// Never [`RecvError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future drops the receiver and what was folded.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::prelude::*;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// let sum = runtime.block_on(|scope| async move {
    ///     Ok(generate(&scope, 1..=4).fold(0, |sum, x| sum + x).await?)
    /// })?;
    /// assert_eq!(sum, 10);
    ///
    /// let cut = runtime.block_on(|scope| async move {
    ///     let numbers = generate(&scope, 1..);
    ///     scope.cancel("enough");
    ///     Ok(numbers.fold(0, |sum, x| sum + x).await?)
    /// });
    /// assert!(cut.is_err());
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    fn fold<B>(
        self,
        init: B,
        f: impl FnMut(B, T) -> B,
    ) -> impl Future<Output = Result<B, RecvError>>;

    /// Calls an async closure with each value, one after the other, until the input closes.
    ///
    /// In a task that [`go`](Scope::go) starts the closure should own what it uses (`async move |x| ..`):
    /// for one that borrows, or that takes a reference, the compiler may fail to see that the future is
    /// `Send` ("not general enough"). Then receive in a loop, or start the task by
    /// [`go_local`](Scope::go_local).
    ///
    /// # Errors
    /// - The first error of the closure; the rest of the input is not taken.
    /// - [`RecvError::Cancelled`], [`RecvError::Deadline`], as a `Failure`: the current context ended
    ///   first, or with the close.
    ///
    /// # Cancel safety
    /// Dropping the future drops the receiver, and the value in work at its await.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::channel;
    /// use greenroom_patterns::prelude::*;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// runtime.block_on(|scope| async move {
    ///     let (tx, rx) = channel::unbounded();
    ///     generate(&scope, 1..=2).for_each(async |x| Ok(tx.send(x).await?)).await?;
    ///     assert_eq!(rx.len(), 2);
    ///     drop(rx);
    ///     let refused = generate(&scope, 1..).for_each(async |x| Ok(tx.send(x).await?)).await;
    ///     assert!(refused.is_err());
    ///     Ok(())
    /// })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    fn for_each(self, f: impl AsyncFnMut(T) -> Result<()>) -> impl Future<Output = Result<()>>;

    /// Collects the values in order, until the input closes.
    ///
    /// # Errors
    /// - [`RecvError::Cancelled`], [`RecvError::Deadline`]: the current context ended first, or with the
    ///   close. What was collected is dropped.
    ///
    /// Never [`RecvError::Closed`].
    ///
    /// # Cancel safety
    /// Dropping the future drops the receiver and what was collected.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::prelude::*;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// let all = runtime.block_on(|scope| async move {
    ///     Ok(generate(&scope, ["a", "b"]).collect().await?)
    /// })?;
    /// assert_eq!(all, ["a", "b"]);
    ///
    /// let cut = runtime.block_on(|scope| async move {
    ///     let letters = generate(&scope, ["a", "b"]);
    ///     scope.cancel("enough");
    ///     Ok(letters.collect().await?)
    /// });
    /// assert!(cut.is_err());
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    fn collect(self) -> impl Future<Output = Result<Vec<T>, RecvError>>;
}

impl<T: Send + 'static> Pipeline<T> for Receiver<T> {
    #[track_caller]
    fn pipe<U, P, F, Fut>(self, scope: &Scope, stage: Stage<P>, f: F) -> Receiver<U>
    where
        U: Send + 'static,
        P: ErrorPolicy<T>,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<U>> + 'static,
    {
        let Stage {
            name,
            workers,
            buffer,
            order,
            policy,
        } = stage;
        if workers == 0 {
            return flow::failed(scope, PipelineError::ZeroWorkers { stage: name }.into());
        }
        let scope = &match scope.named(name) {
            Ok(scope) => scope,
            Err(error) => return flow::failed(scope, error.into()),
        };
        let job = Arc::new(Job { name, policy, f });
        let f = move |item| job.clone().run(item);
        if workers > 1 && order == Order::OfInput {
            return ordered::start(scope, self, workers, buffer, Arc::new(f));
        }
        let (out, output) = channel::bounded(buffer);
        let place = match workers {
            1 => scope.clone(),
            _ => scope.on(Placement::Spread),
        };
        let mut writers = Vec::with_capacity(workers);
        for (input, f) in std::iter::repeat_n((self, Arc::new(f)), workers) {
            let out = out.clone();
            writers.push(flow::write(&place, move || {
                flow::work(input, out, move |item| f(item))
            }));
        }
        flow::keep_open(scope, out, writers);
        output
    }

    #[track_caller]
    fn batches(self, scope: &Scope, size: usize) -> Receiver<Vec<T>> {
        if size == 0 {
            return flow::failed(scope, PipelineError::ZeroBatch.into());
        }
        flow::source(scope, 0, move |out| gather(self, size, out))
    }

    async fn fold<B>(self, init: B, mut f: impl FnMut(B, T) -> B) -> Result<B, RecvError> {
        let mut folded = init;
        while let Some(item) = flow::next(&self).await? {
            folded = f(folded, item);
        }
        Ok(folded)
    }

    async fn for_each(self, mut f: impl AsyncFnMut(T) -> Result<()>) -> Result<()> {
        while let Some(item) = flow::next(&self).await? {
            f(item).await?;
        }
        Ok(())
    }

    async fn collect(self) -> Result<Vec<T>, RecvError> {
        let mut all = Vec::new();
        while let Some(item) = flow::next(&self).await? {
            all.push(item);
        }
        Ok(all)
    }
}

/// What a stage does with a value.
struct Job<P, F> {
    name: &'static str,
    policy: P,
    f: F,
}

impl<P, F> Job<P, F> {
    async fn run<T, U, Fut>(self: Arc<Self>, item: T) -> Result<Option<U>>
    where
        P: Policy<T>,
        F: Fn(T) -> Fut,
        Fut: Future<Output = Result<U>>,
    {
        let kept = self.policy.keep(&item);
        match (self.f)(item).await {
            Ok(result) => Ok(Some(result)),
            Err(failure) => {
                self.policy.settle(self.name, kept, failure).await?;
                Ok(None)
            }
        }
    }
}

async fn gather<T>(input: Receiver<T>, size: usize, out: channel::Sender<Vec<T>>) -> Result<()> {
    let mut outlet = Outlet::new(&out);
    let mut batch = Vec::new();
    loop {
        match outlet.run(flow::next(&input)).await {
            Some(Ok(Some(item))) => batch.push(item),
            Some(Ok(None)) => break,
            _ => return Ok(()),
        }
        if batch.len() == size && !outlet.send(Some(std::mem::take(&mut batch))).await {
            return Ok(());
        }
    }
    if !batch.is_empty() {
        outlet.send(Some(batch)).await;
    }
    Ok(())
}

mod sealed {
    pub trait Sealed {}
    impl<T> Sealed for greenroom_core::channel::Receiver<T> {}
}
