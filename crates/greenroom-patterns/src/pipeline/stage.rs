//! How a stage is described.

use greenroom_core::Failure;
use greenroom_core::channel::Sender;

use super::policy::{DeadLetter, DeadLetters, Skip, Stop};

/// Describes a stage: one worker, a rendezvous channel for its output, results in the order of the
/// input, and an error ends the scope.
///
/// The name appears in errors and dead letters.
///
/// # Examples
/// ```
/// # use greenroom_patterns::prelude::*;
/// let resize = stage("resize").workers(4).buffer(16).unordered();
/// # let _ = resize;
/// ```
pub const fn stage(name: &'static str) -> Stage {
    Stage {
        name,
        workers: 1,
        buffer: 0,
        order: Order::OfInput,
        policy: Stop,
    }
}

/// The description of a stage. Made by [`stage`], used by [`pipe`](super::Pipeline::pipe).
///
/// `P` is what an error of the closure does: [`Stop`], [`Skip`] or [`DeadLetters`].
#[derive(Debug, Clone)]
#[must_use = "a description does nothing until `pipe` is called with it"]
pub struct Stage<P = Stop> {
    pub(super) name: &'static str,
    pub(super) workers: usize,
    pub(super) buffer: usize,
    pub(super) order: Order,
    pub(super) policy: P,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    OfInput,
    OfCompletion,
}

impl<P> Stage<P> {
    /// Sets how many values are worked on at a time.
    ///
    /// One worker runs beside who started the stage; several are spread over the arbiters, which pays
    /// for work that keeps a core busy. Zero is refused by [`pipe`](super::Pipeline::pipe).
    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Sets how many results the output stores. 0 makes it a rendezvous channel.
    ///
    /// In an ordered stage of several workers it is also how many results may wait for an earlier one.
    pub fn buffer(mut self, buffer: usize) -> Self {
        self.buffer = buffer;
        self
    }

    /// Lets results come out as they are ready, so that a slow value holds up no other.
    pub fn unordered(mut self) -> Self {
        self.order = Order::OfCompletion;
        self
    }

    /// Leaves values out whose work fails, and tells `report` why.
    ///
    /// `report` is called on the worker's arbiter: it may count by a message, and must not block.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::channel;
    /// use greenroom_patterns::prelude::*;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let (skipped, reports) = channel::unbounded();
    /// let parse = stage("parse").skip_errors(move |failure| drop(skipped.try_send(failure.clone())));
    /// let numbers = generate(&scope, ["1", "two", "3"])
    ///     .pipe(&scope, parse, |text| async move { Ok(text.parse::<u8>()?) });
    /// assert_eq!(numbers.collect().await?, [1, 3]);
    /// assert_eq!(reports.collect().await?.len(), 1);
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn skip_errors<R>(self, report: R) -> Stage<Skip<R>>
    where
        R: Fn(&Failure) + Send + Sync + 'static,
    {
        self.with_policy(Skip::new(report))
    }

    /// Sends values whose work fails to `letters`, each with its failure.
    ///
    /// A worker waits until its letter is taken, so that a failure makes the input wait as a result
    /// does. The values are cloned before the work. If nobody receives the letters any more, the
    /// failure ends the scope. The channel of the letters closes behind the stage.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::channel;
    /// use greenroom_patterns::prelude::*;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let (letters, failed) = channel::bounded(10);
    /// let numbers = generate(&scope, ["1", "two", "3"])
    ///     .pipe(&scope, stage("parse").dead_letters(letters), |text| async move { Ok(text.parse::<u8>()?) });
    /// assert_eq!(numbers.collect().await?, [1, 3]);
    /// let letter = failed.recv().await?;
    /// assert_eq!((letter.stage, letter.item), ("parse", "two"));
    /// assert!(failed.recv().await.is_err());
    /// # Ok(())
    /// # })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn dead_letters<T>(self, letters: Sender<DeadLetter<T>>) -> Stage<DeadLetters<T>>
    where
        T: Clone + Send + 'static,
    {
        self.with_policy(DeadLetters::new(letters))
    }

    fn with_policy<Q>(self, policy: Q) -> Stage<Q> {
        Stage {
            name: self.name,
            workers: self.workers,
            buffer: self.buffer,
            order: self.order,
            policy,
        }
    }
}
