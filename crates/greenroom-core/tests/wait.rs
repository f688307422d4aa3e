//! What a task is said to wait for, as snapshots and the wait-for graph read it.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Wake, Waker};
use std::time::Duration;

use greenroom_core::channel;
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::Manual;
use greenroom_core::driver::Driver;
use greenroom_core::task::{TaskInfo, TaskKind, WaitKind};
use greenroom_core::time::{SleepError, after, sleep};
use greenroom_core::{Context, Id};

type Sleep = Pin<Box<dyn Future<Output = Result<(), SleepError>>>>;

struct World {
    manual: Arc<Manual>,
    root: Context,
}

impl World {
    fn new() -> Self {
        let manual = Manual::new();
        let root = manual.root();
        Self { manual, root }
    }

    fn task(&self, name: &'static str) -> Arc<TaskInfo> {
        Arc::new(TaskInfo::new(
            Id::root().child(name),
            TaskKind::Task,
            Location::caller(),
            self.manual.now(),
        ))
    }

    /// Runs `f` as one poll of the task.
    fn within<R>(&self, task: &Arc<TaskInfo>, f: impl FnOnce() -> R) -> R {
        let _driver = current::enter_driver(Handle::new(self.manual.clone(), false));
        let _task = current::enter_task(task.clone(), self.root.clone());
        f()
    }
}

fn poll(sleep: &mut Sleep) -> bool {
    sleep
        .as_mut()
        .poll(&mut TaskContext::from_waker(Waker::noop()))
        .is_ready()
}

fn poll_recv(recv: &mut channel::Recv<'_, u8>) -> bool {
    Pin::new(recv)
        .poll(&mut TaskContext::from_waker(Waker::noop()))
        .is_ready()
}

fn kind(task: &TaskInfo) -> Option<WaitKind> {
    task.waiting().map(|waiting| waiting.kind)
}

#[test]
fn a_task_is_said_to_wait_until_the_wait_ends_or_is_dropped() {
    let w = World::new();
    let task = w.task("a");
    let mut slept: Sleep = Box::pin(sleep(Duration::from_secs(1)));
    let mut dropped: Sleep = Box::pin(sleep(Duration::from_secs(1)));
    assert_eq!(kind(&task), None);
    assert!(!w.within(&task, || poll(&mut slept)));
    assert_eq!(kind(&task), Some(WaitKind::Sleep));
    w.manual.advance(Duration::from_secs(1));
    assert!(w.within(&task, || poll(&mut slept)));
    drop(slept);
    assert_eq!(kind(&task), None);

    assert!(!w.within(&task, || poll(&mut dropped)));
    assert_eq!(kind(&task), Some(WaitKind::Sleep));
    w.within(&task, || drop(dropped));
    assert_eq!(kind(&task), None);
}

#[test]
fn a_wait_that_is_dropped_by_another_task_ends_for_the_one_that_began_it() {
    let w = World::new();
    let (a, b) = (w.task("a"), w.task("b"));
    let mut of_a: Sleep = Box::pin(sleep(Duration::from_secs(1)));
    let mut of_b: Sleep = Box::pin(sleep(Duration::from_secs(1)));
    w.within(&a, || poll(&mut of_a));
    w.within(&b, || poll(&mut of_b));
    w.within(&b, || drop(of_a));
    assert_eq!(kind(&a), None);
    assert_eq!(kind(&b), Some(WaitKind::Sleep), "its own goes on");
    // Outside any task, as when a hub drops what is left.
    drop(of_b);
    assert_eq!(kind(&b), None);
}

#[test]
fn a_wait_that_moves_to_another_task_is_that_one_s() {
    let w = World::new();
    let (a, b) = (w.task("a"), w.task("b"));
    let mut moved: Sleep = Box::pin(sleep(Duration::from_secs(1)));
    w.within(&a, || poll(&mut moved));
    w.within(&b, || poll(&mut moved));
    assert_eq!((kind(&a), kind(&b)), (None, Some(WaitKind::Sleep)));
    w.within(&b, || drop(moved));
    assert_eq!((kind(&a), kind(&b)), (None, None));
}

#[test]
fn of_two_waits_of_a_task_the_later_is_told_until_it_ends_and_then_the_other() {
    let w = World::new();
    let (a, b) = (w.task("a"), w.task("b"));
    let (tx, rx) = channel::unbounded();
    for first_ends_last in [true, false] {
        let mut slept: Sleep = Box::pin(sleep(Duration::from_secs(1)));
        let mut received = rx.recv();
        w.within(&a, || poll(&mut slept));
        w.within(&a, || poll_recv(&mut received));
        assert_eq!(kind(&a), Some(WaitKind::Receive));
        if first_ends_last {
            assert!(tx.try_send(1).is_ok());
            assert!(w.within(&a, || poll_recv(&mut received)));
            assert_eq!(kind(&a), Some(WaitKind::Sleep));
            drop(slept);
        } else {
            w.within(&b, || drop(slept));
            assert_eq!(kind(&a), Some(WaitKind::Receive));
            drop(received);
        }
        assert_eq!(kind(&a), None);
    }
}

#[test]
fn a_wait_that_is_polled_outside_any_task_is_no_task_s() {
    let w = World::new();
    let a = w.task("a");
    let mut moved: Sleep = Box::pin(sleep(Duration::from_secs(1)));
    w.within(&a, || poll(&mut moved));
    poll(&mut moved);
    assert_eq!(kind(&a), None);
}

#[test]
fn a_timer_drops_a_replaced_waker_outside_its_lock() {
    struct Advances(Arc<Manual>);
    impl Wake for Advances {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Advances {
        fn drop(&mut self) {
            self.0.advance(Duration::from_secs(1));
        }
    }
    let w = World::new();
    let task = w.task("a");
    let mut timer = w.within(&task, || after(Duration::from_secs(1)));
    let first = Waker::from(Arc::new(Advances(w.manual.clone())));
    assert!(
        Pin::new(&mut timer)
            .poll(&mut TaskContext::from_waker(&first))
            .is_pending()
    );
    drop(first);
    let mut cx = TaskContext::from_waker(Waker::noop());
    // The first waker goes here, and its end makes the timer fire.
    let _ = Pin::new(&mut timer).poll(&mut cx);
    assert!(Pin::new(&mut timer).poll(&mut cx).is_ready());
}
