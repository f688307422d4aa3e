//! Ends that meet something in their way: a timer, a hook, a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use greenroom_actor::{Actor, ActorContext, AskError, Handler, Runtime, SpawnError};
use greenroom_core::error::ContextError;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Failure, Panic, Result};

use crate::{Add, Counter, Forever, SEEDS, Slow, paused, quiet, with_counter};

/// Takes longer for a tick than from one to the next.
struct Ticker {
    ticks: Arc<AtomicUsize>,
}
struct Tick;

impl Actor for Ticker {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        cx.every(1.secs(), || Tick)?;
        Ok(())
    }
}

impl Handler<Tick> for Ticker {
    type Reply = ();
    async fn handle(&mut self, _: Tick, cx: &mut ActorContext<Self>) {
        if self.ticks.fetch_add(1, SeqCst) > 1000 {
            // Else the test would never end.
            cx.stop();
        }
        let _slept = sleep(2.secs()).await;
    }
}

impl Handler<Add> for Ticker {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        n
    }
}

#[test]
fn a_timer_that_outruns_its_handler_starves_neither_the_mailbox_nor_the_end() {
    for seed in SEEDS {
        let ticks = Arc::new(AtomicUsize::new(0));
        let seen = ticks.clone();
        with_counter(seed, |scope, _counter, _| async move {
            let ticker = scope
                .spawn(move || Ticker {
                    ticks: ticks.clone(),
                })
                .await?;
            sleep(10.secs()).await?;
            assert_eq!(ticker.ask(Add(7)).await?, 7);
            Ok(())
        });
        let ticks = seen.load(SeqCst);
        assert!(ticks < 20, "{ticks} ticks before the end");
    }
}

#[test]
fn a_cancel_after_a_stop_drops_the_handler_at_once() {
    for seed in SEEDS {
        let runtime = paused(seed);
        let handle: Runtime = (*runtime).clone();
        runtime
            .block_on(|scope| async move {
                let built = Arc::new(AtomicUsize::new(0));
                let patient = scope
                    .spawn(move || Counter::new(&built))
                    .shutdown(3600.secs())
                    .await?;
                let busy = patient.clone();
                let asked = scope.go(async move { Ok(busy.ask(Forever).await) });
                sleep(1.secs()).await?;
                patient.stop();
                sleep(1.secs()).await?;
                let start = scope.context().now();
                assert!(handle.registry().cancel_actor(patient.id(), "now".into()));
                let reason = patient.closed().await?;
                assert!(matches!(reason, ExitReason::Cancelled(_)), "{reason:?}");
                assert!(scope.context().now() - start < 1.secs());
                assert!(matches!(asked.await?, Err(AskError::Dropped)));
                Ok(())
            })
            .unwrap_or_else(|failure| unreachable!("seed {seed}: {failure:?}"));
    }
}

/// Starts well once.
struct Fragile {
    is_broken: Arc<AtomicBool>,
}
struct Break;

impl Actor for Fragile {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        match self.is_broken.load(SeqCst) {
            true => Err(Failure::message("cannot start")),
            false => Ok(()),
        }
    }
}

impl Handler<Break> for Fragile {
    type Reply = ();
    async fn handle(&mut self, _: Break, _cx: &mut ActorContext<Self>) {
        self.is_broken.store(true, SeqCst);
        panic!("broken")
    }
}

fn fragile(built: &Arc<AtomicUsize>) -> impl FnMut() -> Fragile + Send + use<> {
    let (built, is_broken) = (built.clone(), Arc::new(AtomicBool::new(false)));
    move || {
        // Else the test would never end.
        if built.fetch_add(1, SeqCst) > 1000 {
            is_broken.store(false, SeqCst);
        }
        Fragile {
            is_broken: is_broken.clone(),
        }
    }
}

#[test]
fn a_stop_ends_an_actor_that_never_gets_through_its_restart() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, _| async move {
            let built = Arc::new(AtomicUsize::new(0));
            let actor = scope
                .spawn(fragile(&built))
                .intensity(usize::MAX, Duration::ZERO)
                .await?;
            assert!(matches!(actor.ask(Break).await, Err(AskError::Panicked(_))));
            actor.stop();
            actor.closed().await?;
            assert!(built.load(SeqCst) < 100, "{built:?} incarnations");
            Ok(())
        });
    }
}

#[test]
fn a_scope_ends_although_an_actor_never_gets_through_its_restart() {
    for seed in SEEDS {
        let built = Arc::new(AtomicUsize::new(0));
        let seen = built.clone();
        with_counter(seed, |scope, _counter, _| async move {
            let actor = scope
                .spawn(fragile(&built))
                .intensity(usize::MAX, Duration::ZERO)
                .await?;
            assert!(actor.ask(Break).await.is_err());
            Ok(())
        });
        assert!(seen.load(SeqCst) < 100, "{seen:?} incarnations");
    }
}

/// Waits for ever in its second start.
struct Sleeper {
    starts: Arc<AtomicUsize>,
}

impl Actor for Sleeper {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        if self.starts.fetch_add(1, SeqCst) > 0 {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

impl Handler<Break> for Sleeper {
    type Reply = ();
    async fn handle(&mut self, _: Break, _cx: &mut ActorContext<Self>) {
        panic!("broken")
    }
}

#[test]
fn a_stop_drops_a_start_that_outlasts_its_time() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, _| async move {
            let starts = Arc::new(AtomicUsize::new(0));
            let actor = scope
                .spawn(move || Sleeper {
                    starts: starts.clone(),
                })
                .await?;
            assert!(actor.ask(Break).await.is_err());
            sleep(1.secs()).await?;
            let start = scope.context().now();
            actor.stop();
            let patient = scope.context().with_timeout(60.secs());
            let reason = patient.run(actor.closed()).await??;
            assert!(matches!(reason, ExitReason::Normal), "{reason:?}");
            assert_eq!((scope.context().now() - start).as_secs(), 5);
            Ok(())
        });
    }
}

#[test]
fn a_failed_start_is_told_when_its_name_is_free_again() {
    /// Its end takes a while, on another arbiter.
    struct Slowly;
    impl Drop for Slowly {
        fn drop(&mut self) {
            let (_keep, never) = std::sync::mpsc::channel::<()>();
            let _passed = never.recv_timeout(Duration::from_millis(20));
        }
    }
    struct Broken;
    impl Actor for Broken {
        async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
            Err(Failure::message("cannot start"))
        }
    }
    quiet();
    let runtime = Runtime::builder().arbiters(2).build().expect("starts");
    runtime
        .block_on(|scope| async move {
            for _ in 0..5 {
                let slowly = Slowly;
                let spawned = scope
                    .spawn(move || {
                        let _slowly = &slowly;
                        Broken
                    })
                    .name("broken")
                    .on(greenroom_actor::Placement::Arbiter(1))
                    .await;
                assert!(matches!(spawned, Err(SpawnError::Failed(_))), "{spawned:?}");
            }
            Ok(())
        })
        .expect("no error of the scope");
}

#[test]
fn a_result_whose_actors_were_cut_from_outside_is_no_result() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, built| async move {
            for queued in [1, 3] {
                let built = built.clone();
                let timed = scope.context().with_timeout(5.secs());
                let cut = timed
                    .run(scope.scope(move |inner| async move {
                        let slow = inner.spawn(move || Counter::new(&built)).await?;
                        for _ in 0..queued {
                            slow.tell(Slow(20.secs())).await?;
                        }
                        Ok(5)
                    }))
                    .await?;
                let error = cut.expect_err("its actor was cut");
                assert!(matches!(
                    error.downcast_ref(),
                    Some(ContextError::Deadline(_))
                ));
            }
            Ok(())
        });
    }
}

/// Panics on its way out.
struct Clumsy;

impl Actor for Clumsy {
    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        panic!("on the way out")
    }
}

#[test]
fn an_actor_that_was_stopped_stays_so_though_its_hook_panics() {
    for seed in SEEDS {
        let result = paused(seed).block_on(|scope| async move {
            let inner = scope.scope(|inner| async move {
                let actor = inner.spawn(|| Clumsy).await?;
                let weak = actor.downgrade();
                actor.stop();
                let hold = inner.context().without_cancel();
                let patient = hold.with_timeout(60.secs());
                let reason = patient.run(weak.closed()).await??;
                assert!(matches!(reason, ExitReason::Panicked(_)), "{reason:?}");
                drop(actor);
                Ok(())
            });
            inner.await
        });
        let failure = result.expect_err("the panic is the scope's");
        let panic = failure.downcast_ref::<Panic>().and_then(Panic::message);
        assert_eq!(panic, Some("on the way out"), "{failure:?}");
    }
}
