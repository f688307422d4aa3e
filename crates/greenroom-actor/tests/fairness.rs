//! A busy actor starves nobody: neighbours, its own stop, its own mailbox.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use greenroom_actor::{Actor, ActorContext, Handler, Placement, Runtime, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Result};

/// Panics are the subject of one: their messages on stderr are noise.
fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

/// Runs a body on two real arbiters, and on a single thread under some seeds.
fn check<F, Fut>(body: F)
where
    F: FnOnce(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    quiet();
    for seed in 0..4 {
        let runtime = Runtime::builder()
            .single_thread()
            .paused()
            .seed(seed)
            .build()
            .expect("a single-threaded runtime starts");
        runtime
            .block_on(body.clone())
            .unwrap_or_else(|failure| unreachable!("seed {seed}: {failure:?}"));
        let left = runtime.registry().actors(runtime.context().now());
        assert!(left.is_empty(), "seed {seed}: {left:?}");
    }
    Runtime::builder()
        .arbiters(2)
        .build()
        .expect("the threads start")
        .block_on(body)
        .unwrap_or_else(|failure| unreachable!("on arbiters: {failure:?}"));
}

struct Counts(u32);
struct Count;
struct Fail;

impl Actor for Counts {}

impl Handler<Count> for Counts {
    type Reply = u32;
    async fn handle(&mut self, _: Count, _cx: &mut ActorContext<Self>) -> u32 {
        self.0 += 1;
        self.0
    }
}

impl Handler<Fail> for Counts {
    type Reply = ();
    async fn handle(&mut self, _: Fail, _cx: &mut ActorContext<Self>) {
        panic!("on purpose");
    }
}

struct Flooded {
    handled: Arc<AtomicUsize>,
    messages: Messages,
}

#[derive(Clone, Copy)]
enum Messages {
    Others,
    Itself,
    AStream,
}

struct Drop1;
struct Begin;

impl Actor for Flooded {}

impl Handler<Drop1> for Flooded {
    type Reply = ();
    async fn handle(&mut self, _: Drop1, cx: &mut ActorContext<Self>) {
        self.handled.fetch_add(1, SeqCst);
        if let (Messages::Itself, Some(me)) = (self.messages, cx.address()) {
            let _full = me.try_tell(Drop1);
        }
    }
}

impl Handler<Begin> for Flooded {
    type Reply = ();
    async fn handle(&mut self, _: Begin, cx: &mut ActorContext<Self>) {
        match self.messages {
            Messages::AStream => {
                cx.attach(futures_util::stream::repeat(()), |()| Drop1);
            }
            _ => {
                if let Some(me) = cx.address() {
                    let _full = me.try_tell(Drop1);
                }
            }
        }
    }
}

#[test]
fn a_flooded_actor_starves_neither_its_neighbours_nor_its_own_stop_nor_its_mailbox() {
    for messages in [Messages::Others, Messages::Itself, Messages::AStream] {
        check(move |scope| async move {
            let scope = scope.on(Placement::Arbiter(0));
            let handled = Arc::new(AtomicUsize::new(0));
            let flooded = {
                let handled = handled.clone();
                scope
                    .spawn(move || Flooded {
                        handled: handled.clone(),
                        messages,
                    })
                    .await?
            };
            let other = scope.spawn(|| Counts(0)).await?;
            let stop = Arc::new(AtomicBool::new(false));
            flooded.ask(Begin).await?;
            if let Messages::Others = messages {
                for _ in 0..2 {
                    let (flooded, stop) = (flooded.clone(), stop.clone());
                    scope
                        .go(async move {
                            while !stop.load(SeqCst) {
                                flooded.tell(Drop1).await?;
                            }
                            Ok(())
                        })
                        .detach();
                }
            }
            for n in 1..=20 {
                let before = handled.load(SeqCst);
                assert_eq!(other.ask(Count).await?, n);
                let meanwhile = handled.load(SeqCst) - before;
                assert!(
                    meanwhile <= 64 * 20,
                    "{meanwhile} before a neighbour's answer"
                );
            }
            // Its own mailbox.
            flooded.ask(Drop1).await?;
            stop.store(true, SeqCst);
            if let Messages::Others = messages {
                scope.join().await?;
            }
            flooded.stop();
            assert!(matches!(flooded.closed().await?, ExitReason::Normal));
            Ok(())
        });
    }
}

#[test]
fn an_actor_with_an_endless_stream_ends_when_its_last_address_is_gone() {
    check(|scope| async move {
        let flooded = scope
            .spawn(|| Flooded {
                handled: Arc::default(),
                messages: Messages::AStream,
            })
            .await?;
        flooded.ask(Begin).await?;
        let closed = flooded.closed();
        drop(flooded);
        assert!(matches!(closed.await?, ExitReason::Normal));
        Ok(())
    });
}

#[test]
fn an_actor_that_fails_at_every_message_starves_nobody() {
    check(|scope| async move {
        let builds = Arc::new(AtomicUsize::new(0));
        let fails = scope
            .spawn({
                let builds = builds.clone();
                move || {
                    builds.fetch_add(1, SeqCst);
                    Counts(0)
                }
            })
            .unbounded_mailbox()
            .intensity(usize::MAX, Duration::from_secs(1))
            .await?;
        for _ in 0..500 {
            fails.try_tell(Fail)?;
        }
        let mut built = BTreeSet::new();
        while builds.load(SeqCst) < 500 {
            built.insert(builds.load(SeqCst));
            sleep(0.millis()).await?;
            yield_now().await;
        }
        assert!(built.len() > 2, "all restarts took one turn: {built:?}");
        Ok(())
    });
}

async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if yielded {
            return std::task::Poll::Ready(());
        }
        yielded = true;
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
