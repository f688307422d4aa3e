//! The registry through its public API, with actors and hubs that are only records.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

mod actors;
mod groups;
mod hubs;
mod leases;
mod model;
mod snapshots;

use std::any::Any;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context as TaskContext, Poll, Waker};

use greenroom_core::doc_support::Manual;
use greenroom_core::driver::Driver;
use greenroom_core::error::Cause;
use greenroom_core::registry::{ActorState, MessageCounts, Registered, Registry, RegistryError};
use greenroom_core::task::{TaskInfo, TaskKind};
use greenroom_core::{Context, Id, Name};
use parking_lot::Mutex;

type Log = Arc<Mutex<Vec<String>>>;

struct Fake {
    info: Arc<TaskInfo>,
    log: Log,
    /// Called from `cancel`, to try what a real one may do there.
    on_cancel: Box<dyn Fn() + Send + Sync>,
    address: Weak<String>,
}

impl Registered for Fake {
    fn info(&self) -> &Arc<TaskInfo> {
        &self.info
    }
    fn state(&self) -> ActorState {
        ActorState::Running
    }
    fn mailbox(&self) -> (usize, Option<usize>) {
        (3, Some(64))
    }
    fn actor_type(&self) -> &'static str {
        "Fake"
    }
    fn messages(&self) -> MessageCounts {
        let mut counts = MessageCounts::default();
        (counts.accepted, counts.handled, counts.dropped) = (9, 4, 2);
        counts
    }

    fn restarts(&self) -> u64 {
        2
    }
    fn cancel(&self, cause: Cause) {
        self.log.lock().push(format!("{}: {cause}", self.info.id));
        (self.on_cancel)();
    }
    fn address(&self) -> Option<Box<dyn Any + Send + Sync>> {
        let strong = self.address.upgrade()?;
        Some(Box::new(strong))
    }
}

#[track_caller]
fn info(id: &Id, kind: TaskKind, manual: &Manual) -> Arc<TaskInfo> {
    Arc::new(TaskInfo::new(
        id.clone(),
        kind,
        Location::caller(),
        manual.now(),
    ))
}

struct World {
    manual: Arc<Manual>,
    registry: Registry,
    context: Context,
    root: Id,
    log: Log,
}

impl World {
    fn new() -> Self {
        let (manual, registry, root) = (Manual::new(), Registry::new(), Id::root());
        let handle = greenroom_core::current::Handle::new(manual.clone(), false);
        let (context, _) = Context::root(root.clone(), handle, registry.clone());
        Self {
            manual,
            registry,
            context,
            root,
            log: Log::default(),
        }
    }

    fn fake(&self, id: &Id) -> Fake {
        Fake {
            info: info(id, TaskKind::Actor, &self.manual),
            log: self.log.clone(),
            on_cancel: Box::new(|| ()),
            address: Weak::new(),
        }
    }

    fn enter(&self, id: &Id, name_: Option<&'static str>) -> Result<(), RegistryError> {
        self.registry
            .enter_actor(id.clone(), name_.map(name), Arc::new(self.fake(id)))
    }

    fn log(&self) -> Vec<String> {
        std::mem::take(&mut *self.log.lock())
    }
}

fn name(text: &'static str) -> Name {
    Name::new(text).expect("a literal without a slash")
}

fn id_of(found: Option<Arc<dyn Registered>>) -> Option<String> {
    found.map(|record| record.info().id.to_string())
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}
