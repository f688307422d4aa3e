//! The hub's ready queue: the real loop, woken from other threads.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Poll, Waker};

use greenroom_core::registry::Registry;
use greenroom_core::task::{Task, TaskInfo, TaskKind};
use greenroom_core::{Context, Driver, Id, channel};

use super::sync::Mutex;
use super::{block_on, check, join, spawn};
use crate::hub::{Clock, Hub, Order};

fn hub() -> (Arc<Hub>, Context) {
    let rng = fastrand::Rng::with_seed(1);
    let hub = Hub::new("hub".to_owned(), Clock::Machine, Order::Arrival, rng);
    let root = Context::root(Id::root(), hub.handle(), Registry::new()).0;
    (hub, root)
}

fn task(hub: &Hub, root: &Context, future: impl Future<Output = ()> + Send + 'static) {
    let id = Id::root().child("task");
    let info = TaskInfo::new(id, TaskKind::Task, Location::caller(), root.now());
    hub.spawn(Task::new(Arc::new(info), root.clone(), future));
}

#[derive(Default)]
struct Flag {
    is_up: bool,
    waker: Option<Waker>,
}

/// Waits until the flag is up.
async fn raised(flag: Arc<Mutex<Flag>>) {
    std::future::poll_fn(|cx| {
        let mut flag = flag.lock();
        if flag.is_up {
            return Poll::Ready(());
        }
        flag.waker = Some(cx.waker().clone());
        Poll::Pending
    })
    .await;
}

fn raise(flag: &Mutex<Flag>, by_ref: bool) {
    let waker = {
        let mut flag = flag.lock();
        flag.is_up = true;
        flag.waker.clone()
    };
    match waker {
        Some(waker) if by_ref => waker.wake_by_ref(),
        Some(waker) => waker.wake(),
        None => {}
    }
}

#[test]
fn no_wake_up_of_a_parked_hub_is_lost() {
    check(|| {
        let (hub, root) = hub();
        let (done, all_done) = channel::unbounded();
        let flags: Vec<Arc<Mutex<Flag>>> = (0..2).map(|_| Arc::default()).collect();
        let running = spawn({
            let hub = hub.clone();
            move || block_on(hub.run())
        });
        for flag in &flags {
            let (flag, done) = (flag.clone(), done.clone());
            task(&hub, &root, async move {
                raised(flag).await;
                let _nobody = done.try_send(());
            });
        }
        let raising = {
            let flag = flags[0].clone();
            spawn(move || raise(&flag, true))
        };
        raise(&flags[1], false);
        join(raising);
        for _ in 0..2 {
            assert!(block_on(all_done.recv()).is_ok());
        }
        hub.close();
        join(running);
    });
}

#[test]
fn a_task_that_is_woken_while_it_is_polled_is_polled_again() {
    check(|| {
        let (hub, root) = hub();
        let flag: Arc<Mutex<Flag>> = Arc::default();
        let running = spawn({
            let hub = hub.clone();
            move || block_on(hub.run())
        });
        let ending = hub.clone();
        let seen = flag.clone();
        task(&hub, &root, async move {
            raised(seen).await;
            ending.close();
        });
        // Wakes that are for nothing, beside the one that counts.
        let idle = {
            let flag = flag.clone();
            spawn(move || {
                for _ in 0..2 {
                    let waker = flag.lock().waker.clone();
                    if let Some(waker) = waker {
                        waker.wake_by_ref();
                    }
                }
            })
        };
        raise(&flag, true);
        join(idle);
        join(running);
    });
}

#[test]
fn a_task_that_comes_as_the_hub_closes_is_dropped() {
    check(|| {
        let (hub, root) = hub();
        let running = spawn({
            let hub = hub.clone();
            move || block_on(hub.run())
        });
        let kept = Arc::new(());
        let coming = {
            let (hub, kept) = (hub.clone(), kept.clone());
            spawn(move || {
                task(&hub, &root, async move {
                    std::future::pending::<()>().await;
                    drop(kept);
                });
            })
        };
        hub.close();
        join(running);
        join(coming);
        assert_eq!(Arc::strong_count(&kept), 1, "the task outlives its hub");
    });
}
