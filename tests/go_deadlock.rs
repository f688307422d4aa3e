//! What Go's runtime calls a deadlock: everybody waits, and nobody can wake anybody.
//!
//! Go ends such a program and prints who waits where. Here others may still send from outside, so the
//! program goes on waiting; a snapshot tells the same, also of a part of the program that is stuck, and
//! a deadline or a cancel ends it. `Runtime::stuck` tells it for certain of tasks that were started with
//! their ends of the channels. Where a wait could only be for itself it is an error at once.

mod support;

use greenroom::channel::{RecvError, SendError};
use greenroom::patterns::mutex::{LockError, OnCycle};
use greenroom::patterns::once::OnceError;
use greenroom::patterns::single_flight::FlightError;
use greenroom::patterns::task_group::WaitError;
use greenroom::prelude::*;
use greenroom::task::WaitKind;
use greenroom::{JoinError, ScopeError};
use support::{at_once, check, idle};

/// What the tasks of a program wait for, by the number of the line that spawned each.
async fn waits(scope: &Scope) -> Result<Vec<Option<WaitKind>>> {
    idle().await?;
    let context = scope.context();
    let snapshot = context.registry().snapshot(context, 1.secs()).await;
    let ours = snapshot.tasks.iter().filter(|task| task.name == "stuck");
    assert!(
        ours.clone()
            .all(|task| task.spawned_at.contains("go_deadlock.rs")),
        "it says where"
    );
    Ok(ours
        .map(|task| task.waiting.as_ref().map(|waiting| waiting.kind))
        .collect())
}

#[test]
fn a_receive_and_a_send_that_nobody_meets_are_shown_and_end_by_a_deadline() {
    check(|scope| async move {
        let stuck = scope.named("stuck")?;
        let (tx, rx) = channel::rendezvous::<u8>();
        let (sender, receiver) = channel::rendezvous::<u8>();
        let hurried = scope.context().with_timeout(1.secs());
        let (first, second) = (hurried.clone(), hurried);
        let receives = stuck.go(async move { Ok(first.run(rx.recv()).await?) });
        let sends = stuck.go(async move { Ok(second.run(sender.send(1)).await?) });
        assert_eq!(
            waits(&scope).await?,
            [Some(WaitKind::Receive), Some(WaitKind::Send)]
        );
        assert_eq!(receives.await?, Err(RecvError::Deadline));
        assert_eq!(sends.await?, Err(SendError::Deadline(1)));
        drop((tx, receiver));
        Ok(())
    });
}

#[test]
fn a_peer_that_has_gone_ends_the_wait_that_go_would_report() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous::<u8>();
        scope.go(async move {
            drop(tx); // It returns without a send.
            Ok(())
        });
        assert_eq!(rx.recv().await, Err(RecvError::Closed));
        let (tx, rx) = channel::bounded(1);
        tx.send(1).await?;
        scope.go(async move {
            drop(rx);
            Ok(())
        });
        assert_eq!(tx.send(2).await, Err(SendError::Closed(2)));
        Ok(())
    });
}

#[test]
fn a_nil_channel_and_a_select_without_a_ready_case_are_shown_and_end_by_a_cancel() {
    check(|scope| async move {
        let stuck = scope.named("stuck")?;
        let nil = stuck.go(async { Ok(channel::never::<u8>().recv().await) });
        let select = stuck.go(async {
            let (a, b) = (channel::never::<u8>(), channel::never::<u8>());
            select! {
                got = a.recv() => Ok(got),
                got = b.recv() => Ok(got),
            }
        });
        let nothing = stuck.go(async {
            select! {
                std::future::pending::<()>() => Ok(()),
            }
        });
        let seen = waits(&scope).await?;
        assert_eq!(seen[..2], [Some(WaitKind::Receive), Some(WaitKind::Select)]);
        for task in [&nil, &select] {
            task.cancel("stuck");
        }
        nothing.cancel("stuck");
        assert!(matches!(nil.await?, Err(RecvError::Cancelled(_))));
        assert!(matches!(select.await?, Err(RecvError::Cancelled(_))));
        assert!(matches!(nothing.await, Err(JoinError::Cancelled(_))));
        Ok(())
    });
}

#[test]
fn a_group_that_is_never_done_is_shown_and_its_wait_ends_by_a_deadline() {
    check(|scope| async move {
        let group = WaitGroup::spawn(&scope).await?;
        group.add(1)?;
        let stuck = scope.named("stuck")?;
        let own = group.clone();
        let context = scope.context().with_timeout(1.secs());
        let waiting = stuck.go(async move { Ok(context.run(own.wait()).await?) });
        assert_eq!(waits(&scope).await?, [Some(WaitKind::Ask)]);
        assert_eq!(
            waiting.await?,
            Err(greenroom::patterns::wait_group::WaitError::Deadline)
        );
        group.done().await?;
        assert_eq!(group.wait().await, Ok(()));
        Ok(())
    });
}

#[test]
fn a_second_lock_by_its_holder_is_shown_as_a_cycle_or_refused() {
    check(|scope| async move {
        let value = Mutex::spawn(&scope, 0).await?;
        let stuck = scope.named("stuck")?;
        let own = value.clone();
        let task = stuck.go(async move {
            let _first = own.lock().await?;
            let _second = own.lock().await?;
            Ok(())
        });
        assert_eq!(waits(&scope).await?, [Some(WaitKind::Lease)]);
        let cycles = scope.context().registry().lease_cycles();
        assert_eq!(cycles.len(), 1);
        task.cancel("stuck");
        assert!(task.await.is_err());
        let careful =
            Mutex::spawn_with(&scope, mutex("careful").on_cycle(OnCycle::Refuse), 0).await?;
        let _first = careful.lock().await?;
        assert!(matches!(careful.lock().await, Err(LockError::Cycle { .. })));
        Ok(())
    });
}

#[test]
fn a_wait_for_oneself_is_an_error_and_no_deadlock() {
    check(|scope| async move {
        let own = scope.clone();
        let joins = scope.go(async move { Ok(own.join().await) });
        let refused = joins.await?.unwrap_err();
        let cycle = refused.downcast_ref::<ScopeError>();
        assert!(
            matches!(cycle, Some(ScopeError::Cycle { .. })),
            "{refused:?}"
        );

        let group = TaskGroup::new(&scope);
        let own = group.clone();
        let waits = group.go(async move { Ok(own.wait().await) }).await?;
        assert!(matches!(waits.await?, Err(WaitError::Cycle(_))));
        group.wait().await?;

        let (tell, told) = channel::bounded::<Once<u8>>(1);
        let once = Once::spawn(&scope, move || async move {
            let own = told.recv().await?;
            match own.get().await {
                Err(OnceError::Recursive) => Ok(7),
                other => Err(Failure::message(format!("{other:?}"))),
            }
        })
        .await?;
        tell.send(once.clone()).await?;
        assert_eq!(*once.get().await?, 7);

        let flights = SingleFlight::spawn(&scope).await?;
        let own = flights.clone();
        let flown = flights.call("key", || async move {
            match own.call("key", || async { Ok(1) }).await {
                Err(FlightError::Recursive) => Ok(7),
                other => Err(Failure::message(format!("{other:?}"))),
            }
        });
        assert_eq!(flown.await?.value, 7);
        Ok(())
    });
}

#[test]
fn a_task_that_sleeps_or_is_stuck_beside_others_that_go_on_is_no_deadlock() {
    check(|scope| async move {
        let stuck = scope.named("stuck")?;
        let nil = stuck.go(async { Ok(channel::never::<u8>().recv().await?) });
        let sleeps = stuck.go(async { Ok(sleep(1.secs()).await?) });
        assert_eq!(
            waits(&scope).await?,
            [Some(WaitKind::Receive), Some(WaitKind::Sleep)]
        );
        sleeps.await?;
        assert!(at_once(async { 1 }).await.is_some());
        nil.cancel("the end of the program");
        Ok(())
    });
}

#[test]
fn the_end_of_the_scope_waits_for_what_is_stuck_and_a_cancel_lets_it_end() {
    check(|scope| async move {
        let (inner_of, inner) = channel::bounded(1);
        let body = scope.scope(move |inner| async move {
            let named = inner.named("stuck")?;
            named.go(async { Ok(channel::never::<u8>().recv().await?) });
            inner_of.send(inner.clone()).await?;
            Ok(())
        });
        let body = scope.go_local(move || body);
        let inner = inner.recv().await?;
        assert_eq!(waits(&scope).await?, [Some(WaitKind::Receive)]);
        assert!(!body.is_finished());
        inner.cancel("stuck");
        body.await?;
        Ok(())
    });
}
