//! Every kind of panic of a user's code, planted once: it is told, and costs nothing but what panicked.

mod doubles;
mod handlers;
mod hooks;
mod supervisors;
mod tasks;
mod texts;
mod values;

use std::future::Future;
use std::panic::resume_unwind;
use std::time::Duration;

use futures_util::future::join;
use greenroom_actor::{
    Actor, ActorContext, Address, AskError, Handler, HandlerLater, Placement, Runtime, Scope,
    ShutdownReport, SingleThread,
};
use greenroom_core::{Panic, Result, channel};

pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Panics when it is dropped, with this text.
pub(crate) struct Bomb(pub(crate) &'static str);

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("{}", self.0)
    }
}

/// Panics with a payload whose drop panics.
pub(crate) fn panic_with_bomb(text: &'static str) -> ! {
    resume_unwind(Box::new(Bomb(text)))
}

/// Adds numbers, as a neighbour that is not to be harmed, and as one whose queue is watched.
#[derive(Default)]
pub(crate) struct Adder(u64);
pub(crate) struct Add(pub(crate) u64);

impl Actor for Adder {}

impl Handler<Add> for Adder {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.0 += n;
        self.0
    }
}

pub(crate) fn quiet() {
    std::panic::set_hook(Box::new(|_| ()));
}

pub(crate) fn paused(seed: u64) -> SingleThread {
    quiet();
    (Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build())
    .expect("it starts")
}

/// Runs a body on several schedules and on threads, beside an actor and a task that must not notice, and
/// gives the panics that nobody was there to take to `check`.
pub(crate) fn survived<F, Fut>(body: F, check: impl Fn(&[Panic]))
where
    F: Fn(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    for seed in 0..4 {
        let runtime = paused(seed);
        let ran = runtime.block_on(beside_others(body.clone(), 1));
        ran.unwrap_or_else(|failure| panic!("seed {seed}: {failure:?}"));
        runtime.assert_no_leaks();
        check_report(&runtime.shutdown(PATIENCE), &check);
    }
    quiet();
    let runtime = Runtime::builder().arbiters(2).build().expect("it starts");
    let ran = runtime.block_on(beside_others(body, 2));
    ran.unwrap_or_else(|failure| panic!("on threads: {failure:?}"));
    runtime.assert_no_leaks();
    let report = greenroom_core::blocking::wait(runtime.shutdown(PATIENCE));
    check_report(&report.expect("this thread may block"), &check);
}

fn check_report(report: &ShutdownReport, check: &impl Fn(&[Panic])) {
    assert!(report.cut.is_empty(), "{report:?}");
    assert!(report.stuck.is_empty(), "{report:?}");
    check(&report.panics);
}

type Body = std::pin::Pin<Box<dyn Future<Output = Result<()>>>>;

fn beside_others<F, Fut>(body: F, arbiters: usize) -> impl FnOnce(Scope) -> Body + Send + 'static
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    move |scope| {
        Box::pin(async move {
            let mut neighbours = Vec::new();
            for arbiter in 0..arbiters {
                let place = Placement::Arbiter(arbiter);
                let (end, ended) = channel::rendezvous::<u64>();
                let actor = scope.spawn(Adder::default).on(place).await?;
                let task = (scope.on(place)).go(async move { Ok(ended.recv().await?) });
                assert_eq!(actor.ask(Add(1)).await?, 1);
                neighbours.push((actor, end, task));
            }
            scope.scope(body).await?;
            for (actor, end, task) in neighbours {
                assert_eq!(actor.ask(Add(1)).await?, 2, "a neighbour was rebuilt");
                end.send(7).await?;
                assert_eq!(task.await?, 7);
            }
            Ok(())
        })
    }
}

/// Asks for what panics, with messages queued behind it: the asker gets the panic, and the rebuilt actor
/// serves the queue.
pub(crate) async fn costs_the_message<A, M>(actor: &Address<A>, fault: M) -> Result<Panic>
where
    A: Handler<Add, Reply = u64> + HandlerLater<M>,
    M: Send + 'static,
{
    let behind = async { queue_three(actor) };
    let (asked, ()) = join(actor.ask(fault), behind).await;
    let panic = match asked {
        Err(AskError::Panicked(panic)) => panic,
        Err(other) => panic!("the asker got {other}"),
        Ok(_) => panic!("the asker got a reply"),
    };
    assert_eq!(sum(actor).await?, 3, "the queue was not served");
    Ok(panic)
}

fn queue_three<A: Handler<Add>>(actor: &Address<A>) {
    for _ in 0..3 {
        assert!(actor.try_tell(Add(1)).is_ok());
    }
}

async fn sum<A: Handler<Add, Reply = u64>>(actor: &Address<A>) -> Result<u64> {
    Ok(actor.ask(Add(0)).await?)
}

/// Whether a panic is told with its text, what was being run, whose it was and where that was spawned.
pub(crate) fn is_told(panic: &Panic, text: &str, doing: &str, name: &str, file: &str) {
    assert_eq!(panic.message(), Some(text), "{panic}");
    let told = panic.doing().unwrap_or("nothing");
    assert!(told.ends_with(doing), "{panic}: not in {doing}");
    assert_eq!(panic.id().name(), name, "{panic}");
    assert!(panic.id().to_string().contains('/'), "{panic}: no path");
    assert!(panic.spawned_at().file().ends_with(file), "{panic}");
    let shown = panic.to_string();
    for part in [text, doing, name, file] {
        assert!(shown.contains(part), "{shown} lacks {part}");
    }
}

/// Whether exactly one panic is told, as [`is_told`].
pub(crate) fn one(panics: &[Panic], text: &str, doing: &str, name: &str, file: &str) {
    assert_eq!(panics.len(), 1, "{panics:?}");
    is_told(&panics[0], text, doing, name, file);
}

pub(crate) fn none(panics: &[Panic]) {
    assert!(panics.is_empty(), "{panics:?}");
}
