//! Each kind of host.

use std::sync::mpsc;
use std::thread;

use greenroom::prelude::*;
use tokio::runtime::{Builder, Handle};

use super::{Add, Counter, threads, within_time, works, works_inside, works_outside};

#[test]
fn a_sync_main() {
    within_time("a sync main", || {
        let runtime = Runtime::new().expect("it starts");
        let inner = runtime.clone();
        let two = runtime.block_on(|scope| async move {
            works_inside(&inner).await?;
            let counter = scope.spawn(|| Counter(0)).await?;
            counter.tell(Add(1)).await?;
            Ok(counter.ask(Add(1)).await?)
        });
        assert_eq!(two.ok(), Some(2));
    });
}

#[test]
fn an_executor_that_is_not_tokio() {
    within_time("a foreign executor", || pollster(std::pin::pin!(works())));
}

/// The smallest executor there is.
fn pollster<F: Future>(mut future: std::pin::Pin<&mut F>) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: std::sync::Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = std::sync::Arc::new(Unpark(thread::current())).into();
    let mut cx = std::task::Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(output) => return output,
            std::task::Poll::Pending => thread::park(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tokio_main_of_several_threads() {
    works().await;
}

#[tokio::test(flavor = "current_thread")]
async fn a_tokio_main_of_one_thread() {
    works().await;
}

#[test]
fn a_tokio_runtime_made_by_hand() {
    within_time("tokio by hand", || {
        for mut builder in [Builder::new_multi_thread(), Builder::new_current_thread()] {
            let tokio = builder.enable_all().build().expect("it starts");
            tokio.block_on(async {
                // A task may move between threads at each await, its runtime with it.
                tokio::spawn(works()).await.expect("no panic");
                works().await;
            });
            // One without timers and input of its own.
            let bare = Builder::new_current_thread().build().expect("it starts");
            bare.block_on(works());
        }
    });
}

#[tokio::test]
async fn the_blocking_pool_of_tokio() {
    let sum = tokio::task::spawn_blocking(|| {
        let runtime = threads(1);
        runtime.block_on(|scope| async move {
            let counter = scope.spawn(|| Counter(40)).await?;
            let asked = scope.go_blocking(move || Ok(counter.ask_blocking(Add(2))?));
            Ok(asked.await?)
        })
    });
    assert_eq!(sum.await.expect("no panic").ok(), Some(42));
    tokio::task::spawn_blocking(|| Handle::current().block_on(works()))
        .await
        .expect("no panic");
}

#[test]
fn a_plain_foreign_thread() {
    within_time("a foreign thread", || {
        let runtime = threads(2);
        let (give, take) = mpsc::channel();
        let foreign = thread::spawn(move || {
            let counter: Address<Counter> = take.recv().expect("it is sent");
            let sum = counter.ask_blocking(Add(2)).expect("it answers");
            counter.tell_blocking(Add(1)).expect("there is room");
            sum
        });
        let inner = runtime.clone();
        runtime
            .block_on(|scope| async move {
                let counter = scope.spawn(|| Counter(0)).await?;
                let watched = counter.downgrade();
                give.send(counter)?;
                works_inside(&inner).await?;
                // The foreign thread has the last address.
                watched.closed().await?;
                Ok(())
            })
            .expect("nothing fails");
        assert_eq!(foreign.join().expect("no panic"), 2);
        // A runtime made on one thread, used on another, dropped on a third.
        let moved = thread::spawn(move || {
            runtime
                .block_on(|_scope| async { Ok(()) })
                .expect("it runs");
            runtime
        });
        let runtime = moved.join().expect("no panic");
        thread::spawn(move || drop(runtime))
            .join()
            .expect("no panic");
    });
}

/// A library that knows of its host no more than this handle.
fn library(host: &Handle) -> Result<u64> {
    let runtime = threads(1);
    let (done, is_done) = mpsc::channel();
    let inside = runtime.clone();
    let task = host.spawn(async move {
        works_inside(&inside).await.expect("it works inside");
        works_outside(&inside).await.expect("it works outside");
        done.send(7)
    });
    let sent = is_done.recv()?;
    assert_eq!(
        host.block_on(runtime.scope(|_scope| async { Ok(5) })).ok(),
        Some(5)
    );
    host.block_on(task)??;
    Ok(sent)
}

#[test]
fn a_library_that_is_handed_a_tokio_handle() {
    within_time("a library", || {
        let tokio = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("it starts");
        let handle = tokio.handle().clone();
        let seven = thread::spawn(move || library(&handle)).join();
        assert_eq!(seven.expect("no panic").ok(), Some(7));
    });
}

#[test]
fn an_actix_system_and_its_arbiters() {
    within_time("an actix system", || {
        actix_rt::System::new().block_on(async {
            works().await;
            actix_rt::spawn(works()).await.expect("no panic");
            let worker = actix_rt::Arbiter::new();
            let (done, is_done) = channel::rendezvous();
            worker.spawn(async move {
                works().await;
                done.send(()).await.expect("it is received");
            });
            is_done.recv().await.expect("the worker has worked");
            worker.stop();
        });
    });
}

#[test]
fn two_runtimes_do_not_meet() {
    within_time("two runtimes", || {
        let (one, other) = (threads(1), threads(1));
        let (inside_one, inside_other) = (one.clone(), other.clone());
        one.block_on(|scope| async move {
            let held = scope
                .spawn(|| Counter(1))
                .name("counter")
                .group("all")
                .await?;
            let handle = inside_other.clone();
            inside_other
                .scope(|scope| async move {
                    // The same name again, and nobody of the first.
                    assert!(handle.whereis::<Counter>("counter").is_err());
                    let mine = scope
                        .spawn(|| Counter(10))
                        .name("counter")
                        .group("all")
                        .await?;
                    assert_eq!(handle.whereis::<Counter>("counter")?.ask(Add(0)).await?, 10);
                    assert_eq!(handle.group::<Counter>("all")?.len(), 1);
                    assert_eq!(mine.ask(Add(0)).await?, 10);
                    assert!(
                        scope
                            .context()
                            .root_id()
                            .is_same(handle.context().root_id())
                    );
                    Ok(())
                })
                .await?;
            assert_eq!(
                inside_one
                    .whereis::<Counter>("counter")?
                    .ask(Add(0))
                    .await?,
                1
            );
            assert!(!one_is_other(&inside_one, &inside_other));
            assert_eq!(held.ask(Add(0)).await?, 1);
            Ok(())
        })
        .expect("nothing fails");
        drop(other);
        // The end of one is not the end of the other.
        assert!(!one.context().is_done());
        assert_eq!(one.block_on(|_scope| async { Ok(5) }).ok(), Some(5));
    });
}

fn one_is_other(one: &Runtime, other: &Runtime) -> bool {
    one.context().root_id().is_same(other.context().root_id())
}

#[test]
fn a_runtime_in_each_of_100_parallel_threads() {
    within_time("100 runtimes", || {
        let all: Vec<_> = (0..100_u64)
            .map(|n| {
                thread::spawn(move || {
                    let runtime = Runtime::new()?;
                    let handle = runtime.clone();
                    runtime.block_on(move |scope| async move {
                        let counter = scope.spawn(move || Counter(n)).name("counter").await?;
                        assert_eq!(counter.ask(Add(0)).await?, n);
                        let alive = handle.snapshot(std::time::Duration::from_secs(30)).await;
                        assert_eq!(alive.actors.len(), 1);
                        Ok(())
                    })
                })
            })
            .collect();
        for one in all {
            one.join().expect("no panic").expect("it works");
        }
    });
}
