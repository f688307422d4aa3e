//! Trees of supervisors that are planted, shaken and felled.

use greenroom::Overflow;
use greenroom::prelude::*;
use greenroom::supervision::{
    BackOff, Child, RootPolicy, Strategy, Supervisor, child, supervisor, task,
};

use super::account::Kind;
use super::actors::{self, WORKERS, Worker};
use super::faults::{Dice, Fault};
use super::storm::Storm;

/// Plants some trees, and again when one has given up.
pub(crate) async fn start(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    for _ in 0..dice.upto(3) {
        let gardener = tend(scope.clone(), storm.clone(), dice.fork());
        scope.on(Placement::Spread).go(gardener).detach();
    }
    let sessions = host(scope.clone(), storm.clone(), dice.fork());
    scope.on(Placement::Spread).go(sessions).detach();
    Ok(())
}

async fn tend(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    while storm.is_on() {
        // It does not start if a child panics at its start.
        let Ok(tree) = plant(&scope, &storm, &mut dice).await else {
            sleep(1.millis()).await?;
            continue;
        };
        while storm.is_on() {
            let is_felled = select! {
                ended = tree.closed() => ended.is_ok(),
                after((dice.upto(40) as u64).millis()) => false,
            };
            if is_felled {
                break;
            }
            Box::pin(shake(&tree, &storm, &mut dice)).await;
        }
        if dice.one_in(2) {
            tree.stop();
            tree.closed().await?;
        }
    }
    Ok(())
}

async fn plant(scope: &Scope, storm: &Storm, dice: &mut Dice) -> Result<Supervisor> {
    let strategies = [
        Strategy::OneForOne,
        Strategy::OneForAll,
        Strategy::RestForOne,
    ];
    let mut top = scope
        .supervisor("tree")
        .strategy(strategies[dice.below(3)])
        .intensity(dice.upto(500), 1.secs())
        .back_off(BackOff::exponential(1.millis(), 8.millis()))
        .on_give_up(RootPolicy::Leave);
    for id in ["a", "b", "c"] {
        top = top.child(worker(id, storm, dice));
    }
    // Allowed so little that it fails, and is restarted from above.
    let inner = supervisor("inner")
        .strategy(strategies[dice.below(3)])
        .intensity(2, 50.millis())
        .child(worker("d", storm, dice))
        .child(worker("e", storm, dice));
    let mut throws = dice.fork();
    let errand = move || {
        let mut dice = throws.fork();
        async move {
            loop {
                sleep((dice.upto(20) as u64).millis()).await?;
                dice.may_panic(Fault::PanicLater);
                dice.may_fail()?;
            }
        }
    };
    Ok(top.child(inner).child(task("errand", errand)).await?)
}

fn worker(id: &'static str, storm: &Storm, dice: &mut Dice) -> Child<Address<Worker>> {
    let overflow = [
        Overflow::Wait,
        Overflow::Fail,
        Overflow::DropNewest,
        Overflow::DropOldest,
        Overflow::KeepLatest,
    ][dice.below(5)];
    let restart = match dice.one_in(2) {
        true => Restart::Permanent,
        false => Restart::Transient,
    };
    child(id, Worker::factory(storm, dice))
        .group(WORKERS)
        .on(Placement::Spread)
        .mailbox([0, 1, 4, 64][dice.below(4)])
        .overflow(overflow)
        .restart(restart)
        .shutdown(20.millis())
}

/// Does something to a child. It may not be there, or on its way.
async fn shake(tree: &Supervisor, storm: &Storm, dice: &mut Dice) {
    let id = ["a", "b", "c"][dice.below(3)];
    match dice.below(6) {
        0 if dice.goes_wrong(Fault::Stop) => tree.stop(),
        0 | 1 => drop(dice.attempt(tree.terminate(id)).await),
        2 => drop(dice.attempt(tree.restart(id)).await),
        3 => drop(dice.attempt(tree.children()).await),
        4 => {
            let extra = worker("extra", storm, dice);
            drop(dice.attempt(tree.start(extra)).await);
        }
        _ => drop(dice.attempt(tree.remove("extra")).await),
    }
}

/// Many like children that come and go.
async fn host(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    let (inside, throws) = (storm.clone(), std::sync::Mutex::new(dice.fork()));
    let make = move |_number: &usize| {
        let mut dice = super::account::lock(&throws).fork();
        Worker::new(&inside, &mut dice)
    };
    let sessions = scope
        .dynamic_supervisor("sessions", make)
        .restart(Restart::Transient)
        .intensity(100_000, 1.secs())
        .max_children(16)
        .mailbox(8)
        .shutdown(20.millis())
        .on_give_up(RootPolicy::Leave)
        .await?;
    let asks = storm.ledger.book(Kind::Asks);
    let mut open = Vec::new();
    while storm.is_on() {
        let started = dice.attempt(sessions.start(open.len())).await;
        open.extend(started.and_then(Result::ok));
        for session in &open {
            dice.pause().await?;
            let _heard = dice.attempt(actors::ask(session, &asks)).await;
        }
        if open.len() > 8 || (dice.one_in(4) && !open.is_empty()) {
            let session = open.swap_remove(dice.below(open.len()));
            let _ended = dice.attempt(sessions.terminate(&session)).await;
        }
    }
    Ok(())
}
