//! What looks like a circle, and goes on by itself: never refused.

use std::pin::Pin;
use std::task::Poll;

use futures_util::future::{Either, select};
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use greenroom_actor::{Actor, ActorContext, Address, AskError, Handler, Overflow};
use greenroom_core::Result;
use tokio::sync::oneshot;

use crate::{Free, HandOver, Keep, Pass, Reached, Team, check, in_handler, nap};

/// Runs a circle of two in the first one's handler, beside something else that ends before it would.
fn beside<F, Fut>(make: F)
where
    F: Fn(Team) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + 'static,
{
    check(move |scope| {
        let make = make.clone();
        async move {
            for line in [vec![1, 0], vec![0], vec![1, 2, 0]] {
                let team = Team::spawn(&scope, 4).await?;
                let make = make.clone();
                let ended = in_handler(team.get(0), move |team, _| async move {
                    let other = Box::pin(make(team.clone()));
                    match select(Box::pin(team.line(&line)), other).await {
                        Either::Left((asked, _)) => Some(format!("{asked:?}")),
                        Either::Right(_) => None,
                    }
                });
                assert_eq!(ended.await?, None, "the other ended first");
                for n in 0..4 {
                    assert!(matches!(team.line(&[n]).await?, Reached::End));
                }
            }
            Ok(())
        }
    });
}

#[test]
fn a_handler_that_also_waits_for_a_time_is_spared() {
    beside(|_| nap(50));
}

#[test]
fn a_handler_that_also_waits_for_a_foreign_timer_is_spared() {
    beside(|_| {
        let (tell, told) = oneshot::channel::<()>();
        let _timer = tokio::task::spawn_local(async move {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            let _gone = tell.send(());
        });
        async move {
            told.await.expect("the timer tells");
        }
    });
}

#[test]
fn a_handler_that_also_waits_for_a_channel_is_spared() {
    beside(|_| {
        let (give, take) = greenroom_core::channel::bounded(1);
        let scope = crate::own_context();
        let helper = async move {
            nap(20).await;
            let _given = give.try_send(());
        };
        let _helper = tokio::task::spawn_local(async move { scope.run(helper).await });
        async move {
            take.recv().await.expect("the helper gives");
        }
    });
}

#[test]
fn a_handler_that_also_waits_for_another_actor_is_spared() {
    beside(|team| async move {
        let kept = team.get(3).ask(Keep);
        let free = async {
            nap(5).await;
            team.get(3).ask(Free).await
        };
        let (kept, freed) = tokio::join!(kept, free);
        assert_eq!((kept.ok(), freed.ok()), (Some("freed"), Some(true)));
    });
}

#[test]
fn a_handler_that_gives_way_again_and_again_is_spared() {
    beside(|_| async {
        for _ in 0..50 {
            greenroom_core::task::yield_now().await;
        }
    });
}

#[test]
fn futures_in_a_set_of_their_own_are_spared() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let first = in_handler(team.get(0), |team, _| async move {
            let mut set = FuturesUnordered::<Pin<Box<dyn Future<Output = bool>>>>::new();
            let asks = team.clone();
            set.push(Box::pin(async move { asks.line(&[1, 0]).await.is_err() }));
            set.push(Box::pin(async {
                nap(20).await;
                true
            }));
            set.next().await
        });
        assert_eq!(first.await?, Some(true), "the nap ended first");
        Ok(())
    });
}

#[test]
fn an_ask_that_a_helper_answers_is_spared() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let helped = in_handler(team.get(0), |team, _| async move {
            team.get(1).ask(HandOver(0)).await
        });
        assert_eq!(helped.await?.ok(), Some("helped"));
        // The other one's ask came through after that.
        assert!(matches!(team.line(&[1]).await?, Reached::End));
        Ok(())
    });
}

#[test]
fn an_ask_whose_reply_is_kept_is_spared() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let free = team.clone();
        let free = scope.go(async move {
            nap(10).await;
            Ok(free.get(1).ask(Free).await?)
        });
        let kept = in_handler(
            team.get(0),
            |team, _| async move { team.get(1).ask(Keep).await },
        );
        assert_eq!(kept.await?.ok(), Some("freed"));
        assert!(free.await?);
        Ok(())
    });
}

#[test]
fn an_ask_that_was_given_up_counts_no_more() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 2).await?;
        let given_up = in_handler(team.get(0), |team, _| async move {
            for _ in 0..3 {
                let asked = select(Box::pin(team.line(&[1, 0])), Box::pin(nap(5))).await;
                assert!(matches!(asked, Either::Right(_)));
            }
            nap(50).await;
        });
        given_up.await?;
        assert!(matches!(team.line(&[1, 0]).await?, Reached::End));
        Ok(())
    });
}

#[test]
fn an_ask_that_moves_to_a_task_is_answered() {
    check(|scope| async move {
        let team = Team::spawn(&scope, 1).await?;
        let moved = in_handler(team.get(0), |team, scope| async move {
            let me = team.get(0).clone();
            let mut ask = Box::pin(async move { me.ask(Pass(Vec::new())).await });
            std::future::poll_fn(|cx| {
                assert!(ask.as_mut().poll(cx).is_pending());
                Poll::Ready(())
            })
            .await;
            [scope.go(async move { Ok(ask.await?) })]
        });
        let [task] = moved.await?;
        assert!(matches!(task.await?, Reached::End));
        Ok(())
    });
}

/// Keeps a foreign future over its handlers.
struct Stores {
    told: Option<oneshot::Receiver<&'static str>>,
}
struct Store(oneshot::Receiver<&'static str>);
struct AskBeside;
struct Attach;
struct Nothing;

impl Actor for Stores {}

impl Handler<Store> for Stores {
    type Reply = ();
    async fn handle(&mut self, Store(mut told): Store, _cx: &mut ActorContext<Self>) {
        std::future::poll_fn(|cx| {
            assert!(Pin::new(&mut told).poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        self.told = Some(told);
    }
}

impl Handler<AskBeside> for Stores {
    type Reply = Option<&'static str>;
    async fn handle(&mut self, _: AskBeside, cx: &mut ActorContext<Self>) -> Option<&'static str> {
        let told = self.told.take()?;
        let me = cx.address()?;
        match select(told, Box::pin(me.ask(Nothing))).await {
            Either::Left((told, _)) => told.ok(),
            Either::Right(_) => None,
        }
    }
}

impl Handler<Nothing> for Stores {
    type Reply = ();
    async fn handle(&mut self, _: Nothing, _cx: &mut ActorContext<Self>) {}
}

impl Handler<Attach> for Stores {
    type Reply = ();
    async fn handle(&mut self, _: Attach, cx: &mut ActorContext<Self>) {
        let me: Address<Self> = cx.address().expect("the asker holds an address");
        cx.attach(
            stream::once(Box::pin(async move { me.ask(Nothing).await })),
            Given,
        );
    }
}

struct Given(Result<(), AskError>);

impl Handler<Given> for Stores {
    type Reply = ();
    async fn handle(&mut self, Given(asked): Given, _cx: &mut ActorContext<Self>) {
        asked.expect("a stream of the actor's does not keep it from serving");
        let (tell, told) = oneshot::channel();
        let _there = tell.send("answered");
        self.told = Some(told);
    }
}

#[test]
fn a_foreign_future_that_an_earlier_handler_polled_is_seen() {
    check(|scope| async move {
        let stores = scope.spawn(|| Stores { told: None }).await?;
        let (tell, told) = oneshot::channel();
        stores.ask(Store(told)).await?;
        let tells = scope.go(async move {
            nap(20).await;
            let _there = tell.send("told");
            Ok(())
        });
        assert_eq!(stores.ask(AskBeside).await?, Some("told"));
        tells.await?;
        Ok(())
    });
}

#[test]
fn a_stream_of_an_actor_may_ask_the_actor() {
    check(|scope| async move {
        let stores = scope.spawn(|| Stores { told: None }).await?;
        stores.ask(Attach).await?;
        nap(10).await;
        assert_eq!(stores.ask(AskBeside).await?, Some("answered"));
        Ok(())
    });
}

/// Asks another of its kind, or drops out when its mailbox makes room for another message.
struct Leaky(Option<Address<Leaky>>);

struct Meet(Address<Leaky>);
struct Poke;
struct Wake;

impl Actor for Leaky {}

impl Handler<Meet> for Leaky {
    type Reply = ();
    async fn handle(&mut self, Meet(other): Meet, _cx: &mut ActorContext<Self>) {
        self.0 = Some(other);
    }
}

impl Handler<Poke> for Leaky {
    type Reply = Option<AskError>;
    async fn handle(&mut self, _: Poke, _cx: &mut ActorContext<Self>) -> Option<AskError> {
        // So that both are in this handler.
        nap(5).await;
        let other = self.0.as_ref().expect("they have met");
        other.ask(Wake).await.err()
    }
}

impl Handler<Wake> for Leaky {
    type Reply = ();
    async fn handle(&mut self, _: Wake, _cx: &mut ActorContext<Self>) {}
}

#[test]
fn an_ask_that_the_mailbox_may_drop_is_spared() {
    check(|scope| async move {
        let leaky = || {
            let built = scope.spawn(|| Leaky(None));
            built.mailbox(2).overflow(Overflow::DropOldest)
        };
        let (a, b) = (leaky().await?, leaky().await?);
        a.ask(Meet(b.clone())).await?;
        b.ask(Meet(a.clone())).await?;
        // Each waits for the other, until somebody else drops one of the queued asks.
        let [from_a, from_b] = [a.clone(), b.clone()].map(|actor| {
            let poke = async move { Ok(actor.ask(Poke).await?) };
            scope.go(poke)
        });
        nap(10).await;
        a.tell(Wake).await?;
        a.tell(Wake).await?;
        let dropped = from_b.await?;
        assert!(matches!(dropped, Some(AskError::Overflow)), "{dropped:?}");
        let answered = from_a.await?;
        assert!(answered.is_none(), "b goes on, and answers: {answered:?}");
        Ok(())
    });
}
