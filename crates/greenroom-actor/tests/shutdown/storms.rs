//! A shutdown in the middle of restarts, and of many.

use std::time::Duration;

use greenroom_actor::supervision::{BackOff, Strategy, child};
use greenroom_actor::{Actor, ActorContext, Handler, HowEnded, Restart, Runtime, SingleThread};
use greenroom_core::time::Durations;
use greenroom_core::{Failure, Result};

use crate::{Log, Open, SEEDS, Slow, moment, names, never, node, paused, run_for};

/// Fails at its first message, and at each start after that.
struct Fails {
    is_first: bool,
}

struct Fail;

impl Actor for Fails {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        match self.is_first {
            true => Ok(()),
            false => Err(Failure::message("not again")),
        }
    }
}

impl Handler<Fail> for Fails {
    type Reply = ();

    async fn handle(&mut self, _: Fail, _cx: &mut ActorContext<Self>) {
        // Without the panic hook.
        std::panic::resume_unwind(Box::new("enough"));
    }
}

fn fails() -> impl FnMut() -> Fails + Send {
    let mut starts = 0;
    move || {
        starts += 1;
        Fails {
            is_first: starts == 1,
        }
    }
}

#[test]
fn actors_in_back_off_are_told_and_hold_nothing_up() {
    for seed in SEEDS {
        for ends in [true, false] {
            let one = paused(seed);
            let closing = one.closing().clone();
            let _open = Open::new(&one, move |scope| async move {
                let hour = 3600.secs();
                let top = scope
                    .supervisor("top")
                    .back_off(BackOff::exponential(hour, hour))
                    .child(child("fails", fails()))
                    .await?;
                let fails = top.address::<Fails>("fails").await?;
                for _ in 0..3 {
                    fails.tell(Fail).await?;
                }
                match ends {
                    true => drop(closing.done().await),
                    false => never().await?,
                }
                Ok(())
            });
            run_for(&one, 1.secs());
            let before = one.context().now();
            let report = one.shutdown(100.secs());
            let took = one.context().now() - before;
            let fails = crate::named(&report.finished, "fails");
            assert_eq!(
                (fails.queued, fails.doing),
                (2, None),
                "seed {seed}: {report}"
            );
            match ends {
                true => assert!(report.is_clean() && took < 10.secs(), "{took:?}: {report}"),
                false => assert_eq!(names(&report.cut), ["scope"], "seed {seed}: {report}"),
            }
        }
    }
}

#[test]
fn a_storm_of_restarts_ends() {
    for seed in SEEDS {
        let one = paused(seed);
        let _open = Open::new(&one, move |scope| async move {
            let mut top = scope
                .supervisor("top")
                .strategy(Strategy::OneForAll)
                .intensity(usize::MAX, 1.secs());
            for name in ["a", "b", "c", "d"] {
                let storms = child(name, || Storms(0)).restart(Restart::Permanent);
                top = top.child(storms);
            }
            let _top = top.await?;
            never().await
        });
        run_for(&one, 10.millis());
        let before = one.context().now();
        let report = one.shutdown(200.millis());
        assert!(one.context().now() - before <= 2.secs());
        assert!(report.stuck.is_empty(), "{report}");
        assert!(names(&report.cut).contains(&"scope"), "{report}");
        let is_over = |how| matches!(how, HowEnded::Cancelled | HowEnded::Dropped);
        assert!(report.cut.iter().all(|cut| is_over(cut.how)), "{report}");
    }
}

/// Fails a millisecond after its start.
struct Storms(u32);

impl Actor for Storms {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        self.0 += 1;
        cx.after(1.millis(), Fail);
        Ok(())
    }
}

impl Handler<Fail> for Storms {
    type Reply = ();

    async fn handle(&mut self, _: Fail, _cx: &mut ActorContext<Self>) {
        std::panic::resume_unwind(Box::new("storm"));
    }
}

/// How many: 100,000 with optimization.
fn many() -> usize {
    let scale = std::env::var("GREENROOM_SCALE").ok();
    let scale: usize = scale.and_then(|text| text.parse().ok()).unwrap_or(1);
    scale
        * if cfg!(debug_assertions) {
            2_000
        } else {
            100_000
        }
}

/// On a paused clock, in the order of arrival: to choose among so many takes long.
fn arrival() -> SingleThread {
    let builder = Runtime::builder().single_thread().paused();
    builder.build().expect("a single-threaded runtime starts")
}

#[test]
fn many_actors_end_in_order() {
    let count = many();
    let (one, log) = (arrival(), Log::default());
    let said = log.clone();
    let closing = one.closing().clone();
    let _open = Open::new(&one, move |scope| async move {
        let mut last = None;
        for _ in 0..count {
            let kept = scope.spawn(node("x", &log)).restart(Restart::Permanent);
            last = Some(kept.await?);
        }
        if let Some(last) = last {
            last.tell(Slow(moment())).await?;
        }
        closing.done().await;
        Ok(())
    });
    run_for(&one, moment());
    let report = one.shutdown(Duration::from_secs(3600));
    assert!(report.is_clean(), "{} are cut", report.cut.len());
    assert_eq!(report.finished.len(), count + 1);
    let said = said.take();
    assert!(said.starts_with("x -x -x"), "the last one had a message");
    assert_eq!(said.matches("-x").count(), count);
}

#[test]
fn many_actors_are_cut_at_once() {
    let count = many();
    let (one, log) = (arrival(), Log::default());
    let _open = Open::new(&one, move |scope| async move {
        for _ in 0..count {
            let kept = scope.spawn(node("x", &log)).restart(Restart::Permanent);
            let _address = kept.await?;
        }
        never().await
    });
    run_for(&one, moment());
    let report = one.shutdown(Duration::ZERO);
    assert_eq!(report.cut.len(), count + 1);
    assert!(report.cut.iter().all(|cut| cut.how == HowEnded::Cancelled));
}
