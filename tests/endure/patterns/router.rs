//! A router: a message goes to one member, once, or comes back, and those of a key keep their order.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use greenroom::prelude::*;

use crate::account::{Token, lock};
use crate::dice::{Dice, Fuse};
use crate::flow::Flow;
use crate::frame::Round;

/// The last number of each key, and whether they are in order.
type Last = Arc<Mutex<BTreeMap<usize, usize>>>;

struct Member {
    last: Last,
    dice: Dice,
    fuse: Fuse,
    is_fixed: bool,
    round: Round,
}

struct Put(Token, Option<usize>);

struct Ping;

impl Actor for Member {}

impl Handler<Put> for Member {
    type Reply = usize;

    async fn handle(&mut self, Put(token, key): Put, _cx: &mut ActorContext<Self>) -> usize {
        let _ended = self.dice.pause().await;
        let number = token.number();
        token.received();
        if let Some(key) = key.filter(|_| self.is_fixed) {
            let before = lock(&self.last).insert(key, number);
            self.round.check(before < Some(number), || {
                format!("{number} came after {before:?} for key {key}")
            });
        }
        self.fuse.step();
        number
    }
}

impl Handler<Ping> for Member {
    type Reply = ();

    async fn handle(&mut self, _ping: Ping, _cx: &mut ActorContext<Self>) {}
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let is_fixed = dice.one_in(2);
    if !is_fixed {
        // What is queued for one that is taken out.
        round.ledger().may_drop();
    }
    let route = match dice.one_in(2) {
        true => Route::InTurn,
        false => Route::LeastLoaded,
    };
    let options = router("endure")
        .actors(dice.upto(3))
        .mailbox(dice.upto(3))
        .by(route);
    let (last, throws, from) = (Last::default(), Mutex::new(dice.fork()), round.clone());
    let member = move |_index| {
        let mut dice = lock(&throws).fork();
        Member {
            last: last.clone(),
            // A panic loses a message; one or two of them do not end a member.
            fuse: dice.fuse(4),
            dice,
            is_fixed,
            round: from.clone(),
        }
    };
    let router = Router::spawn(&scope, options, member).await?;
    let mut tasks = Vec::new();
    for key in 0..dice.upto(3) {
        let tokens = (0..dice.below(6)).map(|_| round.token()).collect();
        let task = scope.go(send(
            router.clone(),
            key,
            tokens,
            round.clone(),
            dice.fork(),
        ));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        tasks.push(task);
    }
    if !is_fixed {
        for _ in 0..dice.below(3) {
            dice.pause().await?;
            let actors = dice.upto(4);
            let _resized = dice.attempt(router.resize(actors)).await;
        }
    }
    for task in tasks {
        let _failed = task.await;
    }
    // Behind all that was sent before.
    for address in router.addresses() {
        let _failed = address.ask(Ping).await;
    }
    Ok(())
}

async fn send(
    router: Router<Member>,
    key: usize,
    tokens: Vec<Token>,
    round: Round,
    mut dice: Dice,
) -> Result<()> {
    let mut fuse = dice.fuse(12);
    for token in tokens {
        fuse.step();
        dice.pause().await?;
        let (mark, number) = (token.mark(), token.number());
        match dice.below(5) {
            0 => match router.try_tell(Put(token, None)) {
                Ok(()) => mark.accepted(),
                Err(refused) => refused.into_inner().0.returned(),
            },
            1 => match dice.attempt(router.tell(Put(token, None))).await {
                Some(Ok(())) => mark.accepted(),
                Some(Err(refused)) => refused.into_inner().0.returned(),
                None => {}
            },
            2 => match router.key(&key).try_tell(Put(token, Some(key))) {
                Ok(()) => mark.accepted(),
                Err(refused) => refused.into_inner().0.returned(),
            },
            3 => match dice
                .attempt(router.key(&key).tell(Put(token, Some(key))))
                .await
            {
                Some(Ok(())) => mark.accepted(),
                Some(Err(refused)) => refused.into_inner().0.returned(),
                None => {}
            },
            _ => {
                let asked = dice
                    .attempt(router.key(&key).ask(Put(token, Some(key))))
                    .await;
                if let Some(Ok(answer)) = asked {
                    round.check(answer == number && mark.is_received(), || {
                        format!("{number} was answered by {answer}")
                    });
                }
            }
        }
    }
    Ok(())
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    struct Echo;
    struct Value(u64);
    impl Actor for Echo {}
    impl Handler<Value> for Echo {
        type Reply = u64;

        async fn handle(&mut self, Value(value): Value, _cx: &mut ActorContext<Self>) -> u64 {
            value
        }
    }
    let router = Router::spawn(&scope, router("endure").actors(3), |_| Echo).await?;
    for value in 1..=flow.items() {
        flow.passed(match value % 2 {
            0 => router.ask(Value(value)).await?,
            _ => router.key(&value).ask(Value(value)).await?,
        });
    }
    Ok(())
}
