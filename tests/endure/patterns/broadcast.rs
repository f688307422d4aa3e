//! A broadcast: a value goes to all subscribers or to none, in one order, and what is missed is told.

use std::ops::Range;
use std::sync::Arc;

use greenroom::patterns::broadcast::ReceiveError;
use greenroom::prelude::*;

use crate::account::Token;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

type Shared = Arc<Token>;

/// What a subscriber has seen.
#[derive(Default)]
struct Seen {
    numbers: Vec<usize>,
    missed: u64,
    is_whole: bool,
}

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let slow = match dice.below(6) {
        0 => Slow::DropOldest,
        1 => Slow::DropNewest,
        2 => Slow::Disconnect,
        _ => Slow::Wait,
    };
    let waits = slow == Slow::Wait;
    if !waits {
        round.ledger().may_drop();
    }
    let options = broadcast().buffer(dice.upto(3)).slow(slow);
    let news: Broadcast<Shared> = Broadcast::spawn(&scope, options).await?;
    // It has all that is sent, or is told what not.
    let steady = scope.go(read(news.subscribe().await?, true, dice.fork()));
    let mut senders = Vec::new();
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for _ in 0..dice.upto(3) {
        let tokens: Vec<_> = (0..dice.below(5)).map(|_| round.token()).collect();
        if let (Some(first), Some(last)) = (tokens.first(), tokens.last()) {
            ranges.push(first.number()..last.number() + 1);
        }
        let task = scope.go(send(news.clone(), tokens, dice.fork()));
        if dice.fault(10) {
            dice.leave();
            task.cancel("planted");
        }
        senders.push(task);
    }
    let mut readers = Vec::new();
    for _ in 0..dice.below(3) {
        let (news, mut dice) = (news.clone(), dice.fork());
        readers.push(scope.go(async move {
            dice.pause().await?;
            let Some(subscribed) = dice.attempt(news.subscribe()).await else {
                return Ok(Seen::default());
            };
            // As it would keep the broadcast open.
            drop(news);
            match subscribed {
                Ok(subscription) => read(subscription, false, dice).await,
                Err(_) => Ok(Seen::default()),
            }
        }));
    }
    if dice.fault(8) {
        dice.pause().await?;
        dice.leave();
        news.close().await;
    }
    let mut sent = 0;
    for sender in senders {
        sent += sender.await.unwrap_or(0);
    }
    match dice.one_in(2) {
        true => drop(news),
        false => drop(news.close().await),
    }
    let all = steady.await?;
    if waits && all.is_whole {
        round.ledger().lossless();
    }
    let told = all.numbers.len() as u64 + all.missed;
    round.check(!all.is_whole || told >= sent, || {
        format!("{sent} were sent, and one who was there all the time knows of {told}")
    });
    for range in ranges {
        let of_one = all.numbers.iter().filter(|number| range.contains(number));
        round.check(of_one.is_sorted(), || {
            format!(
                "the order of a sender, {range:?}, is not in {:?}",
                all.numbers
            )
        });
    }
    for reader in readers {
        let Ok(seen) = reader.await else { continue };
        let start = seen.numbers.first().and_then(|first| {
            let is_first = |number: &usize| number == first;
            all.numbers.iter().position(is_first)
        });
        let is_part = match start {
            Some(start) => all.numbers[start..].starts_with(&seen.numbers),
            None => seen.numbers.is_empty(),
        };
        round.check(!waits || !all.is_whole || is_part, || {
            format!("one saw {:?}, another {:?}", seen.numbers, all.numbers)
        });
    }
    Ok(())
}

async fn send(news: Broadcast<Shared>, tokens: Vec<Token>, mut dice: Dice) -> Result<u64> {
    let mut fuse = dice.fuse(12);
    let mut sent = 0;
    for token in tokens {
        fuse.step();
        dice.pause().await?;
        let mark = token.mark();
        let token = Arc::new(token);
        let refused = match dice.one_in(4) {
            true => match dice.attempt(news.try_send(token)).await {
                Some(Err(refused)) => Some(refused.into_inner()),
                Some(Ok(_)) => None,
                None => continue,
            },
            false => match dice.attempt(news.send(token)).await {
                Some(Err(refused)) => Some(refused.into_inner()),
                Some(Ok(_)) => None,
                None => continue,
            },
        };
        match refused {
            Some(token) => token.returned(),
            None => {
                mark.accepted();
                sent += 1;
            }
        }
    }
    Ok(sent)
}

async fn read(mut news: Subscription<Shared>, is_steady: bool, mut dice: Dice) -> Result<Seen> {
    let mut seen = Seen::default();
    let mut left = (!is_steady && dice.fault(2)).then(|| dice.below(4));
    loop {
        dice.pause().await?;
        if left == Some(0) {
            dice.leave();
            return Ok(seen);
        }
        left = left.map(|left| left - 1);
        let received = match is_steady {
            true => Some(news.recv().await),
            false => dice.attempt(news.recv()).await,
        };
        match received {
            Some(Ok(token)) => {
                seen.numbers.push(token.number());
                // Of many copies, one counts.
                if is_steady {
                    token.received();
                }
            }
            Some(Err(ReceiveError::Lagged(missed))) => seen.missed += missed,
            Some(Err(ReceiveError::Closed)) => {
                seen.is_whole = true;
                return Ok(seen);
            }
            Some(Err(ReceiveError::TooSlow)) => return Ok(seen),
            Some(Err(error)) if Context::current().is_none_or(|now| now.is_done()) => {
                return Err(error.into());
            }
            _ => {}
        }
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    let news = Broadcast::spawn(&scope, broadcast().buffer(16)).await?;
    let (mut one, mut other) = (news.subscribe().await?, news.subscribe().await?);
    let items = flow.items();
    let sender = scope.go(async move {
        for value in 1..=items {
            news.send(value).await?;
        }
        Ok(())
    });
    for _ in 0..items {
        let value = one.recv().await?;
        flow.passed(value.min(other.recv().await?));
    }
    Ok(sender.await?)
}
