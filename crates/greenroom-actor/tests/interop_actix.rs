//! An actix actor as one of ours, and one of ours as an actix actor.

use std::future::pending;
use std::time::Duration;

use actix::prelude::{Arbiter, MailboxError, ResponseFuture, SendError};
use actix::{Actor as _, ActorContext as _};
use greenroom_actor::interop::{from_actix, to_actix, to_actix_result};
use greenroom_actor::{
    Actor, ActorContext, AskError, Handler, Recipient, Runtime, Scope, TellError, TryTellError,
};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Failure, Result, channel};

fn check<F, Fut>(body: F)
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    std::panic::set_hook(Box::new(|_| ()));
    let runtime = Runtime::builder().arbiters(2).build().expect("it starts");
    let ended = runtime.block_on(|scope| async move {
        let time = scope.context().with_timeout(30.secs());
        let body = time.run(body(scope.clone())).await;
        scope.cancel("the test is over");
        body?
    });
    let ended = ended.map_err(|failure| format!("{failure:?}"));
    assert_eq!(ended, Ok(()));
}

/// What both kinds of actors are asked.
#[derive(Debug)]
enum Ask {
    Add(u64),
    Never,
    Panic,
    Stop,
}

impl actix::Message for Ask {
    type Result = u64;
}

/// The same, with room for an error.
struct Sure(Ask);

impl actix::Message for Sure {
    type Result = Result<u64, AskError>;
}

/// An actix actor that exists already. It answers an addition later, and handles others meanwhile.
struct Theirs(u64);

impl actix::Actor for Theirs {
    type Context = actix::Context<Self>;
}

impl actix::Handler<Ask> for Theirs {
    type Result = ResponseFuture<u64>;

    fn handle(&mut self, ask: Ask, cx: &mut Self::Context) -> ResponseFuture<u64> {
        match ask {
            Ask::Add(n) => {
                self.0 += n;
                let sum = self.0;
                Box::pin(async move {
                    tokio::task::yield_now().await;
                    sum
                })
            }
            Ask::Never => Box::pin(pending()),
            Ask::Panic => panic!("theirs"),
            Ask::Stop => {
                cx.stop();
                Box::pin(async { 7 })
            }
        }
    }
}

struct Ours(u64);

impl Actor for Ours {}

impl Handler<Ask> for Ours {
    type Reply = u64;

    async fn handle(&mut self, ask: Ask, cx: &mut ActorContext<Self>) -> u64 {
        match ask {
            Ask::Add(n) => self.0 += n,
            Ask::Never => pending().await,
            Ask::Panic => panic!("ours"),
            Ask::Stop => cx.stop(),
        }
        self.0
    }
}

impl Handler<Sure> for Ours {
    type Reply = u64;

    async fn handle(&mut self, Sure(ask): Sure, cx: &mut ActorContext<Self>) -> u64 {
        Handler::handle(self, ask, cx).await
    }
}

async fn theirs(scope: &Scope) -> Result<Recipient<Ask, u64>> {
    Ok(from_actix(scope, Theirs(0).start().recipient()).await?)
}

#[test]
fn theirs_is_asked_and_told_in_order() {
    check(|scope| async move {
        let theirs = theirs(&scope).await?;
        for n in 1..=100 {
            theirs.tell(Ask::Add(n)).await?;
        }
        assert_eq!(theirs.ask(Ask::Add(0)).await?, 5050);
        theirs
            .try_tell(Ask::Add(1))
            .map_err(|error| Failure::message(error.to_string()))?;
        assert_eq!(theirs.ask(Ask::Add(0)).await?, 5051);
        Ok(())
    });
}

#[test]
fn an_ask_of_theirs_ends_with_its_context_and_holds_up_no_other() {
    check(|scope| async move {
        let theirs = theirs(&scope).await?;
        let hurried = scope.context().with_timeout(5.millis());
        let late = hurried.run(theirs.ask(Ask::Never)).await?;
        assert!(
            matches!(
                late,
                Err(AskError::DeadlineInHandler | AskError::DeadlineInMailbox)
            ),
            "{late:?}"
        );
        assert_eq!(theirs.ask(Ask::Add(1)).await?, 1);
        Ok(())
    });
}

#[test]
fn theirs_that_answers_nothing_fills_a_bounded_mailbox() {
    check(|scope| async move {
        let theirs = theirs(&scope).await?;
        let capacity = theirs.capacity().unwrap_or(0);
        // 64 are with actix, one waits for a place, and then the mailbox fills.
        let mut sent = 0;
        let full = loop {
            match theirs.try_tell(Ask::Never) {
                Ok(()) => sent += 1,
                Err(full) => break full,
            }
            sleep(1.millis()).await?;
        };
        assert!(matches!(full, TryTellError::Full(Ask::Never)));
        assert_eq!(sent, 64 + 1 + capacity);
        let hurried = scope.context().with_timeout(5.millis());
        let told = hurried.run(theirs.tell(Ask::Add(1))).await?;
        assert!(matches!(told, Err(TellError::Deadline(Ask::Add(1)))));
        theirs.stop();
        Ok(())
    });
}

#[test]
fn the_end_of_theirs_is_told_by_cause() {
    check(|scope| async move {
        for last in [Ask::Panic, Ask::Stop] {
            let theirs = theirs(&scope).await?;
            match last {
                Ask::Stop => assert_eq!(theirs.ask(last).await?, 7),
                _ => {
                    let taken = theirs.ask(last).await;
                    assert!(matches!(taken, Err(AskError::Dropped)), "{taken:?}");
                }
            }
            // It may take a moment until actix shows it.
            let refused = loop {
                match theirs.ask(Ask::Add(1)).await {
                    Err(AskError::Closed) => break AskError::Closed,
                    Ok(_) | Err(AskError::Dropped) => sleep(1.millis()).await?,
                    Err(other) => break other,
                }
            };
            assert!(matches!(refused, AskError::Closed), "{refused:?}");
            theirs.closed().await?;
            let told = theirs.tell(Ask::Add(1)).await;
            assert!(matches!(told, Err(TellError::Closed(Ask::Add(1)))));
            assert!(theirs.is_closed() && theirs.downgrade().upgrade().is_some());
        }
        Ok(())
    });
}

#[test]
fn ours_is_asked_and_told_in_order() {
    check(|scope| async move {
        let ours = scope.spawn(|| Ours(0)).await?;
        let actix = to_actix(&Arbiter::current(), ours.recipient::<Ask>());
        for n in 1..=100 {
            while actix.try_send(Ask::Add(n)).is_err() {
                sleep(1.millis()).await?;
            }
        }
        assert_eq!(actix.send(Ask::Add(0)).await?, 5050);
        assert_eq!(ours.ask(Ask::Add(0)).await?, 5050);
        Ok(())
    });
}

#[test]
fn ours_is_reached_from_a_system_of_actix() {
    let runtime = Runtime::builder().arbiters(1).build().expect("it starts");
    let sum = actix::System::new().block_on(async move {
        let (give, take) = channel::bounded(1);
        let open = runtime.scope(|scope| async move {
            give.send(scope.spawn(|| Ours(0)).await?).await?;
            std::future::pending::<Result<()>>().await
        });
        let host = async {
            let ours = take.recv().await.expect("it starts");
            let actix = to_actix(&Arbiter::current(), ours.recipient::<Ask>());
            drop(ours);
            actix.send(Ask::Add(40)).await.expect("it answers");
            actix.send(Ask::Add(2)).await.expect("it answers")
        };
        tokio::select! {
            _ = open => 0,
            sum = host => sum,
        }
    });
    assert_eq!(sum, 42);
}

#[test]
fn a_full_mailbox_of_ours_fills_that_of_actix() {
    check(|scope| async move {
        let ours = scope.spawn(|| Ours(0)).mailbox(1).await?;
        let actix = to_actix(&Arbiter::current(), ours.recipient::<Ask>());
        let full = loop {
            match actix.try_send(Ask::Never) {
                Ok(()) => {}
                Err(full) => break full,
            }
            tokio::task::yield_now().await;
        };
        assert!(matches!(full, SendError::Full(Ask::Never)));
        ours.stop();
        drop(actix);
        scope.cancel("the handler never returns");
        Ok(())
    });
}

#[test]
fn the_end_of_ours_is_closed_to_actix_and_every_cause_in_a_result() {
    check(|scope| async move {
        let ours = scope.spawn(|| Ours(0)).await?;
        let arbiter = Arbiter::current();
        let plain = to_actix(&arbiter, ours.recipient::<Ask>());
        let sure = to_actix_result(&arbiter, ours.recipient::<Sure>());
        assert_eq!(plain.send(Ask::Panic).await, Err(MailboxError::Closed));
        let panicked = sure.send(Sure(Ask::Panic)).await?;
        assert!(
            matches!(panicked, Err(AskError::Panicked(_))),
            "{panicked:?}"
        );
        assert_eq!(sure.send(Sure(Ask::Add(2))).await?.ok(), Some(2));
        ours.stop();
        ours.closed().await?;
        // Its stand-in ends as well, once it has seen it.
        while plain.connected() || sure.connected() {
            sleep(1.millis()).await?;
        }
        assert!(matches!(
            plain.try_send(Ask::Add(1)),
            Err(SendError::Closed(Ask::Add(1)))
        ));
        assert_eq!(plain.send(Ask::Add(1)).await, Err(MailboxError::Closed));
        Ok(())
    });
}

#[test]
fn an_actix_asker_that_gives_up_is_skipped_in_the_queue() {
    check(|scope| async move {
        let ours = scope.spawn(|| Ours(0)).await?;
        let actix = to_actix(&Arbiter::current(), ours.recipient::<Ask>());
        let (busy, free) = scope.context().with_cancel();
        let blocker = ours.clone();
        let blocks = scope.go(async move { Ok(busy.run(blocker.ask(Ask::Never)).await.is_err()) });
        while ours.queued() > 0 {
            sleep(1.millis()).await?;
        }
        let gone = actix.send(Ask::Add(100));
        while ours.queued() == 0 {
            sleep(1.millis()).await?;
        }
        drop(gone);
        // The stand-in sees it at its next poll.
        sleep(20.millis()).await?;
        free.cancel();
        let _cancelled = blocks.await?;
        assert_eq!(ours.ask(Ask::Add(1)).await?, 1);
        Ok(())
    });
}

#[test]
fn the_last_actix_address_gone_lets_ours_end() {
    check(|scope| async move {
        let ours = scope.spawn(|| Ours(0)).await?;
        let watched = ours.downgrade();
        let actix = to_actix(&Arbiter::current(), ours.recipient::<Ask>());
        drop(ours);
        assert_eq!(actix.send(Ask::Add(1)).await?, 1);
        drop(actix);
        watched.closed().await?;
        Ok(())
    });
}

#[test]
fn there_and_back_again() {
    check(|scope| async move {
        let ours = scope.spawn(|| Ours(0)).await?;
        let as_actix = to_actix(&Arbiter::current(), ours.recipient::<Ask>());
        let as_ours = from_actix(&scope, as_actix).await?;
        assert_eq!(as_ours.ask(Ask::Add(5)).await?, 5);
        let hurried = scope.context().with_timeout(Duration::from_millis(200));
        assert_eq!(hurried.run(as_ours.ask(Ask::Add(1))).await??, 6);
        Ok(())
    });
}
