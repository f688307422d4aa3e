//! What owners of leases tell: leases held too long, cycles, and the status.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::panic::Location;

use common::{arbiters, check, idle};
use greenroom_actor::{Actor, ActorContext, Handler, Placement, Scope};
use greenroom_core::channel::{self, Receiver};
use greenroom_core::registry::LeaseKind;
use greenroom_core::task::WaitKind;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Id, Result, current};
use greenroom_patterns::mutex::{LeaseOptions, LeaseReport, LockError, Mutex, OnCycle, mutex};

async fn overdue(reports: &Receiver<LeaseReport>) -> Result<(u64, usize)> {
    match reports.recv().await? {
        LeaseReport::Overdue {
            holder, waiting, ..
        } => Ok((holder.lease, waiting)),
        other => Err(Failure::message(other.to_string())),
    }
}

#[test]
fn a_lease_held_past_its_time_is_reported_once_and_stays() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(8);
        let described = mutex("slow").lease_time(2.secs()).reports(tx);
        let value = Mutex::spawn_with(&scope, described, 0).await?;
        let line = Location::caller().line() + 1;
        let mut lease = value.lock().await?;
        let waiting = value.clone();
        let waiter = scope.go(async move { Ok(*waiting.lock().await?) });
        sleep(10.secs()).await?;
        let report = reports.try_recv()?;
        let LeaseReport::Overdue {
            owner,
            name,
            holder,
            waiting,
        } = &report
        else {
            unreachable!("{report}")
        };
        assert_eq!((owner, *name, *waiting), (value.id(), "slow", 1));
        assert_eq!((holder.lease, holder.held), (lease.number(), 2.secs()));
        assert_eq!(holder.task, current::task_id());
        assert_eq!(holder.place.line(), line);
        assert!(report.to_string().starts_with("slow (root/"), "{report}");
        assert!(reports.is_empty(), "told once");
        let status = value.status().await?;
        assert!(status.holders[0].is_overdue);
        assert_eq!(status.holders[0].held, 10.secs());
        assert_eq!(status.waiters[0].waited, 10.secs());
        assert_eq!(status.holders[0].kind, LeaseKind::Exclusive);
        *lease = 1;
        drop(lease);
        assert_eq!(waiter.await?, 1);

        // Each lease has its own time, and one that comes home in time is not told of.
        for _ in 0..3 {
            let lease = value.lock().await?;
            sleep(1.secs()).await?;
            drop(lease);
        }
        sleep(10.secs()).await?;
        assert!(reports.is_empty());
        let lease = value.lock().await?;
        assert_eq!(overdue(&reports).await?, (lease.number(), 0));
        Ok(())
    });
}

#[test]
fn a_report_without_room_is_counted_and_holds_nobody_up() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(1);
        let described = mutex("slow").lease_time(1.secs()).reports(tx);
        let value = Mutex::spawn_with(&scope, described, ()).await?;
        for _ in 0..3 {
            let _lease = value.lock().await?;
            sleep(2.secs()).await?;
        }
        assert_eq!(reports.len(), 1);
        assert_eq!(value.status().await?.reports_lost, 2);
        Ok(())
    });
}

struct Desk(channel::Sender<String>);

impl Actor for Desk {}

impl Handler<LeaseReport> for Desk {
    type Reply = ();

    async fn handle(&mut self, report: LeaseReport, _cx: &mut ActorContext<Self>) {
        let _full = self.0.try_send(report.to_string());
    }
}

#[test]
fn reports_go_to_an_actor_too() {
    check(|scope| async move {
        let (tx, seen) = channel::bounded(4);
        let desk = scope.spawn(move || Desk(tx.clone())).await?;
        let described = mutex("told")
            .lease_time(1.secs())
            .reports(desk.recipient::<LeaseReport>());
        let value = Mutex::spawn_with(&scope, described, ()).await?;
        let _lease = value.lock().await?;
        assert!(seen.recv().await?.contains("told"));
        Ok(())
    });
}

/// Two tasks that lock each other's second. Returns how each of them ended, in the order of their ends.
async fn embrace(
    scope: &Scope,
    described: [LeaseOptions; 2],
) -> Result<Receiver<Result<(), LockError>>> {
    let [a, b] = described;
    let a = Mutex::spawn_with(scope, a, ()).await?;
    let b = Mutex::spawn_with(scope, b, ()).await?;
    let (tx, ends) = channel::bounded(2);
    for (name, first, second) in [("one", a.clone(), b.clone()), ("two", b, a)] {
        let tx = tx.clone();
        scope
            .named(name)?
            .go(async move {
                let held = first.lock().await?;
                idle().await?;
                let ended = second.lock().await.map(drop);
                drop(held);
                Ok(tx.send(ended).await?)
            })
            .detach();
    }
    Ok(ends)
}

#[test]
fn two_lockers_in_opposite_order_are_reported_and_shown() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let inner = scope.clone();
        let ended = scope
            .scope(move |locking| async move {
                let described = [mutex("a").reports(tx.clone()), mutex("b").reports(tx)];
                let ends = embrace(&locking, described).await?;
                sleep(1.secs()).await?;
                assert!(ends.is_empty(), "neither is refused");
                let LeaseReport::Cycle { path, is_refused } = reports.try_recv()? else {
                    return Err(Failure::message("no cycle"));
                };
                assert!(!is_refused && reports.is_empty());
                assert_eq!(path.len(), 2);
                assert_eq!(path[0].holder, path[1].task);
                assert_eq!(path[1].holder, path[0].task);
                let mut names: Vec<_> = path.iter().map(|hop| hop.name).collect();
                names.sort_unstable();
                assert_eq!(names, ["a", "b"]);
                let context = inner.context();
                let snapshot = context.registry().snapshot(context, 1.secs()).await;
                assert_eq!(snapshot.lease_cycles.len(), 1);
                assert_eq!(snapshot.lease_cycles[0].len(), 2);
                assert_eq!(snapshot.leases.len(), 2);
                let waits = snapshot
                    .tasks
                    .iter()
                    .filter_map(|task| task.waiting.clone());
                let waits: Vec<_> = waits
                    .filter(|waiting| waiting.kind == WaitKind::Lease)
                    .collect();
                assert_eq!(waits.len(), 2);
                locking.cancel("seen");
                Ok(())
            })
            .await;
        ended?;
        assert!(scope.context().registry().lease_cycles().is_empty());
        Ok(())
    });
}

#[test]
fn of_two_lockers_in_opposite_order_the_later_is_refused_and_the_other_goes_on() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let refusing = |name| mutex(name).on_cycle(OnCycle::Refuse);
        let described = [refusing("a").reports(tx.clone()), refusing("b").reports(tx)];
        let ends = embrace(&scope, described).await?;
        let first = ends.recv().await?;
        let Err(LockError::Cycle { path }) = &first else {
            unreachable!("{first:?}")
        };
        assert_eq!(path.len(), 2);
        let told = first.expect_err("it is one").to_string();
        assert!(told.starts_with("deadlock: root/"), "{told}");
        assert!(ends.recv().await?.is_ok());
        let report = reports.try_recv()?;
        assert!(matches!(
            report,
            LeaseReport::Cycle {
                is_refused: true,
                ..
            }
        ));
        assert!(reports.is_empty());
        Ok(())
    });
}

#[test]
fn on_arbiters_two_lockers_in_opposite_order_never_hang() {
    let ended = arbiters(2).block_on(|scope| async move {
        for _ in 0..50 {
            let refusing = |name| mutex(name).on_cycle(OnCycle::Refuse);
            let a = Mutex::spawn_with(&scope, refusing("a"), 0).await?;
            let b = Mutex::spawn_with(&scope, refusing("b"), 0).await?;
            let pairs = [(a.clone(), b.clone()), (b, a)];
            let tasks: Vec<_> = pairs
                .into_iter()
                .map(|(first, second)| {
                    scope.on(Placement::Spread).go(async move {
                        let _held = first.lock().await?;
                        greenroom_core::task::yield_now().await;
                        Ok(second.lock().await.map(drop).is_ok())
                    })
                })
                .collect();
            let mut passed = 0;
            for task in tasks {
                passed += usize::from(task.await?);
            }
            assert!(passed >= 1, "one at most is refused");
        }
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn a_task_that_locks_twice_is_a_cycle_of_one() {
    check(|scope| async move {
        let refusing = mutex("own").on_cycle(OnCycle::Refuse);
        let value = Mutex::spawn_with(&scope, refusing, ()).await?;
        let lease = value.lock().await?;
        let again = value.lock().await;
        let Err(LockError::Cycle { path }) = again else {
            unreachable!("{again:?}")
        };
        assert_eq!(path.len(), 1);
        assert_eq!(
            (&path[0].task, path[0].lease),
            (&path[0].holder, lease.number())
        );
        drop(lease);
        drop(value.lock().await?);
        Ok(())
    });
}

#[test]
fn a_lease_given_to_another_task_makes_a_cycle_that_is_no_deadlock_and_waits() {
    check(|scope| async move {
        let (tx, reports) = channel::bounded(4);
        let value = Mutex::spawn_with(&scope, mutex("moved").reports(tx), 1).await?;
        let lease = value.lock().await?;
        scope
            .go(async move {
                let lease = lease;
                sleep(1.secs()).await?;
                drop(lease);
                Ok(())
            })
            .detach();
        assert_eq!(*value.lock().await?, 1);
        assert!(matches!(
            reports.try_recv(),
            Ok(LeaseReport::Cycle {
                is_refused: false,
                ..
            })
        ));
        Ok(())
    });
}

#[test]
fn waiters_are_shown_in_order_with_who_and_where() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, ()).await?;
        let lease = value.lock().await?;
        for name in ["first", "second"] {
            let value = value.clone();
            let locks = async move {
                drop(value.lock().await?);
                Ok(())
            };
            scope.named(name)?.go(locks).detach();
            sleep(1.secs()).await?;
        }
        let status = value.status().await?;
        let names: Vec<_> = status
            .waiters
            .iter()
            .map(|waiter| waiter.task.as_ref().map_or("", Id::name))
            .collect();
        assert_eq!(names, ["first", "second"]);
        assert_eq!(status.waiters[0].waited, 2.secs());
        assert!(status.waiters[0].lease < status.waiters[1].lease);
        drop(lease);
        Ok(())
    });
}
