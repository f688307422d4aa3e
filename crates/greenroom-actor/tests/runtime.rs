//! Misuse of a runtime: each case gives its own error or has a stated meaning; none panics, none hangs.

use std::future::IntoFuture as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use greenroom_actor::{
    Actor, ActorContext, Address, AskError, Handler, JoinError, JoinHandle, Runtime, RuntimeError,
    Scope, ScopeError, SingleThread, SpawnError, TellError, TryTellError,
};
use greenroom_core::channel;
use greenroom_core::error::{Cause, NameError};
use greenroom_core::time::{Durations, sleep, sleep_on};
use greenroom_core::{Failure, Result};

fn threads() -> Runtime {
    Runtime::builder()
        .arbiters(2)
        .build()
        .expect("the threads start")
}

fn single() -> SingleThread {
    Runtime::builder()
        .single_thread()
        .build()
        .expect("a single-threaded runtime starts")
}

/// Runs something on a thread of its own, and fails if it has not returned after a while.
fn within_time<T: Send + 'static>(what: &str, f: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = f();
        let _unheard = done.send(());
        result
    });
    match is_done.recv_timeout(Duration::from_secs(10)) {
        Err(mpsc::RecvTimeoutError::Timeout) => unreachable!("{what} hangs"),
        _ => thread
            .join()
            .unwrap_or_else(|_| unreachable!("{what} panicked")),
    }
}

fn tokio_block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("tokio starts")
        .block_on(future)
}

fn is<E: std::error::Error + 'static>(failure: &Failure, check: impl FnOnce(&E) -> bool) -> bool {
    failure.downcast_ref::<E>().is_some_and(check)
}

struct Echo;
struct Say(u32);

impl Actor for Echo {}

impl Handler<Say> for Echo {
    type Reply = u32;
    async fn handle(&mut self, Say(n): Say, _cx: &mut ActorContext<Self>) -> u32 {
        n
    }
}

#[test]
fn zero_arbiters_are_refused() {
    let error = Runtime::builder().arbiters(0).build();
    assert!(matches!(error, Err(RuntimeError::NoArbiters)));
}

#[test]
fn a_capacity_of_zero_is_a_rendezvous_for_channels_and_mailboxes() {
    within_time("a capacity of 0", || {
        single()
            .block_on(|scope| async move {
                let (tx, rx) = channel::bounded::<u32>(0);
                assert!(tx.try_send(1).is_err());
                let sent = scope.go(async move { Ok(tx.send(5).await?) });
                assert_eq!(rx.recv().await?, 5);
                sent.await?;
                let echo = scope.spawn(|| Echo).mailbox(0).await?;
                assert_eq!(echo.ask(Say(7)).await?, 7);
                Ok(())
            })
            .expect("nothing fails");
    });
}

#[test]
fn names_that_are_taken_or_invalid_are_refused() {
    single()
        .block_on(|scope| async move {
            let first = scope.spawn(|| Echo).name("echo").await?;
            let taken = scope.spawn(|| Echo).name("echo").await;
            assert!(
                matches!(taken, Err(SpawnError::NameTaken { name, holder }) if name == "echo" && holder == *first.id())
            );
            let empty = scope.spawn(|| Echo).name("").await;
            assert!(matches!(empty, Err(SpawnError::Name(NameError::Empty))));
            let slash = scope.spawn(|| Echo).name("a/b").await;
            assert!(matches!(slash, Err(SpawnError::Name(NameError::Slash(_)))));
            let group = scope.spawn(|| Echo).group("").await;
            assert!(matches!(group, Err(SpawnError::Name(NameError::Empty))));
            assert_eq!(scope.len(), 1, "what was refused has left the scope");
            Ok(())
        })
        .expect("the scope is not affected");
}

#[test]
fn a_deadline_in_the_past_has_ended_already() {
    single()
        .block_on(|scope| async move {
            let now = scope.context().now();
            let past = scope.context().with_deadline(now - Duration::from_secs(1));
            assert!(past.err().is_some_and(|error| error.is_deadline()));
            let echo = scope.spawn(|| Echo).await?;
            let asked = past.run(echo.ask(Say(1))).await?;
            assert!(matches!(asked, Err(AskError::DeadlineInMailbox)));
            assert!(past.run(sleep(1.secs())).await?.is_err());
            Ok(())
        })
        .expect("nothing fails");
}

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
fn block_on_inside_a_task_is_an_error() {
    within_time("block_on inside a task", || {
        let runtime = threads();
        let inner = runtime.clone();
        runtime
            .block_on(|_scope| async move {
                let failure = inner
                    .block_on(|_scope| async { Ok(()) })
                    .expect_err("it would block the arbiter");
                assert!(is(&failure, |e| matches!(e, RuntimeError::OnArbiter)));
                let another = threads();
                assert!(another.block_on(|_scope| async { Ok(()) }).is_err());
                assert!(matches!(
                    Runtime::builder().single_thread().build(),
                    Err(RuntimeError::InsideAsync)
                ));
                Ok(())
            })
            .expect("nothing fails");
    });
}

#[test]
fn block_on_inside_tokio_works_on_threads_and_is_an_error_on_one() {
    within_time("block_on inside tokio", || {
        let one = single();
        tokio_block_on(async {
            assert_eq!(threads().block_on(|_scope| async { Ok(5) }).ok(), Some(5));
            let failure = one
                .block_on(|_scope| async { Ok(()) })
                .expect_err("it would block the thread");
            assert!(is(&failure, |e| matches!(e, RuntimeError::InsideAsync)));
            assert!(one.shutdown(Duration::ZERO).is_clean());
        });
        assert!(one.block_on(|_scope| async { Ok(()) }).is_err());
    });
}

#[test]
fn the_handle_of_a_single_thread_says_that_it_needs_its_thread() {
    let one = single();
    let runtime: Runtime = (*one).clone();
    let failure = runtime
        .block_on(|_scope| async { Ok(()) })
        .expect_err("it cannot run");
    assert!(is(&failure, |e| matches!(e, RuntimeError::NeedsItsThread)));
}

#[test]
fn joining_a_scope_inside_it_is_an_error() {
    within_time("join inside the scope", || {
        single()
            .block_on(|scope| async move {
                let outer = scope.clone();
                let in_a_task = scope.go(async move { Ok(cycle(outer.join().await)) });
                assert!(in_a_task.await?);
                let outer = scope.clone();
                let in_an_inner_body = scope
                    .scope(|_inner| async move { Ok(cycle(outer.join().await)) })
                    .await?;
                assert!(in_an_inner_body);
                let outer = scope.clone();
                let deep = scope
                    .scope(|inner| async move {
                        let deep = inner.go(async move { Ok(cycle(outer.join().await)) });
                        Ok(deep.await?)
                    })
                    .await?;
                assert!(deep);
                // The body may, and so may somebody outside, whatever their paths.
                scope.join().await?;
                let foreign = scope.clone();
                let other = threads();
                other
                    .scope(|scope| async move {
                        Ok(scope.go(async move { foreign.join().await }).await?)
                    })
                    .await?;
                Ok(())
            })
            .expect("nothing fails");
    });
}

fn cycle(joined: Result<()>) -> bool {
    joined.is_err_and(|failure| is(&failure, |e| matches!(e, ScopeError::Cycle { .. })))
}

struct Joins;
struct Join;

impl Actor for Joins {}

impl Handler<Join> for Joins {
    type Reply = bool;
    async fn handle(&mut self, _: Join, cx: &mut ActorContext<Self>) -> bool {
        cx.scope().join().await.is_ok()
    }
}

#[test]
fn an_actor_may_join_the_tasks_of_its_scope() {
    within_time("join in a handler", || {
        single()
            .block_on(|scope| async move {
                let joins = scope.spawn(|| Joins).await?;
                scope.go(async { Ok(sleep(1.millis()).await?) }).detach();
                assert!(joins.ask(Join).await?);
                Ok(())
            })
            .expect("nothing fails");
    });
}

#[test]
fn awaiting_ones_own_handle_is_an_error() {
    within_time("awaiting oneself", || {
        single()
            .block_on(|scope| async move {
                let (tx, rx) = channel::bounded::<JoinHandle<bool>>(1);
                let task = scope.go(async move {
                    let me = rx.recv().await?;
                    Ok(matches!(me.await, Err(JoinError::Cycle(_))))
                });
                let id = task.id().cloned();
                tx.send(task).await?;
                scope.join().await?;
                assert!(id.is_some());
                Ok(())
            })
            .expect("nothing fails");
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
                assert_eq!(report.cut.len(), 1);
            }
            drop(runtime);
            assert!(ended.join().expect("no panic").is_err());
        });
        drop(release);
    }
}
