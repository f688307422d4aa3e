//! Task groups, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use common::{Boom, Ledger, Token, arbiters, boom, check, idle, paused, polls, quiet};
use greenroom_actor::{Placement, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};
use greenroom_patterns::task_group::{GoError, TaskGroup, TryGoError, WaitError};
use proptest::prelude::*;

#[test]
fn smoke() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        let seven = group.go(async { Ok(7) }).await?;
        group.wait().await?;
        assert_eq!(seven.await?, 7);
        Ok(())
    });
}

#[test]
fn an_error_of_any_type_comes_through() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group
            .go(async {
                let _n: u32 = "x".parse()?;
                boom::<()>()
            })
            .await?;
        let raised: Result<()> = async { Ok(group.wait().await?) }.await;
        let Err(raised) = raised else {
            unreachable!("the task failed");
        };
        let original = raised.downcast_ref::<std::num::ParseIntError>();
        assert!(original.is_some(), "{raised:?}");
        assert!(raised.downcast_ref::<Boom>().is_none());
        Ok(())
    });
}

#[test]
fn a_refused_future_can_be_reported_by_the_question_mark() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        group.go(async { Ok(sleep(1.secs()).await?) }).await?;
        let tried: Result<()> = async {
            let refused = group.try_go(async { Ok(()) });
            refused.map_err(TryGoError::without_future)?;
            Ok(())
        }
        .await;
        let refused = tried.err().and_then(|raised| {
            let refused = raised.downcast_ref::<TryGoError<()>>()?;
            Some(refused.is_full())
        });
        assert_eq!(refused, Some(true));
        Ok(())
    });
}

#[test]
fn futures_are_dropped_when_their_go_is() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let busy = group.go(std::future::pending::<Result<()>>()).await?;
        for n in 0..1000 {
            let token = ledger.token(n);
            let work = async move {
                let _token = token;
                Ok(())
            };
            assert!(polls(Some(1), group.go(work)).await.is_none());
            assert_eq!(ledger.live(), 0);
        }
        busy.cancel("not wanted");
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn a_task_held_by_its_parent_goes_before_those_that_came_later() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let order = Arc::new(Mutex::new(Vec::new()));
        let log = |text| {
            let order = order.clone();
            async move {
                sleep(1.millis()).await?;
                order.lock().expect("nobody panics here").push(text);
                Ok::<_, greenroom_core::Failure>(())
            }
        };
        let (nested, child) = (group.clone(), log("child"));
        group
            .go(async move {
                // More than the limit, and none of them waits.
                nested.go(child).await?;
                nested.go(async { Ok(()) }).await?;
                sleep(5.millis()).await?;
                Ok(())
            })
            .await?;
        idle().await?;
        group.go(log("later")).await?;
        group.wait().await?;
        let order = order.lock().expect("nobody panics here").clone();
        assert_eq!(order, ["child", "later"]);
        Ok(())
    });
}

#[test]
fn a_deep_tree_of_tasks_grows_under_a_limit_of_one() {
    fn grow(group: TaskGroup, depth: u32, done: Arc<AtomicUsize>) -> Grown {
        Box::pin(async move {
            if depth > 0 {
                for _ in 0..2 {
                    let child = grow(group.clone(), depth - 1, done.clone());
                    group.go(child).await?;
                }
            }
            sleep(1.millis()).await?;
            done.fetch_add(1, SeqCst);
            Ok(())
        })
    }
    type Grown = std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let done = Arc::new(AtomicUsize::new(0));
        group.go(grow(group.clone(), 6, done.clone())).await?;
        group.wait().await?;
        assert_eq!(done.load(SeqCst), 127);
        Ok(())
    });
}

#[test]
fn a_group_of_many_tasks_keeps_nothing_of_them() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let group = TaskGroup::keep_going(&scope);
        group.set_limit(4)?;
        for n in 0..5_000 {
            let token = ledger.token(n);
            group
                .go(async move {
                    let _token = token;
                    if n % 2 == 0 { Ok(()) } else { boom() }
                })
                .await?
                .detach();
        }
        assert!(group.wait().await.is_err());
        assert_eq!((ledger.made(), ledger.live()), (5_000, 0));
        assert!(ledger.peak() <= 5, "{}", ledger.peak());
        Ok(())
    });
}

#[test]
fn on_two_arbiters_the_limit_holds_and_the_first_error_stays() {
    for _ in 0..20 {
        arbiters(2)
            .block_on(|scope| async move {
                let group = TaskGroup::keep_going(&scope.on(Placement::Spread));
                group.set_limit(3)?;
                let now = Arc::new(AtomicUsize::new(0));
                let feeders: Vec<_> = (0..2)
                    .map(|feeder| {
                        let (group, now) = (group.clone(), now.clone());
                        scope.on(Placement::Arbiter(feeder)).go(async move {
                            for n in 0..50 {
                                let now = now.clone();
                                group
                                    .go(async move {
                                        assert!(now.fetch_add(1, SeqCst) < 3);
                                        sleep(((n % 4) * 10).micros()).await?;
                                        now.fetch_sub(1, SeqCst);
                                        if n == 20 { boom() } else { Ok(()) }
                                    })
                                    .await?;
                            }
                            Ok(())
                        })
                    })
                    .collect();
                for feeder in feeders {
                    feeder.await?;
                }
                for _ in 0..2 {
                    let Err(WaitError::Failed(failure)) = group.wait().await else {
                        unreachable!("two of them failed");
                    };
                    assert!(failure.downcast_ref::<Boom>().is_some(), "{failure:?}");
                }
                assert_eq!(now.load(SeqCst), 0);
                Ok(())
            })
            .expect("the errors are the group's");
    }
}

#[derive(Clone, Copy, Debug)]
enum Ends {
    Returns,
    Fails,
    Panics,
    IsCancelled,
}

#[derive(Clone, Copy, Debug)]
enum How {
    /// `go`, polled so many times at most.
    Go(Option<usize>),
    /// `go`, dropped after so long, be it granted a place in that same instant.
    Until(u64),
    TryGo,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    begins: u64,
    takes: u64,
    ends: Ends,
    how: How,
    /// It starts another task of the group, which takes so long.
    nested: Option<u64>,
}

#[derive(Clone, Debug)]
struct Plan {
    parts: Vec<Part>,
    limit: Option<usize>,
    keeps_going: bool,
    cancel: Option<u64>,
    waits: Vec<(u64, Option<usize>)>,
}

fn plans() -> impl Strategy<Value = Plan> {
    let ends = prop_oneof![
        4 => Just(Ends::Returns), 1 => Just(Ends::Fails), 1 => Just(Ends::Panics), 1 => Just(Ends::IsCancelled),
    ];
    let how = prop_oneof![
        3 => Just(How::Go(None)), 2 => (0..4_usize).prop_map(|polls| How::Go(Some(polls))),
        2 => (0..5_u64).prop_map(How::Until), 1 => Just(How::TryGo),
    ];
    let nested = proptest::option::weighted(0.3, 0..4_u64);
    let part = (0..6_u64, 0..4_u64, ends, how, nested);
    let part = part.prop_map(|(begins, takes, ends, how, nested)| Part {
        begins,
        takes,
        ends,
        how,
        nested,
    });
    let waits = (0..12_u64, proptest::option::weighted(0.5, 0..3_usize));
    (
        proptest::collection::vec(part, 0..10),
        proptest::option::of(1..4_usize),
        any::<bool>(),
        proptest::option::weighted(0.3, 0..10_u64),
        proptest::collection::vec(waits, 0..3),
    )
        .prop_map(|(parts, limit, keeps_going, cancel, waits)| Plan {
            parts,
            limit,
            keeps_going,
            cancel,
            waits,
        })
}

/// What the model knows.
struct Book {
    limit: Option<usize>,
    group: TaskGroup,
    active: AtomicUsize,
    ran: AtomicUsize,
    ended: AtomicUsize,
    // The errors, in time.
    errors: Mutex<Vec<usize>>,
    // The end of the group's context has cut a task short.
    is_cut: AtomicBool,
}

impl Book {
    /// What a wait that is over now has to give.
    fn expects(&self) -> String {
        match self.errors.lock().expect("nobody panics here").first() {
            Some(number) => number.to_string(),
            None if self.is_cut.load(SeqCst) => "cut".into(),
            None => "nil".into(),
        }
    }

    /// Which error is the first one is known as it is raised.
    fn note(&self, number: usize) {
        let is_ended = Context::current().is_none_or(|context| context.err().is_some());
        if !is_ended {
            let mut errors = self.errors.lock().expect("nobody panics here");
            errors.push(number);
        }
    }
}

fn told(waited: Result<(), WaitError>) -> String {
    match waited {
        Ok(()) => "nil".into(),
        Err(WaitError::Failed(failure)) => failure.to_string(),
        Err(WaitError::Panicked(panic)) => panic.message().unwrap_or_default().into(),
        Err(WaitError::Cut(_)) => "cut".into(),
        Err(other) => format!("{other:?}"),
    }
}

/// A task that runs, until it is dropped.
struct Active {
    book: Arc<Book>,
    _token: Token,
    is_done: bool,
}

impl Active {
    fn new(book: &Arc<Book>, token: Token) -> Self {
        let active = book.active.fetch_add(1, SeqCst) + 1;
        assert!(book.limit.is_none_or(|limit| active <= limit), "{active}");
        book.ran.fetch_add(1, SeqCst);
        Self {
            book: book.clone(),
            _token: token,
            is_done: false,
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.book.active.fetch_sub(1, SeqCst);
        self.book.ended.fetch_add(1, SeqCst);
        if !self.is_done && self.book.group.context().is_done() {
            self.book.is_cut.store(true, SeqCst);
        }
    }
}

/// Drops a future after so many milliseconds. That comes first.
async fn until<F: Future>(millis: u64, future: F) -> Option<F::Output> {
    let mut timer = std::pin::pin!(sleep(millis.millis()));
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|cx| match timer.as_mut().poll(cx) {
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
    .await
}

async fn nested(takes: u64, token: Token, book: Arc<Book>) -> Result<()> {
    let mut active = Active::new(&book, token);
    sleep((10 * takes).millis()).await?;
    active.is_done = true;
    Ok(())
}

async fn work(part: Part, token: Token, book: Arc<Book>, ledger: Ledger) -> Result<()> {
    let number = token.number;
    let mut active = Active::new(&book, token);
    sleep((10 * part.takes).millis()).await?;
    if let Some(takes) = part.nested {
        let child = nested(takes, ledger.token(1000 + number), book.clone());
        let started = polls(Some(1), book.group.go(child)).await;
        assert!(matches!(started, Some(Ok(_))), "a nested go never waits");
    }
    match part.ends {
        Ends::Returns => {
            active.is_done = true;
            Ok(())
        }
        Ends::Fails => {
            book.note(number);
            active.is_done = book.group.context().err().is_none();
            Err(greenroom_core::Failure::message(number.to_string()))
        }
        Ends::Panics => {
            // Counts whatever has become of its context.
            let mut errors = book.errors.lock().expect("nobody panics here");
            errors.push(number);
            drop(errors);
            active.is_done = true;
            std::panic::panic_any(number.to_string())
        }
        Ends::IsCancelled => std::future::pending().await,
    }
}

async fn play(scope: Scope, plan: Plan) -> Result<()> {
    let ledger = Ledger::default();
    let group = match plan.keeps_going {
        true => TaskGroup::keep_going(&scope),
        false => TaskGroup::new(&scope),
    };
    group.set_limit(plan.limit)?;
    let book = Arc::new(Book {
        limit: plan.limit,
        group: group.clone(),
        active: AtomicUsize::new(0),
        ran: AtomicUsize::new(0),
        ended: AtomicUsize::new(0),
        errors: Mutex::default(),
        is_cut: AtomicBool::new(false),
    });
    for (number, part) in plan.parts.iter().copied().enumerate() {
        let (group, book, ledger, tasks) =
            (group.clone(), book.clone(), ledger.clone(), scope.clone());
        let submit = async move {
            sleep((10 * part.begins).millis()).await?;
            let before = ledger.live();
            let future = work(part, ledger.token(number), book.clone(), ledger.clone());
            let handle = match part.how {
                How::Go(limit) => match polls(limit, group.go(future)).await {
                    Some(started) => started?,
                    None => return Ok(()),
                },
                How::Until(after) => match until(10 * after, group.go(future)).await {
                    Some(started) => started?,
                    None => return Ok(()),
                },
                How::TryGo => match group.try_go(future) {
                    Ok(handle) => handle,
                    Err(TryGoError::Full(refused)) => {
                        assert!(plan.limit.is_some());
                        drop(refused);
                        assert_eq!(ledger.live(), before, "it comes back whole");
                        return Ok(());
                    }
                    Err(TryGoError::Closed(_)) => unreachable!("the scope lives"),
                    Err(_) => unreachable!("no other reason is known"),
                },
            };
            if matches!(part.ends, Ends::IsCancelled) {
                tasks
                    .go(async move {
                        sleep((10 * part.takes + 3).millis()).await?;
                        handle.cancel("planned");
                        Ok(())
                    })
                    .detach();
            }
            Ok::<_, greenroom_core::Failure>(())
        };
        scope.go(submit).detach();
    }
    if let Some(at) = plan.cancel {
        let group = group.clone();
        scope
            .go(async move {
                sleep((10 * at + 5).millis()).await?;
                group.cancel("planned");
                Ok(())
            })
            .detach();
    }
    for (at, limit) in plan.waits {
        let (group, book) = (group.clone(), book.clone());
        scope
            .go(async move {
                sleep((10 * at + 7).millis()).await?;
                if let Some(waited) = polls(limit, group.wait()).await {
                    assert_eq!(told(waited), book.expects());
                }
                Ok(())
            })
            .detach();
    }
    // Every submit is over, and every task. On the paused clock a hang is a deadline.
    let patience = scope.context().with_timeout(60.secs());
    patience.run(scope.join()).await??;
    assert_eq!(book.active.load(SeqCst), 0);
    assert_eq!(book.ran.load(SeqCst), book.ended.load(SeqCst));
    assert_eq!(ledger.live(), 0);
    assert_eq!(told(group.wait().await), book.expects());
    assert_eq!(told(group.wait().await), book.expects());
    assert_eq!(scope.len(), 0);
    // Every place is back.
    for _ in 0..plan.limit.unwrap_or(5) {
        assert!(group.try_go(std::future::pending::<Result<()>>()).is_ok());
    }
    assert_eq!(
        group.try_go(async { Ok(()) }).is_err(),
        plan.limit.is_some()
    );
    group.cancel("the end");
    scope.join().await?;
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn a_group_keeps_its_limit_and_its_first_error(plan in plans(), seed in any::<u64>()) {
        quiet();
        let played = paused(seed).block_on(move |scope| play(scope, plan));
        prop_assert!(played.is_ok(), "{played:?}");
    }
}

#[test]
fn a_go_in_a_scope_that_has_ended_is_refused() {
    let group = paused(1)
        .block_on(|scope| async move { Ok(TaskGroup::new(&scope)) })
        .expect("nothing fails");
    paused(1)
        .block_on(move |_| async move {
            assert!(matches!(
                group.go(async { Ok(()) }).await,
                Err(GoError::Closed)
            ));
            group.wait().await?;
            Ok(())
        })
        .expect("nothing fails");
}
