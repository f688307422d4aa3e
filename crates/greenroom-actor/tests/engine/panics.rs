//! A panic where an actor runs the code of its user.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use greenroom_actor::{AskError, Restart, Runtime, SpawnError};
use greenroom_core::ExitReason;
use greenroom_core::time::{Durations, sleep};

use crate::{At, Bomb, Count, Go, Probe, Trace, check, factory, quiet};

#[test]
fn a_panic_while_it_serves_rebuilds_the_actor_and_keeps_its_queue() {
    for at in [
        At::Handler,
        At::AfterAnAwait,
        At::Timer,
        At::TimerMaker,
        At::StreamItem,
        At::StreamMap,
        At::PayloadThatPanics,
    ] {
        check(move |scope| async move {
            let trace = Arc::new(Trace::default());
            let probe = scope.spawn(factory(&trace, None)).await?;
            assert_eq!(probe.ask(Count).await?, 1);
            let asked = probe.ask(Go(at)).await;
            let is_at_once = matches!(at, At::Handler | At::AfterAnAwait | At::PayloadThatPanics);
            match asked {
                Err(AskError::Panicked(panic)) => {
                    assert!(is_at_once, "{at:?}");
                    assert!(panic.doing().is_some_and(|doing| doing.ends_with("Go")));
                }
                other => assert!(!is_at_once, "{at:?}: {other:?}"),
            }
            while trace.built.load(SeqCst) < 2 {
                sleep(1.millis()).await?;
            }
            // The same address, a fresh state.
            assert_eq!(probe.ask(Count).await?, 1, "{at:?}");
            assert_eq!(
                trace.stopping.load(SeqCst),
                0,
                "no hook runs on a broken state"
            );
            probe.stop();
            assert!(matches!(probe.closed().await?, ExitReason::Normal));
            assert_eq!(trace.stopped.load(SeqCst), 1);
            Ok(())
        });
    }
}

#[test]
fn a_panic_at_a_restart_counts_as_another_failure() {
    for at in [At::Factory, At::Started] {
        quiet();
        let runtime = Runtime::builder()
            .single_thread()
            .paused()
            .build()
            .expect("a single-threaded runtime starts");
        let trace = Arc::new(Trace::default());
        let made = factory(&trace, Some(at));
        let result = runtime.block_on(move |scope| async move {
            let probe = scope.spawn(made).await?;
            let queued = probe.clone();
            let asked = scope.go(async move { Ok(queued.ask(Go(At::AfterAnAwait)).await) });
            sleep(1.millis()).await?;
            let behind = probe.ask(Count).await;
            assert!(
                matches!(behind, Err(AskError::Restarting | AskError::Cancelled(_))),
                "{at:?}: {behind:?}"
            );
            assert!(matches!(asked.await?, Err(AskError::Panicked(_))));
            Ok(())
        });
        assert!(result.is_err(), "{at:?}: its failure is the scope's");
        // The first, and three attempts more.
        assert_eq!(trace.built.load(SeqCst), 4, "{at:?}");
    }
}

#[test]
fn a_panic_in_a_first_start_is_the_spawners() {
    check(|scope| async move {
        let failed = scope.spawn(|| -> Probe { panic!("in the factory") }).await;
        assert!(matches!(failed, Err(SpawnError::Panicked(_))));
        let trace = Arc::new(Trace::default());
        let in_started = move || Probe {
            at: Some(At::Started),
            trace: trace.clone(),
            handled: 0,
            bomb: Bomb(false),
        };
        let failed = scope.spawn(in_started).await;
        assert!(matches!(failed, Err(SpawnError::Panicked(_))));
        Ok(())
    });
}

#[test]
fn a_panic_as_it_ends_is_its_exit_reason() {
    for at in [At::Stopping, At::Stopped, At::DropOfTheState] {
        check(move |scope| async move {
            let trace = Arc::new(Trace::default());
            let probe = scope
                .spawn(factory(&trace, Some(at)))
                .restart(Restart::Temporary)
                .await?;
            if at == At::DropOfTheState {
                probe.ask(Go(at)).await?;
            } else {
                probe.stop();
            }
            let reason = probe.closed().await?;
            let ExitReason::Panicked(panic) = &reason else {
                unreachable!("{at:?}: {reason:?}")
            };
            assert!(panic.doing().is_some());
            assert_eq!(trace.stopping.load(SeqCst), 1);
            assert_eq!(trace.stopped.load(SeqCst), 1);
            assert!(matches!(probe.ask(Count).await, Err(AskError::Closed)));
            Ok(())
        });
    }
}
