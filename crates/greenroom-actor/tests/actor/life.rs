//! How actors start, fail, are restarted, found and stopped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::{
    Actor, ActorContext, AskError, Handler, LookupError, Restart, Runtime, SpawnError, TellError,
};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Failure, Panic, Result};

use crate::{Add, Boom, BoomLater, Counter, Forever, SEEDS, Slow, paused, with_counter};

#[test]
fn a_panic_is_answered_and_the_queue_and_the_address_survive() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, built| async move {
            counter.tell(Add(5)).await?;
            let other = counter.clone();
            let queued = scope.go(async move {
                sleep(1.millis()).await?;
                Ok(other.ask(Add(2)).await?)
            });
            let error = counter.ask(BoomLater).await.expect_err("it panics");
            let AskError::Panicked(panic) = error else {
                unreachable!("{error:?}")
            };
            assert_eq!(panic.message(), Some("boom later"));
            assert!(
                panic
                    .doing()
                    .is_some_and(|doing| doing.contains("BoomLater"))
            );
            assert_eq!(
                queued.await?,
                2,
                "the queued message is served by the next incarnation"
            );
            assert_eq!(built.load(SeqCst), 2);
            assert!(matches!(
                counter.ask(Boom).await,
                Err(AskError::Panicked(_))
            ));
            assert_eq!(counter.ask(Add(1)).await?, 1);
            Ok(())
        });
    }
}

#[test]
fn too_many_restarts_give_up_and_fail_the_scope() {
    for seed in SEEDS {
        let error = paused(seed)
            .block_on(|scope| async move {
                let built = Arc::new(AtomicUsize::new(0));
                let counter = scope.spawn(move || Counter::new(&built)).await?;
                for _ in 0..4 {
                    assert!(matches!(
                        counter.ask(Boom).await,
                        Err(AskError::Panicked(_))
                    ));
                }
                let reason = counter.downgrade().closed().await;
                assert!(reason.is_err() || matches!(reason, Ok(ExitReason::Panicked(_))));
                Ok(())
            })
            .expect_err("the actor was given up");
        assert_eq!(
            error.downcast_ref::<Panic>().and_then(Panic::message),
            Some("boom")
        );
    }
}

#[test]
fn restarts_that_are_far_apart_go_on() {
    with_counter(0, |_scope, counter, built| async move {
        for _ in 0..10 {
            assert!(counter.ask(Boom).await.is_err());
            sleep(3.secs()).await?;
        }
        assert_eq!(built.load(SeqCst), 11);
        Ok(())
    });
}

#[test]
fn stop_overtakes_the_queue_which_is_refused() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, _| async move {
            let busy = counter.clone();
            let busy = scope.go(async move { Ok(busy.ask(Slow(1.secs())).await?) });
            sleep(1.millis()).await?;
            let queued = counter.clone();
            let queued = scope.go(async move { Ok(queued.ask(Add(1)).await) });
            sleep(1.millis()).await?;
            counter.stop();
            assert!(busy.await?.is_ok(), "the running handler finishes");
            assert!(matches!(queued.await?, Err(AskError::Closed)));
            assert!(matches!(counter.closed().await?, ExitReason::Normal));
            assert!(matches!(counter.ask(Add(1)).await, Err(AskError::Closed)));
            assert!(matches!(
                counter.tell(Add(3)).await,
                Err(TellError::Closed(Add(3)))
            ));
            Ok(())
        });
    }
}

#[test]
fn a_stop_drops_a_handler_that_outlasts_its_time() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, _| async move {
            let stuck = counter.clone();
            let stuck = scope.go(async move { Ok(stuck.ask(Forever).await) });
            sleep(1.millis()).await?;
            let start = scope.context().now();
            counter.stop();
            assert!(matches!(counter.closed().await?, ExitReason::Normal));
            assert_eq!((scope.context().now() - start).as_secs(), 5);
            assert!(matches!(stuck.await?, Err(AskError::Dropped)));
            Ok(())
        });
    }
}

#[test]
fn the_last_address_gone_drains_and_ends_normally() {
    for seed in SEEDS {
        with_counter(seed, |scope, counter, built| async move {
            let other = scope.spawn(move || Counter::new(&built)).await?;
            let weak = other.downgrade();
            for _ in 0..10 {
                other.tell(Slow(1.secs())).await?;
            }
            drop(other);
            let start = scope.context().now();
            assert!(matches!(weak.closed().await?, ExitReason::Normal));
            assert_eq!((scope.context().now() - start).as_secs(), 10);
            assert!(weak.upgrade().is_none());
            assert_eq!(counter.ask(Add(1)).await?, 1);
            Ok(())
        });
    }
}

#[test]
fn names_are_unique_checked_and_freed() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, built| async move {
            let make = |built: &Arc<AtomicUsize>| {
                let built = built.clone();
                move || Counter::new(&built)
            };
            let named = scope.spawn(make(&built)).name("store").await?;
            assert!(matches!(
                scope.spawn(make(&built)).name("store").await,
                Err(SpawnError::NameTaken { holder, .. }) if holder == *named.id()
            ));
            assert!(matches!(
                scope.spawn(make(&built)).name("a/b").await,
                Err(SpawnError::Name(_))
            ));
            assert!(matches!(
                scope.spawn(make(&built)).name("").await,
                Err(SpawnError::Name(_))
            ));
            named.stop();
            named.closed().await?;
            scope.spawn(make(&built)).name("store").await?;
            Ok(())
        });
    }
}

#[test]
fn an_actor_is_found_by_name_group_and_id_while_it_lives() {
    struct Other;
    impl Actor for Other {}
    let runtime = paused(0);
    let handle: Runtime = (*runtime).clone();
    runtime
        .block_on(|scope| async move {
            let built = Arc::new(AtomicUsize::new(0));
            let make = |built: &Arc<AtomicUsize>| {
                let built = built.clone();
                move || Counter::new(&built)
            };
            let a = scope.spawn(make(&built)).name("a").group("both").await?;
            let b = scope.spawn(make(&built)).group("both").await?;
            let _other = scope.spawn(|| Other).name("other").group("both").await?;
            assert_eq!(handle.whereis::<Counter>("a")?, a);
            assert!(matches!(
                handle.whereis::<Counter>("b"),
                Err(LookupError::NotFound(_))
            ));
            assert!(matches!(
                handle.whereis::<Counter>("x/y"),
                Err(LookupError::Name(_))
            ));
            assert!(matches!(
                handle.whereis::<Counter>("other"),
                Err(LookupError::OtherType { found, .. }) if found.ends_with("Other")
            ));
            assert_eq!(handle.group::<Counter>("both")?, [a.clone(), b.clone()]);
            assert!(handle.registry().actor(b.id()).is_some());
            let snapshot = handle.snapshot(1.secs()).await;
            assert_eq!(snapshot.actors.len(), 3);
            assert!(snapshot.unanswered.is_empty());
            let weak = a.downgrade();
            drop(a);
            weak.closed().await?;
            assert!(matches!(
                handle.whereis::<Counter>("a"),
                Err(LookupError::NotFound(_))
            ));
            Ok(())
        })
        .expect("no error");
}

#[test]
fn a_start_that_fails_is_the_spawners_error_only() {
    struct Broken(bool);
    impl Actor for Broken {
        async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
            assert!(!self.0, "no start");
            Err(Failure::message("cannot start"))
        }
    }
    with_counter(0, |scope, counter, _| async move {
        assert!(matches!(
            scope.spawn(|| Broken(false)).await,
            Err(SpawnError::Failed(_))
        ));
        assert!(matches!(
            scope.spawn(|| Broken(true)).await,
            Err(SpawnError::Panicked(_))
        ));
        let panics: fn() -> Broken = || panic!("no build");
        assert!(matches!(
            scope.spawn(panics).await,
            Err(SpawnError::Panicked(_))
        ));
        assert_eq!(counter.ask(Add(1)).await?, 1);
        Ok(())
    });
}

#[test]
fn a_permanent_actor_lives_without_addresses_until_the_scope_ends() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, built| async move {
            let seen = built.clone();
            let weak = scope
                .spawn(move || Counter::new(&seen))
                .restart(Restart::Permanent)
                .await?
                .downgrade();
            sleep(1.secs()).await?;
            let counter = weak.upgrade().expect("held by its supervisor");
            assert_eq!(counter.ask(Add(1)).await?, 1);
            Ok(())
        });
    }
}

#[test]
fn an_actor_that_stops_itself_is_restarted_only_if_it_is_permanent() {
    struct Quitter;
    struct Quit;
    impl Actor for Quitter {}
    impl Handler<Quit> for Quitter {
        type Reply = ();
        async fn handle(&mut self, _: Quit, cx: &mut ActorContext<Self>) {
            cx.stop();
        }
    }
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, _| async move {
            let permanent = scope.spawn(|| Quitter).restart(Restart::Permanent).await?;
            permanent.ask(Quit).await?;
            permanent.ask(Quit).await?;
            let transient = scope.spawn(|| Quitter).await?;
            transient.ask(Quit).await?;
            assert!(matches!(transient.closed().await?, ExitReason::Normal));
            permanent.stop();
            assert!(matches!(permanent.closed().await?, ExitReason::Normal));
            Ok(())
        });
    }
}
