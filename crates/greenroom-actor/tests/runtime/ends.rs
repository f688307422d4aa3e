//! Use after the end, and ends that meet what does not end.

use std::future::IntoFuture as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use greenroom_actor::{
    Actor, ActorContext, Address, AskError, JoinError, Runtime, Scope, ScopeError, SpawnError,
    TellError, TryTellError,
};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep_on};
use greenroom_core::{Result, channel};

use crate::{Echo, Say, is, single, threads, tokio_block_on, within_time};

#[test]
fn a_send_after_close_and_an_ask_to_a_stopped_actor_fail() {
    within_time("a send after the end", || {
        threads()
            .block_on(|scope| async move {
                let (tx, rx) = channel::bounded::<u32>(1);
                drop(rx);
                assert!(tx.send(1).await.is_err());
                assert!(tx.try_send(1).is_err());
                let echo = scope.spawn(|| Echo).await?;
                echo.stop();
                let _reason = echo.closed().await?;
                assert!(matches!(echo.ask(Say(1)).await, Err(AskError::Closed)));
                assert!(matches!(
                    echo.tell(Say(1)).await,
                    Err(TellError::Closed(Say(1)))
                ));
                assert!(matches!(
                    echo.try_tell(Say(1)),
                    Err(TryTellError::Closed(_))
                ));
                echo.stop();
                Ok(())
            })
            .expect("nothing fails");
    });
}

async fn everything_is_refused(runtime: &Runtime, scope: &Scope, echo: &Address<Echo>) {
    let opened = runtime.scope(|_scope| async { Ok(()) }).await;
    let failure = opened.expect_err("no new scope");
    assert!(
        is(&failure, |e| matches!(e, ScopeError::ShutDown)),
        "{failure:?}"
    );
    assert!(matches!(
        scope.go(async { Ok(()) }).await,
        Err(JoinError::Ended)
    ));
    assert!(matches!(scope.spawn(|| Echo).await, Err(SpawnError::Ended)));
    assert!(scope.scope(|_scope| async { Ok(()) }).await.is_err());
    assert!(scope.join().await.is_ok());
    assert!(matches!(
        echo.ask(Say(1)).await,
        Err(AskError::Cancelled(Cause::Shutdown) | AskError::Closed)
    ));
    assert!(echo.try_tell(Say(1)).is_err());
    assert!(echo.closed().await.is_ok());
    assert!(runtime.context().is_done());
    let child = runtime.context().with_timeout(Duration::from_secs(1));
    assert!(child.is_done());
    assert!(sleep_on(&child, Duration::from_secs(1)).await.is_err());
    let snapshot = runtime.snapshot(Duration::from_secs(1)).await;
    assert!(snapshot.actors.is_empty() && snapshot.tasks.is_empty());
    assert!(!runtime.registry().cancel(echo.id(), Cause::Cancelled).await);
    assert!(runtime.shutdown(Duration::ZERO).await.cut.is_empty());
}

#[test]
fn everything_is_refused_after_shutdown() {
    within_time("use after shutdown", || {
        let runtime = threads();
        let (scope, echo) = runtime
            .block_on(|scope| async move { Ok((scope.clone(), scope.spawn(|| Echo).await?)) })
            .expect("nothing fails");
        tokio_block_on(async move {
            assert!(runtime.shutdown(Duration::from_secs(1)).await.is_clean());
            everything_is_refused(&runtime, &scope, &echo).await;
        });
    });
}

#[test]
fn everything_is_refused_after_a_single_thread_has_gone() {
    within_time("use after the thread", || {
        let single = single();
        let (scope, echo) = single
            .block_on(|scope| async move { Ok((scope.clone(), scope.spawn(|| Echo).await?)) })
            .expect("nothing fails");
        let runtime: Runtime = (*single).clone();
        drop(single);
        tokio_block_on(async move { everything_is_refused(&runtime, &scope, &echo).await });
    });
}

#[test]
fn a_start_that_is_given_up_ends_the_actor() {
    struct NeverStarts;
    impl Actor for NeverStarts {
        async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
            std::future::pending().await
        }
    }
    within_time("an actor that never starts", || {
        single()
            .block_on(|scope| async move {
                let patience = scope.context().with_timeout(2.millis());
                let started = patience
                    .run(scope.spawn(|| NeverStarts).into_future())
                    .await?;
                assert!(matches!(started, Err(SpawnError::Deadline)));
                Ok(())
            })
            .expect("the scope ends");
    });
}

#[test]
fn a_shutdown_inside_its_own_task_cuts_that_task() {
    within_time("a shutdown in its own task", || {
        let runtime = threads();
        let inner = runtime.clone();
        let result: Result<()> = runtime.block_on(|_scope| async move {
            let _report = inner.shutdown(Duration::from_millis(1)).await;
            unreachable!("it waits for this task, which it then cancels")
        });
        assert!(result.is_err());
        let after = runtime.block_on(|_scope| async { Ok(()) });
        let failure = after.expect_err("nothing new");
        assert!(is(&failure, |e| matches!(e, ScopeError::ShutDown)));
    });
}

#[test]
fn blocking_code_that_does_not_return_holds_up_neither_shutdown_nor_drop() {
    for shuts_down in [true, false] {
        let (release, released) = mpsc::channel::<()>();
        within_time("the end over blocking code", move || {
            let runtime = threads();
            let (started, is_started) = mpsc::channel();
            let scope = runtime.scope(move |scope| async move {
                scope
                    .go_blocking(move || {
                        started.send(())?;
                        let _released = released.recv();
                        Ok(())
                    })
                    .await?;
                Ok(())
            });
            let ended = thread::spawn(move || tokio_block_on(scope));
            is_started.recv().expect("it starts");
            if shuts_down {
                let report = tokio_block_on(runtime.shutdown(Duration::from_millis(1)));
                assert_eq!(report.cut.len(), 2, "the scope and the code: {report}");
            }
            drop(runtime);
            assert!(ended.join().expect("no panic").is_err());
        });
        drop(release);
    }
}
