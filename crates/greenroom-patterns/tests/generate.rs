//! Generators, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use common::{
    Boom, End, Ledger, Panics, SEEDS, Seen, arbiters, boom, check, check_err, ends, idle, paused,
    see,
};
use greenroom_actor::Scope;
use greenroom_core::channel::{RecvError, SendError};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Context, Panic, Result};
use greenroom_patterns::generate::{generate, generate_stream, generate_with};
use greenroom_patterns::prelude::Pipeline;
use proptest::prelude::*;

#[test]
fn gen_02_ten_generators_left_after_one_value_end_without_a_cancel() {
    check(|scope| async move {
        for _ in 0..10 {
            let naturals = generate(&scope, 0_u64..);
            assert_eq!(naturals.recv().await?, 0);
        }
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn gen_02_left_generators_of_every_kind_end_while_they_wait_for_a_value() {
    check(|scope| async move {
        let silent = generate_stream(&scope, futures_util::stream::pending::<u8>());
        let stuck = generate_with::<u8, _, _>(&scope, |_out| std::future::pending());
        let sent = generate_with(&scope, |out| async move {
            for n in 0_u64.. {
                out.send(n).await?;
            }
            Ok(())
        });
        idle().await?;
        assert_eq!(scope.len(), 6);
        drop((silent, stuck));
        assert_eq!(sent.recv().await?, 0);
        drop(sent);
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn gen_03_one_element_is_begun_before_any_receive_and_two_after_one() {
    check(|scope| async move {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = begun.clone();
        let naturals = generate(
            &scope,
            (0..).inspect(move |_: &u64| {
                counter.fetch_add(1, SeqCst);
            }),
        );
        idle().await?;
        assert_eq!(begun.load(SeqCst), 1);
        naturals.recv().await?;
        idle().await?;
        assert_eq!(begun.load(SeqCst), 2);
        drop(naturals);
        Ok(())
    });
}

#[test]
fn rs_01_a_generator_at_its_end_closes_behind_its_values() {
    check(|scope| async move {
        let three = generate(&scope, [1, 2, 3]);
        assert_eq!(three.clone().collect().await?, [1, 2, 3]);
        assert!(matches!(three.recv().await, Err(RecvError::Closed)));
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn a_cancelled_scope_ends_its_generators_and_the_stream_is_not_complete() {
    check(|scope| async move {
        let naturals = generate(&scope, 0_u64..);
        let other = scope.clone();
        scope
            .go(async move {
                sleep(5.millis()).await?;
                other.cancel("enough");
                Ok(())
            })
            .detach();
        let cut = naturals
            .for_each(async |_| Ok(sleep(1.millis()).await?))
            .await;
        let cut = cut.expect_err("its context has ended");
        assert!(cut.to_string().contains("enough"), "{cut:?}");
        let waits = generate_with::<u8, _, _>(&scope, |_out| std::future::pending());
        assert!(matches!(
            waits.collect().await,
            Err(RecvError::Cancelled(_))
        ));
        Ok(())
    });
}

#[test]
fn an_ended_scope_gives_a_closed_output() {
    for seed in SEEDS {
        let runtime = paused(seed);
        let ended = runtime
            .block_on(|scope| async move { Ok(scope) })
            .expect("nothing fails");
        let output = generate(&ended, [1]);
        assert!(output.is_closed());
    }
}

#[test]
fn a_panic_of_the_iterator_is_an_error_of_the_scope() {
    check_err(
        |scope| async move {
            let odd = generate(&scope, (0..5).inspect(|n| assert!(*n < 3, "three")));
            Ok(odd.collect().await?)
        },
        |failure| {
            let panic = failure.downcast_ref::<Panic>().expect("it is a panic");
            assert!(panic.spawned_at().file().ends_with("generate.rs"));
        },
    );
}

#[test]
fn an_error_of_the_function_is_an_error_of_the_scope() {
    check_err(
        |scope| async move {
            let cut = generate_with(&scope, |out| async move {
                out.send(1).await?;
                boom()
            });
            let cut = cut.collect().await;
            assert!(matches!(cut, Err(RecvError::Cancelled(_))), "{cut:?}");
            Ok(())
        },
        |failure| assert!(failure.downcast_ref::<Boom>().is_some()),
    );
}

#[derive(Debug, thiserror::Error)]
#[error("could not tell")]
struct Wrapped(#[source] SendError<u64>);

#[test]
fn a_refused_send_inside_another_error_is_no_error_when_the_consumer_left() {
    check(|scope| async move {
        let wrapped = generate_with(&scope, |out| async move {
            for n in 0_u64.. {
                out.send(n).await.map_err(Wrapped)?;
            }
            Ok(())
        });
        let slots = generate_with(&scope, |out| async move {
            let mut slot = Some(1);
            out.send_from(&mut slot).await?;
            Ok(())
        });
        drop((wrapped, slots));
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn another_error_counts_even_when_the_consumer_left() {
    check_err(
        |scope| async move {
            let fails = generate_with(&scope, |out| async move {
                let _refused = out.send(1).await;
                boom()
            });
            idle().await?;
            drop(fails);
            idle().await?;
            Ok(())
        },
        |failure| assert!(failure.downcast_ref::<Boom>().is_some()),
    );
}

#[test]
fn work_without_cancel_is_finished_after_the_consumer_left() {
    check(|scope| async move {
        let cleaned = Arc::new(AtomicUsize::new(0));
        let seen = cleaned.clone();
        let cleans = generate_with::<u8, _, _>(&scope, move |_out| async move {
            let context = Context::current().expect("in a task").without_cancel();
            let clean = async {
                sleep(1.secs()).await?;
                cleaned.store(1, SeqCst);
                Ok(())
            };
            context.run(clean).await?
        });
        idle().await?;
        drop(cleans);
        sleep(2.secs()).await?;
        assert_eq!(seen.load(SeqCst), 1);
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn a_stream_is_paced_by_its_consumer() {
    check(|scope| async move {
        let begun = Arc::new(AtomicUsize::new(0));
        let counter = begun.clone();
        let stream = futures_util::stream::unfold(0_u64, move |n| {
            counter.fetch_add(1, SeqCst);
            async move {
                sleep(1.millis()).await.ok()?;
                Some((n, n + 1))
            }
        });
        let rx = generate_stream(&scope, stream);
        sleep(1.secs()).await?;
        assert_eq!(begun.load(SeqCst), 1);
        assert_eq!((rx.recv().await?, rx.recv().await?), (0, 1));
        sleep(1.secs()).await?;
        assert_eq!(begun.load(SeqCst), 3);
        drop(rx);
        Ok(())
    });
}

#[test]
fn on_arbiters_a_failed_generator_never_looks_complete() {
    let runtime = arbiters(2);
    for round in 0..300 {
        let panics = Panics::default();
        let error = runtime
            .block_on(panics.watch(move |scope| async move {
                let cut = generate_with(&scope, move |out| async move {
                    for n in 0..round % 4 {
                        out.send(n).await?;
                    }
                    boom()
                });
                let there = scope.on(greenroom_actor::Placement::Spread);
                let all = there.go(async move { Ok(cut.collect().await?) });
                if let Ok(all) = all.await {
                    panic!("looks complete: {all:?}");
                }
                Ok(())
            }))
            .expect_err("the generator fails");
        panics.check();
        assert!(error.downcast_ref::<Boom>().is_some(), "{error:?}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Iterator,
    Stream,
    Function,
}

async fn consume(
    scope: Scope,
    ledger: Ledger,
    kind: Kind,
    length: usize,
    end: End,
) -> Result<Seen> {
    let tokens = ledger.clone();
    let items = (0..length).map(move |n| tokens.token(n));
    let input = match kind {
        Kind::Iterator => generate(&scope, items),
        Kind::Stream => generate_stream(&scope, futures_util::stream::iter(items)),
        Kind::Function => generate_with(&scope, |out| async move {
            for item in items {
                out.send(item).await.map_err(SendError::without_value)?;
            }
            Ok(())
        }),
    };
    see(&scope, input, end, async |seen| {
        idle().await?;
        assert!(ledger.made() <= seen.numbers.len() + 1, "{ledger:?}");
        Ok(())
    })
    .await
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_generator_gives_a_prefix_of_its_values_and_leaves_nothing(
        seed: u64,
        kind in prop_oneof![Just(Kind::Iterator), Just(Kind::Stream), Just(Kind::Function)],
        length in 0..20_usize,
        end in ends(),
    ) {
        let ledger = Ledger::default();
        let ran = paused(seed).block_on({
            let ledger = ledger.clone();
            move |scope| consume(scope, ledger, kind, length, end)
        });
        prop_assert_eq!(ledger.live(), 0);
        let wanted = match end {
            End::Drain => length,
            End::Leave(count) | End::Cancel(count) => count.min(length),
        };
        let seen = ran.map_err(|failure| TestCaseError::fail(format!("{failure:?}")))?;
        prop_assert_eq!(seen.numbers, (0..wanted).collect::<Vec<_>>());
        prop_assert_eq!(seen.tasks_left, 0);
        prop_assert!(!seen.is_complete);
        prop_assert!(ledger.made() <= wanted + 1);
    }
}

#[test]
fn a_close_that_comes_with_a_cancel_does_not_look_complete() {
    check(|scope| async move {
        let silent = generate_with::<u8, _, _>(&scope, |_out| std::future::pending());
        let other = scope.clone();
        scope
            .go(async move {
                sleep(1.millis()).await?;
                other.cancel("enough");
                Ok(())
            })
            .detach();
        let cut = silent.collect().await;
        assert!(matches!(cut, Err(RecvError::Cancelled(_))), "{cut:?}");
        Ok(())
    });
}
