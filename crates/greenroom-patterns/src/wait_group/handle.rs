//! The handle to a group, and the guard of a member.

use std::fmt;
use std::future::Future;

use greenroom_actor::{Address, HandlerLater, JoinHandle, Scope, SpawnError};
use greenroom_core::{Context, Result, channel};

use super::actor::Counter;
use super::error::{AddError, DoneError, WaitError};
use super::message::{Add, Done, Wait};
use super::state::Count;
use crate::detached;

/// Waits for members to finish. Cloning gives another handle to the same group.
#[derive(Clone)]
pub struct WaitGroup {
    address: Address<Counter>,
    scope: Scope,
    /// In which counting is done, so that no cancel skips it. Invariant 3.
    detached: Context,
}

impl WaitGroup {
    /// Starts a group without members.
    ///
    /// # Errors
    /// - [`SpawnError::Ended`]: the scope has ended.
    /// - [`SpawnError::Cancelled`], [`SpawnError::Deadline`]: the context of the scope or of the caller
    ///   ended first.
    ///
    /// # Cancel safety
    /// Dropping the future ends a group that was started.
    #[track_caller]
    pub fn spawn(scope: &Scope) -> impl Future<Output = Result<Self, SpawnError>> + Send + use<> {
        // Without a bound, so that no message of a member is refused: it holds one for each call that
        // the counter has not come to.
        let builder = scope.supervise(Count::new(), Counter).unbounded_mailbox();
        let scope = scope.clone();
        async move {
            let address = builder.await?;
            let detached = scope.context().without_cancel();
            Ok(Self {
                address,
                scope,
                detached,
            })
        }
    }

    /// Adds members: Go's `wg.Add`. Each must be [`done`](Self::done) once.
    ///
    /// It is counted when the call returns, before any later [`wait`](Self::wait). It never waits. A
    /// [`member`](Self::member) cannot be forgotten: prefer it.
    ///
    /// # Errors
    /// [`AddError::Closed`]: the group has ended, with its scope.
    ///
    /// # Differences from Go
    /// It takes no negative number; that is `done`.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::wait_group::{AddError, WaitGroup};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// let kept = runtime.block_on(|scope| async move {
    ///     let group = WaitGroup::spawn(&scope).await?;
    ///     group.add(2)?;
    ///     group.done().await?;
    ///     group.done().await?;
    ///     group.wait().await?;
    ///     Ok(group)
    /// })?;
    /// assert_eq!(kept.add(1), Err(AddError::Closed));
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn add(&self, members: usize) -> Result<(), AddError> {
        if self.tell(Add(members)) {
            Ok(())
        } else {
            Err(AddError::Closed)
        }
    }

    /// Adds a member that is done when its guard is dropped: at the end of its task, by a return, a
    /// panic or a cancel.
    ///
    /// # Errors
    /// [`AddError::Closed`]: the group has ended, with its scope.
    ///
    /// # Differences from Go
    /// It is `wg.Add(1)` and `defer wg.Done()` in one.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::wait_group::{WaitError, WaitGroup};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = WaitGroup::spawn(&scope).await?;
    /// let member = group.member()?;
    /// let hurried = scope.context().with_timeout(std::time::Duration::from_secs(1));
    /// assert!(matches!(hurried.run(group.wait()).await?, Err(WaitError::Deadline)));
    /// drop(member);
    /// group.wait().await?;
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn member(&self) -> Result<Member, AddError> {
        self.add(1)?;
        Ok(Member {
            group: self.clone(),
        })
    }

    /// Starts a task in the group's scope, as a member: Go's `wg.Go`.
    ///
    /// If the scope has ended, the task is not started and the handle gives
    /// [`JoinError::Ended`](greenroom_actor::JoinError::Ended).
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// # use greenroom_patterns::wait_group::WaitGroup;
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = WaitGroup::spawn(&scope).await?;
    /// let task = group.go(async { Ok(7) });
    /// group.wait().await?;
    /// assert_eq!(task.await?, 7);
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn go<T, F>(&self, future: F) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        // A group that has ended has no scope to start a task in.
        let member = self.member().ok();
        self.scope.go(async move {
            let _member = member;
            future.await
        })
    }

    /// Counts one member as done: Go's `wg.Done`.
    ///
    /// It is counted also in a context that has ended, and never waits for more than the verdict.
    ///
    /// # Errors
    /// - [`DoneError::NotAMember`]: the counter is zero, and stays so.
    /// - [`DoneError::Closed`]: the group has ended, with its scope.
    ///
    /// # Cancel safety
    /// From its first poll on it is counted, also if it is dropped; then the verdict is lost.
    ///
    /// # Differences from Go
    /// A negative counter is an error of the call, not a panic.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_patterns::wait_group::{DoneError, WaitGroup};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = WaitGroup::spawn(&scope).await?;
    /// group.add(1)?;
    /// group.done().await?;
    /// assert_eq!(group.done().await, Err(DoneError::NotAMember));
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn done(&self) -> Result<(), DoneError> {
        let (verdict, told) = channel::bounded(1);
        if !self.tell(Done(Some(verdict))) {
            return Err(DoneError::Closed);
        }
        match self.detached.run(told.recv()).await {
            Ok(Ok(counted)) => counted,
            _ => Err(DoneError::Closed),
        }
    }

    /// Waits until the counter is zero.
    ///
    /// A group that never had members is at zero, so the call returns at once. Any number may wait, and
    /// all are answered. The group may be used again afterwards, and before they have noticed.
    ///
    /// It does not tell how the members ended: an error or a panic of a task is its scope's, and ends
    /// this wait too, with [`WaitError::Cancelled`], unless that scope
    /// [collects](greenroom_actor::OnError::Collect) its errors.
    ///
    /// # Errors
    /// - [`WaitError::Cancelled`], [`WaitError::Deadline`]: the current context ended first.
    /// - [`WaitError::Closed`]: the group has ended, with its scope.
    ///
    /// The counter is unchanged.
    ///
    /// # Cancel safety
    /// Cancel safe. Dropping the future removes this waiter; members are not affected.
    ///
    /// # Examples
    /// ```
    /// # use greenroom_actor::Runtime;
    /// use greenroom_core::time::{Durations, sleep};
    /// use greenroom_patterns::wait_group::{WaitError, WaitGroup};
    /// # let runtime = Runtime::builder().single_thread().paused().build()?;
    /// # runtime.block_on(|scope| async move {
    /// let group = WaitGroup::spawn(&scope).await?;
    /// group.wait().await?;
    /// for seconds in 1..=3 {
    ///     group.go(async move { Ok(sleep(seconds.secs()).await?) }).detach();
    /// }
    /// let hurried = scope.context().with_timeout(2.secs());
    /// assert!(matches!(hurried.run(group.wait()).await?, Err(WaitError::Deadline)));
    /// group.wait().await?;
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub async fn wait(&self) -> Result<(), WaitError> {
        Ok(self.address.ask(Wait).await?)
    }

    /// Sends a message that counts. Returns whether the group takes any.
    fn tell<M>(&self, message: M) -> bool
    where
        M: Send + 'static,
        Counter: HandlerLater<M>,
    {
        detached::tell(&self.address, &self.detached, message).is_ok()
    }
}

impl fmt::Debug for WaitGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitGroup({})", self.address.id())
    }
}

/// A member of a group, which is done when this is dropped. Made by [`WaitGroup::member`].
#[must_use = "a member is done when it is dropped"]
pub struct Member {
    group: WaitGroup,
}

impl Member {
    /// Returns the group, for a member that adds others.
    #[must_use]
    pub fn group(&self) -> &WaitGroup {
        &self.group
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        // Refused only if the group has ended: then nobody waits.
        let _ended = self.group.tell(Done(None));
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Member({})", self.group.address.id())
    }
}
