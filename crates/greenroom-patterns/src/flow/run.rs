//! A run of a user's code whose end is not its scope's concern: who asked for it is told.

use std::future::Future;
use std::panic::Location;

use greenroom_actor::{Branch, JoinHandle, OnError, Scope};
use greenroom_core::error::ContextError;
use greenroom_core::{Context, Failure, Panic, Result};

use crate::caught::caught;

/// Why a run gave no value.
#[derive(Clone, Debug)]
pub(crate) enum NoValue {
    Failed(Failure),
    Panicked(Panic),
    /// Its context ended.
    Cut(ContextError),
    /// It was not started, since its scope has ended, or the runtime went away with it.
    Gone,
}

/// Where runs are started: their scope waits for them, and has nothing of their errors.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    branch: Branch,
    spawned_at: &'static Location<'static>,
}

impl Runs {
    /// Runs see the values of the scope's context, whoever asks for them.
    pub(crate) fn new(
        scope: &Scope,
        name: &'static str,
        spawned_at: &'static Location<'static>,
    ) -> Self {
        let branch = scope.branch(name, scope.context()).at(spawned_at);
        branch.set_on_error(OnError::KeepFirst);
        Self { branch, spawned_at }
    }

    /// Returns this such that a panic tells another place.
    pub(crate) fn at(&self, spawned_at: &'static Location<'static>) -> Self {
        let branch = self.branch.at(spawned_at);
        Self { branch, spawned_at }
    }

    /// Returns the place that a panic tells.
    pub(crate) fn spawned_at(&self) -> &'static Location<'static> {
        self.spawned_at
    }

    /// Starts a run. `tell` is called once, however it ends, and does not panic.
    pub(crate) fn start<T, F, Fut>(
        &self,
        make: F,
        tell: impl FnOnce(Result<T, NoValue>) + Send + 'static,
    ) -> JoinHandle<()>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        let spawned_at = self.spawned_at;
        let mut end = End {
            tell: Some(tell),
            context: None,
            why: |tell, why| tell(Err(why)),
        };
        self.branch.go_local(move || async move {
            end.context = Context::current();
            // Made inside, so that a closure that panics is the run's own panic.
            let outcome = match caught(Box::pin(async move { make().await })).await {
                Ok(Ok(value)) => Ok(value),
                // An error that follows from the end of the context is that end.
                Ok(Err(failure)) => Err(match end.context.as_ref().and_then(Context::err) {
                    Some(ended) => NoValue::Cut(ended),
                    None => NoValue::Failed(failure),
                }),
                Err(payload) => {
                    let id = greenroom_core::current::task_id();
                    let id = id.unwrap_or_else(|| unreachable!("in a task"));
                    Err(NoValue::Panicked(Panic::new(payload, id, None, spawned_at)))
                }
            };
            if let Some(tell) = end.tell.take() {
                tell(outcome);
            }
            Ok(())
        })
    }
}

/// Tells why there is no value, when a run is dropped before its end.
struct End<F> {
    tell: Option<F>,
    context: Option<Context>,
    /// Hides the type of the value.
    why: fn(F, NoValue),
}

impl<F> Drop for End<F> {
    fn drop(&mut self) {
        if let Some(tell) = self.tell.take() {
            let ended = self.context.as_ref().and_then(Context::err);
            (self.why)(tell, ended.map_or(NoValue::Gone, NoValue::Cut));
        }
    }
}
