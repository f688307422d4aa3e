//! What an error of a stage does.

use std::fmt;
use std::future::Future;

use greenroom_core::channel::{SendError, Sender};
use greenroom_core::{Failure, Result};

/// Decides what an error of a stage does. Implemented by [`Stop`], [`Skip`] and [`DeadLetters`] only.
pub trait ErrorPolicy<T>: sealed::Policy<T> {}

/// An error ends the stage, as an error of its scope.
#[derive(Debug, Clone, Copy, Default)]
pub struct Stop;

/// An error leaves its value out. Made by [`Stage::skip_errors`](super::Stage::skip_errors).
#[derive(Clone)]
pub struct Skip<R> {
    report: R,
}

/// An error makes its value a dead letter. Made by [`Stage::dead_letters`](super::Stage::dead_letters).
pub struct DeadLetters<T> {
    letters: Sender<DeadLetter<T>>,
}

/// A value that a stage could not work on, and why.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeadLetter<T> {
    /// The name of the stage.
    pub stage: &'static str,
    /// The value, as it entered the stage.
    pub item: T,
    /// The error of the closure.
    pub failure: Failure,
}

impl<R> Skip<R> {
    pub(super) fn new(report: R) -> Self {
        Self { report }
    }
}

impl<T> DeadLetters<T> {
    pub(super) fn new(letters: Sender<DeadLetter<T>>) -> Self {
        Self { letters }
    }
}

impl<T> Clone for DeadLetters<T> {
    fn clone(&self) -> Self {
        Self::new(self.letters.clone())
    }
}

impl<R> fmt::Debug for Skip<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Skip").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for DeadLetters<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").finish_non_exhaustive()
    }
}

impl<T> ErrorPolicy<T> for Stop {}

impl<T> sealed::Policy<T> for Stop {
    type Kept = ();

    fn keep(&self, _item: &T) {}

    async fn settle(&self, _stage: &'static str, (): (), failure: Failure) -> Result<()> {
        Err(failure)
    }
}

impl<T, R: Fn(&Failure) + Send + Sync + 'static> ErrorPolicy<T> for Skip<R> {}

impl<T, R: Fn(&Failure) + Send + Sync + 'static> sealed::Policy<T> for Skip<R> {
    type Kept = ();

    fn keep(&self, _item: &T) {}

    async fn settle(&self, _stage: &'static str, (): (), failure: Failure) -> Result<()> {
        (self.report)(&failure);
        Ok(())
    }
}

impl<T: Clone + Send + 'static> ErrorPolicy<T> for DeadLetters<T> {}

impl<T: Clone + Send + 'static> sealed::Policy<T> for DeadLetters<T> {
    type Kept = T;

    fn keep(&self, item: &T) -> T {
        item.clone()
    }

    async fn settle(&self, stage: &'static str, item: T, failure: Failure) -> Result<()> {
        let letter = DeadLetter {
            stage,
            item,
            failure,
        };
        match self.letters.send(letter).await {
            Err(SendError::Closed(letter)) => Err(letter.failure),
            // With its context the stage ends as well.
            _ => Ok(()),
        }
    }
}

pub(super) mod sealed {
    use super::{Failure, Future, Result};

    pub trait Policy<T>: Send + Sync + 'static {
        /// What is kept of a value while it is worked on.
        type Kept;

        fn keep(&self, item: &T) -> Self::Kept;

        /// Deals with an error, or gives it back if it is to end the scope.
        fn settle(
            &self,
            stage: &'static str,
            kept: Self::Kept,
            failure: Failure,
        ) -> impl Future<Output = Result<()>>;
    }
}
