//! Task groups against a model: the limit, the first error, and every future's account.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use common::{Ledger, Token, paused, polls, quiet};
use greenroom_actor::Scope;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};
use greenroom_patterns::task_group::{TaskGroup, TryGoError, WaitError};
use proptest::prelude::*;

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
