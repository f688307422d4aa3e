//! Leases against a model of who may hold: under drops at any poll, panics, cancels and ends at random.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::{Arc, Mutex as Lock};

use common::{Ledger, Token, paused, polls, quiet};
use greenroom_actor::{OnError, Scope};
use greenroom_core::Result;
use greenroom_core::registry::LeaseKind;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::condition::{Condition, WaitError};
use greenroom_patterns::mutex::{LeaseOptions, LockError, Mutex, OnCycle, TryLockError, mutex};
use greenroom_patterns::rw_mutex::{RwMutex, rw_mutex};
use proptest::prelude::*;

/// What a task does, one after the other.
#[derive(Clone, Copy, Debug)]
struct Move {
    what: What,
    /// How often its request is polled before it is dropped.
    polls: Option<usize>,
    within: Option<u64>,
    holds: u64,
    panics: bool,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Lock,
    TryLock,
    Recover,
    Read,
    TryRead,
    /// With the lease: wait for a signal.
    Wait,
    Signal,
    Broadcast,
}

#[derive(Clone, Debug)]
struct Plan {
    tasks: Vec<Vec<Move>>,
    refuses: bool,
    lease_time: Option<u64>,
    cancels_after: Option<u64>,
    cancels_task: Option<(usize, u64)>,
}

fn moves() -> impl Strategy<Value = Move> {
    let what = prop_oneof![
        6 => Just(What::Lock),
        2 => Just(What::TryLock),
        2 => Just(What::Recover),
        4 => Just(What::Read),
        2 => Just(What::TryRead),
        3 => Just(What::Wait),
        3 => Just(What::Signal),
        1 => Just(What::Broadcast),
    ];
    (
        what,
        proptest::option::weighted(0.3, 0..6_usize),
        proptest::option::weighted(0.2, 0..6_u64),
        0..3_u64,
        proptest::bool::weighted(0.08),
    )
        .prop_map(|(what, polls, within, holds, panics)| Move {
            what,
            polls,
            // What may never come is given an end.
            within: within.or(matches!(what, What::Wait).then_some(9)),
            holds,
            panics,
        })
}

fn plans() -> impl Strategy<Value = Plan> {
    (
        proptest::collection::vec(proptest::collection::vec(moves(), 1..8), 1..6),
        any::<bool>(),
        proptest::option::of(0..4_u64),
        proptest::option::weighted(0.15, 0..20_u64),
        proptest::option::weighted(0.3, (0..6_usize, 0..20_u64)),
    )
        .prop_map(
            |(tasks, refuses, lease_time, cancels_after, cancels_task)| Plan {
                tasks,
                refuses,
                lease_time,
                cancels_after,
                cancels_task,
            },
        )
}

/// Who holds by the model: nobody, so many readers, or one writer.
#[derive(Debug, Default)]
struct Model {
    readers: usize,
    writer: bool,
    /// How often the value was changed.
    changes: usize,
    last_number: u64,
    /// What should not be. Kept, since the panics of tasks are planned too.
    wrong: Vec<&'static str>,
}

#[derive(Clone, Default)]
struct Watch(Arc<Lock<Model>>);

/// Someone who holds, by the model.
struct Inside(Watch, LeaseKind);

impl Watch {
    fn with<R>(&self, f: impl FnOnce(&mut Model) -> R) -> R {
        f(&mut self.0.lock().expect("nobody panics here"))
    }

    fn enter(&self, kind: LeaseKind, number: u64, value: &Token) -> Inside {
        self.with(|model| {
            if model.writer || (kind == LeaseKind::Exclusive && model.readers > 0) {
                model.wrong.push("another has it");
            }
            if value.number != model.changes {
                model.wrong.push("a change was lost");
            }
            match kind {
                LeaseKind::Shared => model.readers += 1,
                LeaseKind::Exclusive => model.writer = true,
            }
            model.last_number = model.last_number.max(number);
        });
        Inside(self.clone(), kind)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.with(|model| match self.1 {
            LeaseKind::Shared => model.readers -= 1,
            LeaseKind::Exclusive => model.writer = false,
        });
    }
}

/// Holds a lease as planned, and changes the value. The model leaves before the lease does.
async fn hold(watch: &Watch, plan: Move, number: u64, value: &mut Token) -> Result<()> {
    let _inside = watch.enter(LeaseKind::Exclusive, number, value);
    sleep(plan.holds.millis()).await?;
    value.number += 1;
    watch.with(|model| model.changes += 1);
    if plan.panics {
        std::panic::resume_unwind(Box::new("planned"));
    }
    Ok(())
}

async fn look(watch: &Watch, plan: Move, number: u64, value: &Token) -> Result<()> {
    let _inside = watch.enter(LeaseKind::Shared, number, value);
    sleep(plan.holds.millis()).await?;
    assert!(!plan.panics, "planned");
    Ok(())
}

fn options(plan: &Plan, described: LeaseOptions) -> LeaseOptions {
    let described = match plan.lease_time {
        Some(millis) => described.lease_time(millis.millis()),
        None => described,
    };
    match plan.refuses {
        true => described.on_cycle(OnCycle::Refuse),
        false => described,
    }
}

/// Polls a request as planned. `None`: it was dropped.
async fn planned<F: Future>(plan: Move, request: F) -> Result<Option<F::Output>> {
    let request = polls(plan.polls, request);
    let Some(millis) = plan.within else {
        return Ok(request.await);
    };
    let Some(context) = greenroom_core::Context::current() else {
        unreachable!("in a task")
    };
    let hurried = context.with_timeout(millis.millis());
    Ok(hurried.run(request).await.unwrap_or(None))
}

async fn locker(
    value: Mutex<Token>,
    changed: Condition<Token>,
    moves: Vec<Move>,
    watch: Watch,
) -> Result<()> {
    for plan in moves {
        match plan.what {
            What::Signal => changed.signal(),
            What::Broadcast => changed.broadcast(),
            What::Lock | What::Read => match planned(plan, value.lock()).await? {
                Some(Ok(mut lease)) => hold(&watch, plan, lease.number(), &mut lease).await?,
                Some(Err(LockError::Closed)) => return Ok(()),
                _ => {}
            },
            What::TryLock | What::TryRead => match planned(plan, value.try_lock()).await? {
                Some(Ok(mut lease)) => hold(&watch, plan, lease.number(), &mut lease).await?,
                Some(Err(TryLockError::Closed)) => return Ok(()),
                _ => {}
            },
            What::Recover => {
                if let Some(Ok(mut lease)) = planned(plan, value.recover()).await? {
                    hold(&watch, plan, lease.number(), &mut lease).await?;
                }
            }
            What::Wait => {
                let Ok(lease) = value.lock().await else {
                    continue;
                };
                match planned(plan, changed.wait(lease)).await? {
                    Some(Ok(mut lease)) => hold(&watch, plan, lease.number(), &mut lease).await?,
                    Some(Err(WaitError::OtherMutex(_))) => unreachable!("it is of this one"),
                    _ => {}
                }
            }
        }
    }
    Ok(())
}

async fn reader(value: RwMutex<Token>, moves: Vec<Move>, watch: Watch) -> Result<()> {
    for plan in moves {
        match plan.what {
            What::Read | What::Wait => {
                if let Some(Ok(lease)) = planned(plan, value.read()).await? {
                    look(&watch, plan, lease.number(), &lease).await?;
                }
            }
            What::TryRead | What::Signal => {
                if let Some(Ok(lease)) = planned(plan, value.try_read()).await? {
                    look(&watch, plan, lease.number(), &lease).await?;
                }
            }
            What::Lock => {
                if let Some(Ok(mut lease)) = planned(plan, value.write()).await? {
                    hold(&watch, plan, lease.number(), &mut lease).await?;
                }
            }
            What::TryLock => {
                if let Some(Ok(mut lease)) = planned(plan, value.try_write()).await? {
                    hold(&watch, plan, lease.number(), &mut lease).await?;
                }
            }
            What::Recover | What::Broadcast => {
                if let Some(Ok(mut lease)) = planned(plan, value.recover()).await? {
                    hold(&watch, plan, lease.number(), &mut lease).await?;
                }
            }
        }
    }
    Ok(())
}

/// Starts the ends that were planned, and waits for all tasks.
async fn carry_out<F, Fut>(scope: &Scope, plan: &Plan, start: F) -> Result<()>
where
    F: Fn(Vec<Move>) -> Fut,
    Fut: Future<Output = Result<()>> + Send + 'static,
{
    scope.set_on_error(OnError::Collect);
    let mut tasks: Vec<_> = plan
        .tasks
        .iter()
        .map(|moves| scope.go(start(moves.clone())))
        .collect();
    if let Some((task, millis)) = plan.cancels_task
        && task < tasks.len()
    {
        let cancelled = tasks.remove(task);
        sleep(millis.millis()).await?;
        cancelled.cancel("planned");
    }
    if let Some(millis) = plan.cancels_after {
        sleep(millis.millis()).await?;
        scope.cancel("planned");
    }
    for task in tasks {
        let _ended = task.await;
    }
    Ok(())
}

/// After all tasks: the value is at home, whole, and nobody is listed.
fn settled(watch: &Watch, number: usize) {
    assert_eq!(watch.with(|model| model.wrong.clone()), [] as [&str; 0]);
    let (readers, writer, changes) =
        watch.with(|model| (model.readers, model.writer, model.changes));
    assert_eq!((readers, writer), (0, false));
    assert_eq!(number, changes);
}

fn account(plan: &Plan, seed: u64, is_shared: bool) -> std::result::Result<(), TestCaseError> {
    quiet();
    let (ledger, watch) = (Ledger::default(), Watch::default());
    let runtime = paused(seed);
    let ended = runtime.block_on({
        let (plan, ledger, watch) = (plan.clone(), ledger.clone(), watch.clone());
        move |outer| async move {
            let hurried = outer.context().with_timeout(60.secs());
            let all = outer.scope(move |scope| async move {
                // The owner outlives the tasks, which may fail, so that the end is looked at.
                let token = ledger.token(0);
                if is_shared {
                    let described = options(&plan, rw_mutex("model"));
                    let value = RwMutex::spawn_with(&scope, described, token).await?;
                    let (there, seen) = (value.clone(), watch.clone());
                    let start = move |moves| reader(there.clone(), moves, seen.clone());
                    let inner = plan.clone();
                    let _ended = scope
                        .scope(move |tasks| async move { carry_out(&tasks, &inner, start).await })
                        .await;
                    let lease = value.recover().await?;
                    settled(&watch, lease.number);
                    let own = lease.number();
                    drop(lease);
                    assert!(own > watch.with(|model| model.last_number));
                    sleep(1.millis()).await?;
                    let status = value.status().await?;
                    assert_eq!(
                        (status.holders.len(), status.waiters.len(), status.parked),
                        (0, 0, 0)
                    );
                } else {
                    let described = options(&plan, mutex("model"));
                    let value = Mutex::spawn_with(&scope, described, token).await?;
                    let (there, seen, changed) = (value.clone(), watch.clone(), value.condition());
                    let start =
                        move |moves| locker(there.clone(), changed.clone(), moves, seen.clone());
                    let inner = plan.clone();
                    let _ended = scope
                        .scope(move |tasks| async move { carry_out(&tasks, &inner, start).await })
                        .await;
                    let lease = value.recover().await?;
                    settled(&watch, lease.number);
                    let own = lease.number();
                    drop(lease);
                    assert!(own > watch.with(|model| model.last_number));
                    sleep(1.millis()).await?;
                    let status = value.status().await?;
                    assert_eq!(
                        (status.holders.len(), status.waiters.len(), status.parked),
                        (0, 0, 0)
                    );
                }
                let context = scope.context();
                assert!(context.registry().leases(context.now()).is_empty());
                assert!(context.registry().lease_cycles().is_empty());
                assert_eq!((ledger.made(), ledger.live()), (1, 1));
                Ok(())
            });
            hurried.run(all).await?
        }
    });
    prop_assert!(ended.is_ok(), "{:?}", ended);
    prop_assert_eq!(ledger.live(), 0);
    prop_assert!(
        runtime
            .registry()
            .actors(runtime.context().now())
            .is_empty()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn a_mutex_lends_one_value_to_one_at_a_time_and_gets_it_back(plan in plans(), seed in any::<u64>()) {
        account(&plan, seed, false)?;
    }

    #[test]
    fn readers_and_writers_keep_apart_and_the_value_comes_back(plan in plans(), seed in any::<u64>()) {
        account(&plan, seed, true)?;
    }
}
