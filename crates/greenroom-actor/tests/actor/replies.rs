//! Replies that come later, or never.

use greenroom_actor::{Actor, ActorContext, Address, AskError, HandlerLater, ReplyTo};
use greenroom_core::time::{Durations, sleep};

use crate::{SEEDS, with_counter};

/// Hands the reply to a thread that panics, while the handler goes on.
struct GiveAway;
/// Drops the reply in a panic that the handler itself catches.
struct Catch;
/// Forwards to another, and goes on for a while.
struct Forward(Address<Clerk>);
/// Panics with the reply in hand, after a while.
struct Break;

struct Clerk;
impl Actor for Clerk {}

impl HandlerLater<GiveAway> for Clerk {
    type Reply = ();
    async fn handle(&mut self, _: GiveAway, reply: ReplyTo<()>, _cx: &mut ActorContext<Self>) {
        let worker = std::thread::spawn(move || {
            let _reply = reply;
            panic!("with the reply in hand")
        });
        assert!(worker.join().is_err());
    }
}

impl HandlerLater<Catch> for Clerk {
    type Reply = ();
    async fn handle(&mut self, _: Catch, reply: ReplyTo<()>, _cx: &mut ActorContext<Self>) {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _reply = reply;
            panic!("caught")
        }));
        assert!(caught.is_err());
    }
}

impl HandlerLater<Forward> for Clerk {
    type Reply = ();
    async fn handle(
        &mut self,
        Forward(to): Forward,
        reply: ReplyTo<()>,
        _cx: &mut ActorContext<Self>,
    ) {
        let _forwarded = to.forward(Break, reply).await;
        let _slept = sleep(1.secs()).await;
    }
}

impl HandlerLater<Break> for Clerk {
    type Reply = ();
    async fn handle(&mut self, _: Break, _reply: ReplyTo<()>, _cx: &mut ActorContext<Self>) {
        let _slept = sleep(5.secs()).await;
        panic!("broken")
    }
}

#[test]
fn a_reply_that_goes_in_a_panic_elsewhere_is_answered_while_the_handler_runs() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, _| async move {
            let clerk = scope.spawn(|| Clerk).await?;
            let patient = scope.context().with_timeout(60.secs());
            let answer = patient.run(clerk.ask(GiveAway)).await?;
            assert!(matches!(answer, Err(AskError::Dropped)), "{answer:?}");
            Ok(())
        });
    }
}

#[test]
fn a_reply_that_goes_in_a_panic_that_its_handler_catches_is_answered() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, _| async move {
            let clerk = scope.spawn(|| Clerk).await?;
            let patient = scope.context().with_timeout(60.secs());
            let answer = patient.run(clerk.ask(Catch)).await?;
            assert!(matches!(answer, Err(AskError::Dropped)), "{answer:?}");
            Ok(())
        });
    }
}

#[test]
fn a_forwarded_message_whose_handler_panics_is_answered_with_that() {
    for seed in SEEDS {
        with_counter(seed, |scope, _counter, _| async move {
            let (first, second) = (scope.spawn(|| Clerk).await?, scope.spawn(|| Clerk).await?);
            let answer = first.ask(Forward(second)).await;
            let Err(AskError::Panicked(panic)) = answer else {
                unreachable!("{answer:?}")
            };
            assert_eq!(panic.message(), Some("broken"));
            Ok(())
        });
    }
}
