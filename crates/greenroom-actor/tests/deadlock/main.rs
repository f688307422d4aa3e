//! Actors that wait for each other: what is refused, and what is left alone.

mod circles;
mod graph;
mod property;
mod rooms;
mod spared;
mod threads;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use greenroom_actor::{
    Actor, ActorContext, Address, AskError, Handler, HandlerLater, Placement, ReplyTo, Restart,
    Runtime, Scope, SingleThread,
};
use greenroom_core::task::LocalFuture;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};

pub(crate) const SEEDS: std::ops::Range<u64> = 0..8;

/// Long after all that a test waits for: what has not ended by then hangs.
pub(crate) const HANG: Duration = Duration::from_secs(1000);

pub(crate) fn paused(seed: u64) -> SingleThread {
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

/// Runs a body under several seeds, each in a time that it must not use up.
pub(crate) fn check<F, Fut>(body: F)
where
    F: Fn(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    for seed in SEEDS {
        let body = body.clone();
        paused(seed)
            .block_on(move |scope| async move {
                let limit = scope.context().with_timeout(HANG);
                match limit.run(body(scope)).await {
                    Ok(result) => result,
                    Err(_late) => unreachable!("seed {seed}: it hangs"),
                }
            })
            .unwrap_or_else(|failure| unreachable!("seed {seed}: {failure:?}"));
    }
}

/// The actors of a test, who know each other by their numbers.
#[derive(Clone, Default)]
pub(crate) struct Team(Arc<OnceLock<Vec<Address<Player>>>>);

impl Team {
    pub(crate) async fn spawn(scope: &Scope, count: usize) -> Result<Self> {
        let team = Self::default();
        let mut members = Vec::new();
        for _ in 0..count {
            let inside = team.clone();
            let built = scope.spawn(move || Player::new(inside.clone()));
            let placed = built
                .on(Placement::Spread)
                .mailbox(1)
                .restart(Restart::Temporary);
            members.push(placed.await?);
        }
        let _first = team.0.set(members);
        Ok(team)
    }

    pub(crate) fn get(&self, number: usize) -> &Address<Player> {
        let members = self.0.get().expect("the team is complete");
        &members[number % members.len()]
    }

    /// Asks the first of a line to ask the second, and so on; what the last one's ask gave.
    pub(crate) async fn line(&self, line: &[usize]) -> Result<Reached, AskError> {
        let first = self.get(line[0]);
        first.ask(Pass(line[1..].to_vec())).await
    }
}

pub(crate) struct Player {
    team: Team,
    kept: Option<ReplyTo<&'static str>>,
}

impl Player {
    fn new(team: Team) -> Self {
        Self { team, kept: None }
    }
}

impl Actor for Player {}

/// How a line ended.
#[derive(Debug)]
pub(crate) enum Reached {
    /// Its last one was reached.
    End,
    /// An ask in it failed.
    Failed(AskError),
}

impl Reached {
    /// The path of a refused ask, as the numbers in the ids.
    pub(crate) fn circle(&self) -> Option<Vec<String>> {
        match self {
            Self::Failed(error) => circle(error),
            Self::End => None,
        }
    }
}

pub(crate) fn circle(error: &AskError) -> Option<Vec<String>> {
    match error {
        AskError::Cycle { path } => Some(path.iter().map(short).collect()),
        _ => None,
    }
}

/// The last segment of a path.
pub(crate) fn short(id: &greenroom_core::Id) -> String {
    let path = id.to_string();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// Asks the next of the line, if there is one.
pub(crate) struct Pass(pub(crate) Vec<usize>);

impl Handler<Pass> for Player {
    type Reply = Reached;
    async fn handle(&mut self, Pass(line): Pass, _cx: &mut ActorContext<Self>) -> Reached {
        let Some((next, rest)) = line.split_first() else {
            return Reached::End;
        };
        match self.team.get(*next).ask(Pass(rest.to_vec())).await {
            Ok(reached) => reached,
            Err(error) => Reached::Failed(error),
        }
    }
}

/// Answers when [`Free`] comes.
pub(crate) struct Keep;
pub(crate) struct Free;

impl HandlerLater<Keep> for Player {
    type Reply = &'static str;
    async fn handle(&mut self, _: Keep, reply: ReplyTo<&'static str>, _: &mut ActorContext<Self>) {
        self.kept = Some(reply);
    }
}

impl Handler<Free> for Player {
    type Reply = bool;
    async fn handle(&mut self, _: Free, _cx: &mut ActorContext<Self>) -> bool {
        let kept = self.kept.take();
        let was_kept = kept.is_some();
        if let Some(reply) = kept {
            reply.send("freed");
        }
        was_kept
    }
}

/// Lets a helper answer, and meanwhile asks another: with a reply that may be of no use to it.
pub(crate) struct HandOver(pub(crate) usize);

impl HandlerLater<HandOver> for Player {
    type Reply = &'static str;
    async fn handle(
        &mut self,
        HandOver(other): HandOver,
        reply: ReplyTo<&'static str>,
        cx: &mut ActorContext<Self>,
    ) {
        let helper = async move {
            nap(5).await;
            reply.send("helped");
            Ok(())
        };
        cx.scope().go(helper).detach();
        let asked = self.team.get(other).ask(Pass(Vec::new())).await;
        assert!(matches!(asked, Ok(Reached::End)), "{asked:?}");
    }
}

/// Runs in a handler what a test wants to run there.
pub(crate) struct Run(Box<dyn FnOnce(Team, Scope) -> LocalFuture + Send>);

impl Handler<Run> for Player {
    type Reply = ();
    async fn handle(&mut self, Run(run): Run, cx: &mut ActorContext<Self>) {
        run(self.team.clone(), cx.scope().clone()).await;
    }
}

/// Runs a closure in a handler, and returns what it gave.
pub(crate) async fn in_handler<T, F, Fut>(actor: &Address<Player>, f: F) -> Result<T>
where
    T: Send + 'static,
    F: FnOnce(Team, Scope) -> Fut + Send + 'static,
    Fut: Future<Output = T> + 'static,
{
    let (give, take) = greenroom_core::channel::bounded(1);
    let run = move |team, scope| -> LocalFuture {
        let running = f(team, scope);
        Box::pin(async move {
            let _taken = give.try_send(running.await);
        })
    };
    actor.ask(Run(Box::new(run))).await?;
    Ok(take.recv().await?)
}

pub(crate) async fn nap(millis: u64) {
    let _slept = sleep(millis.millis()).await;
}

pub(crate) fn own_context() -> Context {
    Context::current().expect("it is in a task")
}
