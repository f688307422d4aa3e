//! Deadlines: who inherits them, and what they cut.

use std::time::Instant;

use greenroom::AskError;
use greenroom::JoinError;
use greenroom::channel::{RecvError, SendError};
use greenroom::error::ContextError;
use greenroom::prelude::*;
use greenroom::time::SleepError;
use greenroom::watch::{self, WatchError};

use crate::support::check;

/// Asks the next one, and tells the deadlines that were seen on the way.
struct Stage(Option<Address<Stage>>);
struct Deadlines;
/// Works for so many milliseconds.
struct Work(u64);
struct Done;

impl Actor for Stage {}

impl Handler<Deadlines> for Stage {
    type Reply = Result<Vec<Option<Instant>>>;

    async fn handle(&mut self, _: Deadlines, _cx: &mut ActorContext<Self>) -> Self::Reply {
        let own = Context::current().and_then(|context| context.deadline());
        let mut seen = vec![own];
        if let Some(next) = &self.0 {
            seen.extend(next.ask(Deadlines).await??);
        }
        Ok(seen)
    }
}

impl Handler<Work> for Stage {
    type Reply = ();

    async fn handle(&mut self, Work(millis): Work, _cx: &mut ActorContext<Self>) {
        if sleep(millis.millis()).await.is_err() {
            // One that returns now has answered; one that goes on waiting is dropped.
            std::future::pending().await
        }
    }
}

impl Handler<Done> for Stage {
    type Reply = ();

    async fn handle(&mut self, _: Done, _cx: &mut ActorContext<Self>) {}
}

#[test]
fn a_deadline_goes_along_with_every_ask() {
    check(|scope| async move {
        let last = scope.spawn(|| Stage(None)).await?;
        let middle = scope.spawn(move || Stage(Some(last.clone()))).await?;
        let first = scope.spawn(move || Stage(Some(middle.clone()))).await?;
        let hurried = scope.context().with_timeout(10.millis());
        let seen = hurried.run(first.ask(Deadlines)).await???;
        assert_eq!(seen, [hurried.deadline(); 3]);
        let seen = first.ask(Deadlines).await??;
        assert_eq!(seen, [None; 3]);
        Ok(())
    });
}

#[test]
fn a_later_deadline_further_in_does_not_extend_the_outer_one() {
    check(|scope| async move {
        let stage = scope.spawn(|| Stage(None)).await?;
        let outer = scope.context().with_timeout(10.millis());
        let start = outer.now();
        let inner = outer.with_timeout(1.secs());
        let ended = outer.run(inner.run(stage.ask(Work(500)))).await;
        assert_eq!(outer.now() - start, 10.millis());
        assert!(
            matches!(ended, Ok(Ok(Err(AskError::DeadlineInHandler)))),
            "{ended:?}"
        );
        Ok(())
    });
}

#[test]
fn a_deadline_that_passes_in_the_queue_is_told_and_the_message_skipped() {
    check(|scope| async move {
        let stage = scope.spawn(|| Stage(None)).await?;
        stage.tell(Work(50)).await?;
        let hurried = scope.context().with_timeout(10.millis());
        let asked = hurried.run(stage.ask(Done)).await?;
        assert!(
            matches!(asked, Err(AskError::DeadlineInMailbox)),
            "{asked:?}"
        );
        // The actor goes on with what has no deadline.
        stage.ask(Done).await?;
        Ok(())
    });
}

#[test]
fn a_deadline_cuts_every_kind_of_wait_at_its_moment() {
    check(|scope| async move {
        let (full, _kept) = channel::bounded(1);
        full.send(0).await?;
        let (_open, empty) = channel::bounded::<u8>(1);
        let (_publisher, mut_watch) = watch::channel(0);
        let stuck = scope.go(std::future::pending::<Result<()>>());
        let stage = scope.spawn(|| Stage(None)).await?;
        let start = scope.context().now();
        for round in 1_u32..=7 {
            let hurried = scope.context().with_timeout(10.millis());
            let is_cut = match round {
                1 => matches!(
                    hurried.run(sleep(1.secs())).await?,
                    Err(SleepError::Deadline)
                ),
                2 => matches!(hurried.run(empty.recv()).await?, Err(RecvError::Deadline)),
                3 => matches!(
                    hurried.run(full.send(7)).await?,
                    Err(SendError::Deadline(7))
                ),
                4 => matches!(
                    hurried.run(mut_watch.changed()).await?,
                    Err(WatchError::Deadline)
                ),
                5 => matches!(
                    hurried.run(stage.ask(Work(1000))).await?,
                    Err(AskError::DeadlineInHandler)
                ),
                6 => {
                    let ended = hurried.run(std::future::pending::<()>()).await;
                    matches!(ended, Err(ContextError::Deadline(_)))
                }
                _ => {
                    let waits = scope.go(std::future::pending::<Result<()>>());
                    let id = waits.id().cloned();
                    let ended = hurried.run(waits.into_future()).await?;
                    assert!(id.is_some());
                    matches!(ended, Err(JoinError::WaitEnded(ContextError::Deadline(_))))
                }
            };
            assert!(is_cut, "round {round}");
            assert_eq!(
                scope.context().now() - start,
                10.millis() * round,
                "round {round}"
            );
        }
        assert_eq!(full.len(), 1, "the send that was cut left nothing");
        stuck.cancel("the end");
        scope.cancel("the end");
        Ok(())
    });
}

#[test]
fn what_is_ready_is_taken_even_when_the_deadline_has_passed() {
    check(|scope| async move {
        let late = scope.context().with_timeout(0.millis());
        assert!(late.is_done());
        assert_eq!(late.run(async { 7 }).await.ok(), Some(7));
        // A wait of the kernel looks at the context first: nothing is taken, nothing is lost.
        let (tx, rx) = channel::bounded(1);
        tx.send(1).await?;
        let received = late.run(rx.recv()).await;
        match received {
            Ok(Ok(value)) => assert_eq!((value, rx.len()), (1, 0)),
            Ok(Err(RecvError::Deadline)) | Err(_) => assert_eq!(rx.len(), 1),
            other => panic!("{other:?}"),
        }
        Ok(())
    });
}

#[test]
fn a_handler_that_was_cut_leaves_its_actor_alive() {
    check(|scope| async move {
        let stage = scope.spawn(|| Stage(None)).await?;
        for _ in 0..3 {
            let hurried = scope.context().with_timeout(1.millis());
            let cut = hurried.run(stage.ask(Work(1000))).await?;
            assert!(matches!(cut, Err(AskError::DeadlineInHandler)), "{cut:?}");
            let start = scope.context().now();
            stage.ask(Done).await?;
            assert_eq!(scope.context().now(), start, "it has given up its work");
        }
        Ok(())
    });
}
