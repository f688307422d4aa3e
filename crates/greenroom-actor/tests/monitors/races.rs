//! Under real threads: an end beside the watch of it, and links across arbiters.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::Placement;

use super::*;

const ROUNDS: usize = 300;

fn threads() -> Runtime {
    quiet();
    Runtime::builder().arbiters(2).build().expect("it starts")
}

struct Counter {
    heard: Arc<AtomicUsize>,
}

struct See(WeakAddress<Node>);

impl Actor for Counter {}

impl Handler<See> for Counter {
    type Reply = ();

    async fn handle(&mut self, See(other): See, cx: &mut ActorContext<Self>) {
        cx.monitor(&other);
        cx.monitor(other.id());
    }
}

impl Handler<Down> for Counter {
    type Reply = ();

    async fn handle(&mut self, _down: Down, _cx: &mut ActorContext<Self>) {
        self.heard.fetch_add(1, SeqCst);
    }
}

#[test]
fn a_watch_that_races_with_the_end_is_told_once() {
    let heard = Arc::new(AtomicUsize::new(0));
    let count = heard.clone();
    let ended = threads().block_on(move |scope| async move {
        let log = Log::default();
        let counter = scope
            .on(Placement::Arbiter(1))
            .spawn(move || Counter {
                heard: count.clone(),
            })
            .await?;
        for _ in 0..ROUNDS {
            let target = node(&scope.on(Placement::Arbiter(0)), "t", &log).await?;
            let mut monitor = target.monitor();
            counter.tell(See(target.downgrade())).await?;
            target.stop();
            monitor.down().await?;
        }
        // What is looked for by its id is told of later.
        for _ in 0..10_000 {
            if heard.load(SeqCst) >= 2 * ROUNDS {
                break;
            }
            settle().await?;
        }
        settle().await?;
        assert_eq!(heard.load(SeqCst), 2 * ROUNDS);
        drop(counter);
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn linked_ones_on_two_arbiters_end_together_whichever_fails() {
    let ended = threads().block_on(|scope| async move {
        let log = Log::default();
        for round in 0..ROUNDS {
            let a = node(&scope.on(Placement::Arbiter(0)), "a", &log).await?;
            let b = node(&scope.on(Placement::Arbiter(1)), "b", &log).await?;
            let failing = if round % 2 == 0 { &a } else { &b };
            failing.tell(Boom).await?;
            // Linked while it fails.
            scope.link(&a, &b);
            let reasons = [a.closed().await?, b.closed().await?];
            assert!(
                reasons.iter().all(|reason| !reason.is_orderly()),
                "{reasons:?}"
            );
        }
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn both_fail_at_once_and_each_ends_once() {
    let ended = threads().block_on(|scope| async move {
        let log = Log::default();
        for _ in 0..ROUNDS {
            let a = node(&scope.on(Placement::Arbiter(0)), "a", &log).await?;
            let b = node(&scope.on(Placement::Arbiter(1)), "b", &log).await?;
            let link = scope.link(&a, &b);
            a.tell(Boom).await?;
            b.tell(Boom).await?;
            a.closed().await?;
            b.closed().await?;
            link.unlink();
        }
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
}

#[test]
fn an_unlink_that_returned_spares_for_good() {
    let ended = threads().block_on(|scope| async move {
        let log = Log::default();
        for _ in 0..ROUNDS {
            let a = node(&scope.on(Placement::Arbiter(0)), "a", &log).await?;
            let b = node(&scope.on(Placement::Arbiter(1)), "b", &log).await?;
            let link = scope.link(&a, &b);
            a.tell(Boom).await?;
            if link.unlink() {
                a.closed().await?;
                b.ask(Say("here")).await?;
            } else {
                assert!(!b.closed().await?.is_orderly());
            }
            b.stop();
        }
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
}
