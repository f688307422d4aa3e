//! The hub, by the public API: fairness, wake-ups, what a task may do inside its poll and its drop, and
//! the end.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

use greenroom_actor::{CollectedErrors, JoinError, OnError, Placement, Runtime, Scope};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Panics are the subject of some: their messages on stderr are noise.
fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

fn threads(arbiters: usize) -> Runtime {
    Runtime::builder()
        .arbiters(arbiters)
        .build()
        .expect("the threads start")
}

/// Runs a body on one real arbiter, and on a single thread.
fn on_both<F, Fut>(body: F) -> [(&'static str, Result<()>); 2]
where
    F: FnOnce(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let on_an_arbiter = threads(1).block_on(body.clone());
    let on_this_thread = Runtime::builder()
        .single_thread()
        .build()
        .expect("a single-threaded runtime starts")
        .block_on(body);
    [
        ("on an arbiter", on_an_arbiter),
        ("on this thread", on_this_thread),
    ]
}

fn check<F, Fut>(body: F)
where
    F: FnOnce(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    for (place, result) in on_both(body) {
        result.unwrap_or_else(|failure| unreachable!("{place}: {failure:?}"));
    }
}

/// A task that is ready at every turn, until it is told to end. It counts its polls.
async fn busy(stop: Arc<AtomicBool>, polls: Arc<AtomicUsize>) -> Result<()> {
    poll_fn(|cx| {
        polls.fetch_add(1, SeqCst);
        if stop.load(SeqCst) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}

/// Stops the busy ones when it is dropped, so that a failed test ends too.
struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

fn start_busy(scope: &Scope) -> Stop {
    let stop = Arc::new(AtomicBool::new(false));
    for _ in 0..3 {
        scope.go(busy(stop.clone(), Arc::default())).detach();
    }
    Stop(stop)
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "the arbiter's own timers are the subject"
)]
fn a_task_that_is_always_ready_starves_no_timer_of_tokio() {
    check(|scope| async move {
        let _stop = start_busy(&scope);
        tokio::time::sleep(Duration::from_millis(3)).await;
        sleep(3.millis()).await?;
        Ok(())
    });
}

#[test]
fn a_task_that_is_always_ready_starves_no_foreign_task() {
    check(|scope| async move {
        let _stop = start_busy(&scope);
        let foreign = tokio::task::spawn_local(async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            5
        });
        assert_eq!(foreign.await?, 5);
        Ok(())
    });
}

#[test]
fn a_task_that_is_always_ready_starves_no_tcp_connection() {
    check(|scope| async move {
        let _stop = start_busy(&scope);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let _echo = tokio::task::spawn_local(async move {
            let (mut stream, _) = listener.accept().await?;
            let mut buffer = [0; 5];
            stream.read_exact(&mut buffer).await?;
            stream.write_all(&buffer).await
        });
        let echoed = scope.go(async move {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(b"hello").await?;
            let mut buffer = [0; 5];
            stream.read_exact(&mut buffer).await?;
            Ok(buffer)
        });
        assert_eq!(&echoed.await?, b"hello");
        Ok(())
    });
}

#[test]
fn wakes_from_another_thread_without_an_end_starve_no_foreign_task() {
    check(|scope| async move {
        let wakers: Arc<Mutex<Option<Waker>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let woken = scope.go({
            let (wakers, stop) = (wakers.clone(), stop.clone());
            poll_fn(move |cx| {
                *wakers.lock().expect("no panic") = Some(cx.waker().clone());
                if stop.load(SeqCst) {
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending
            })
        });
        let hammer = thread::spawn({
            let (wakers, stop) = (wakers.clone(), stop.clone());
            move || {
                while !stop.load(SeqCst) {
                    let waker = wakers.lock().expect("no panic").clone();
                    if let Some(waker) = waker {
                        waker.wake();
                    }
                }
            }
        });
        let guard = Stop(stop);
        let foreign = tokio::task::spawn_local(async {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
        });
        foreign.await?;
        drop(guard);
        if let Some(waker) = wakers.lock().expect("no panic").take() {
            waker.wake();
        }
        woken.await?;
        hammer.join().expect("it only wakes");
        Ok(())
    });
}

#[test]
fn a_waker_kept_past_its_task_reaches_nobody_and_keeps_nobody_alive() {
    check(|scope| async move {
        let kept: Arc<Mutex<Option<Waker>>> = Arc::default();
        let keep = kept.clone();
        scope
            .go(poll_fn(move |cx| {
                *keep.lock().expect("no panic") = Some(cx.waker().clone());
                Poll::Ready(Ok(()))
            }))
            .await?;
        let polls = Arc::new(AtomicUsize::new(0));
        let token = Arc::new(());
        // The next tenant of the slot.
        let next = scope.go({
            let (polls, token) = (polls.clone(), token.clone());
            async move {
                let _token = token;
                let counted = poll_fn(|_| {
                    polls.fetch_add(1, SeqCst);
                    Poll::<()>::Pending
                });
                counted.await;
                Ok(())
            }
        });
        yield_now().await;
        assert_eq!(polls.load(SeqCst), 1);
        let old = kept.lock().expect("no panic").take().expect("it was kept");
        for _ in 0..10 {
            old.wake_by_ref();
            yield_now().await;
        }
        assert_eq!(
            polls.load(SeqCst),
            1,
            "the old waker polled the next tenant"
        );
        next.cancel("done");
        assert!(matches!(next.await, Err(JoinError::Cancelled(_))));
        yield_now().await;
        assert_eq!(Arc::strong_count(&token), 1);
        old.wake();
        Ok(())
    });
}

async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn a_task_may_wake_spawn_and_cancel_anything_inside_its_poll() {
    check(|scope| async move {
        let victim = scope.go::<(), _>(std::future::pending());
        let (tell_me, me) = std::sync::mpsc::channel();
        let children = Arc::new(AtomicUsize::new(0));
        let task = scope.go({
            let (scope, children) = (scope.clone(), children.clone());
            let mut victim = Some(victim);
            poll_fn(move |cx| {
                for _ in 0..3 {
                    cx.waker().wake_by_ref();
                    let children = children.clone();
                    scope
                        .go(async move {
                            children.fetch_add(1, SeqCst);
                            Ok(())
                        })
                        .detach();
                }
                if let Some(victim) = victim.take() {
                    victim.cancel("by a sibling, in its poll");
                    drop(victim);
                    let handle: greenroom_actor::JoinHandle<()> =
                        me.recv().map_err(greenroom_core::Failure::from)?;
                    // Oneself.
                    handle.cancel("by itself, in its poll");
                    handle.detach();
                }
                Poll::<Result<()>>::Pending
            })
        });
        tell_me.send(task).expect("the task waits for it");
        scope.join().await?;
        assert!(children.load(SeqCst) >= 3);
        Ok(())
    });
}

/// Does something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_task_may_wake_spawn_and_cancel_anything_inside_its_drop() {
    check(|scope| async move {
        let ran = Arc::new(AtomicUsize::new(0));
        let other = scope.go::<(), _>(std::future::pending());
        let task = scope.go::<(), _>({
            let (scope, ran) = (scope.clone(), ran.clone());
            async move {
                let waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
                let _on_drop = OnDrop(move || {
                    waker.wake_by_ref();
                    other.cancel("by a sibling, in its drop");
                    let ran = ran.clone();
                    scope
                        .go(async move {
                            ran.fetch_add(1, SeqCst);
                            Ok(())
                        })
                        .detach();
                });
                std::future::pending().await
            }
        });
        yield_now().await;
        task.cancel("now");
        scope.join().await?;
        assert_eq!(ran.load(SeqCst), 1);
        Ok(())
    });
}

#[test]
fn a_hundred_thousand_wakes_from_eight_threads_are_all_seen() {
    const EACH: usize = 12_500;
    check(|scope| async move {
        let sent = Arc::new(AtomicUsize::new(0));
        let (give, take) = std::sync::mpsc::channel::<Waker>();
        let all = scope.go({
            let sent = sent.clone();
            let mut give = Some(give);
            poll_fn(move |cx| {
                if let Some(give) = give.take() {
                    for _ in 0..8 {
                        give.send(cx.waker().clone())?;
                    }
                }
                if sent.load(SeqCst) == 8 * EACH {
                    return Poll::Ready(Ok(()));
                }
                Poll::Pending
            })
        });
        yield_now().await;
        let wakers: Vec<_> = take.iter().collect();
        let hands: Vec<_> = wakers
            .into_iter()
            .map(|waker| {
                let sent = sent.clone();
                thread::spawn(move || {
                    for i in 0..EACH {
                        sent.fetch_add(1, SeqCst);
                        waker.wake_by_ref();
                        if i % 100 == 0 {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        // If the last wake were lost, this would wait for ever: nothing else runs here.
        all.await?;
        for hand in hands {
            hand.join().expect("it only wakes");
        }
        Ok(())
    });
}

#[test]
fn a_task_that_is_woken_many_times_is_polled_once() {
    check(|scope| async move {
        let polls = Arc::new(AtomicUsize::new(0));
        let waker: Arc<Mutex<Option<Waker>>> = Arc::default();
        let task = scope.go::<(), _>({
            let (polls, waker) = (polls.clone(), waker.clone());
            poll_fn(move |cx| {
                let poll = polls.fetch_add(1, SeqCst);
                *waker.lock().expect("no panic") = Some(cx.waker().clone());
                if poll == 0 {
                    for _ in 0..10 {
                        cx.waker().wake_by_ref();
                    }
                }
                Poll::Pending
            })
        });
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(polls.load(SeqCst), 2);
        let woken = waker
            .lock()
            .expect("no panic")
            .clone()
            .expect("it was polled");
        for _ in 0..10 {
            woken.wake_by_ref();
        }
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(polls.load(SeqCst), 3);
        task.cancel("done");
        Ok(())
    });
}

struct PanicsOnDrop;

impl Drop for PanicsOnDrop {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

#[test]
fn a_panic_in_a_task_its_drop_or_its_maker_ends_that_task_only() {
    quiet();
    let results = on_both(|scope| async move {
        scope.set_on_error(OnError::Collect);
        let alive = scope.go(async {
            sleep(5.millis()).await?;
            Ok(7)
        });
        let in_poll = scope.go::<(), _>(async {
            yield_now().await;
            panic!("in a poll")
        });
        let in_drop_when_done = scope.go(Holds(PanicsOnDrop));
        let in_drop_when_cancelled = scope.go::<(), _>(async {
            let _held = PanicsOnDrop;
            std::future::pending().await
        });
        let in_maker =
            scope.go_local(|| -> std::future::Ready<Result<()>> { panic!("in a maker") });
        yield_now().await;
        in_drop_when_cancelled.cancel("now");
        for (handle, text) in [
            (in_poll, "in a poll"),
            (in_drop_when_done, "in a drop"),
            (in_drop_when_cancelled, "in a drop"),
            (in_maker, "in a maker"),
        ] {
            let Err(JoinError::Panicked(panic)) = handle.await else {
                unreachable!("{text}: it panicked")
            };
            assert_eq!(panic.message(), Some(text));
        }
        assert_eq!(alive.await?, 7);
        Ok(())
    });
    for (place, result) in results {
        let failure = result.expect_err("four of its children failed");
        let all: &CollectedErrors = failure.downcast_ref().expect("they are collected");
        assert_eq!(all.errors().len(), 4, "{place}");
    }
}

/// A future that is done at once, with its value still inside.
struct Holds(PanicsOnDrop);

impl Future for Holds {
    type Output = Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Counts its drops.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn shutdown_drops_every_task_once() {
    const TASKS: usize = 1000;
    let dropped = Arc::new(AtomicUsize::new(0));
    let runtime = threads(2);
    let (started, is_started) = std::sync::mpsc::channel();
    let running = thread::spawn({
        let (runtime, dropped) = (runtime.clone(), dropped.clone());
        move || {
            runtime.block_on(move |scope| async move {
                for _ in 0..TASKS {
                    let counted = Counted(dropped.clone());
                    scope
                        .on(Placement::Spread)
                        .go::<(), _>(async move {
                            let _counted = counted;
                            // Foreign to the kernel: nothing but a drop ends it.
                            std::future::pending().await
                        })
                        .detach();
                }
                started.send(())?;
                Ok(())
            })
        }
    });
    is_started.recv().expect("the body runs");
    let report = futures_util::FutureExt::now_or_never(runtime.shutdown(Duration::ZERO));
    assert!(report.is_none(), "it waits for what it has cancelled");
    let report = other_thread_block_on(async move { runtime.shutdown(Duration::ZERO).await });
    assert!(report.stuck.is_empty(), "{report:?}");
    let _returned = running.join().expect("it returns");
    assert_eq!(dropped.load(SeqCst), TASKS);
}

fn other_thread_block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("tokio starts")
        .block_on(future)
}
