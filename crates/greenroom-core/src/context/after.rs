//! Functions that run after a context.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Weak};

use super::Context;
use super::node::Node;
use crate::current;
use crate::driver::Driver;
use crate::task::{Task, TaskInfo, TaskKind};

pub(super) struct Pending {
    task: Task,
    driver: Arc<dyn Driver>,
}

impl Pending {
    pub(super) fn start(self) {
        self.driver.spawn(self.task);
    }
}

/// A registered after-function; [`stop`](Self::stop) takes it back.
///
/// Dropping it leaves the function registered. Go counterpart: the `stop` that `AfterFunc` returns.
#[must_use = "dropping it keeps the function registered; use `let _ =` to say so"]
pub struct AfterFunc {
    // None when it was started at once.
    registered: Option<(Weak<Node>, usize)>,
    // Its context does not hold itself, and may be gone with the function in it.
    never_starts: bool,
}

impl AfterFunc {
    pub(super) fn register(
        context: &Context,
        spawned_at: &'static Location<'static>,
        future: Pin<Box<dyn Future<Output = ()> + Send>>,
    ) -> Self {
        let driver = current::driver().unwrap_or_else(|| context.driver().driver().clone());
        let parent = current::task_id().unwrap_or_else(|| context.root_id().clone());
        let info = Arc::new(TaskInfo::new(
            parent.child("after_func"),
            TaskKind::AfterFunc,
            spawned_at,
            driver.now(),
        ));
        let task = Task::new(info, context.without_cancel(), future);
        let node = &context.0.node;
        let registered = match node.register_after(Pending { task, driver }) {
            Ok(key) => Some((Arc::downgrade(node), key)),
            Err(pending) => {
                pending.start();
                None
            }
        };
        Self {
            registered,
            never_starts: node.never_ends(),
        }
    }

    /// Takes the function back, so that it will not run. Returns whether this call did so: false if
    /// it was started, or taken back before. It does not wait for a started one to end.
    pub fn stop(&mut self) -> bool {
        let Some((node, key)) = self.registered.take() else {
            return false;
        };
        match node.upgrade() {
            Some(node) => node.unregister_after(key).is_some(),
            None => self.never_starts,
        }
    }
}

impl fmt::Debug for AfterFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AfterFunc").finish_non_exhaustive()
    }
}
