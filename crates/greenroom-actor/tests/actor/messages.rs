//! Messages, replies, mailboxes, timers and streams.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use greenroom_actor::{
    Actor, ActorContext, AskError, Handler, Overflow, Runtime, TellError, TryTellError,
};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};

use crate::{Add, AskMyself, Boom, Counter, Forever, Later, SEEDS, Slow, quiet, with_counter};

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
