//! Routers, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

#[path = "../common/mod.rs"]
mod common;
mod model;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use common::{Boom, Ledger, Token, arbiters, check, idle, quiet};
use greenroom_actor::{
    Actor, ActorContext, Address, AskError, Handler, OnError, Scope, SpawnError, TellError,
};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::router::{
    ChangeError, Route, RouteAskError, RouteError, Router, RouterError, TryRouteError, router,
};

/// What each member handled, by its index.
type Handled = Arc<Mutex<BTreeMap<usize, Vec<usize>>>>;

struct Member {
    index: usize,
    handled: Handled,
}

impl Actor for Member {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        if self.index == 100 {
            Err(Boom.into())
        } else {
            Ok(())
        }
    }
}

struct Work {
    token: Token,
    millis: u64,
    panics: bool,
}

struct Who;

impl Handler<Work> for Member {
    type Reply = usize;

    async fn handle(&mut self, work: Work, _cx: &mut ActorContext<Self>) -> usize {
        let number = work.token.number;
        self.handled
            .lock()
            .expect("nobody panics here")
            .entry(self.index)
            .or_default()
            .push(number);
        assert!(!work.panics, "planned");
        if work.millis > 0 {
            let _ended = sleep(work.millis.millis()).await;
        }
        self.index
    }
}

impl Handler<Who> for Member {
    type Reply = usize;

    async fn handle(&mut self, _: Who, _cx: &mut ActorContext<Self>) -> usize {
        self.index
    }
}

fn members(handled: &Handled) -> impl Fn(usize) -> Member + Send + Sync + 'static + use<> {
    let handled = handled.clone();
    move |index| Member {
        index,
        handled: handled.clone(),
    }
}

async fn spawn(scope: &Scope, actors: usize, route: Route) -> Result<Router<Member>> {
    let options = router("member").actors(actors).by(route).mailbox(4);
    Ok(Router::spawn(scope, options, members(&Handled::default())).await?)
}

fn work(ledger: &Ledger, number: usize, millis: u64) -> Work {
    Work {
        token: ledger.token(number),
        millis,
        panics: false,
    }
}

#[test]
fn smoke() {
    check(|scope| async move {
        let members = spawn(&scope, 3, Route::InTurn).await?;
        assert_eq!((members.len(), members.is_empty()), (3, false));
        for turn in 0..9 {
            assert_eq!(members.ask(Who).await?, turn % 3);
        }
        Ok(())
    });
}

#[test]
fn turns_are_shared_by_all_handles() {
    check(|scope| async move {
        let one = spawn(&scope, 3, Route::InTurn).await?;
        let two = one.clone();
        let seen = [
            one.ask(Who).await?,
            two.ask(Who).await?,
            one.ask(Who).await?,
            two.ask(Who).await?,
        ];
        assert_eq!(seen, [0, 1, 2, 0]);
        Ok(())
    });
}

#[test]
fn across_arbiters_turns_stay_nearly_even_and_nothing_is_lost() {
    let (ledger, handled) = (Ledger::default(), Handled::default());
    let runtime = arbiters(4);
    let ran = runtime.block_on({
        let (ledger, handled) = (ledger.clone(), handled.clone());
        move |scope| async move {
            let router = Router::spawn(&scope, router("m").actors(4), members(&handled)).await?;
            let spread = scope.on(greenroom_actor::Placement::Spread);
            let senders: Vec<_> = (0..4)
                .map(|sender| {
                    let (router, ledger) = (router.clone(), ledger.clone());
                    spread.go(async move {
                        for number in 0..250 {
                            router.ask(work(&ledger, sender * 250 + number, 0)).await?;
                        }
                        Ok(())
                    })
                })
                .collect();
            for sender in senders {
                sender.await?;
            }
            Ok(())
        }
    });
    ran.expect("nobody fails");
    let handled = handled.lock().expect("nobody panics here");
    let mut all: Vec<_> = handled.values().flatten().copied().collect();
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
    assert!(handled.values().all(|one| one.len().abs_diff(250) < 25));
    assert_eq!(ledger.live(), 0);
}

#[test]
fn the_least_loaded_is_chosen_and_equals_take_turns() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let members = spawn(&scope, 3, Route::LeastLoaded).await?;
        let seen = [
            members.ask(Who).await?,
            members.ask(Who).await?,
            members.ask(Who).await?,
        ];
        assert_eq!(seen, [0, 1, 2]);
        // Two are busy, with a queue behind.
        for busy in members.addresses().iter().take(2) {
            for number in 0..3 {
                busy.tell(work(&ledger, number, 100)).await?;
            }
        }
        idle().await?;
        for _ in 0..5 {
            assert_eq!(members.ask(Who).await?, 2);
        }
        Ok(())
    });
}

#[test]
fn try_tell_looks_for_room_from_the_turn_on() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let members = spawn(&scope, 2, Route::InTurn).await?;
        // Nobody runs between these: 4 fit into each mailbox, and one more if its actor waits.
        let mut sent = 0;
        let back = loop {
            match members.try_tell(work(&ledger, sent, 1)) {
                Ok(()) => sent += 1,
                Err(TryRouteError::Full(back)) => break back,
                Err(error) => unreachable!("{error}"),
            }
        };
        assert!((8..=10).contains(&sent) && back.token.number == sent);
        let queued: Vec<_> = members.addresses().iter().map(Address::queued).collect();
        assert_eq!(queued, [4, 4]);
        let key = members.key(&1).try_tell(back);
        assert!(matches!(key, Err(TryRouteError::Full(_))));
        drop(key);
        sleep(20.millis()).await?;
        assert_eq!(ledger.live(), 0);
        Ok(())
    });
}

#[test]
fn a_key_has_one_member_and_moves_only_when_that_goes_or_to_one_that_comes() {
    check(|scope| async move {
        let members = spawn(&scope, 4, Route::InTurn).await?;
        let mut homes = BTreeMap::new();
        for key in 0..200 {
            let home = members.key(&key).ask(Who).await?;
            assert_eq!(members.clone().key(&key).ask(Who).await?, home);
            homes.insert(key, home);
        }
        members.resize(5).await?;
        let mut moved = 0;
        for (key, home) in &mut homes {
            let now = members.key(key).ask(Who).await?;
            assert!(now == *home || now == 4);
            moved += usize::from(now != *home);
            *home = now;
        }
        assert!((10..90).contains(&moved), "{moved} of 200");
        let second = members.addresses()[1].clone();
        second.stop();
        second.closed().await?;
        for (key, home) in &homes {
            let now = members.key(key).ask(Who).await?;
            assert!(now == *home || *home == 1);
            assert_ne!(now, 1);
        }
        assert_eq!(members.len(), 4);
        Ok(())
    });
}

#[test]
fn a_member_that_restarts_keeps_its_place_and_its_queue() {
    quiet();
    check(|scope| async move {
        let (ledger, handled) = (Ledger::default(), Handled::default());
        let options = router("member").actors(2);
        let router = Router::spawn(&scope, options, members(&handled)).await?;
        let before: Vec<_> = router.addresses();
        let home = router.key("a").ask(Who).await?;
        let broken = Work {
            panics: true,
            ..work(&ledger, 0, 0)
        };
        let key = router.key("a");
        key.tell(broken).await?;
        key.tell(work(&ledger, 1, 0)).await?;
        assert_eq!(key.ask(Who).await?, home);
        assert_eq!(router.addresses(), before);
        let handled = handled.lock().expect("nobody panics here")[&home].clone();
        assert_eq!((handled, ledger.live()), (vec![0, 1], 0));
        Ok(())
    });
}

#[test]
fn a_member_that_has_stopped_is_taken_out() {
    check(|scope| async move {
        let members = spawn(&scope, 3, Route::InTurn).await?;
        let first = members.addresses()[0].clone();
        first.stop();
        first.closed().await?;
        // At once, before the list knows.
        for _ in 0..6 {
            assert_ne!(members.ask(Who).await?, 0);
        }
        idle().await?;
        assert_eq!(members.len(), 2);
        let seen: Vec<_> = [
            members.ask(Who).await?,
            members.ask(Who).await?,
            members.ask(Who).await?,
        ]
        .into();
        assert!(seen[0] == seen[2] && seen[0] != seen[1]);
        Ok(())
    });
}

#[test]
fn without_an_actor_the_message_comes_back() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let members = spawn(&scope, 2, Route::LeastLoaded).await?;
        for address in members.addresses() {
            address.stop();
        }
        idle().await?;
        assert_eq!(members.len(), 0);
        let Err(RouteError::NoActor(back)) = members.tell(work(&ledger, 1, 0)).await else {
            unreachable!("nobody is left")
        };
        let Err(TryRouteError::NoActor(back)) = members.try_tell(back) else {
            unreachable!("nobody is left")
        };
        let Err(RouteAskError::NoActor(back)) = members.key(&1).ask(back).await else {
            unreachable!("nobody is left")
        };
        let Err(RouteError::NoActor(back)) = members.key(&1).tell(back).await else {
            unreachable!("nobody is left")
        };
        assert_eq!(back.token.number, 1);
        assert!(members.key(&1).address().is_none());
        // It may have members again.
        members.resize(1).await?;
        assert_eq!(members.ask(back).await?, 2);
        Ok(())
    });
}

#[test]
fn a_smaller_router_handles_what_its_former_members_have() {
    check(|scope| async move {
        let (ledger, handled) = (Ledger::default(), Handled::default());
        let options = router("member").actors(4);
        let router = Router::spawn(&scope, options, members(&handled)).await?;
        for number in 0..8 {
            router.tell(work(&ledger, number, 1)).await?;
        }
        router.resize(1).await?;
        assert_eq!(router.len(), 1);
        for number in 8..10 {
            assert_eq!(router.ask(work(&ledger, number, 0)).await?, 0);
        }
        sleep(10.millis()).await?;
        let handled = handled.lock().expect("nobody panics here");
        assert_eq!(handled[&3], [3, 7]);
        assert_eq!((handled[&0].len(), ledger.live()), (4, 0));
        // The one left and the owner of the list: the others have ended.
        assert_eq!(scope.len(), 2);
        Ok(())
    });
}

#[test]
fn members_are_taken_in_and_out() {
    check(|scope| async move {
        let handled = Handled::default();
        let make = members(&handled);
        let mut own: Vec<Address<Member>> = Vec::new();
        for index in 0..3 {
            let member = make(index);
            own.push(scope.spawn_once(member).await?);
        }
        let router = Router::over(&scope, Route::InTurn, [own[0].clone()]).await?;
        assert!(router.add(own[1].clone()).await?);
        assert!(!router.add(own[1].clone()).await?);
        assert!(!router.remove(own[2].id()).await?);
        assert_eq!((router.ask(Who).await?, router.ask(Who).await?), (0, 1));
        assert!(router.remove(own[0].id()).await?);
        assert_eq!((router.ask(Who).await?, router.ask(Who).await?), (1, 1));
        // It was taken out, not ended.
        assert_eq!(own[0].ask(Who).await?, 0);
        for _ in 0..100 {
            assert!(router.add(own[0].clone()).await?);
            assert!(router.remove(own[0].id()).await?);
        }
        assert_eq!(router.ask(Who).await?, 1);
        Ok(())
    });
}

#[test]
fn bad_descriptions_and_ended_scopes_are_told_apart() {
    check(|scope| async move {
        let handled = Handled::default();
        let none = Router::spawn(&scope, router("m").actors(0), members(&handled)).await;
        assert!(matches!(none, Err(RouterError::ZeroActors)));
        let unnamed = Router::spawn(&scope, router("a/b"), members(&handled)).await;
        assert!(matches!(
            unnamed,
            Err(RouterError::Spawn(SpawnError::Name(_)))
        ));
        let kept = spawn(&scope, 1, Route::InTurn).await?;
        assert!(matches!(kept.resize(0).await, Err(RouterError::ZeroActors)));
        let kept = scope
            .scope(|inner| async move { spawn(&inner, 1, Route::InTurn).await })
            .await?;
        assert!(matches!(kept.tell(Who).await, Err(RouteError::NoActor(_))));
        assert!(matches!(kept.resize(2).await, Err(RouterError::Closed)));
        let member = spawn(&scope, 1, Route::InTurn).await?.addresses();
        assert!(matches!(
            kept.add(member[0].clone()).await,
            Err(ChangeError::Closed)
        ));
        Ok(())
    });
}

#[test]
fn an_actor_that_cannot_start_is_no_member() {
    quiet();
    check(|scope| async move {
        let ran = scope
            .scope(|inner| async move {
                inner.set_on_error(OnError::Collect);
                let make = members(&Handled::default());
                let options = router("member").actors(2);
                let factory = move |index| make(if index == 2 { 100 } else { index });
                let router = Router::spawn(&inner, options, factory).await?;
                let failed = router.resize(4).await;
                assert!(matches!(failed, Err(RouterError::Spawn(_))));
                assert_eq!((router.len(), router.ask(Who).await?), (2, 0));
                Ok(())
            })
            .await;
        drop(ran);
        Ok(())
    });
}

#[test]
fn a_tell_that_is_cancelled_gives_its_message_back() {
    check(|scope| async move {
        let ledger = Ledger::default();
        let members = spawn(&scope, 1, Route::InTurn).await?;
        for number in 0..5 {
            members.tell(work(&ledger, number, 10)).await?;
            idle().await?;
        }
        let brief = scope.context().with_timeout(1.millis());
        let late = brief.run(members.tell(work(&ledger, 9, 0))).await;
        assert!(matches!(
            late,
            Ok(Err(RouteError::Tell(TellError::Deadline(_)))) | Err(_)
        ));
        let brief = scope.context().with_timeout(1.millis());
        let late = brief.run(members.ask(work(&ledger, 9, 0))).await;
        assert!(matches!(
            late,
            Ok(Err(RouteAskError::Ask(AskError::DeadlineInMailbox))) | Err(_)
        ));
        Ok(())
    });
}

#[test]
fn the_last_handle_ends_the_actors() {
    check(|scope| async move {
        let (ledger, handled) = (Ledger::default(), Handled::default());
        let options = router("member").actors(3);
        let router = Router::spawn(&scope, options, members(&handled)).await?;
        for number in 0..9 {
            router.clone().tell(work(&ledger, number, 1)).await?;
        }
        drop(router);
        sleep(20.millis()).await?;
        assert_eq!((scope.len(), ledger.live()), (0, 0));
        let handled = handled.lock().expect("nobody panics here");
        assert_eq!(handled.values().map(Vec::len).sum::<usize>(), 9);
        Ok(())
    });
}
