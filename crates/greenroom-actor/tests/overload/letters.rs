//! Who gets dead letters, and what becomes of those that nobody gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use futures_util::StreamExt;
use greenroom_actor::{Actor, ActorContext, AskError, Handler, Overflow, Runtime, Undelivered};
use greenroom_core::channel::{RecvError, TryRecvError};
use greenroom_core::time::sleep;

use crate::shuffler::shuffled;
use crate::{Does, Job, Ledger, Worker, check, drain, occupy, paused};

/// A message whose drop panics.
struct Sharp(Arc<AtomicUsize>);

impl Drop for Sharp {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
        panic!("dropped");
    }
}

struct Stopper;
impl Actor for Stopper {}
impl Handler<Sharp> for Stopper {
    type Reply = ();
    async fn handle(&mut self, sharp: Sharp, _cx: &mut ActorContext<Self>) {
        std::mem::forget(sharp);
    }
}

#[test]
fn each_cause_has_its_letter() {
    check(|scope, letters| async move {
        let worker = scope.spawn(|| Worker(Ledger::default())).await?;
        let job = |token| Job(token, Does::Return);
        occupy(&worker, 10).await?;
        let short = scope.context().with_timeout(Duration::from_millis(5));
        short.run(worker.tell(job(1))).await??;
        let (given_up, cancel) = scope.context().with_cancel();
        given_up.run(worker.tell(job(2))).await??;
        cancel.cancel();
        let asker = worker.clone();
        let asked = scope.go(async move { Ok(asker.ask(job(3)).await?) });
        sleep(Duration::from_millis(1)).await?;
        asked.cancel("not needed");
        let asker = worker.clone();
        let boom = scope.go(async move { Ok(asker.ask(Job(4, Does::Boom)).await) });
        sleep(Duration::from_millis(10)).await?;
        assert!(matches!(boom.await?, Err(AskError::Panicked(_))));
        let short = scope.context().with_timeout(Duration::from_millis(5));
        short.run(worker.tell(Job(5, Does::Hang))).await??;
        sleep(Duration::from_millis(10)).await?;
        occupy(&worker, 10).await?;
        worker.tell(job(6)).await?;
        worker.stop();
        let _reason = worker.closed().await?;
        let found: Vec<String> = drain(&letters)
            .iter()
            .map(|letter| {
                let why = match &letter.why {
                    Undelivered::Panicked(_) => "Panicked".to_owned(),
                    why => format!("{why:?}"),
                };
                let message = letter.take::<Job>().map(|Job(token, _)| token);
                assert!(!letter.has_message());
                format!("{why} {message:?}")
            })
            .collect();
        let want = [
            "Expired Some(1)",
            "Cancelled Some(2)",
            "Abandoned Some(3)",
            "Panicked None",
            "Cut None",
            "Ended Some(6)",
        ];
        assert_eq!(found, want);
        let counts = worker.messages();
        assert_eq!(
            (
                counts.expired,
                counts.abandoned,
                counts.lost,
                counts.refused
            ),
            (1, 2, 2, 1)
        );
        assert_eq!(counts.undelivered(), 6);
        Ok(())
    });
}

#[test]
fn each_subscriber_gets_each_letter_and_one_of_them_the_message() {
    let runtime = paused();
    let (first, second) = (runtime.dead_letters(), runtime.dead_letters());
    let third = runtime.dead_letters();
    runtime
        .block_on(move |scope| async move {
            let worker = scope.spawn(|| Worker(Ledger::default())).await?;
            drop(third);
            occupy(&worker, 10).await?;
            worker.tell(Job(1, Does::Return)).await?;
            worker.stop();
            let _reason = worker.closed().await?;
            let (one, two) = (first.recv().await?, second.recv().await?);
            assert_eq!(one.take::<u8>(), None, "of another type");
            assert!(one.has_message() && two.has_message());
            assert_eq!(one.take(), Some(Job(1, Does::Return)));
            assert_eq!(two.take::<Job>(), None, "it was taken");
            Ok(())
        })
        .expect("the body succeeds");
}

#[test]
fn a_slow_subscriber_misses_letters_and_is_told() {
    let runtime = paused();
    let slow = runtime.dead_letters_up_to(2);
    let quick = runtime.dead_letters();
    runtime
        .block_on(move |scope| async move {
            let worker = scope
                .spawn(|| Worker(Ledger::default()))
                .mailbox(1)
                .overflow(Overflow::DropOldest)
                .await?;
            occupy(&worker, 10).await?;
            for token in 1..=6 {
                worker.tell(Job(token, Does::Return)).await?;
            }
            assert_eq!(slow.missed(), 3);
            let got = drain(&slow);
            assert_eq!(got.iter().map(|l| l.missed).collect::<Vec<_>>(), [0, 0]);
            worker.tell(Job(7, Does::Return)).await?;
            let next = slow.try_recv()?;
            assert_eq!((next.missed, next.take()), (3, Some(Job(6, Does::Return))));
            assert_eq!((drain(&quick).len(), quick.missed()), (6, 0));
            Ok(())
        })
        .expect("the body succeeds");
}

#[test]
fn the_stream_ends_with_the_runtime() {
    let runtime = paused();
    let mut letters = runtime.dead_letters();
    runtime
        .block_on(move |scope| async move {
            let worker = scope.spawn(|| Worker(Ledger::default())).await?;
            occupy(&worker, 10).await?;
            worker.tell(Job(1, Does::Return)).await?;
            worker.stop();
            Ok(())
        })
        .expect("the body succeeds");
    let other: &Runtime = &runtime;
    let other = other.clone();
    assert!(runtime.shutdown(Duration::ZERO).is_clean());
    assert_eq!(
        letters.try_recv().map(|letter| letter.take()),
        Ok(Some(Job(1, Does::Return)))
    );
    assert!(matches!(letters.try_recv(), Err(TryRecvError::Closed)));
    assert!(futures_util::FutureExt::now_or_never(letters.next()).is_some_and(|end| end.is_none()));
    let late = other.dead_letters();
    assert!(matches!(late.try_recv(), Err(TryRecvError::Closed)));
    let dropped = paused();
    let letters = dropped.dead_letters();
    drop(dropped);
    let end = futures_util::FutureExt::now_or_never(letters.recv());
    assert!(matches!(end, Some(Err(RecvError::Closed))));
}

#[test]
fn a_message_whose_drop_panics_harms_nobody() {
    for is_watched in [false, true] {
        let runtime = paused();
        let letters = is_watched.then(|| runtime.dead_letters_up_to(1));
        let drops = Arc::new(AtomicUsize::new(0));
        let count = drops.clone();
        runtime
            .block_on(move |scope| async move {
                let stopper = scope
                    .spawn(|| Stopper)
                    .mailbox(1)
                    .overflow(Overflow::DropOldest)
                    .await?;
                // The first goes to the actor, which waits, and the last stays queued.
                for _ in 0..4 {
                    stopper.tell(Sharp(count.clone())).await?;
                }
                drop(letters);
                let counts = stopper.messages();
                assert_eq!((counts.accepted, counts.dropped), (4, 2));
                Ok(())
            })
            .expect("the body succeeds");
        assert_eq!(drops.load(SeqCst), 2, "each was dropped once");
        assert_eq!(runtime.messages().handled, 2);
    }
}

#[test]
fn a_letter_passes_the_driver() {
    let (runtime, shuffler) = shuffled(1);
    let letters = runtime.dead_letters();
    runtime
        .block_on(move |scope| async move {
            let worker = scope.spawn(|| Worker(Ledger::default())).await?;
            worker.tell(Job(1, Does::Boom)).await?;
            sleep(Duration::from_millis(5)).await?;
            assert!(letters.try_recv().is_ok());
            Ok(())
        })
        .expect("the body succeeds");
    assert_eq!(shuffler.letters(), 1);
}
