//! What holds its thread up: it is named, and holds no shutdown up.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use greenroom_actor::{
    Actor, ActorContext, Ending, Handler, HowEnded, Placement, Runtime, ShutdownReport,
};
use greenroom_core::Result;
use greenroom_core::task::TaskKind;

use crate::common::{threads, tokio_block_on, within_time};
use crate::{named, names, never};

const DEADLINE: Duration = Duration::from_millis(20);

/// Holds its thread up until it is let go.
struct Hold {
    reached: Sender<()>,
    release: Receiver<()>,
}

impl Hold {
    fn here(&self) {
        let _unheard = self.reached.send(());
        let _released = self.release.recv();
    }
}

/// Shuts a runtime down in which something holds arbiter 1 up, as soon as it does.
fn shut<F, Fut>(what: &'static str, body: F) -> ShutdownReport
where
    F: FnOnce(greenroom_actor::Scope, Hold) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    within_time(what, move || {
        let runtime = threads();
        let (reached, is_reached) = channel();
        let (let_go, release) = channel();
        let hold = Hold { reached, release };
        let open = runtime.scope(move |scope| body(scope.on(Placement::Arbiter(1)), hold));
        let opened = std::thread::spawn(move || tokio_block_on(open));
        is_reached.recv().expect("it comes to it");
        let report = tokio_block_on(runtime.shutdown(DEADLINE));
        drop(let_go);
        assert!(opened.join().expect("no panic").is_err());
        report
    })
}

/// Looks at the report of an arbiter that is held up.
fn is_told(report: &ShutdownReport, name: &str) -> Ending {
    assert_eq!(report.stuck.len(), 1, "{report}");
    let stuck = &report.stuck[0];
    assert_eq!(stuck.arbiter, "arbiter-1");
    let by = stuck.by.clone().expect("something of ours");
    assert_eq!(by.task.name, name, "{report}");
    assert_eq!(by.how, HowEnded::LeftBehind);
    assert!(by.task.spawned_at.contains("stuck.rs:"), "{by}");
    assert!(by.busy.is_some_and(|busy| busy >= DEADLINE), "{by}");
    assert!(
        report.to_string().contains("arbiter-1 is held up by root/"),
        "{report}"
    );
    by
}

struct Blocks(Option<Hold>, &'static str);
struct Block;
struct Other;

impl Blocks {
    fn at(&self, what: &str) {
        if let Some(hold) = self.0.as_ref().filter(|_| self.1 == what) {
            hold.here();
        }
    }
}

impl Actor for Blocks {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        self.at("started");
        Ok(())
    }

    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        self.at("stopping");
    }

    fn stopped(&mut self) {
        self.at("stopped");
    }
}

impl Handler<Other> for Blocks {
    type Reply = ();
    async fn handle(&mut self, _: Other, _cx: &mut ActorContext<Self>) {}
}

impl Handler<Block> for Blocks {
    type Reply = ();
    async fn handle(&mut self, _: Block, _cx: &mut ActorContext<Self>) {
        self.at("handler");
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        self.at("drop of the state");
    }
}

#[test]
fn a_handler_is_named_with_its_message_and_its_queue() {
    let report = shut("a stuck handler", |scope, hold| async move {
        let mut hold = Some(hold);
        let blocks = scope.spawn(move || Blocks(hold.take(), "handler"));
        let blocks = blocks.name("blocks").await?;
        for _ in 0..3 {
            blocks.tell(Other).await?;
        }
        blocks.tell(Block).await?;
        for _ in 0..3 {
            blocks.tell(Other).await?;
        }
        never().await
    });
    let by = is_told(&report, "blocks");
    assert!(
        by.doing.is_some_and(|doing| doing.ends_with("Block")),
        "{by}"
    );
    assert_eq!(by.queued, 3);
    assert_eq!(by.task.kind, TaskKind::Actor);
    let cut = named(&report.cut, "blocks");
    assert_eq!(
        (cut.doing, cut.queued, cut.how),
        (by.doing, 3, HowEnded::LeftBehind)
    );
    assert!(cut.busy.is_some() && cut.busy <= by.busy);
    // The body is on the other arbiter.
    assert_eq!(named(&report.cut, "scope").how, HowEnded::Dropped);
}

#[test]
fn a_hook_a_factory_and_a_drop_of_a_state_are_named() {
    let parts = [
        "factory",
        "started",
        "stopping",
        "stopped",
        "drop of the state",
    ];
    // Each takes the grace, of real time.
    std::thread::scope(|threads| {
        for part in parts {
            threads.spawn(move || holds_up_in(part));
        }
    });
}

fn holds_up_in(part: &'static str) {
    let report = shut(part, move |scope, hold| async move {
        let mut hold = Some(hold);
        let blocks = scope.spawn(move || {
            let blocks = Blocks(hold.take(), part);
            blocks.at("factory");
            blocks
        });
        let blocks = blocks.name("blocks").await?;
        blocks.stop();
        never().await
    });
    let by = is_told(&report, "blocks");
    assert_eq!(by.doing, Some(part));
    assert!(by.actor_type.is_some_and(|name| name.ends_with("Blocks")));
}

#[test]
fn a_task_and_what_waits_behind_it_are_named() {
    let report = shut("a stuck task", |scope, hold| async move {
        // It has begun when the other holds the arbiter up.
        let (begun, is_begun) = greenroom_core::channel::bounded(1);
        let waits = scope.named("waits")?.go(async move {
            begun.send(()).await?;
            never().await
        });
        is_begun.recv().await?;
        let blocks = scope.named("blocks")?.go(async move {
            hold.here();
            Ok(())
        });
        blocks.await?;
        Ok(waits.await?)
    });
    let by = is_told(&report, "blocks");
    assert_eq!((by.task.kind, by.doing), (TaskKind::Task, None));
    assert_eq!(names(&report.cut), ["scope", "waits", "blocks"]);
    assert_eq!(named(&report.cut, "waits").how, HowEnded::LeftBehind);
    assert!(report.finished.is_empty());
}

#[test]
fn a_drop_of_a_future_is_named() {
    struct Dropped(Hold);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.here();
        }
    }
    for ends in [true, false] {
        let report = shut("a stuck drop", move |scope, hold| async move {
            let task = scope.named("blocks")?.go(async move {
                let _dropped = Dropped(hold);
                match ends {
                    true => Ok(()),
                    false => never().await,
                }
            });
            task.cancel("enough");
            never().await
        });
        is_told(&report, "blocks");
    }
}

#[test]
fn blocking_code_that_does_not_return_is_named() {
    for shape in ["job", "in a task", "given up"] {
        let report = shut("blocking code", move |scope, hold| async move {
            let work = move || {
                hold.here();
                Ok(())
            };
            let job = match shape {
                "job" => scope.go_blocking(work),
                "in a task" => scope.go(greenroom_actor::blocking(work)),
                _ => scope.go(async move {
                    let work = std::pin::pin!(greenroom_actor::blocking(work));
                    let mut work = Some(work);
                    std::future::poll_fn(|cx| {
                        let polled = work.as_mut().map(|work| work.as_mut().poll(cx));
                        assert!(polled.is_some_and(|polled| polled.is_pending()));
                        std::task::Poll::Ready(())
                    })
                    .await;
                    Ok(())
                }),
            };
            job.await?;
            never().await
        });
        assert!(report.stuck.is_empty(), "the arbiters end: {report}");
        let mut blocking = report
            .cut
            .iter()
            .filter(|cut| cut.doing == Some("blocking"));
        let blocking = blocking.next().expect("it is told");
        let kind = match shape {
            "job" => TaskKind::Blocking,
            _ => TaskKind::Task,
        };
        assert_eq!(blocking.task.kind, kind, "{shape}");
        assert_eq!(blocking.how, HowEnded::LeftBehind, "{report}");
        assert!(blocking.busy.is_some_and(|busy| busy >= DEADLINE));
        assert!(blocking.task.spawned_at.contains("stuck.rs:"));
    }
}

#[test]
fn blocking_code_that_returns_in_time_is_waited_for() {
    within_time("blocking code that ends", || {
        let runtime: Runtime = threads();
        let closing = runtime.closing().clone();
        let (reached, is_reached) = channel();
        let open = runtime.scope(move |scope| async move {
            let job = scope.go_blocking(move || {
                reached.send(())?;
                let ended = greenroom_core::doc_support::block_on(closing.done());
                Ok(ended.cause().to_string())
            });
            Ok(job.await?)
        });
        let opened = std::thread::spawn(move || tokio_block_on(open));
        is_reached.recv().expect("it runs");
        let report = tokio_block_on(runtime.shutdown(Duration::from_secs(60)));
        assert!(report.is_clean(), "{report}");
        assert_eq!(names(&report.finished), ["scope", "blocking"]);
        assert_eq!(named(&report.finished, "blocking").doing, Some("blocking"));
        let cause = opened.join().expect("no panic").expect("it returned");
        assert_eq!(cause, "the runtime is shutting down");
    });
}
