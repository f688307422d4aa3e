//! Random systems of actors, whose waits are written down beside them.
//!
//! The model is that record: for each actor, whom its handler waits for, and whether it does anything
//! else meanwhile. It knows no wakers and no counts. Everything runs on one thread, so that whoever
//! reads the record sees all of it at one moment.
//!
//! - What is refused is stuck in the model: all the way round the path each waits for the next, and does
//!   nothing else. (No false positive.)
//! - What is stuck in the model is refused: when nothing moves any more, there is no such circle left.
//! - The last one is refused: the waits of a path were begun before the one that was refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use futures_util::future::{Either, select};
use greenroom_actor::{Actor, ActorContext, Address, AskError, Handler, HandlerLater, ReplyTo};
use greenroom_core::time::Durations;
use greenroom_core::{Id, Result};
use proptest::prelude::*;

use crate::{HANG, nap, paused};

/// What a handler does, step by step.
#[derive(Clone, Debug)]
enum Step {
    Yield,
    Nap(u64),
    /// Awaits an ask alone.
    Ask(usize, Vec<Step>),
    /// Awaits an ask alone whose reply is kept for a while.
    AskLate(usize, u64),
    /// Gives an ask up after a time.
    AskFor(u64, usize, Vec<Step>),
    /// Awaits an ask and a time.
    AskAndNap(u64, usize, Vec<Step>),
    /// Lets a task ask, and awaits that.
    Helper(usize, Vec<Step>),
    /// Awaits an ask alone, under a deadline of its own.
    Within(u64, usize, Vec<Step>),
}

fn steps(actors: usize) -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        2 => Just(Step::Yield),
        2 => (1u64..20).prop_map(Step::Nap),
        2 => (0..actors, 1u64..20).prop_map(|(to, time)| Step::AskLate(to, time)),
    ];
    prop::collection::vec(one, 0..3).prop_recursive(4, 24, 3, move |inner| {
        let to = 0..actors;
        let step = prop_oneof![
            8 => (to.clone(), inner.clone()).prop_map(|(to, then)| Step::Ask(to, then)),
            1 => (1u64..20, to.clone(), inner.clone()).prop_map(|(t, to, then)| Step::AskFor(t, to, then)),
            1 => (1u64..20, to.clone(), inner.clone()).prop_map(|(t, to, then)| Step::AskAndNap(t, to, then)),
            1 => (to.clone(), inner.clone()).prop_map(|(to, then)| Step::Helper(to, then)),
            1 => (100u64..200, to, inner).prop_map(|(t, to, then)| Step::Within(t, to, then)),
        ];
        prop::collection::vec(step, 1..3)
    })
}

/// The model: who waits for whom at this moment.
#[derive(Default)]
struct Record {
    begun: u64,
    // By the waiter: whom it waits for with nothing beside, and as which of all the asks.
    alone: BTreeMap<usize, (usize, u64)>,
    // The asks whose message an actor has taken that may be answered by someone else.
    handed_on: BTreeSet<u64>,
    refused: usize,
    is_over: bool,
    wrong: Vec<String>,
}

impl Record {
    /// Whom an actor waits for, if nobody else can end that.
    fn next(&self, actor: usize) -> Option<(usize, u64)> {
        let (on, ask) = *self.alone.get(&actor)?;
        (!self.handed_on.contains(&ask)).then_some((on, ask))
    }

    fn check_refusal(&mut self, path: &[usize], ask: u64) {
        self.refused += 1;
        let step = |pair: &[usize]| self.next(pair[0]).filter(|(on, _)| *on == pair[1]);
        let steps: Vec<_> = path.windows(2).map(step).collect();
        if path.len() < 2 || path.first() != path.last() || steps.iter().any(Option::is_none) {
            self.wrong
                .push(format!("refused, and not stuck: {path:?} {:?}", self.alone));
        } else if steps.iter().flatten().any(|(_, other)| *other > ask) {
            self.wrong
                .push(format!("not the last was refused: {path:?} {steps:?}"));
        }
    }

    fn circle(&self) -> Option<usize> {
        (self.alone.keys().copied()).find(|start| {
            let mut at = *start;
            for _ in 0..=self.alone.len() {
                match self.next(at) {
                    Some((next, _)) if next == *start => return true,
                    Some((next, _)) => at = next,
                    None => return false,
                }
            }
            false
        })
    }
}

#[derive(Clone, Default)]
struct World {
    record: Arc<Mutex<Record>>,
    actors: Arc<OnceLock<Vec<Address<Member>>>>,
}

impl World {
    fn get(&self, number: usize) -> &Address<Member> {
        &self.actors.get().expect("the actors are there")[number]
    }

    fn number(&self, id: &Id) -> usize {
        let actors = self.actors.get().expect("the actors are there");
        actors
            .iter()
            .position(|actor| actor.id().is_same(id))
            .expect("it is one of them")
    }

    fn note<T>(&self, f: impl FnOnce(&mut Record) -> T) -> T {
        f(&mut self.record.lock().expect("no look at it panics"))
    }

    fn begin(&self) -> u64 {
        self.note(|record| {
            record.begun += 1;
            record.begun
        })
    }

    /// Asks in a handler that awaits nothing else, and looks at how it ended.
    async fn ask_alone<M>(&self, me: Option<usize>, to: usize, make: impl FnOnce(u64) -> M)
    where
        M: Send + 'static,
        Member: HandlerLater<M, Reply = ()>,
    {
        let ask = self.begin();
        if let Some(me) = me {
            self.note(|record| record.alone.insert(me, (to, ask)));
        }
        let _alone = Alone(self, me, ask);
        let asked = self.get(to).ask(make(ask)).await;
        self.look(asked, me, ask, true);
    }

    fn look(&self, asked: Result<(), AskError>, me: Option<usize>, ask: u64, is_alone: bool) {
        let Err(AskError::Cycle { path }) = asked else {
            return;
        };
        let path: Vec<_> = path.iter().map(|id| self.number(id)).collect();
        self.note(|record| {
            if !is_alone || me != path.first().copied() {
                record
                    .wrong
                    .push(format!("an ask that is not alone was refused: {path:?}"));
            }
            record.check_refusal(&path, ask);
        });
    }

    fn run<'a>(
        &'a self,
        me: Option<usize>,
        steps: Vec<Step>,
        cx: Option<&'a greenroom_actor::Scope>,
    ) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>> {
        Box::pin(async move {
            for step in steps {
                self.step(me, step, cx).await;
            }
        })
    }

    async fn step(&self, me: Option<usize>, step: Step, scope: Option<&greenroom_actor::Scope>) {
        match step {
            Step::Yield => greenroom_core::task::yield_now().await,
            Step::Nap(time) => nap(time).await,
            Step::Ask(to, then) => self.ask_alone(me, to, |ask| Do(ask, then)).await,
            Step::AskLate(to, time) => self.ask_alone(me, to, |ask| Late(ask, time)).await,
            Step::AskFor(time, to, then) => {
                let ask = self.begin();
                let asked = Box::pin(self.get(to).ask(Do(ask, then)));
                if let Either::Left((asked, _)) = select(asked, Box::pin(nap(time))).await {
                    self.look(asked, me, ask, false);
                }
            }
            Step::AskAndNap(time, to, then) => {
                let ask = self.begin();
                let is_over = std::cell::Cell::new(false);
                let asked = self.get(to).ask(Do(ask, then));
                let nap = async {
                    nap(time).await;
                    // From here on the ask is all that is awaited.
                    is_over.set(true);
                    if let Some(me) = me {
                        self.note(|record| record.alone.insert(me, (to, ask)));
                    }
                };
                let _alone = Alone(self, me, ask);
                let asked = async {
                    let asked = asked.await;
                    self.look(asked, me, ask, is_over.get());
                    self.note(|record| record.alone.retain(|_, (_, other)| *other != ask));
                };
                tokio::join!(asked, nap);
            }
            Step::Helper(to, then) => {
                let Some(scope) = scope else { return };
                let world = self.clone();
                let helper = scope.go(async move {
                    let ask = world.begin();
                    let asked = world.get(to).ask(Do(ask, then)).await;
                    world.look(asked, None, ask, false);
                    Ok(())
                });
                let _joined = helper.await;
            }
            Step::Within(time, to, then) => {
                let within = crate::own_context().with_timeout(time.millis());
                let asked = self.ask_alone(me, to, |ask| Do(ask, then));
                let _late = within.run(asked).await;
            }
        }
    }
}

/// Takes a wait out of the record when it ends, however that is.
struct Alone<'a>(&'a World, Option<usize>, u64);

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        if let Some(me) = self.1 {
            self.0.note(|record| {
                if record.alone.get(&me).is_some_and(|(_, ask)| *ask == self.2) {
                    record.alone.remove(&me);
                }
            });
        }
    }
}

struct Member {
    me: usize,
    world: World,
}
struct Do(u64, Vec<Step>);
struct Late(u64, u64);

impl Actor for Member {}

impl Handler<Do> for Member {
    type Reply = ();
    async fn handle(&mut self, Do(_ask, steps): Do, cx: &mut ActorContext<Self>) {
        let scope = cx.scope().clone();
        self.world.run(Some(self.me), steps, Some(&scope)).await;
    }
}

impl HandlerLater<Late> for Member {
    type Reply = ();
    async fn handle(
        &mut self,
        Late(ask, time): Late,
        reply: ReplyTo<()>,
        cx: &mut ActorContext<Self>,
    ) {
        self.world.note(|record| record.handed_on.insert(ask));
        let answer = async move {
            nap(time).await;
            reply.send(());
            Ok(())
        };
        cx.scope().go(answer).detach();
    }
}

fn system() -> impl Strategy<Value = (usize, Vec<(usize, Vec<Step>)>, u64)> {
    (2usize..5).prop_flat_map(|actors| {
        let root = (0..actors, steps(actors));
        (
            Just(actors),
            prop::collection::vec(root, 1..4),
            any::<u64>(),
        )
    })
}

/// Runs a system to its end, and returns how many asks were refused.
fn run(actors: usize, roots: Vec<(usize, Vec<Step>)>, seed: u64) -> usize {
    let world = World::default();
    let inside = world.clone();
    // What hangs is cancelled in the end, which may be its result.
    let _ended = paused(seed).block_on(move |scope| async move {
        let mut members = Vec::new();
        for me in 0..actors {
            let world = inside.clone();
            let make = move || Member {
                me,
                world: world.clone(),
            };
            members.push(scope.spawn(make).await?);
        }
        let _first = inside.actors.set(members);
        let mut running = Vec::new();
        for (first, steps) in roots {
            let world = inside.clone();
            running.push(scope.go(async move {
                let ask = world.begin();
                Ok(world.get(first).ask(Do(ask, steps)).await)
            }));
        }
        nap(u64::try_from(HANG.as_millis())?).await;
        // Nothing moves any more: what has not ended by now never does.
        inside.note(|record| {
            record.is_over = true;
            if record.circle().is_some() {
                let left = format!("a circle is left: {:?}", record.alone);
                record.wrong.push(left);
            }
        });
        scope.cancel("enough");
        drop(running);
        Ok(())
    });
    world.note(|record| {
        assert!(record.wrong.is_empty(), "{:?}", record.wrong);
        assert!(record.is_over, "the system was looked at");
        record.refused
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn refused_is_what_is_stuck((actors, roots, seed) in system()) {
        run(actors, roots, seed);
    }
}

/// The property says something only if circles come up.
#[test]
fn random_systems_have_circles() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut refused = 0;
    for _ in 0..100 {
        let tree = system().new_tree(&mut runner).expect("a system is made");
        let (actors, roots, seed) = tree.current();
        refused += run(actors, roots, seed);
    }
    assert!(refused > 20, "{refused}");
}
