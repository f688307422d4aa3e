//! Several panics of one end, and the ones that end the process by Rust's own rules.

use std::env;
use std::process::{Command, Output};

use greenroom_actor::{Actor, ActorContext, AskError, Handler};
use greenroom_core::{Panic, Result, channel};

use crate::{Add, Bomb, is_told, none, paused, survived};

const FILE: &str = "panics/doubles.rs";

/// Panics in its handler with a payload that panics, and again when it is dropped.
#[derive(Default)]
struct Subject {
    sum: u64,
    heavy: Option<Bomb>,
}

impl Actor for Subject {}

impl Handler<Add> for Subject {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.sum += n;
        self.sum
    }
}

struct Fault;
impl Handler<Fault> for Subject {
    type Reply = ();
    async fn handle(&mut self, _: Fault, cx: &mut ActorContext<Self>) {
        cx.after(
            std::time::Duration::from_secs(3600),
            Heavy(Bomb("of a timer")),
        );
        self.heavy = Some(Bomb("of the state"));
        crate::panic_with_bomb("of the payload")
    }
}

struct Heavy(#[expect(dead_code, reason = "its drop is the point")] Bomb);
impl Handler<Heavy> for Subject {
    type Reply = ();
    async fn handle(&mut self, _: Heavy, _cx: &mut ActorContext<Self>) {}
}

#[test]
fn in_a_handler_and_in_all_that_follows() {
    survived(
        |scope| async move {
            let actor = scope.spawn(Subject::default).name("subject").await?;
            let panic = crate::costs_the_message(&actor, Fault).await?;
            assert_eq!(panic.message(), None);
            assert!(panic.doing().is_some_and(|doing| doing.ends_with("Fault")));
            Ok(())
        },
        |panics| {
            assert_eq!(panics.len(), 2, "{panics:?}");
            is_told(&panics[0], "of a timer", "Heavy", "subject", FILE);
            is_told(
                &panics[1],
                "of the state",
                "drop of the state",
                "subject",
                FILE,
            );
        },
    );
}

/// An interval whose closure panics, and has something in hand that does.
struct Interval;

impl Actor for Interval {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        let bomb = Bomb("of the closure");
        cx.every(std::time::Duration::from_millis(1), move || -> Add {
            let _held = &bomb;
            panic!("in the closure")
        })?;
        Ok(())
    }
}

impl Handler<Add> for Interval {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        n
    }
}

#[test]
fn in_the_closure_of_an_interval_and_in_its_drop() {
    survived(
        |scope| async move {
            let actor = scope.spawn_once(Interval).name("interval").await?;
            let ended = actor.closed().await?;
            let greenroom_core::ExitReason::Panicked(panic) = ended else {
                panic!("it ended by {ended}");
            };
            is_told(&panic, "in the closure", "timer", "interval", FILE);
            Ok(())
        },
        |panics: &[Panic]| {
            crate::one(
                panics,
                "of the closure",
                "drop of a timer",
                "interval",
                FILE,
            );
        },
    );
}

/// Holds ends of channels, and an answer, when it panics.
struct Owner;
impl Actor for Owner {}
impl Handler<Add> for Owner {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        n
    }
}
struct Unwind;
impl Handler<Unwind> for Owner {
    type Reply = ();
    async fn handle(&mut self, _: Unwind, cx: &mut ActorContext<Self>) {
        let (sender, receiver) = channel::unbounded();
        assert!(sender.try_send(Bomb("queued")).is_ok());
        let (full, _full) = channel::rendezvous();
        let mut sending = Box::pin(full.send(Bomb("being sent")));
        let waker = std::task::Waker::noop();
        let mut task = std::task::Context::from_waker(waker);
        assert!(sending.as_mut().poll(&mut task).is_pending());
        let valued = cx.context().with_value(Bomb("valued"));
        let (publisher, watch) = greenroom_core::watch::channel(Bomb("watched"));
        let joined = cx.scope().go(async { Ok(Bomb("joined")) });
        while !joined.is_finished() {
            greenroom_core::task::yield_now().await;
        }
        let _held = (receiver, valued, publisher, watch, joined);
        panic!("in the handler")
    }
}

#[test]
fn in_a_handler_that_holds_what_panics_in_the_kernels_hands() {
    survived(
        |scope| async move {
            let actor = scope.spawn(|| Owner).name("owner").await?;
            let asked = actor.ask(Unwind).await;
            let Err(AskError::Panicked(panic)) = asked else {
                panic!("{asked:?}");
            };
            is_told(&panic, "in the handler", "Unwind", "owner", FILE);
            assert_eq!(actor.ask(Add(1)).await?, 1);
            Ok(())
        },
        |panics| {
            let mut texts: Vec<_> = panics.iter().filter_map(Panic::message).collect();
            texts.sort_unstable();
            let all = ["being sent", "joined", "queued", "valued", "watched"];
            assert_eq!(texts, all, "{panics:?}");
        },
    );
}

/// A waker whose destructor panics, as the last one of it goes.
struct Brittle;

impl std::task::Wake for Brittle {
    fn wake(self: std::sync::Arc<Self>) {}
}

impl Drop for Brittle {
    fn drop(&mut self) {
        panic!("of a waker")
    }
}

fn polled<F: Future>(future: F) -> std::pin::Pin<Box<F>> {
    let mut future = Box::pin(future);
    let waker = std::task::Waker::from(std::sync::Arc::new(Brittle));
    let mut task = std::task::Context::from_waker(&waker);
    assert!(future.as_mut().poll(&mut task).is_pending());
    future
}

#[test]
fn in_a_task_that_has_polled_with_wakers_that_panic() {
    survived(
        |scope| async move {
            let actor = scope.spawn(|| Owner).await?;
            let failed = scope.scope(move |inner| async move {
                let (sender, receiver) = channel::rendezvous::<u64>();
                let (other, _receiver) = channel::rendezvous::<u64>();
                let (_publisher, watch) = greenroom_core::watch::channel(0);
                let asked = actor.clone();
                let _held = (
                    polled(receiver.recv()),
                    polled(other.send(1)),
                    polled(watch.changed()),
                    polled(inner.context().done()),
                    polled(actor.closed()),
                    polled(async move { asked.ask(Add(1)).await }),
                    polled(inner.go(std::future::pending::<Result<()>>())),
                );
                drop(sender);
                if true {
                    panic!("in the task");
                }
                Ok(())
            });
            let failure = failed.await.expect_err("a panic is its scope's");
            let panic: &Panic = failure.downcast_ref().expect("a panic");
            is_told(panic, "in the task", "scope body", "scope", FILE);
            Ok(())
        },
        |panics| {
            for panic in panics {
                is_told(panic, "of a waker", "drop of a waker", "scope", FILE);
            }
        },
    );
}

/// Ready at once, with something that it keeps.
struct Keeps(#[expect(dead_code, reason = "its drop is the point")] Bomb);

impl Future for Keeps {
    type Output = ();

    fn poll(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<()> {
        std::task::Poll::Ready(())
    }
}

#[test]
fn in_the_closure_of_a_select_and_in_what_its_cases_hold() {
    survived(
        |scope| async move {
            let failed = scope.scope(|_inner| async move {
                let other = Bomb("of a lost case");
                let mut select = greenroom_core::select::Select::new();
                select.future(std::future::pending::<()>(), move |()| drop(other));
                let ready = Keeps(Bomb("of the future"));
                select.future(ready, |()| panic!("in the closure"));
                select.wait().await?;
                Ok(())
            });
            let failure = failed.await.expect_err("a panic is its scope's");
            let panic: &Panic = failure.downcast_ref().expect("a panic");
            is_told(panic, "in the closure", "scope body", "scope", FILE);
            Ok(())
        },
        |panics| {
            let mut texts: Vec<_> = panics.iter().filter_map(Panic::message).collect();
            texts.sort_unstable();
            assert_eq!(texts, ["of a lost case", "of the future"], "{panics:?}");
        },
    );
}

const CHILD: &str = "GREENROOM_PANICS_CHILD";

/// Runs one test of this file in a process of its own.
fn child(test: &str) -> Output {
    let program = env::current_exe().expect("a test is a program");
    let mut command = Command::new(program);
    command.args(["--exact", &format!("doubles::{test}"), "--nocapture"]);
    command.env(CHILD, test).output().expect("it runs")
}

fn is_child(test: &str) -> bool {
    env::var(CHILD).is_ok_and(|name| name == test)
}

/// Panics with a local in hand whose destructor panics too.
struct Doomed;
impl Actor for Doomed {}
impl Handler<Fault> for Doomed {
    type Reply = ();
    async fn handle(&mut self, _: Fault, _cx: &mut ActorContext<Self>) {
        let _held = Bomb("in the unwinding");
        panic!("in the handler")
    }
}

#[test]
fn a_destructor_that_panics_in_an_unwinding_ends_the_process() {
    let name = "a_destructor_that_panics_in_an_unwinding_ends_the_process";
    if is_child(name) {
        let runtime = paused(0);
        // What it says is looked at.
        drop(std::panic::take_hook());
        let ran = runtime.block_on(|scope| async move {
            let doomed = scope.spawn(|| Doomed).await?;
            let _never = doomed.ask(Fault).await;
            Ok(())
        });
        drop(ran);
        return;
    }
    let output = child(name);
    assert!(!output.status.success(), "it lived: {output:?}");
    assert_ne!(output.status.code(), Some(101), "it was caught: {output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("panic in a destructor during cleanup"),
        "{said}"
    );
}

#[test]
fn without_an_unwinding_the_same_is_survived() {
    survived(
        |scope| async move {
            let failed = scope.scope(|inner| async move {
                let task = inner.go::<(), _>(async {
                    let _held = Bomb("at the end");
                    Ok(())
                });
                task.await?;
                Ok(())
            });
            let failure = failed.await.expect_err("a panic is its scope's");
            let panic: &Panic = failure.downcast_ref().expect("a panic");
            is_told(panic, "at the end", "future", "task", FILE);
            Ok(())
        },
        none,
    );
}
