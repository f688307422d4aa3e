//! The ways in which an actor ends without a panic, and what its askers hear.

use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;

use greenroom_actor::{
    Actor, ActorContext, AskError, Handler, HandlerLater, Placement, ReplyTo, Runtime,
};
use greenroom_core::error::Cause;
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Failure};

use crate::{Count, Own, Trace, check, factory, quiet};

#[test]
fn stop_drain_and_the_last_address_end_an_actor_each_in_its_way() {
    check(|scope| async move {
        let trace = Arc::new(Trace::default());
        // Stop: the queue is refused.
        let probe = scope.spawn(factory(&trace, None)).await?;
        probe.try_tell(Count)?;
        probe.stop();
        assert!(matches!(probe.closed().await?, ExitReason::Normal));
        // The last address: the queue is handled.
        let probe = scope.spawn(factory(&trace, None)).await?;
        probe.try_tell(Count)?;
        let weak = probe.downgrade();
        drop(probe);
        assert!(matches!(weak.closed().await?, ExitReason::Normal));
        // By itself.
        let probe = scope.spawn(factory(&trace, None)).await?;
        assert!(probe.ask(Own).await?);
        assert!(matches!(probe.closed().await?, ExitReason::Normal));
        // The end of its scope drains.
        let (closed, counted) = scope
            .scope({
                let trace = trace.clone();
                |inner| async move {
                    let probe = inner.spawn(factory(&trace, None)).await?;
                    let asker = probe.clone();
                    let counted = inner.go(async move { Ok(asker.ask(Count).await?) });
                    Ok((probe.closed(), counted.await?))
                }
            })
            .await?;
        assert_eq!(counted, 1);
        assert!(matches!(closed.await?, ExitReason::Shutdown));
        assert_eq!(trace.stopping.load(SeqCst), 4);
        assert_eq!(trace.stopped.load(SeqCst), 4);
        Ok(())
    });
}

#[test]
fn a_reply_that_is_dropped_anywhere_answers_its_asker() {
    struct Holds(Vec<ReplyTo<u8>>);
    struct Hold;
    struct Let;
    impl Actor for Holds {}
    impl HandlerLater<Hold> for Holds {
        type Reply = u8;
        async fn handle(&mut self, _: Hold, reply: ReplyTo<u8>, _cx: &mut ActorContext<Self>) {
            self.0.push(reply);
        }
    }
    impl Handler<Let> for Holds {
        type Reply = ();
        async fn handle(&mut self, _: Let, _cx: &mut ActorContext<Self>) {
            panic!("with replies in the state");
        }
    }
    check(|scope| async move {
        let holds = scope.spawn(|| Holds(Vec::new())).await?;
        let asker = holds.clone();
        let asked = scope.go(async move { Ok(asker.ask(Hold).await) });
        sleep(1.millis()).await?;
        assert!(matches!(holds.ask(Let).await, Err(AskError::Panicked(_))));
        assert!(matches!(asked.await?, Err(AskError::Dropped)));
        // With the actor that ends.
        let asker = holds.clone();
        let asked = scope.go(async move { Ok(asker.ask(Hold).await) });
        sleep(1.millis()).await?;
        holds.stop();
        assert!(matches!(asked.await?, Err(AskError::Dropped)));
        Ok(())
    });
}

#[test]
fn a_cancel_by_id_ends_an_actor_with_its_cause() {
    quiet();
    let runtime = Runtime::builder()
        .arbiters(2)
        .build()
        .expect("the threads start");
    let registry = runtime.registry().clone();
    runtime
        .block_on(|scope| async move {
            let trace = Arc::new(Trace::default());
            let probe = scope
                .on(Placement::Spread)
                .spawn(factory(&trace, None))
                .await?;
            assert!(registry.cancel(probe.id(), Cause::from("by id")).await);
            let reason = probe.closed().await?;
            assert!(
                matches!(&reason, ExitReason::Cancelled(cause) if cause.to_string() == "by id")
            );
            assert!(registry.actor(probe.id()).is_none());
            Ok::<(), Failure>(())
        })
        .expect("a cancel is no failure");
}
