//! Who calls for a shutdown, how often, and who gives up.

use std::sync::mpsc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use greenroom_actor::{Actor, ActorContext, Handler, HowEnded, Placement, Runtime, ShutdownReport};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};

use crate::common::{threads, tokio_block_on, within_time};
use crate::{Log, Open, Slow, is_same, moment, names, never, node, paused, run_for};

#[test]
fn calls_at_the_same_time_and_later_give_the_same_report_at_the_earliest_deadline() {
    let one = paused(0);
    let _open = Open::new(&one, |_scope| never());
    run_for(&one, moment());
    let handle = Runtime::clone(&one);
    let long = handle.shutdown(3600.secs());
    let mut long = std::pin::pin!(long);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(long.as_mut().poll(&mut cx).is_pending());
    let before = one.context().now();
    let short = one.shutdown(10.secs());
    assert!(one.context().now() - before < 12.secs());
    assert_eq!(names(&short.cut), ["scope"]);
    let Poll::Ready(long) = long.as_mut().poll(&mut cx) else {
        unreachable!("it has ended")
    };
    assert!(is_same(&long, &short));
    assert!(is_same(&one.shutdown(5.secs()), &short));
}

#[test]
fn two_threads_that_call_get_the_same_report() {
    within_time("two shutdowns", || {
        let runtime = threads();
        let open = runtime.scope(|_scope| never());
        let opened = std::thread::spawn(move || tokio_block_on(open));
        while tokio_block_on(runtime.alive()).living.is_empty() {
            std::thread::yield_now();
        }
        let calls: Vec<_> = [10, 30, 60_000]
            .map(|deadline| {
                let runtime = runtime.clone();
                std::thread::spawn(move || {
                    tokio_block_on(runtime.shutdown(Duration::from_millis(deadline)))
                })
            })
            .into();
        let reports: Vec<ShutdownReport> = (calls.into_iter())
            .map(|call| call.join().expect("no panic"))
            .collect();
        assert_eq!(names(&reports[0].cut), ["scope"]);
        assert!(reports.iter().all(|report| is_same(report, &reports[0])));
        assert!(opened.join().expect("no panic").is_err());
    });
}

#[test]
fn a_deadline_of_zero_cuts_at_once_and_gives_the_grace() {
    let (one, log) = (paused(0), Log::default());
    let said = log.clone();
    let _open = Open::new(&one, move |scope| async move {
        let a = scope.spawn(node("a", &log)).await?;
        for _ in 0..3 {
            a.tell(Slow(1.secs())).await?;
        }
        never().await
    });
    run_for(&one, moment());
    let before = one.context().now();
    let report = one.shutdown(Duration::ZERO);
    assert!(one.context().now() - before < 1.secs());
    assert_eq!(names(&report.cut), ["scope", "actor"]);
    assert!(
        report.cut.iter().all(|cut| cut.how == HowEnded::Cancelled),
        "{report}"
    );
    assert_eq!(said.take(), "-a", "its hook, and no message");
}

#[test]
fn dropped_before_the_deadline_it_leaves_what_runs_and_can_be_called_again() {
    let one = paused(0);
    let closing = one.closing().clone();
    let mut open = Open::new(&one, move |_scope| async move {
        closing.done().await;
        sleep(10.secs()).await?;
        Ok(7)
    });
    run_for(&one, moment());
    {
        let handle = Runtime::clone(&one);
        let mut cx = Context::from_waker(Waker::noop());
        let call = std::pin::pin!(handle.shutdown(1.secs()));
        assert!(call.poll(&mut cx).is_pending());
    }
    let report = one.shutdown(60.secs());
    assert!(report.is_clean(), "{report}");
    assert_eq!(open.result().and_then(Result::ok), Some(7));
}

#[test]
fn dropped_after_the_deadline_the_end_goes_on_by_itself() {
    within_time("a shutdown that is dropped", || {
        let runtime = threads();
        let (begun, has_begun) = mpsc::channel();
        let (ended, has_ended) = mpsc::channel();
        let open = runtime.scope(move |scope| async move {
            let own = scope.context().without_cancel();
            begun.send(())?;
            own.run(async move {
                scope.context().done().await;
                // It takes a part of the grace.
                sleep(50.millis()).await?;
                ended.send(())?;
                Result::Ok(())
            })
            .await?
        });
        let opened = std::thread::spawn(move || tokio_block_on(open));
        has_begun.recv().expect("it begins");
        tokio_block_on(async {
            let call = runtime.shutdown(Duration::ZERO);
            let cancelled = runtime.context().done();
            futures_util::pin_mut!(call, cancelled);
            futures_util::future::select(call, cancelled).await;
        });
        has_ended.recv().expect("the grace is kept");
        assert!(opened.join().expect("no panic").is_ok());
        let report = tokio_block_on(runtime.shutdown(Duration::from_secs(60)));
        assert_eq!(names(&report.cut), ["scope"], "{report}");
        assert_eq!(report.cut[0].how, HowEnded::Cancelled);
    });
}

struct Admin(Runtime);
struct ShutDown;

impl Actor for Admin {}

impl Handler<ShutDown> for Admin {
    type Reply = ();

    async fn handle(&mut self, _: ShutDown, _cx: &mut ActorContext<Self>) {
        let _report = self.0.shutdown(Duration::from_millis(20)).await;
        unreachable!("it waits for itself, and is cut");
    }
}

#[test]
fn a_call_inside_cuts_the_caller_and_the_rest_goes_on_without_it() {
    for caller in ["body", "task", "handler", "without cancel"] {
        within_time("a shutdown inside", move || {
            let runtime = threads();
            let inside = runtime.clone();
            let (ended, has_ended) = mpsc::channel();
            let open = runtime.scope(move |scope| async move {
                let deadline = Duration::from_millis(20);
                let other = scope.on(Placement::Spread).context().clone();
                scope.on(Placement::Spread).go(async move {
                    let detached = other.without_cancel();
                    let heard = async move {
                        other.done().await;
                        sleep(20.millis()).await?;
                        ended.send(())?;
                        Result::Ok(())
                    };
                    detached.run(heard).await?
                });
                match caller {
                    "body" => drop(inside.shutdown(deadline).await),
                    "task" => {
                        let task = async move { Ok(inside.shutdown(deadline).await) };
                        drop(scope.go(task).await?);
                    }
                    "handler" => {
                        let admin = scope.spawn(move || Admin(inside.clone())).await?;
                        admin.ask(ShutDown).await?;
                    }
                    _ => {
                        let detached = scope.context().without_cancel();
                        drop(detached.run(inside.shutdown(deadline)).await?);
                    }
                }
                Ok(())
            });
            assert!(tokio_block_on(open).is_err(), "{caller}");
            assert!(
                has_ended.recv().is_ok(),
                "{caller}: the grace of others is kept"
            );
            let report = tokio_block_on(runtime.shutdown(Duration::from_secs(60)));
            assert!(names(&report.cut).contains(&"scope"), "{report}");
            assert!(report.stuck.is_empty(), "{report}");
        });
    }
}

#[test]
fn a_call_inside_a_single_thread_ends_it_too() {
    let one = paused(0);
    let inside = Runtime::clone(&one);
    let cut = one.block_on(move |scope| async move {
        let call = async move { Ok(inside.shutdown(1.secs()).await) };
        Ok(scope.go(call).await?)
    });
    assert!(cut.is_err());
    let report = one.shutdown(60.secs());
    assert_eq!(names(&report.cut), ["scope", "task"], "{report}");
}
