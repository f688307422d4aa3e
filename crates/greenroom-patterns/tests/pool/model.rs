//! A pool against an account of its items: under failures, panics, cancels, drops and closes at random.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::common::{Boom, Ledger, Token, later, paused, polls, quiet};
use greenroom_actor::{OnError, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Result};
use greenroom_patterns::pool::{GetError, Pool, Pooled, TryGetError, WatchPoolError, pool_of};
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Makes {
    Works,
    Fails,
    Panics,
    PanicsAtOnce,
    Hangs,
}

#[derive(Clone, Copy, Debug)]
enum Ends {
    Drops,
    Takes,
    Panics,
    IsCancelled,
}

#[derive(Clone, Copy, Debug)]
struct Order {
    waits: u64,
    tries: bool,
    polls: Option<usize>,
    within: Option<u64>,
    holds: u64,
    ends: Ends,
}

#[derive(Clone, Debug)]
struct Plan {
    max: usize,
    makes: Vec<(Makes, u64)>,
    /// Every so many items is not fit, or breaks its reset.
    unfit: Option<usize>,
    unmendable: Option<usize>,
    idle_time_out: Option<u64>,
    discards: bool,
    clients: Vec<Vec<Order>>,
    closes_after: Option<u64>,
    cancels_after: Option<u64>,
}

fn orders() -> impl Strategy<Value = Vec<Order>> {
    let ends = prop_oneof![
        4 => Just(Ends::Drops), 1 => Just(Ends::Takes), 1 => Just(Ends::Panics), 1 => Just(Ends::IsCancelled),
    ];
    let order = (
        0..4_u64,
        proptest::bool::weighted(0.2),
        proptest::option::weighted(0.3, 0..5_usize),
        proptest::option::weighted(0.3, 0..8_u64),
        0..4_u64,
        ends,
    )
        .prop_map(|(waits, tries, polls, within, holds, ends)| Order {
            waits,
            tries,
            polls,
            within,
            holds,
            ends,
        });
    proptest::collection::vec(order, 0..6)
}

fn plans() -> impl Strategy<Value = Plan> {
    let makes = prop_oneof![
        6 => Just(Makes::Works), 1 => Just(Makes::Fails), 1 => Just(Makes::Panics),
        1 => Just(Makes::PanicsAtOnce), 1 => Just(Makes::Hangs),
    ];
    (
        1..4_usize,
        proptest::collection::vec((makes, 0..3_u64), 1..6),
        proptest::option::weighted(0.4, 1..4_usize),
        proptest::option::weighted(0.2, 1..4_usize),
        proptest::option::weighted(0.3, 0..5_u64),
        any::<bool>(),
        proptest::collection::vec(orders(), 0..5),
        proptest::option::weighted(0.2, 0..12_u64),
        proptest::option::weighted(0.2, 0..12_u64),
    )
        .prop_map(
            |(
                max,
                makes,
                unfit,
                unmendable,
                idle_time_out,
                discards,
                mut clients,
                closes_after,
                cancels_after,
            )| {
                // What hangs is given an end: that of the context of whoever it is made for.
                if makes.iter().any(|(makes, _)| matches!(makes, Makes::Hangs)) {
                    for order in clients.iter_mut().flatten() {
                        order.within = order.within.or(Some(30));
                    }
                }
                Plan {
                    max,
                    makes,
                    unfit,
                    unmendable,
                    idle_time_out,
                    discards,
                    clients,
                    closes_after,
                    cancels_after,
                }
            },
        )
}

/// An item, which knows whether it has a holder.
struct Thing {
    token: Token,
    is_held: Arc<AtomicBool>,
}

fn is_every(every: Option<usize>, number: usize) -> bool {
    every.is_some_and(|every| number.is_multiple_of(every))
}

async fn pool_of_things(scope: &Scope, plan: &Plan, ledger: &Ledger) -> Result<Pool<Thing>> {
    let (makes, ledger, mut attempt) = (plan.makes.clone(), ledger.clone(), 0);
    let (unfit, unmendable) = (plan.unfit, plan.unmendable);
    let mut options = pool_of(move || {
        let (what, millis) = makes[attempt % makes.len()];
        attempt += 1;
        let (number, ledger) = (attempt, ledger.clone());
        assert!(!matches!(what, Makes::PanicsAtOnce), "planned");
        async move {
            sleep(millis.millis()).await?;
            match what {
                Makes::Works => {}
                Makes::Fails => return Err(Boom.into()),
                Makes::Panics | Makes::PanicsAtOnce => panic!("planned"),
                Makes::Hangs => std::future::pending().await,
            }
            Ok(Thing {
                token: ledger.token(number),
                is_held: Arc::default(),
            })
        }
    })
    .max(plan.max)
    .reset(move |thing| {
        assert!(!thing.is_held.load(SeqCst), "misuse: a holder has it");
        assert!(!is_every(unmendable, thing.token.number), "planned");
    });
    if unfit.is_some() {
        options = options.check(async move |thing| {
            let _slept = sleep(1.millis()).await;
            !is_every(unfit, thing.token.number)
        });
    }
    if let Some(millis) = plan.idle_time_out {
        options = options.idle_time_out(millis.millis());
    }
    if plan.discards {
        options = options.discard_after_panic();
    }
    Ok(Pool::spawn(scope, options).await?)
}

async fn take(pool: &Pool<Thing>, order: Order) -> Option<Pooled<Thing>> {
    if order.tries {
        match polls(order.polls, pool.try_get()).await? {
            Ok(thing) => Some(thing),
            Err(
                TryGetError::Empty
                | TryGetError::Closed
                | TryGetError::Cancelled(_)
                | TryGetError::Deadline,
            ) => None,
            Err(other) => unreachable!("misuse: {other}"),
        }
    } else {
        match polls(order.polls, pool.get()).await? {
            Ok(thing) => Some(thing),
            Err(GetError::Panicked(panic)) => {
                assert_eq!(panic.message(), Some("planned"), "misuse");
                None
            }
            Err(GetError::Failed(failure)) => {
                assert!(failure.downcast_ref::<Boom>().is_some(), "misuse");
                None
            }
            Err(GetError::Closed | GetError::Cancelled(_) | GetError::Deadline) => None,
            Err(other) => unreachable!("misuse: {other}"),
        }
    }
}

async fn client(
    scope: Scope,
    pool: Pool<Thing>,
    orders: Vec<Order>,
    ledger: Ledger,
    max: usize,
) -> Result<()> {
    for order in orders {
        sleep(order.waits.millis()).await?;
        let Some(context) = Context::current() else {
            unreachable!("in a task")
        };
        let within = match order.within {
            Some(millis) => context.with_timeout(millis.millis()),
            None => context,
        };
        let Ok(Some(thing)) = within.run(take(&pool, order)).await else {
            continue;
        };
        // Invariants 1 and 2.
        assert!(!thing.is_held.swap(true, SeqCst), "misuse: two holders");
        assert!(ledger.live() <= max, "misuse: {ledger:?}");
        if let Ok(counts) = pool.counts().await {
            assert!(counts.len() <= max, "misuse: {counts:?}");
        }
        let holder = scope.go::<(), _>(async move {
            let mut thing = Held(Some(thing));
            sleep(order.holds.millis()).await?;
            match order.ends {
                Ends::Drops => Ok(()),
                Ends::Takes => {
                    drop(thing.leave().map(Pooled::into_inner));
                    Ok(())
                }
                Ends::Panics => panic!("planned"),
                Ends::IsCancelled => std::future::pending().await,
            }
        });
        sleep(order.holds.millis()).await?;
        if matches!(order.ends, Ends::IsCancelled) {
            holder.cancel("planned");
        }
        let _ended = holder.await;
    }
    Ok(())
}

/// Says before the item goes back, or leaves, that nobody holds it any more.
struct Held(Option<Pooled<Thing>>);

impl Held {
    fn leave(&mut self) -> Option<Pooled<Thing>> {
        let thing = self.0.take()?;
        assert!(thing.is_held.swap(false, SeqCst), "misuse: it was free");
        Some(thing)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.leave());
    }
}

async fn carry_out(scope: Scope, plan: Plan, ledger: Ledger) -> Result<()> {
    scope.set_on_error(OnError::Collect);
    let pool = pool_of_things(&scope, &plan, &ledger).await?;
    let clients: Vec<_> = plan
        .clients
        .iter()
        .map(|orders| {
            let (inner, pool) = (scope.clone(), pool.clone());
            scope.go(client(
                inner,
                pool,
                orders.clone(),
                ledger.clone(),
                plan.max,
            ))
        })
        .collect();
    let to_close = pool.clone();
    later(&scope, plan.closes_after, move || to_close.close());
    let to_cancel = scope.clone();
    later(&scope, plan.cancels_after, move || {
        to_cancel.cancel("planned")
    });
    for client in clients {
        // Whoever waits is served, refused, or ends with its context: else this hangs.
        let _told_by_the_scope = client.await;
    }
    // What is being made for callers that have gone has ended by then, also what hangs.
    sleep(100.millis()).await?;
    let counts = pool.counts().await?;
    assert_eq!(
        (counts.in_use, counts.waiting),
        (0, 0),
        "misuse: {counts:?}"
    );
    assert_eq!(counts.in_preparation, 0, "misuse: {counts:?}");
    assert_eq!(counts.idle, ledger.live(), "misuse: {counts:?}");
    if plan.closes_after.is_some() {
        pool.closed().await?;
        assert_eq!(ledger.live(), 0, "misuse: closed, and not empty");
    } else {
        let now = scope.context().with_timeout(1.millis());
        let open = now.run(pool.closed()).await;
        let is_open = matches!(open, Ok(Err(WatchPoolError::Deadline)) | Err(_));
        assert!(is_open, "misuse: {open:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]
    #[test]
    fn an_item_has_one_holder_the_places_add_up_and_nobody_waits_for_ever(
        plan in plans(),
        seed in any::<u64>(),
    ) {
        quiet();
        let ledger = Ledger::default();
        let runtime = paused(seed);
        let (max, is_cancelled) = (plan.max, plan.cancels_after.is_some());
        let ran = runtime.block_on({
            let ledger = ledger.clone();
            move |scope| carry_out(scope, plan, ledger)
        });
        if let Err(failure) = ran {
            let text = failure.to_string();
            let is_planned = text.contains("planned") || is_cancelled;
            prop_assert!(is_planned && !text.contains("misuse"), "{failure:?}");
        }
        prop_assert!(ledger.peak() <= max, "{ledger:?}");
        prop_assert_eq!(ledger.live(), 0, "an item is held somewhere");
        prop_assert!(runtime.registry().actors(runtime.context().now()).is_empty());
    }
}
