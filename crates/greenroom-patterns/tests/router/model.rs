//! An account of messages: none is lost or doubled, and a key stays while the members do.

use std::collections::BTreeMap;

use greenroom_actor::{Address, OnError, Scope};
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::router::{Route, RouteAskError, Router, TryRouteError, router};
use proptest::prelude::*;

use super::common::{Ledger, idle, paused, polls, quiet};
use super::{Handled, Member, Work, members, work};

#[derive(Clone, Copy, Debug)]
enum Step {
    Tell(Option<usize>),
    TellKey(u8, Option<usize>),
    TryTell,
    Ask(Option<usize>),
    Panic,
    Resize(usize, Option<usize>),
    Stop(usize),
    Remove(usize),
    Sleep(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let cut = || proptest::option::weighted(0.3, 0..4_usize);
    let step = prop_oneof![
        5 => cut().prop_map(Step::Tell),
        5 => (0..6_u8, cut()).prop_map(|(key, cut)| Step::TellKey(key, cut)),
        3 => Just(Step::TryTell),
        3 => cut().prop_map(Step::Ask),
        1 => Just(Step::Panic),
        2 => (1..5_usize, cut()).prop_map(|(count, cut)| Step::Resize(count, cut)),
        1 => (0..4_usize).prop_map(Step::Stop),
        1 => (0..4_usize).prop_map(Step::Remove),
        3 => (1..6_u64).prop_map(Step::Sleep),
    ];
    proptest::collection::vec(step, 0..50)
}

/// What is known of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Accepted,
    Refused,
    Either,
}

async fn carry_out(
    scope: Scope,
    steps: Vec<Step>,
    route: Route,
    ledger: Ledger,
    handled: Handled,
) -> Result<Vec<Fate>> {
    scope.set_on_error(OnError::Collect);
    let options = router("member").actors(3).mailbox(2).by(route);
    let members = Router::spawn(&scope, options, members(&handled)).await?;
    let mut fates = Vec::new();
    let mut homes: BTreeMap<u8, Option<Address<Member>>> = BTreeMap::new();
    let mut panics = 0;
    for step in steps {
        let number = fates.len();
        let mut is_message = true;
        let mut fate = Fate::Either;
        // A message to a stopped member's queue is refused with it: then it counts as either.
        match step {
            Step::Tell(limit) => {
                let brief = scope.context().with_timeout(20.millis());
                match polls(limit, brief.run(members.tell(work(&ledger, number, 1)))).await {
                    Some(Ok(Ok(()))) => fate = Fate::Accepted,
                    Some(Ok(Err(error))) => {
                        assert_eq!(error.into_inner().token.number, number);
                        fate = Fate::Refused;
                    }
                    _ => {}
                }
            }
            Step::TellKey(key, limit) => {
                let home = members.key(&key).address();
                if let Some(before) = homes.get(&key) {
                    assert!(*before == home, "a key moved while the members stayed");
                }
                homes.insert(key, home);
                let brief = scope.context().with_timeout(20.millis());
                let told = brief.run(members.key(&key).tell(work(&ledger, number, 1)));
                match polls(limit, told).await {
                    Some(Ok(Ok(()))) => fate = Fate::Accepted,
                    Some(Ok(Err(error))) => {
                        assert_eq!(error.into_inner().token.number, number);
                        fate = Fate::Refused;
                    }
                    _ => {}
                }
            }
            Step::TryTell => match members.try_tell(work(&ledger, number, 1)) {
                Ok(()) => fate = Fate::Accepted,
                Err(error) => {
                    assert!(
                        matches!(error, TryRouteError::Full(_)) || {
                            members.addresses().iter().all(Address::is_closed)
                        }
                    );
                    assert_eq!(error.into_inner().token.number, number);
                    fate = Fate::Refused;
                }
            },
            Step::Ask(limit) => {
                let brief = scope.context().with_timeout(20.millis());
                match polls(limit, brief.run(members.ask(work(&ledger, number, 1)))).await {
                    Some(Ok(Ok(_))) => fate = Fate::Accepted,
                    Some(Ok(Err(RouteAskError::NoActor(_)))) => fate = Fate::Refused,
                    _ => {}
                }
            }
            Step::Panic if panics < 2 => {
                panics += 1;
                let broken = Work {
                    panics: true,
                    ..work(&ledger, number, 0)
                };
                if members.tell(broken).await.is_ok() {
                    fate = Fate::Accepted;
                }
            }
            Step::Resize(count, limit) => {
                is_message = false;
                homes.clear();
                if let Some(resized) = polls(limit, members.resize(count)).await {
                    resized?;
                    idle().await?;
                    assert_eq!(members.len(), count);
                } else {
                    idle().await?;
                }
            }
            Step::Stop(which) => {
                is_message = false;
                if let Some(address) = members.addresses().get(which) {
                    homes.clear();
                    // What it has is handled first, so that the account stays exact.
                    sleep(10.millis()).await?;
                    address.stop();
                    address.closed().await?;
                }
                idle().await?;
            }
            Step::Remove(which) => {
                is_message = false;
                if let Some(address) = members.addresses().get(which) {
                    homes.clear();
                    assert!(members.remove(address.id()).await?);
                }
            }
            Step::Sleep(millis) => {
                is_message = false;
                sleep(millis.millis()).await?;
            }
            Step::Panic => is_message = false,
        }
        if is_message {
            fates.push(fate);
        }
    }
    Ok(fates)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn nothing_is_lost_or_doubled(
        steps in steps(),
        route in prop_oneof![Just(Route::InTurn), Just(Route::LeastLoaded)],
        seed in any::<u64>(),
    ) {
        quiet();
        let (ledger, handled) = (Ledger::default(), Handled::default());
        let runtime = paused(seed);
        let ran = runtime.block_on({
            let (ledger, handled) = (ledger.clone(), handled.clone());
            move |scope| carry_out(scope, steps, route, ledger, handled)
        });
        let fates = match ran {
            Ok(fates) => fates,
            Err(failure) => return Err(TestCaseError::fail(format!("{failure:?}"))),
        };
        let handled = handled.lock().expect("nobody panics here");
        for (number, fate) in fates.iter().enumerate() {
            let times = handled.values().flatten().filter(|one| **one == number).count();
            match fate {
                Fate::Accepted => prop_assert_eq!(times, 1, "message {}", number),
                Fate::Refused => prop_assert_eq!(times, 0, "message {}", number),
                Fate::Either => prop_assert!(times <= 1, "message {number}"),
            }
        }
        prop_assert_eq!(ledger.live(), 0, "a message is held somewhere");
        prop_assert!(runtime.registry().actors(runtime.context().now()).is_empty());
    }
}
