//! Actors, addresses, restarts, by the public API.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::{
    Actor, ActorContext, AskError, Handler, HandlerLater, LookupError, Overflow, ReplyTo, Restart,
    Runtime, SingleThread, SpawnError, TellError, TryTellError,
};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, ExitReason, Failure, Panic, Result};

const SEEDS: std::ops::Range<u64> = 0..8;

fn paused(seed: u64) -> SingleThread {
    quiet();
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

/// Panics are the subject here: their messages on stderr are noise.
fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

struct Counter {
    count: u64,
}

impl Counter {
    fn new(built: &Arc<AtomicUsize>) -> Self {
        built.fetch_add(1, SeqCst);
        Self { count: 0 }
    }
}

impl Actor for Counter {}

struct Add(u64);
struct Slow(std::time::Duration);
struct Boom;
struct BoomLater;
struct Later;
struct AskMyself;
struct Forever;

impl Handler<Add> for Counter {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.count += n;
        self.count
    }
}

impl Handler<Slow> for Counter {
    type Reply = Result<()>;
    async fn handle(&mut self, Slow(d): Slow, _cx: &mut ActorContext<Self>) -> Result<()> {
        Ok(sleep(d).await?)
    }
}

impl Handler<Boom> for Counter {
    type Reply = ();
    async fn handle(&mut self, _: Boom, _cx: &mut ActorContext<Self>) {
        panic!("boom");
    }
}

impl Handler<BoomLater> for Counter {
    type Reply = ();
    async fn handle(&mut self, _: BoomLater, _cx: &mut ActorContext<Self>) {
        let _ = sleep(1.secs()).await;
        panic!("boom later");
    }
}

impl HandlerLater<Later> for Counter {
    type Reply = &'static str;
    async fn handle(
        &mut self,
        _: Later,
        reply: ReplyTo<&'static str>,
        cx: &mut ActorContext<Self>,
    ) {
        cx.scope()
            .go(async move {
                sleep(1.secs()).await?;
                reply.send("later");
                Ok(())
            })
            .detach();
    }
}

impl Handler<AskMyself> for Counter {
    type Reply = Result<u64, AskError>;
    async fn handle(&mut self, _: AskMyself, cx: &mut ActorContext<Self>) -> Result<u64, AskError> {
        let me = cx.address().expect("the asker holds an address");
        me.ask(Add(1)).await
    }
}

impl Handler<Forever> for Counter {
    type Reply = ();
    async fn handle(&mut self, _: Forever, _cx: &mut ActorContext<Self>) {
        std::future::pending().await
    }
}

fn with_counter<F, Fut>(seed: u64, body: F)
where
    F: FnOnce(greenroom_actor::Scope, greenroom_actor::Address<Counter>, Arc<AtomicUsize>) -> Fut
        + Send
        + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let runtime = paused(seed);
    runtime
        .block_on(|scope| async move {
            let built = Arc::new(AtomicUsize::new(0));
            let factory = built.clone();
            let counter = scope.spawn(move || Counter::new(&factory)).await?;
            body(scope, counter, built).await
        })
        .unwrap_or_else(|failure| unreachable!("seed {seed}: {failure:?}"));
    assert!(
        runtime
            .registry()
            .actors(runtime.context().now())
            .is_empty()
    );
}

#[test]
fn ask_and_tell_are_handled_in_order_per_sender() {
    for seed in SEEDS {
        with_counter(seed, |_scope, counter, _| async move {
            for _ in 0..100 {
                counter.tell(Add(1)).await?;
            }
            assert_eq!(counter.ask(Add(1)).await?, 101);
            Ok(())
        });
    }
}

#[test]
fn a_panic_is_answered_and_the_queue_and_the_address_survive() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, built| async move {
            counter.tell(Add(5)).await?;
            let other = counter.clone();
            let queued = scope.go(async move {
                sleep(1.millis()).await?;
                Ok(other.ask(Add(2)).await?)
            });
            let error = counter.ask(BoomLater).await.expect_err("it panics");
            let AskError::Panicked(panic) = error else {
                unreachable!("{error:?}")
            };
            assert_eq!(panic.message(), Some("boom later"));
            assert!(
                panic
                    .doing()
                    .is_some_and(|doing| doing.contains("BoomLater"))
            );
            assert_eq!(
                queued.await?,
                2,
                "the queued message is served by the next incarnation"
            );
            assert_eq!(built.load(SeqCst), 2);
            assert!(matches!(
                counter.ask(Boom).await,
                Err(AskError::Panicked(_))
            ));
            assert_eq!(counter.ask(Add(1)).await?, 1);
            Ok(())
        });
    }
}

#[test]
fn too_many_restarts_give_up_and_fail_the_scope() {
    for seed in SEEDS {
        let error = paused(seed)
            .block_on(|scope| async move {
                let built = Arc::new(AtomicUsize::new(0));
                let counter = scope.spawn(move || Counter::new(&built)).await?;
                for _ in 0..4 {
                    assert!(matches!(
                        counter.ask(Boom).await,
                        Err(AskError::Panicked(_))
                    ));
                }
                let reason = counter.downgrade().closed().await;
                assert!(reason.is_err() || matches!(reason, Ok(ExitReason::Panicked(_))));
                Ok(())
            })
            .expect_err("the actor was given up");
        assert_eq!(
            error.downcast_ref::<Panic>().and_then(Panic::message),
            Some("boom")
        );
    }
}

#[test]
fn restarts_that_are_far_apart_go_on() {
    with_counter(0, |_scope, counter, built| async move {
        for _ in 0..10 {
            assert!(counter.ask(Boom).await.is_err());
            sleep(3.secs()).await?;
        }
        assert_eq!(built.load(SeqCst), 11);
        Ok(())
    });
}

#[test]
fn a_reply_may_come_later() {
    for seed in SEEDS {
        with_counter(seed, |_scope, counter, _| async move {
            assert_eq!(counter.ask(Later).await?, "later");
            Ok(())
        });
    }
}

#[test]
fn an_ask_on_oneself_is_a_cycle() {
    with_counter(0, |_scope, counter, _| async move {
        let inner = counter.ask(AskMyself).await?;
        assert!(matches!(inner, Err(AskError::Cycle { path }) if path.len() == 2));
        Ok(())
    });
}

#[test]
fn a_deadline_tells_the_mailbox_from_the_handler() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, _| async move {
            let root = scope.context().clone();
            let asked = root
                .with_timeout(50.millis())
                .run(counter.ask(Forever))
                .await;
            assert!(
                matches!(asked, Ok(Err(AskError::DeadlineInHandler))),
                "{asked:?}"
            );
            // The handler went with its message's context.
            assert_eq!(counter.ask(Add(1)).await?, 1);
            let busy = counter.clone();
            let busy = scope.go(async move { busy.ask(Slow(10.secs())).await? });
            sleep(1.millis()).await?;
            let asked = root
                .with_timeout(50.millis())
                .run(counter.ask(Add(1)))
                .await;
            assert!(
                matches!(asked, Ok(Err(AskError::DeadlineInMailbox))),
                "{asked:?}"
            );
            busy.await?;
            assert_eq!(
                counter.ask(Add(1)).await?,
                2,
                "the expired message was skipped"
            );
            Ok(())
        });
    }
}

#[test]
fn the_context_rides_on_the_message() {
    struct Spy;
    struct Look;
    impl Actor for Spy {}
    impl Handler<Look> for Spy {
        type Reply = (Option<u32>, Option<std::time::Duration>);
        async fn handle(&mut self, _: Look, cx: &mut ActorContext<Self>) -> Self::Reply {
            let current = Context::current().expect("in a handler");
            assert_eq!(current.value::<u32>(), cx.context().value::<u32>());
            (current.value::<u32>().copied(), current.remaining())
        }
    }
    with_counter(0, |scope, _counter, _| async move {
        let spy = scope.spawn(|| Spy).await?;
        let context = scope.context().with_value(7_u32).with_timeout(3.secs());
        let (value, remaining) = context.run(spy.ask(Look)).await??;
        assert_eq!(value, Some(7));
        assert_eq!(remaining, Some(3.secs()));
        assert_eq!(spy.ask(Look).await?, (None, None));
        Ok(())
    });
}

#[test]
fn a_full_mailbox_waits_or_fails_by_policy() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, built| async move {
            let b = built.clone();
            let fails = scope
                .spawn(move || Counter::new(&b))
                .mailbox(1)
                .overflow(Overflow::Fail)
                .await?;
            let busy = fails.clone();
            let busy = scope.go(async move { busy.ask(Slow(1.secs())).await? });
            sleep(1.millis()).await?;
            fails.tell(Add(1)).await?;
            assert!(matches!(
                fails.tell(Add(9)).await,
                Err(TellError::Full(Add(9)))
            ));
            assert!(matches!(
                fails.try_tell(Add(8)),
                Err(TryTellError::Full(Add(8)))
            ));
            assert!(matches!(fails.ask(Add(7)).await, Err(AskError::Full)));
            busy.await?;
            assert_eq!(fails.ask(Add(1)).await?, 2);
            Ok(())
        });
    }
}

#[test]
fn stop_overtakes_the_queue_which_is_refused() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, _| async move {
            let busy = counter.clone();
            let busy = scope.go(async move { Ok(busy.ask(Slow(1.secs())).await?) });
            sleep(1.millis()).await?;
            let queued = counter.clone();
            let queued = scope.go(async move { Ok(queued.ask(Add(1)).await) });
            sleep(1.millis()).await?;
            counter.stop();
            assert!(busy.await?.is_ok(), "the running handler finishes");
            assert!(matches!(queued.await?, Err(AskError::Closed)));
            assert!(matches!(counter.closed().await?, ExitReason::Normal));
            assert!(matches!(counter.ask(Add(1)).await, Err(AskError::Closed)));
            assert!(matches!(
                counter.tell(Add(3)).await,
                Err(TellError::Closed(Add(3)))
            ));
            Ok(())
        });
    }
}

#[test]
fn a_stop_drops_a_handler_that_outlasts_its_time() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, _| async move {
            let stuck = counter.clone();
            let stuck = scope.go(async move { Ok(stuck.ask(Forever).await) });
            sleep(1.millis()).await?;
            let start = scope.context().now();
            counter.stop();
            assert!(matches!(counter.closed().await?, ExitReason::Normal));
            assert_eq!((scope.context().now() - start).as_secs(), 5);
            assert!(matches!(stuck.await?, Err(AskError::Dropped)));
            Ok(())
        });
    }
}

#[test]
fn the_last_address_gone_drains_and_ends_normally() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, built| async move {
            let other = scope.spawn(move || Counter::new(&built)).await?;
            let weak = other.downgrade();
            for _ in 0..10 {
                other.tell(Slow(1.secs())).await?;
            }
            drop(other);
            let start = scope.context().now();
            assert!(matches!(weak.closed().await?, ExitReason::Normal));
            assert_eq!((scope.context().now() - start).as_secs(), 10);
            assert!(weak.upgrade().is_none());
            assert_eq!(counter.ask(Add(1)).await?, 1);
            Ok(())
        });
    }
}

#[test]
fn names_are_unique_checked_and_freed() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, built| async move {
            let make = |built: &Arc<AtomicUsize>| {
                let built = built.clone();
                move || Counter::new(&built)
            };
            let named = scope.spawn(make(&built)).name("store").await?;
            assert!(matches!(
                scope.spawn(make(&built)).name("store").await,
                Err(SpawnError::NameTaken { holder, .. }) if holder == *named.id()
            ));
            assert!(matches!(
                scope.spawn(make(&built)).name("a/b").await,
                Err(SpawnError::Name(_))
            ));
            assert!(matches!(
                scope.spawn(make(&built)).name("").await,
                Err(SpawnError::Name(_))
            ));
            named.stop();
            named.closed().await?;
            scope.spawn(make(&built)).name("store").await?;
            Ok(())
        });
    }
}

#[test]
fn an_actor_is_found_by_name_group_and_id_while_it_lives() {
    struct Other;
    impl Actor for Other {}
    let runtime = paused(0);
    let handle: Runtime = (*runtime).clone();
    runtime
        .block_on(|scope| async move {
            let built = Arc::new(AtomicUsize::new(0));
            let make = |built: &Arc<AtomicUsize>| {
                let built = built.clone();
                move || Counter::new(&built)
            };
            let a = scope.spawn(make(&built)).name("a").group("both").await?;
            let b = scope.spawn(make(&built)).group("both").await?;
            let _other = scope.spawn(|| Other).name("other").group("both").await?;
            assert_eq!(handle.whereis::<Counter>("a")?, a);
            assert!(matches!(
                handle.whereis::<Counter>("b"),
                Err(LookupError::NotFound(_))
            ));
            assert!(matches!(
                handle.whereis::<Counter>("x/y"),
                Err(LookupError::Name(_))
            ));
            assert!(matches!(
                handle.whereis::<Counter>("other"),
                Err(LookupError::OtherType { found, .. }) if found.ends_with("Other")
            ));
            assert_eq!(handle.group::<Counter>("both")?, [a.clone(), b.clone()]);
            assert!(handle.registry().actor(b.id()).is_some());
            let snapshot = handle.snapshot(1.secs()).await;
            assert_eq!(snapshot.actors.len(), 3);
            assert!(snapshot.unanswered.is_empty());
            let weak = a.downgrade();
            drop(a);
            weak.closed().await?;
            assert!(matches!(
                handle.whereis::<Counter>("a"),
                Err(LookupError::NotFound(_))
            ));
            Ok(())
        })
        .expect("no error");
}

#[test]
fn a_start_that_fails_is_the_spawners_error_only() {
    struct Broken(bool);
    impl Actor for Broken {
        async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
            assert!(!self.0, "no start");
            Err(Failure::message("cannot start"))
        }
    }
    with_counter(0, |scope, counter, _| async move {
        assert!(matches!(
            scope.spawn(|| Broken(false)).await,
            Err(SpawnError::Failed(_))
        ));
        assert!(matches!(
            scope.spawn(|| Broken(true)).await,
            Err(SpawnError::Panicked(_))
        ));
        let panics: fn() -> Broken = || panic!("no build");
        assert!(matches!(
            scope.spawn(panics).await,
            Err(SpawnError::Panicked(_))
        ));
        assert_eq!(counter.ask(Add(1)).await?, 1);
        Ok(())
    });
}

#[test]
fn timers_and_streams_are_messages() {
    struct Clock {
        seen: Vec<&'static str>,
    }
    struct Tick(&'static str);
    struct Seen;
    impl Actor for Clock {
        async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
            cx.after(5.secs(), Tick("once"));
            assert!(cx.every(0.secs(), || Tick("never")).is_err());
            let gone = cx.after(1.secs(), Tick("cancelled"));
            assert!(cx.cancel_timer(gone));
            cx.every(2.secs(), || Tick("beat"))?;
            cx.attach(futures_util::stream::iter(["a", "b"]), Tick);
            Ok(())
        }
    }
    impl Handler<Tick> for Clock {
        type Reply = ();
        async fn handle(&mut self, Tick(what): Tick, _cx: &mut ActorContext<Self>) {
            self.seen.push(what);
        }
    }
    impl Handler<Seen> for Clock {
        type Reply = Vec<&'static str>;
        async fn handle(&mut self, _: Seen, _cx: &mut ActorContext<Self>) -> Vec<&'static str> {
            self.seen.clone()
        }
    }
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, _| async move {
            let clock = scope.spawn(|| Clock { seen: Vec::new() }).await?;
            sleep(7.secs()).await?;
            assert_eq!(
                clock.ask(Seen).await?,
                ["a", "b", "beat", "beat", "once", "beat"]
            );
            Ok(())
        });
    }
}

#[test]
fn a_permanent_actor_lives_without_addresses_until_the_scope_ends() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, built| async move {
            let seen = built.clone();
            let weak = scope
                .spawn(move || Counter::new(&seen))
                .restart(Restart::Permanent)
                .await?
                .downgrade();
            sleep(1.secs()).await?;
            let counter = weak.upgrade().expect("held by its supervisor");
            assert_eq!(counter.ask(Add(1)).await?, 1);
            Ok(())
        });
    }
}

#[test]
fn an_ask_works_from_any_thread_and_executor() {
    quiet();
    let runtime = Runtime::builder().arbiters(2).build().expect("starts");
    let scope = runtime.scope(|scope| async move {
        let built = Arc::new(AtomicUsize::new(0));
        let counter = scope
            .spawn(move || Counter::new(&built))
            .name("counter")
            .await?;
        let (done, is_done) = greenroom_core::channel::bounded::<()>(1);
        std::thread::spawn(move || {
            greenroom_core::doc_support::block_on(async move {
                assert!(Context::current().is_none());
                assert_eq!(counter.ask(Add(2)).await.ok(), Some(2));
                counter.tell(Add(1)).await.ok();
                assert!(matches!(
                    counter.ask(Boom).await,
                    Err(AskError::Panicked(_))
                ));
                done.send(()).await.ok();
            });
        });
        is_done.recv().await?;
        Ok(())
    });
    greenroom_core::doc_support::block_on(scope).expect("no error");
}
