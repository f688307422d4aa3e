//! Where the tasks are: each hub keeps its own, and answers for them.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{self, Poll};

use super::Registry;
use super::reply::{Answer, Reply};
use crate::current;
use crate::error::Cause;
use crate::id::Id;
use crate::sync::Mutex;
use crate::task::TaskInfo;

/// Keeps tasks and answers for them: the hub of an arbiter.
///
/// Tasks are too many and too short to be entered in a shared map one by one. Each hub lists its own
/// when it is asked, at its next turn.
pub trait TaskSource: Send + Sync + 'static {
    /// Returns its name, for the report of who did not answer.
    fn name(&self) -> String;

    /// Takes a query, to be answered at the next turn. Returns whether it will be; one that has shut
    /// down returns false and drops it.
    ///
    /// It is called from any thread, with nothing of the registry locked, and must not block.
    fn request(&self, query: TaskQuery) -> bool;
}

/// What a [`TaskSource`] is asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum TaskQuery {
    /// Which tasks live? In any order.
    List(Reply<Vec<Arc<TaskInfo>>>),
    /// Which tasks live, and which of them are about to be polled? In any order.
    Census(Reply<Vec<Present>>),
    /// Cancel the task of this id with this cause. Was there one?
    Cancel(Id, Cause, Reply<bool>),
    /// Hand over the facts of the task of this id, if there is one.
    Find(Id, Arc<Search>),
}

/// A search for one task, at all hubs at once. When the last of them has dropped it without a find, there
/// is none.
pub struct Search(Mutex<Option<Then>>);

type Then = Box<dyn FnOnce(Option<Arc<TaskInfo>>) + Send>;

impl Search {
    /// Says that this is the task that was looked for.
    pub fn found(&self, task: &Arc<TaskInfo>) {
        self.end(Some(task.clone()));
    }

    fn end(&self, found: Option<Arc<TaskInfo>>) {
        let then = self.0.lock().take();
        if let Some(then) = then {
            then(found);
        }
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.end(None);
    }
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search").finish_non_exhaustive()
    }
}

/// A task, as its hub sees it.
#[derive(Clone, Debug)]
pub struct Present {
    /// The task.
    pub info: Arc<TaskInfo>,
    /// Whether it is about to be polled.
    pub is_ready: bool,
    /// Whether its context ends by a time.
    pub has_deadline: bool,
}

#[derive(Default)]
pub(super) struct Sources {
    // In the order of entering. Weak, since a hub holds the registry.
    entries: Mutex<Vec<Weak<dyn TaskSource>>>,
}

impl Sources {
    pub(super) fn living(&self) -> Vec<Arc<dyn TaskSource>> {
        let mut living = Vec::new();
        let mut entries = self.entries.lock();
        entries.retain(|source| {
            let source = source.upgrade();
            let lives = source.is_some();
            living.extend(source);
            lives
        });
        living
    }
}

impl Registry {
    /// Adds a hub, which then answers for its tasks. It is not kept alive, and leaves by being dropped.
    pub fn add_source(&self, source: &Arc<dyn TaskSource>) {
        self.0.sources.entries.lock().push(Arc::downgrade(source));
    }

    /// Looks for the task of this id, and calls `then` with its facts, or with nothing if no hub has it.
    ///
    /// The hubs are asked, and `then` runs at the next turn of the one that has the task, or of the last
    /// that has not; on this thread if all have shut down. It is called once and must not block. An actor
    /// is found by [`actor`](Self::actor).
    pub fn find_task(&self, id: &Id, then: impl FnOnce(Option<Arc<TaskInfo>>) + Send + 'static) {
        let search = Arc::new(Search(Mutex::new(Some(Box::new(then)))));
        for source in self.0.sources.living() {
            let _is_asked = source.request(TaskQuery::Find(id.clone(), search.clone()));
        }
    }

    /// Cancels the actor or the task of this id with this cause.
    ///
    /// The request is made by the call: it takes effect also if the future is dropped. An actor is
    /// cancelled before the call returns, a task at the next turn of its hub. The future tells whether
    /// there was one; it waits for the hubs that might have it, so a hub that is held up by blocking
    /// code holds it up too. Run it in a context with a time-out where that matters.
    ///
    /// # Cancel safety
    /// Dropping the future loses the answer only; the cancellation goes on.
    pub fn cancel(&self, id: &Id, cause: Cause) -> Cancelling {
        let found = self.cancel_actor(id, cause.clone());
        let mut answers = Vec::new();
        if !found {
            for source in self.0.sources.living() {
                let (reply, answer) = Reply::new(current::task_id());
                if source.request(TaskQuery::Cancel(id.clone(), cause.clone(), reply)) {
                    answers.push(answer);
                }
            }
        }
        Cancelling { found, answers }
    }
}

/// Completes with whether there was something to cancel. Made by [`Registry::cancel`].
#[must_use = "the cancellation is under way; `drop` it if its outcome does not matter"]
pub struct Cancelling {
    found: bool,
    answers: Vec<Answer<bool>>,
}

impl Future for Cancelling {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<bool> {
        let this = &mut *self;
        let found = &mut this.found;
        this.answers.retain(|answer| match answer.poll(cx.waker()) {
            Poll::Pending => true,
            Poll::Ready(here) => {
                *found |= here == Some(true);
                false
            }
        });
        if this.found || this.answers.is_empty() {
            return Poll::Ready(this.found);
        }
        Poll::Pending
    }
}

impl std::fmt::Debug for Cancelling {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cancelling").finish_non_exhaustive()
    }
}
