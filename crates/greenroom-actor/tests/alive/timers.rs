//! Timers: of tasks, actors, tickers and deadlines.

use std::panic::Location;

use greenroom_actor::{Actor, ActorContext, Handler, Runtime, Taker};
use greenroom_core::driver::AlarmKind;
use greenroom_core::time::{Durations, sleep, tick, timer};
use greenroom_core::{Result, current};

use crate::{message, paused, stubborn, with_leak};

struct Beating;
struct Beat;

impl Actor for Beating {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        cx.after(5.secs(), Beat);
        cx.every(2.secs(), || Beat)?;
        Ok(())
    }
}

impl Handler<Beat> for Beating {
    type Reply = ();
    async fn handle(&mut self, _: Beat, _cx: &mut ActorContext<Self>) {}
}

#[test]
fn each_kind_is_listed_with_its_place_its_age_and_its_task() {
    let one = paused();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let line = Location::caller().line();
        let ticker = tick(10.secs())?;
        let once = timer(20.secs());
        let context = scope.context().with_timeout(30.secs());
        let sleeper = scope.go(async { Ok(sleep(1.secs()).await?) });
        let actor = scope.spawn(|| Beating).await?;
        sleep(3.millis()).await?;
        let alive = runtime.alive().await;
        let own = current::task_id();
        let facts = |kind| {
            let found = alive.timers.iter().find(|timer| timer.kind == Some(kind));
            found.unwrap_or_else(|| panic!("{kind:?} is there: {alive}"))
        };
        let kinds = [
            (AlarmKind::Ticker, 1, own.as_ref(), 10_000),
            (AlarmKind::Timer, 2, own.as_ref(), 20_000),
            (AlarmKind::Deadline, 3, own.as_ref(), 30_000),
            (AlarmKind::Sleep, 4, sleeper.id(), 1_000),
        ];
        for (kind, below, task, after) in kinds {
            let timer = facts(kind);
            let place = timer.place.as_deref().unwrap_or_default();
            assert!(
                place.contains(&format!("timers.rs:{}:", line + below)),
                "{place}"
            );
            assert_eq!(timer.task.as_ref(), task);
            assert_eq!(timer.age, Some(3.millis()));
            assert_eq!(timer.remaining, (after - 3_u64).millis());
            assert_eq!((timer.taker, timer.is_leak), (Taker::Lives, false));
        }
        for kind in [AlarmKind::Message, AlarmKind::Interval] {
            let timer = facts(kind);
            assert_eq!(timer.task.as_ref(), Some(actor.id()));
            assert!(
                timer
                    .place
                    .as_deref()
                    .unwrap_or_default()
                    .contains("timers.rs:1")
            );
        }
        assert_eq!(alive.timers.len(), 6, "{alive}");
        assert!(alive.to_string().contains("(ticker) set at"), "{alive}");
        assert!(alive.to_string().contains("fires in 9.997s"), "{alive}");
        alive.assert_no_leaks();

        // One that repeats keeps its age.
        sleep(3.secs()).await?;
        let alive = runtime.alive().await;
        let interval = (alive.timers.iter()).find(|t| t.kind == Some(AlarmKind::Interval));
        assert_eq!(interval.and_then(|t| t.age), Some(3.millis() + 3.secs()));

        // They go with what they belong to.
        drop((ticker, once, context));
        sleeper.await?;
        actor.stop();
        actor.closed().await?;
        assert_eq!(runtime.alive().await.timers, []);
        assert!(runtime.snapshot(1.secs()).await.deadlines.is_empty());
        Ok(())
    })
    .expect("nothing fails");
    assert!(one.alive().is_empty());
}

#[test]
fn one_that_outlives_the_task_that_made_it_is_no_leak() {
    let one = paused();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let ticker = scope.go(async { Ok(tick(1.secs())?) }).await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.timers.len(), 1, "{alive}");
        assert_eq!(alive.timers[0].taker, Taker::Ended);
        assert!(alive.to_string().contains("which has ended"), "{alive}");
        alive.assert_no_leaks();
        ticker.tick().await?;
        Ok(())
    })
    .expect("nothing fails");
    assert!(one.alive().is_empty());
}

#[test]
fn that_of_a_leak_is_a_leak_and_named_with_its_place() {
    let line = line!() + 5;
    let one = paused();
    with_leak(
        &one,
        |release| async move {
            let ticker = tick(7.secs())?;
            stubborn(release).await?;
            drop(ticker);
            Ok(())
        },
        |one| {
            let alive = one.alive();
            let leaks = alive.timers.iter().filter(|timer| timer.is_leak);
            let kinds: Vec<_> = leaks.map(|timer| timer.kind).collect();
            assert_eq!(kinds, [Some(AlarmKind::Ticker)], "{alive}");
            let text = message(|| one.assert_no_leaks());
            assert!(
                text.contains("(ticker) set at") && text.contains(&format!("timers.rs:{line}:")),
                "{text}"
            );
            assert!(text.contains("ago, fires in"), "{text}");
        },
    );
}
