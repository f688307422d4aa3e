//! A runtime on the calling thread.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use greenroom_core::registry::WaitGraph;
use greenroom_core::{Result, current, unwind};

use super::alive::{self, Alive};
use super::builder::MakeDriver;
use super::shutdown;
use super::{Core, Home, Runtime, RuntimeError, ShutdownReport};
use crate::engine::arbiter::OneThread;
use crate::latch::Latch;
use crate::scope::Scope;

/// A [`Runtime`] that runs on the calling thread, and only inside [`block_on`](Self::block_on).
///
/// It gives the runtime's handle by `Deref`. With a seed, a virtual clock, or a driver of your own it is
/// the seam on which tests stand.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_core::time::{Durations, sleep};
/// let runtime = Runtime::builder().single_thread().paused().seed(7).build()?;
/// let waited = runtime.block_on(|scope| async move {
///     let start = scope.context().now();
///     sleep(3600.secs()).await?;
///     Ok(scope.context().now() - start)
/// })?;
/// assert_eq!(waited, 3600.secs());
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
pub struct SingleThread {
    runtime: Runtime,
    // Some until it is dropped.
    thread: Option<OneThread>,
}

impl SingleThread {
    pub(super) fn start(
        paused: bool,
        seed: Option<u64>,
        driver: Option<MakeDriver>,
        tracks_addresses: bool,
    ) -> Result<Self, RuntimeError> {
        if is_inside_async() {
            return Err(RuntimeError::InsideAsync);
        }
        let thread = OneThread::start(paused, seed).map_err(RuntimeError::Start)?;
        if let Some(make) = driver {
            thread.hub.set_front(make);
        }
        let ended = Latch::new([]);
        let hub = thread.hub.clone();
        let home = Home {
            is_single: true,
            tracks_addresses,
            tokio: thread.tokio.clone(),
            jobs: Arc::default(),
        };
        let core = Core::new(hub.clone(), vec![hub], ended, None, home);
        Ok(Self {
            runtime: Runtime::from_core(core),
            thread: Some(thread),
        })
    }

    fn thread(&self) -> &OneThread {
        match &self.thread {
            Some(thread) => thread,
            None => unreachable!("the thread is there until the drop"),
        }
    }

    /// Runs a body in a scope on this thread, until everything in it has ended.
    ///
    /// # Errors
    /// - The error of the body, or the first of its children.
    /// - [`RuntimeError::OnArbiter`], as a `Failure`: called inside a task.
    /// - [`RuntimeError::InsideAsync`], as a `Failure`: called inside another asynchronous runtime.
    #[track_caller]
    pub fn block_on<T, F, Fut>(&self, body: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(Scope) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T>> + 'static,
    {
        if current::driver().is_some() {
            return Err(RuntimeError::OnArbiter.into());
        }
        if is_inside_async() {
            return Err(RuntimeError::InsideAsync.into());
        }
        self.thread().block_on(self.runtime.scope(body))
    }

    /// Returns who lives; see [`Runtime::alive`]. Call that on a clone of the [`Runtime`] inside the body.
    ///
    /// # Panics
    /// It is called inside a task, or inside another asynchronous runtime.
    #[track_caller]
    pub fn alive(&self) -> Alive {
        self.assert_may_block();
        self.thread().block_on(alive::look(self.runtime.core()))
    }

    /// Returns who waits for whom; see [`Runtime::wait_graph`]. Call that on a clone of the [`Runtime`]
    /// inside the body.
    ///
    /// # Panics
    /// It is called inside a task, or inside another asynchronous runtime.
    #[track_caller]
    pub fn wait_graph(&self) -> WaitGraph {
        self.assert_may_block();
        self.thread().block_on(self.runtime.wait_graph())
    }

    /// Checks that nothing lives that nobody waits for; see [`Runtime::assert_no_leaks`].
    ///
    /// # Panics
    /// - There is a leak; the message lists each with the place where it was spawned.
    /// - It is called inside a task, or inside another asynchronous runtime.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::Runtime;
    /// let runtime = Runtime::builder().single_thread().build()?;
    /// runtime.block_on(|scope| async move { Ok(scope.go(async { Ok(1) }).await?) })?;
    /// runtime.assert_no_leaks();
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    #[track_caller]
    pub fn assert_no_leaks(&self) {
        self.assert_may_block();
        (self.thread().block_on(alive::settled(self.runtime.core()))).assert_no_leaks();
    }

    #[track_caller]
    fn assert_may_block(&self) {
        assert!(
            current::driver().is_none(),
            "it would block the thread that it is called on: await `Runtime::alive` inside a task"
        );
        assert!(!is_inside_async(), "{}", RuntimeError::InsideAsync);
    }

    /// Ends everything; see [`Runtime::shutdown`].
    ///
    /// Inside another asynchronous runtime, whose thread it would block, it waits for nothing and
    /// reports what was open; the tasks go when this is dropped.
    pub fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        if is_inside_async() {
            return shutdown::at_once(self.runtime.core());
        }
        self.thread().block_on(self.runtime.shutdown(deadline))
    }
}

/// Whether this thread is one that polls, so that it must not be blocked.
fn is_inside_async() -> bool {
    current::driver().is_some() || tokio::runtime::Handle::try_current().is_ok()
}

impl Drop for SingleThread {
    fn drop(&mut self) {
        // Cancels, while the thread's loop still stands.
        shutdown::end(self.runtime.core());
        // Inside another asynchronous runtime tokio refuses to wait for its blocking threads, by a
        // panic, after all else was dropped.
        if let Err(payload) = unwind::drop_caught(self.thread.take()) {
            unwind::forget(payload);
        }
        self.runtime.core().letters().close();
    }
}

impl Deref for SingleThread {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        &self.runtime
    }
}

impl fmt::Debug for SingleThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleThread").finish_non_exhaustive()
    }
}
