//! Panics in handlers, and in what an actor handles beside its mailbox.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context as TaskContext, Poll};

use futures_util::Stream;
use greenroom_actor::{Actor, ActorContext, AskError, Handler, HandlerLater, ReplyTo};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Panic, Result};

use crate::{Add, Bomb, costs_the_message, is_told, none, one, survived};

const FILE: &str = "panics/handlers.rs";

/// Panics in every way that a handler can.
#[derive(Default)]
struct Frail {
    sum: u64,
}

impl Actor for Frail {}

impl Handler<Add> for Frail {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.sum += n;
        self.sum
    }
}

/// Panics before there is a future.
struct AtOnce;
impl HandlerLater<AtOnce> for Frail {
    type Reply = ();
    fn handle(
        &mut self,
        _: AtOnce,
        _reply: ReplyTo<()>,
        _cx: &mut ActorContext<Self>,
    ) -> impl Future<Output = ()> {
        if self.sum == 0 {
            panic!("at once");
        }
        async {}
    }
}

struct InFirstPoll;
impl Handler<InFirstPoll> for Frail {
    type Reply = ();
    async fn handle(&mut self, _: InFirstPoll, _cx: &mut ActorContext<Self>) {
        panic!("in the first poll")
    }
}

struct AfterAwait;
impl Handler<AfterAwait> for Frail {
    type Reply = ();
    async fn handle(&mut self, _: AfterAwait, _cx: &mut ActorContext<Self>) {
        let _slept = sleep(1.millis()).await;
        panic!("after an await")
    }
}

struct Unanswered;
impl HandlerLater<Unanswered> for Frail {
    type Reply = u64;
    async fn handle(&mut self, _: Unanswered, reply: ReplyTo<u64>, _cx: &mut ActorContext<Self>) {
        let _held = reply;
        panic!("before the reply")
    }
}

struct Answered;
impl HandlerLater<Answered> for Frail {
    type Reply = u64;
    async fn handle(&mut self, _: Answered, reply: ReplyTo<u64>, _cx: &mut ActorContext<Self>) {
        reply.send(5);
        panic!("after the reply")
    }
}

struct ByTask;
impl HandlerLater<ByTask> for Frail {
    type Reply = u64;
    async fn handle(&mut self, _: ByTask, reply: ReplyTo<u64>, cx: &mut ActorContext<Self>) {
        let scope = cx.scope().clone();
        let task = scope.go(async move {
            let _held = reply;
            panic!("in the task")
        });
        let task: greenroom_actor::JoinHandle<()> = task;
        task.detach();
    }
}

#[test]
fn in_a_handler_before_its_future() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Frail::default).name("frail").await?;
            let panic = costs_the_message(&actor, AtOnce).await?;
            is_told(&panic, "at once", "AtOnce", "frail", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_a_handler_before_its_first_await() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Frail::default).name("frail").await?;
            let panic = costs_the_message(&actor, InFirstPoll).await?;
            is_told(&panic, "in the first poll", "InFirstPoll", "frail", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_a_handler_after_an_await() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Frail::default).name("frail").await?;
            let panic = costs_the_message(&actor, AfterAwait).await?;
            is_told(&panic, "after an await", "AfterAwait", "frail", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_a_deferred_reply_before_it_is_sent() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Frail::default).name("frail").await?;
            let panic = costs_the_message(&actor, Unanswered).await?;
            is_told(&panic, "before the reply", "Unanswered", "frail", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_a_deferred_reply_after_it_was_sent() {
    survived(
        |scope| async move {
            // The asker has its answer, so the end of the actor tells.
            let actor = scope.spawn_once(Frail::default()).name("frail").await?;
            assert_eq!(actor.ask(Answered).await?, 5);
            let ExitReason::Panicked(panic) = actor.closed().await? else {
                panic!("it ended otherwise");
            };
            is_told(&panic, "after the reply", "Answered", "frail", FILE);
            let rebuilt = scope.spawn(Frail::default).await?;
            assert_eq!(rebuilt.ask(Answered).await?, 5);
            assert_eq!(rebuilt.ask(Add(1)).await?, 1);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_a_task_that_was_given_the_way_to_reply() {
    survived(
        |scope| async move {
            let outcome = scope.scope(|inner| async move {
                let actor = inner.spawn(Frail::default).await?;
                let asked = inner.context().without_cancel();
                let asked = asked.run(actor.ask(ByTask)).await?;
                assert!(matches!(asked, Err(AskError::Dropped)), "{asked:?}");
                Ok(())
            });
            let failure = outcome
                .await
                .expect_err("the panic of a task is its scope's");
            let panic = failure.downcast_ref::<Panic>().expect("a panic");
            is_told(panic, "in the task", "future", "task", FILE);
            Ok(())
        },
        none,
    );
}

/// Sets what panics when it starts, once.
struct Beside {
    sum: u64,
    starts: Arc<AtomicUsize>,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Timer,
    TimerDrop,
    Interval,
    IntervalMessage,
    Item,
    Map,
    Poll,
    StreamDrop,
}

struct Fault;

/// A stream whose second poll panics, or that ends with a drop that does.
struct Torn(usize, Option<Bomb>);

impl Stream for Torn {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<Option<u64>> {
        self.0 += 1;
        match (self.0, &self.1) {
            (1, _) => Poll::Ready(Some(0)),
            (_, Some(_)) => Poll::Ready(None),
            _ => panic!("in the stream"),
        }
    }
}

impl Actor for Beside {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        if self.starts.fetch_add(1, SeqCst) > 0 {
            return Ok(());
        }
        match self.kind {
            Kind::Timer => {
                cx.after(1.millis(), Fault);
            }
            Kind::TimerDrop => {
                let bomb = Bomb("a message that waits");
                cx.after(3600.secs(), Heavy(bomb));
                cx.after(1.millis(), Fault);
            }
            Kind::Interval => {
                cx.every(1.millis(), || -> Add { panic!("in the making") })?;
            }
            Kind::IntervalMessage => {
                cx.every(1.millis(), || Fault)?;
            }
            Kind::Item => cx.attach(Torn(0, None), |_| Fault),
            Kind::Map => cx.attach(Torn(0, None), |_| -> Add { panic!("in the map") }),
            Kind::Poll => cx.attach(Torn(0, None), Add),
            Kind::StreamDrop => cx.attach(Torn(0, Some(Bomb("of the stream"))), Add),
        }
        Ok(())
    }
}

struct Heavy(#[expect(dead_code, reason = "its drop is the point")] Bomb);

impl Handler<Add> for Beside {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.sum += n;
        self.sum
    }
}

impl Handler<Fault> for Beside {
    type Reply = ();
    async fn handle(&mut self, _: Fault, _cx: &mut ActorContext<Self>) {
        panic!("in the handler")
    }
}

impl Handler<Heavy> for Beside {
    type Reply = ();
    async fn handle(&mut self, _: Heavy, _cx: &mut ActorContext<Self>) {}
}

/// Ends once with a panic, as told, and goes on once rebuilt.
fn beside(kind: Kind, text: &'static str, doing: &'static str, check: impl Fn(&[Panic])) {
    survived(
        move |scope| async move {
            let starts = Arc::new(AtomicUsize::new(0));
            let first = Beside {
                sum: 0,
                starts: starts.clone(),
                kind,
            };
            let once = scope.spawn_once(first).name("beside").await?;
            let ExitReason::Panicked(panic) = once.closed().await? else {
                panic!("it ended otherwise");
            };
            is_told(&panic, text, doing, "beside", FILE);
            if kind == Kind::TimerDrop {
                return Ok(());
            }
            starts.store(0, SeqCst);
            let counted = starts.clone();
            let build = move || Beside {
                sum: 0,
                starts: starts.clone(),
                kind,
            };
            let actor = scope.spawn(build).name("rebuilt").await?;
            while counted.load(SeqCst) < 2 {
                sleep(1.millis()).await?;
            }
            assert_eq!(actor.ask(Add(2)).await?, 2);
            Ok(())
        },
        check,
    );
}

#[test]
fn in_the_handler_of_a_timer() {
    beside(Kind::Timer, "in the handler", "Fault", none);
}

#[test]
fn in_the_drop_of_a_timers_message() {
    beside(Kind::TimerDrop, "in the handler", "Fault", |panics| {
        one(panics, "a message that waits", "Heavy", "beside", FILE);
    });
}

#[test]
fn in_the_closure_of_an_interval() {
    beside(Kind::Interval, "in the making", "timer", none);
}

#[test]
fn in_the_handler_of_an_interval() {
    beside(Kind::IntervalMessage, "in the handler", "Fault", none);
}

#[test]
fn in_the_handler_of_a_streams_item() {
    beside(Kind::Item, "in the handler", "Fault", none);
}

#[test]
fn in_the_map_of_a_stream() {
    beside(Kind::Map, "in the map", "stream", none);
}

#[test]
fn in_a_stream() {
    beside(Kind::Poll, "in the stream", "stream", none);
}

#[test]
fn in_the_drop_of_a_stream_that_has_ended() {
    beside(Kind::StreamDrop, "of the stream", "stream", none);
}

/// Waits with something in hand.
struct Holder;
struct Hold(Bomb);
impl Actor for Holder {}
impl Handler<Hold> for Holder {
    type Reply = ();
    async fn handle(&mut self, Hold(bomb): Hold, _cx: &mut ActorContext<Self>) {
        let _held = bomb;
        std::future::pending().await
    }
}
impl Handler<Add> for Holder {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        n
    }
}

#[test]
fn in_the_drop_of_a_handler_that_is_cut_by_its_message() {
    survived(
        |scope| async move {
            let actor = scope.spawn(|| Holder).name("holder").await?;
            let hurried = scope.context().with_timeout(5.millis());
            let asked = hurried.run(actor.ask(Hold(Bomb("in hand")))).await;
            assert!(!matches!(asked, Ok(Ok(_))), "there is no reply: {asked:?}");
            // The actor was rebuilt for it.
            assert_eq!(actor.ask(Add(3)).await?, 3);
            let once = scope.spawn_once(Holder).name("once").await?;
            let hurried = scope.context().with_timeout(5.millis());
            let _asked = hurried.run(once.ask(Hold(Bomb("in hand")))).await;
            let ExitReason::Panicked(panic) = once.closed().await? else {
                panic!("it ended otherwise");
            };
            is_told(&panic, "in hand", "Hold", "once", FILE);
            Ok(())
        },
        none,
    );
}

/// Waits with something in hand, whatever is cancelled.
struct HoldFast(Bomb);
impl Handler<HoldFast> for Holder {
    type Reply = ();
    async fn handle(&mut self, HoldFast(bomb): HoldFast, cx: &mut ActorContext<Self>) {
        let _held = bomb;
        let forever = cx.context().without_cancel();
        let _never = forever.run(std::future::pending::<()>()).await;
    }
}

impl Handler<Heavy> for Holder {
    type Reply = ();
    async fn handle(&mut self, _: Heavy, _cx: &mut ActorContext<Self>) {}
}

#[test]
fn in_the_drop_of_a_handler_and_of_the_queue_at_the_end_of_the_runtime() {
    let runtime = crate::paused(0);
    let lasting = runtime.scope(|scope| async move {
        let actor = scope.spawn(|| Holder).name("holder").await?;
        actor.tell(HoldFast(Bomb("in hand"))).await?;
        actor.tell(Heavy(Bomb("in the queue"))).await?;
        sleep(3600.secs()).await?;
        Ok(())
    });
    let ran = runtime.block_on(|_scope| async move {
        let soon = Box::pin(sleep(1.secs()));
        drop(futures_util::future::select(Box::pin(lasting), soon).await);
        Ok(())
    });
    assert!(ran.is_ok(), "{ran:?}");
    let report = runtime.shutdown(1.secs());
    assert!(!report.cut.is_empty(), "{report:?}");
    let mut panics: Vec<_> = report.panics.iter().collect();
    panics.sort_by_key(|panic| panic.message());
    assert_eq!(panics.len(), 2, "{panics:?}");
    is_told(panics[0], "in hand", "HoldFast", "holder", FILE);
    is_told(panics[1], "in the queue", "Heavy", "holder", FILE);
}
