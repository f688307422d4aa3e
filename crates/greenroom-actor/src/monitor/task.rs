//! A monitor of a task, or of code outside the runtime.

use std::fmt;
use std::task::Poll;

use std::sync::Arc;

use greenroom_core::bond::Until;
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::task::WaitKind;
use greenroom_core::wait::Wait;
use greenroom_core::{Id, current};

use super::vigil::{Inbox, Out, Over, Vigil};
use super::{Down, Watched};
use crate::actor::Actor;
use crate::address::{Address, Recipient, WeakAddress};
use crate::runtime::{Core, Runtime};
use crate::scope::{JoinHandle, OnDrop, Scope};

/// Why a wait for a [`Down`] was given up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DownError {
    /// The waiter's context was cancelled.
    #[error("gave up watching: {0}")]
    Cancelled(Cause),
    /// The deadline of the waiter's context passed.
    #[error("deadline exceeded while watching")]
    Deadline,
    /// The end for good was told before: nothing more will come.
    #[error("the end was told before")]
    Told,
}

/// Watches an actor or a task, for a task. Made by [`Scope::monitor`], [`Address::monitor`] and their like.
///
/// Dropping it ends the watch.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_core::{ExitReason, Failure, channel, select};
/// # Runtime::new()?.block_on(|scope| async move {
/// scope.set_on_error(greenroom_actor::OnError::KeepFirst);
/// let (_tx, rx) = channel::bounded::<u64>(1);
/// let worker = scope.go(async { Err::<(), _>(Failure::message("disk full")) });
/// let mut monitor = scope.monitor(&worker);
/// select! {
///     _ = rx.recv() => unreachable!(),
///     down = monitor.down() => assert!(matches!(down?.reason, ExitReason::Failed(_))),
/// }
/// # Ok(())
/// # }).unwrap_err(); Ok::<(), Failure>(())
/// ```
#[must_use = "dropping a monitor ends it"]
pub struct Monitor {
    id: Id,
    vigil: Arc<Vigil>,
}

impl Monitor {
    fn begin<W: Watched + ?Sized>(watched: &W, core: Option<&Core>, until: Until) -> Self {
        let id = watched.target().id;
        let out = Out::Task(Inbox::default());
        Self {
            vigil: Vigil::begin(watched, core, until, current::task_id(), out),
            id,
        }
    }

    /// Waits for the end of what is watched.
    ///
    /// A monitor of each end gives each of them, in order; the last one is final.
    ///
    /// # Errors
    /// - [`DownError::Cancelled`], [`DownError::Deadline`]: the waiter's own context ended first.
    /// - [`DownError::Told`]: the end for good was taken by an earlier wait.
    ///
    /// # Cancel safety
    /// Cancel safe: what a dropped wait has not returned is given by the next.
    pub fn down(&mut self) -> impl Future<Output = Result<Down, DownError>> + Send + '_ {
        let (vigil, id) = (&self.vigil, &self.id);
        async move {
            let mut wait = Wait::new(WaitKind::Join);
            // A waker that stayed behind would count as something that may wake its actor yet.
            let _left = OnDrop::new(|| vigil.leave());
            std::future::poll_fn(|cx| {
                if let Poll::Ready(told) = vigil.poll_told(cx) {
                    wait.end();
                    return Poll::Ready(told.map_err(|Over| DownError::Told));
                }
                wait.poll(cx, || Some(id.clone()), None)
                    .map(|ended| match ended {
                        ContextError::Cancelled(cause) => Err(DownError::Cancelled(cause)),
                        ContextError::Deadline(_) => Err(DownError::Deadline),
                    })
            })
            .await
        }
    }

    /// Returns an end that was told and not taken, if there is one now.
    pub fn try_down(&mut self) -> Option<Down> {
        self.vigil.take().ok().flatten()
    }

    /// Returns the id of what is watched.
    #[must_use]
    pub fn id(&self) -> &Id {
        &self.id
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.vigil.end();
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Monitor({})", self.id)
    }
}

impl Scope {
    /// Watches an actor or a task for its end, for a task; an actor uses
    /// [`ActorContext::monitor`](crate::ActorContext::monitor). See [`monitor`](crate::monitor).
    pub fn monitor<W: Watched + ?Sized>(&self, watched: &W) -> Monitor {
        Monitor::begin(watched, Some(&self.inner().core), Until::End)
    }

    /// Watches an actor for the end of each of its incarnations, and for its end for good.
    pub fn monitor_each<W: Watched + ?Sized>(&self, watched: &W) -> Monitor {
        Monitor::begin(watched, Some(&self.inner().core), Until::EachEnd)
    }
}

impl Runtime {
    /// Watches an actor or a task for its end, from anywhere. See [`monitor`](crate::monitor).
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::Runtime;
    /// use greenroom_core::Id;
    /// let runtime = Runtime::new()?;
    /// let nobody = Id::root().child("nobody");
    /// let mut monitor = runtime.monitor(&nobody);
    /// let down = runtime.block_on(|_scope| async move { Ok(monitor.down().await?) })?;
    /// assert!(down.is_gone());
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn monitor<W: Watched + ?Sized>(&self, watched: &W) -> Monitor {
        Monitor::begin(watched, Some(self.core()), Until::End)
    }
}

impl<A: Actor> Address<A> {
    /// Watches the actor for its end, for a task. See [`monitor`](crate::monitor).
    pub fn monitor(&self) -> Monitor {
        Monitor::begin(self, None, Until::End)
    }
}

impl<A: Actor> WeakAddress<A> {
    /// Watches the actor for its end, for a task. See [`monitor`](crate::monitor).
    pub fn monitor(&self) -> Monitor {
        Monitor::begin(self, None, Until::End)
    }
}

impl<M: Send + 'static, R: Send + 'static> Recipient<M, R> {
    /// Watches the actor for its end, for a task. See [`monitor`](crate::monitor).
    pub fn monitor(&self) -> Monitor {
        Monitor::begin(self, None, Until::End)
    }
}

impl<T: Send + 'static> JoinHandle<T> {
    /// Watches the task for its end, and leaves its value to who joins it. See
    /// [`monitor`](crate::monitor).
    pub fn monitor(&self) -> Monitor {
        Monitor::begin(self, None, Until::End)
    }
}
