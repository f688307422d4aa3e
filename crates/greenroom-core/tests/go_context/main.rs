//! What Go's package `context` promises. Tests with a number show that row of the list of behaviours.
//!
//! Row 34 (a nil parent, a nil key, a key that cannot be compared) is ruled out by types: a context
//! derives from a reference, and its keys are types.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

mod after_funcs;
mod cancel;
mod causes;
mod deadlines;
mod layers;
mod run;
mod size;
mod threads;
mod values;
mod wakes;

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::task::{Context as TaskContext, Poll, Wake, Waker};

use greenroom_core::context::CancelCauseHandle;
use greenroom_core::current::Handle;
use greenroom_core::doc_support::Manual;
use greenroom_core::error::ContextError;
use greenroom_core::registry::Registry;
use greenroom_core::{Context, Id};

struct World {
    manual: Arc<Manual>,
    registry: Registry,
    handle: Handle,
    root: Context,
    cancel: CancelCauseHandle,
}

impl World {
    fn new() -> Self {
        let (manual, registry) = (Manual::new(), Registry::new());
        let handle = Handle::new(manual.clone(), false);
        let (root, cancel) = Context::root(Id::root(), handle.clone(), registry.clone());
        Self {
            manual,
            registry,
            handle,
            root,
            cancel,
        }
    }
}

/// Checks how a context ended: `None`, `"cancelled: <cause>"` or `"deadline: <cause>"`.
#[track_caller]
fn check(context: &Context, expected: impl Into<Option<&'static str>>) {
    let shown = context.err().map(|error| match error {
        ContextError::Cancelled(cause) => format!("cancelled: {cause}"),
        ContextError::Deadline(cause) => format!("deadline: {cause}"),
    });
    assert_eq!(shown.as_deref(), expected.into());
    assert_eq!(context.is_done(), shown.is_some());
    assert_eq!(context.cause().is_some(), shown.is_some());
    assert_eq!(poll_once(pin!(context.done())).is_ready(), shown.is_some());
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut TaskContext::from_waker(Waker::noop()))
}

fn cause(context: &Context) -> Option<String> {
    context.cause().map(|cause| cause.to_string())
}

fn flag() -> (Arc<AtomicBool>, impl Fn() -> bool) {
    let flag = Arc::new(AtomicBool::new(false));
    let read = flag.clone();
    (flag, move || read.load(SeqCst))
}

fn raise(flag: &Arc<AtomicBool>) -> impl Future<Output = ()> + Send + 'static {
    let flag = flag.clone();
    async move { flag.store(true, SeqCst) }
}

struct Bell {
    rung: AtomicUsize,
    then: Box<dyn Fn() + Send + Sync>,
}

impl Bell {
    fn new(then: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            rung: AtomicUsize::new(0),
            then: Box::new(then),
        })
    }

    fn rung(&self) -> usize {
        self.rung.load(SeqCst)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.rung.fetch_add(1, SeqCst);
        (self.then)();
    }
}
