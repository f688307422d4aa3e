//! Where a runtime is made and dropped: never a panic, never a hang.

use std::sync::mpsc;
use std::time::Duration;

use greenroom::prelude::*;

use super::{Add, Counter, Never, threads, within_time};

/// A runtime with work in it that does not end by itself.
async fn busy() -> Runtime {
    let runtime = threads(1);
    let (begun, is_begun) = channel::rendezvous();
    let open = runtime.scope(|scope| async move {
        let counter = scope.spawn(|| Counter(0)).await?;
        let _waits = scope.go(async move { Ok(counter.ask(Never).await?) });
        begun.send(()).await?;
        std::future::pending::<Result<()>>().await
    });
    futures_util::pin_mut!(open);
    match futures_util::future::select(open, std::pin::pin!(is_begun.recv())).await {
        futures_util::future::Either::Left((ended, _)) => ended.expect("it does not end"),
        futures_util::future::Either::Right((begun, _)) => begun.expect("it begins"),
    }
    runtime
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn made_and_dropped_in_tokio_of_several_threads() {
    for _ in 0..10 {
        drop(busy().await);
        tokio::spawn(async { drop(busy().await) })
            .await
            .expect("no panic");
    }
}

#[tokio::test]
async fn made_and_dropped_in_tokio_of_one_thread() {
    for _ in 0..10 {
        drop(busy().await);
    }
    let set = tokio::task::LocalSet::new();
    set.run_until(async { drop(busy().await) }).await;
}

#[tokio::test]
async fn dropped_on_the_blocking_pool_of_tokio() {
    let runtime = busy().await;
    tokio::task::spawn_blocking(move || drop(runtime))
        .await
        .expect("no panic");
}

#[test]
fn made_and_dropped_in_an_actix_system() {
    within_time("the drop in actix", || {
        actix_rt::System::new().block_on(async {
            for _ in 0..10 {
                drop(busy().await);
            }
        });
    });
}

#[test]
fn dropped_after_its_tokio_host_has_gone() {
    within_time("the drop after the host", || {
        let tokio = tokio::runtime::Runtime::new().expect("it starts");
        let runtime = tokio.block_on(busy());
        drop(tokio);
        drop(runtime);
    });
}

#[test]
fn the_last_handle_is_dropped_in_each_place_of_its_own() {
    within_time("the drop inside", || {
        for place in 0..5 {
            let runtime = threads(1);
            let inside = runtime.clone();
            let (give, take) = mpsc::channel::<Runtime>();
            let (gone, is_gone) = mpsc::channel::<()>();
            let open = runtime.scope(move |scope| async move {
                let others = take.recv()?;
                drop(others);
                let last = move || {
                    drop(inside);
                    gone.send(())
                };
                match place {
                    0 => last()?,
                    1 => scope.go(async move { Ok(last()?) }).await?,
                    2 => scope.go_blocking(move || Ok(last()?)).await?,
                    3 => {
                        let dropper = scope.spawn(|| Dropper).await?;
                        dropper.ask(Do(Box::new(move || last().is_ok()))).await?;
                    }
                    // A task of the arbiter's own tokio runtime, which no scope knows of.
                    _ => {
                        tokio::spawn(async move { last().is_ok() }).await?;
                    }
                }
                std::future::pending::<Result<()>>().await
            });
            give.send(runtime).expect("it is taken");
            let host = tokio::runtime::Builder::new_current_thread()
                .build()
                .expect("it starts");
            let ended = host.block_on(open);
            assert!(
                ended.is_err(),
                "the end of the runtime is the end of its scope"
            );
            assert!(is_gone.recv().is_ok(), "place {place} was reached");
        }
    });
}

struct Dropper;
struct Do(Box<dyn FnOnce() -> bool + Send>);

impl Actor for Dropper {}

impl Handler<Do> for Dropper {
    type Reply = bool;

    async fn handle(&mut self, Do(f): Do, _cx: &mut ActorContext<Self>) -> bool {
        f()
    }
}

#[tokio::test]
async fn a_shutdown_in_tokio_says_what_it_cut() {
    let runtime = busy().await;
    let report = runtime.shutdown(Duration::from_millis(10)).await;
    // The scope's future is gone, and with it the scope: nothing was left to cut.
    assert!(
        report.stuck.is_empty() && report.panics.is_empty(),
        "{report:?}"
    );
}

#[tokio::test]
async fn a_scope_that_was_awaited_is_closed_for_a_shutdown_at_once() {
    for _ in 0..20 {
        let runtime = threads(1);
        let counter = runtime.scope(|scope| async move { Ok(scope.spawn(|| Counter(0)).await?) });
        let counter = counter.await.expect("it starts");
        assert!(runtime.shutdown(Duration::ZERO).await.is_clean());
        assert!(counter.ask(Add(1)).await.is_err());
    }
}
