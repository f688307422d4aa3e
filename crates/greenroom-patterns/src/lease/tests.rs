//! Restarts of an owner, which only its own messages can bring about.

use std::sync::Arc;

use greenroom_actor::{ActorContext, Handler, Runtime, Scope, SingleThread};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Result, channel, current};

use super::actor::Owner;
use super::held::Door;
use super::message::{Back, Out};
use super::vault::{Sole, Vault};
use crate::mutex::{LeaseReport, Mutex, mutex};

/// Makes the owner panic.
struct Crash;

impl<V: Vault> Handler<Crash> for Owner<V> {
    type Reply = ();

    async fn handle(&mut self, _: Crash, _cx: &mut ActorContext<Self>) {
        std::panic::resume_unwind(Box::new("injected"));
    }
}

fn check<F, Fut>(body: F)
where
    F: Fn(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    std::panic::set_hook(Box::new(|_| ()));
    for seed in 0..8 {
        let runtime: SingleThread = Runtime::builder()
            .single_thread()
            .paused()
            .seed(seed)
            .build()
            .expect("a single-threaded runtime starts");
        if let Err(failure) = runtime.block_on(body.clone()) {
            panic!("seed {seed}: {failure:?}");
        }
    }
}

fn restarts() -> u64 {
    let context = greenroom_core::Context::current().expect("in a task");
    let actors = context.registry().actors(context.now());
    actors.iter().map(|actor| actor.restarts).sum()
}

/// A value whose destructor may panic.
struct Fragile {
    number: u32,
    breaks: bool,
}

impl Drop for Fragile {
    fn drop(&mut self) {
        if self.breaks {
            std::panic::resume_unwind(Box::new("a destructor"));
        }
    }
}

fn fragile(number: u32) -> Fragile {
    Fragile {
        number,
        breaks: false,
    }
}

#[test]
fn a_lease_from_before_a_restart_is_taken_back_and_nobody_gets_a_second_value() {
    check(|scope| async move {
        let door = Door::spawn(&scope, mutex("kept"), Sole::new(1)).await?;
        let kept = Mutex::of(door.clone());
        let mut lease = kept.lock().await?;
        let waiting = kept.clone();
        let waiter = scope.go(async move { Ok(*waiting.lock().await?) });
        sleep(1.millis()).await?;
        for restarted in 1..4 {
            assert!(door.tell(Crash).is_ok());
            sleep(1.millis()).await?;
            assert_eq!(restarts(), restarted);
            assert!(kept.try_lock().await.is_err());
        }
        let status = kept.status().await?;
        assert_eq!(status.holders[0].lease, lease.number());
        assert_eq!(status.waiters.len(), 1);
        *lease = 2;
        let before = lease.number();
        drop(lease);
        assert_eq!(waiter.await?, 2);
        let after = kept.lock().await?;
        assert!(after.number() > before);
        Ok(())
    });
}

#[test]
fn a_lease_that_the_owner_does_not_know_is_refused_and_its_destructor_ends_nobody() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let described = mutex("known").reports(tx);
        let door = Door::spawn(&scope, described, Sole::new(fragile(1))).await?;
        let known = Mutex::of(door.clone());
        let lease = known.lock().await?;
        let stale = Back {
            lease: 99,
            out: Out::Exclusive(Fragile {
                number: 2,
                breaks: true,
            }),
            is_broken: true,
        };
        assert!(door.tell(stale).is_ok());
        sleep(1.millis()).await?;
        assert_eq!(restarts(), 1);
        let report = reports.try_recv()?;
        assert!(report.to_string().contains("does not know lease 99"));
        assert!(matches!(report, LeaseReport::Refused { lease: 99, .. }));
        // The value that is out is waited for, and is whole.
        assert!(known.try_lock().await.is_err());
        drop(lease);
        assert_eq!(known.lock().await?.number, 1);
        Ok(())
    });
}

#[test]
fn a_lease_time_goes_on_over_a_restart() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let described = mutex("timed").lease_time(10.secs()).reports(tx);
        let door = Door::spawn(&scope, described, Sole::new(())).await?;
        let timed = Mutex::of(door.clone());
        let lease = timed.lock().await?;
        sleep(4.secs()).await?;
        assert!(door.tell(Crash).is_ok());
        sleep(5.secs()).await?;
        assert!(reports.is_empty());
        sleep(2.secs()).await?;
        let report = reports.try_recv()?;
        let LeaseReport::Overdue { holder, .. } = report else {
            unreachable!("{report}")
        };
        assert_eq!(holder.held, 10.secs());
        assert_eq!(holder.task, current::task_id());
        // Told once, after another restart too.
        assert!(door.tell(Crash).is_ok());
        sleep(20.secs()).await?;
        assert!(reports.is_empty());
        drop(lease);
        Ok(())
    });
}

#[test]
fn waits_for_a_signal_and_what_is_shown_outlive_a_restart() {
    check(|scope| async move {
        let door = Door::spawn(&scope, mutex("signalled"), Sole::new(0)).await?;
        let value = Mutex::of(door.clone());
        let changed = value.condition();
        let (there, signal) = (value.clone(), changed.clone());
        let waiter = scope.go(async move {
            let lease = signal.wait(there.lock().await?).await?;
            Ok(*lease)
        });
        sleep(1.millis()).await?;
        assert!(door.tell(Crash).is_ok());
        let mut lease = value.lock().await?;
        assert_eq!(value.status().await?.parked, 1);
        assert_eq!(
            scope
                .context()
                .registry()
                .leases(scope.context().now())
                .len(),
            1
        );
        changed.signal();
        assert!(door.tell(Crash).is_ok());
        *lease = 5;
        drop(lease);
        assert_eq!(waiter.await?, 5);
        sleep(1.millis()).await?;
        assert!(
            scope
                .context()
                .registry()
                .leases(scope.context().now())
                .is_empty()
        );
        Ok(())
    });
}

#[test]
fn a_grant_that_is_not_taken_comes_back_over_a_restart() {
    check(|scope| async move {
        let door = Door::spawn(&scope, mutex("granted"), Sole::new(Arc::new(()))).await?;
        let granted = Mutex::of(door.clone());
        let first = granted.lock().await?;
        let mut second = Box::pin(granted.lock());
        std::future::poll_fn(|cx| {
            assert!(second.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        drop(first);
        sleep(1.millis()).await?;
        assert!(door.tell(Crash).is_ok());
        drop(second);
        assert_eq!(Arc::strong_count(&*granted.lock().await?), 1);
        Ok(())
    });
}
