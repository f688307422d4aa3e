//! Panics in the drop of what the kernel holds: messages, replies, values of channels and contexts.

use std::future::Future;
use std::sync::Arc;
use std::task::{Context as TaskContext, Wake, Waker};

use greenroom_actor::{Actor, ActorContext, AskError, Handler, TryTellError};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Panic, channel, watch};

use crate::{Add, Bomb, is_told, none, one, survived};

const FILE: &str = "panics/values.rs";

#[derive(Default)]
struct Subject(u64);
impl Actor for Subject {}

impl Handler<Add> for Subject {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.0 += n;
        self.0
    }
}

struct Heavy(#[expect(dead_code, reason = "its drop is the point")] Bomb);
impl Handler<Heavy> for Subject {
    type Reply = ();
    async fn handle(&mut self, _heavy: Heavy, _cx: &mut ActorContext<Self>) {}
}

fn heavy() -> Heavy {
    Heavy(Bomb("of a message"))
}

struct Wait(std::time::Duration);
impl Handler<Wait> for Subject {
    type Reply = ();
    async fn handle(&mut self, Wait(duration): Wait, _cx: &mut ActorContext<Self>) {
        let _slept = sleep(duration).await;
    }
}

/// Is answered with something that panics when it is dropped.
struct Give;
impl Handler<Give> for Subject {
    type Reply = Bomb;
    async fn handle(&mut self, _: Give, _cx: &mut ActorContext<Self>) -> Bomb {
        let _slept = sleep(2.millis()).await;
        Bomb("of a reply")
    }
}

struct Payload;
impl Handler<Payload> for Subject {
    type Reply = ();
    async fn handle(&mut self, _: Payload, _cx: &mut ActorContext<Self>) {
        crate::panic_with_bomb("of a payload")
    }
}

fn of_a_message(panics: &[Panic], name: &str) {
    one(panics, "of a message", "Heavy", name, FILE);
}

#[test]
fn in_the_drop_of_a_message_that_is_handled() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Subject::default).name("subject").await?;
            let panic = crate::costs_the_message(&actor, heavy()).await?;
            is_told(&panic, "of a message", "Heavy", "subject", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_drop_of_a_message_that_is_refused_at_a_stop() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Subject::default).name("subject").await?;
            assert!(actor.try_tell(Wait(10.millis())).is_ok());
            sleep(1.millis()).await?;
            let asked = futures_util::future::join3(actor.ask(heavy()), actor.ask(Add(1)), async {
                actor.stop()
            });
            let (heavy, other, ()) = asked.await;
            assert!(matches!(heavy, Err(AskError::Closed)), "{heavy:?}");
            assert!(matches!(other, Err(AskError::Closed)), "{other:?}");
            assert!(matches!(actor.closed().await?, ExitReason::Normal));
            Ok(())
        },
        |panics| of_a_message(panics, "subject"),
    );
}

#[test]
fn in_the_drop_of_a_message_that_has_expired_or_is_abandoned() {
    for gives_up in [false, true] {
        survived(
            move |scope| async move {
                let actor = scope.spawn(Subject::default).name("subject").await?;
                assert!(actor.try_tell(Wait(20.millis())).is_ok());
                let hurried = scope.context().with_timeout(2.millis());
                if gives_up {
                    let _asked = hurried.run(actor.ask(heavy())).await;
                } else {
                    let told = hurried.run(actor.tell(heavy())).await;
                    assert!(told.is_ok_and(|told| told.is_ok()), "not queued");
                }
                let sum = actor.ask(Add(1)).await?;
                assert_eq!(sum, 1);
                assert_eq!(actor.ask(Add(1)).await?, 2, "it was rebuilt");
                Ok(())
            },
            |panics| of_a_message(panics, "subject"),
        );
    }
}

#[test]
fn in_the_drop_of_a_message_that_does_not_get_in() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Subject::default).mailbox(1).await?;
            assert!(actor.try_tell(Wait(10.millis())).is_ok());
            sleep(1.millis()).await?;
            assert!(actor.try_tell(Add(1)).is_ok());
            let full = actor.try_tell(heavy());
            // It is the sender's own from here on.
            let Err(TryTellError::Full(message)) = full else {
                panic!("there was room");
            };
            std::mem::forget(message);
            let sender = actor.clone();
            let task = scope.go(async move {
                let hurried = greenroom_core::Context::current()
                    .expect("a task has one")
                    .with_timeout(2.millis());
                let waiting = std::pin::pin!(sender.tell(heavy()));
                // Dropped while it waits for room.
                let lost = futures_util::future::select(waiting, Box::pin(hurried.done()));
                drop(lost.await);
                Ok(())
            });
            task.await?;
            assert_eq!(actor.ask(Add(1)).await?, 2);
            Ok(())
        },
        |panics| {
            for panic in panics {
                is_told(panic, "of a message", "Heavy", "task", FILE);
            }
            assert!(panics.len() <= 1, "{panics:?}");
        },
    );
}

#[test]
fn in_the_drop_of_a_reply_that_nobody_wants() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Subject::default).name("subject").await?;
            let (asker, handle) = (actor.clone(), scope.context().without_cancel());
            // The handler goes on, and its asker does not wait.
            let asked = scope.go(async move {
                let asked = std::pin::pin!(handle.run(asker.ask(Give)));
                let soon = Box::pin(sleep(1.millis()));
                drop(futures_util::future::select(asked, soon).await);
                Ok(())
            });
            asked.await?;
            sleep(5.millis()).await?;
            actor.tell(Give).await?;
            assert_eq!(actor.ask(Add(1)).await?, 1);
            Ok(())
        },
        |panics| {
            assert!(!panics.is_empty() && panics.len() <= 2, "{panics:?}");
            for panic in panics {
                is_told(panic, "of a reply", "Bomb", "subject", FILE);
            }
        },
    );
}

#[test]
fn in_the_drop_of_a_payload() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Subject::default).name("subject").await?;
            for _ in 0..2 {
                let asked = actor.ask(Payload).await;
                let Err(AskError::Panicked(panic)) = asked else {
                    panic!("{asked:?}");
                };
                assert_eq!(panic.message(), None);
                assert!(panic.to_string().contains("payload"), "{panic}");
                drop(panic);
            }
            assert_eq!(actor.ask(Add(1)).await?, 1);
            let failed = scope.scope(|inner| async move {
                inner
                    .go::<(), _>(async { crate::panic_with_bomb("of a payload") })
                    .await?;
                Ok(())
            });
            assert!(failed.await.is_err());
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_drop_of_the_values_of_a_channel() {
    survived(
        |scope| async move {
            let (sender, receiver) = channel::bounded(8);
            for text in ["first", "second", "third"] {
                sender.send(Bomb(text)).await?;
            }
            // The unwinding drops the last receiver, and with it each value.
            let failed = scope.scope(move |_inner| async move {
                let _held = receiver;
                if true {
                    panic!("with a channel in hand");
                }
                Ok(())
            });
            let failure = failed.await.expect_err("a panic is its scope's");
            let panic: &Panic = failure.downcast_ref().expect("a panic");
            is_told(panic, "with a channel in hand", "scope body", "scope", FILE);
            Ok(())
        },
        |panics| {
            assert_eq!(panics.len(), 3, "{panics:?}");
            for (panic, text) in panics.iter().zip(["first", "second", "third"]) {
                is_told(panic, text, "Bomb", "scope", FILE);
            }
        },
    );
}

#[test]
fn in_the_drop_of_the_last_value_of_a_watch() {
    survived(
        |scope| async move {
            let (publisher, watch) = watch::channel(Bomb("first"));
            let task = scope.go(async move {
                publisher.publish(Bomb("second"));
                drop(publisher);
                drop(watch);
                Ok(())
            });
            task.await?;
            Ok(())
        },
        |panics| {
            assert_eq!(panics.len(), 2, "{panics:?}");
            is_told(&panics[0], "first", "Bomb", "task", FILE);
            is_told(&panics[1], "second", "Bomb", "task", FILE);
        },
    );
}

#[test]
fn in_the_drop_of_a_contexts_values() {
    survived(
        |scope| async move {
            let task = scope.go(async move {
                let context = greenroom_core::Context::current().expect("a task has one");
                let below = context
                    .with_value(Bomb("outer"))
                    .with_value(Arc::new(Bomb("inner")));
                drop(below);
                Ok(())
            });
            task.await?;
            Ok(())
        },
        |panics| {
            assert_eq!(panics.len(), 2, "{panics:?}");
            for panic in panics {
                let text = panic.message().expect("a text");
                is_told(panic, text, "drop of a context value", "task", FILE);
            }
        },
    );
}

/// An error whose drop panics.
#[derive(Debug)]
struct Sharp(#[expect(dead_code, reason = "its drop is the point")] u8);

impl std::fmt::Display for Sharp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("sharp")
    }
}

impl std::error::Error for Sharp {}

impl Drop for Sharp {
    fn drop(&mut self) {
        panic!("of an error")
    }
}

#[test]
fn in_the_drop_of_an_error_and_of_a_cause() {
    survived(
        |scope| async move {
            let failed = scope.scope(|inner| async move {
                inner.go::<(), _>(async { Err(Sharp(0).into()) }).await?;
                Ok(())
            });
            drop(failed.await);
            let task = scope.go(async move {
                let context = greenroom_core::Context::current().expect("a task has one");
                let (below, cancel) = context.with_cancel_cause();
                cancel.cancel(Cause::new(Sharp(1)));
                drop((below, cancel));
                Ok(())
            });
            task.await?;
            Ok(())
        },
        |panics| {
            assert_eq!(panics.len(), 2, "{panics:?}");
            assert_eq!(panics[0].doing(), Some("drop of an error"), "{panics:?}");
            is_told(&panics[1], "of an error", "drop of a cause", "task", FILE);
        },
    );
}

/// A waker of a foreign executor that is out of order.
struct Broken;

impl Wake for Broken {
    fn wake(self: Arc<Self>) {
        panic!("in a waker")
    }
}

#[test]
fn in_a_foreign_waker() {
    survived(
        |scope| async move {
            let waker = Waker::from(Arc::new(Broken));
            let mut cx = TaskContext::from_waker(&waker);
            let actor = scope.spawn(Subject::default).await?;
            let (context, cancel) = scope.context().with_cancel();
            let mut foreign: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>> = Vec::new();
            let asked = actor.clone();
            foreign.push(Box::pin(async move {
                let _asked = asked.ask(Add(1)).await;
            }));
            let closed = actor.clone();
            foreign.push(Box::pin(async move {
                let _closed = closed.closed().await;
            }));
            foreign.push(Box::pin(async move {
                context.done().await;
            }));
            let (sender, receiver) = channel::rendezvous::<u64>();
            foreign.push(Box::pin(async move {
                let _received = receiver.recv().await;
            }));
            foreign.push(Box::pin(async move {
                let _slept = sleep(1.millis()).await;
            }));
            for future in &mut foreign {
                assert!(future.as_mut().poll(&mut cx).is_pending());
            }
            sleep(2.millis()).await?;
            cancel.cancel();
            sender.send(1).await?;
            assert_eq!(actor.ask(Add(1)).await?, 2);
            actor.stop();
            assert!(matches!(actor.closed().await?, ExitReason::Normal));
            Ok(())
        },
        none,
    );
}
