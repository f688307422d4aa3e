//! Channels of each capacity: nothing that was accepted gets lost, whoever goes.

use greenroom::channel::{Receiver, Sender};
use greenroom::prelude::*;

use crate::account::Token;
use crate::dice::Dice;
use crate::flow::Flow;
use crate::frame::Round;

pub(crate) async fn round(scope: Scope, round: Round) -> Result<()> {
    let mut dice = round.dice();
    let (tx, rx) = match dice.below(6) {
        0 | 1 => channel::rendezvous(),
        2 => channel::unbounded(),
        _ => channel::bounded(dice.upto(3)),
    };
    // Whoever holds a receiver to the end finds in it what was accepted and not received.
    let keeps = !dice.fault(3);
    if keeps {
        round.ledger().lossless();
        let kept = rx.clone();
        round.afterwards(move || drain(&kept));
    } else {
        dice.leave();
    }
    for _ in 0..dice.upto(3) {
        let tokens = (0..dice.below(6)).map(|_| round.token()).collect();
        let task = scope.go(send(tx.clone(), tokens, dice.fork()));
        if dice.fault(8) {
            dice.leave();
            task.cancel("planted");
        }
    }
    let mut receivers = Vec::new();
    for _ in 0..dice.upto(3) {
        receivers.push(scope.go(receive(rx.clone(), dice.fork())));
    }
    drop(rx);
    if dice.fault(6) {
        dice.leave();
        let closer = tx.clone();
        let mut dice = dice.fork();
        let task = scope.go(async move {
            dice.pause().await?;
            closer.close();
            Ok(())
        });
        task.detach();
    }
    let weak = tx.downgrade();
    drop(tx);
    for receiver in receivers {
        let _failed = receiver.await;
    }
    // The kept receiver would keep those waiting who have nobody to send to.
    if let Some(tx) = weak.upgrade() {
        tx.close();
    }
    Ok(())
}

async fn send(tx: Sender<Token>, tokens: Vec<Token>, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(10);
    for token in tokens {
        fuse.step();
        dice.pause().await?;
        let mark = token.mark();
        let back = match dice.below(4) {
            0 => tx.try_send(token).map_err(|refused| refused.into_inner()),
            1 => {
                let mut slot = Some(token);
                let sent = dice.attempt(tx.send_from(&mut slot)).await;
                match (sent, slot) {
                    // The value is back in its slot, or it was accepted.
                    (_, Some(token)) => Err(token),
                    (Some(Ok(())) | None, None) => Ok(()),
                    (Some(Err(error)), None) => return Err(error.into()),
                }
            }
            _ => match dice.attempt(tx.send(token)).await {
                Some(sent) => sent.map_err(|refused| refused.into_inner()),
                // It went with its future, or a receiver has it.
                None => continue,
            },
        };
        match back {
            Ok(()) => mark.accepted(),
            Err(token) => token.returned(),
        }
    }
    Ok(())
}

async fn receive(rx: Receiver<Token>, mut dice: Dice) -> Result<()> {
    let mut fuse = dice.fuse(10);
    let leaves_after = dice.fault(5).then(|| dice.below(4));
    let mut many = Vec::new();
    for step in 0.. {
        fuse.step();
        if leaves_after == Some(step) {
            dice.leave();
            break;
        }
        dice.pause().await?;
        let is_over = match dice.below(4) {
            0 => match rx.try_recv() {
                Ok(token) => {
                    token.received();
                    false
                }
                Err(_) => false,
            },
            1 => {
                let received = dice.attempt(rx.recv_many(&mut many, 3)).await;
                many.drain(..).for_each(|token: Token| token.received());
                matches!(received, Some(Err(_)))
            }
            _ => match dice.attempt(rx.recv()).await {
                Some(Ok(token)) => {
                    token.received();
                    false
                }
                Some(Err(_)) => rx.is_closed() && rx.is_empty(),
                None => false,
            },
        };
        if is_over && (rx.is_closed() || Context::current().is_none_or(|now| now.is_done())) {
            break;
        }
    }
    Ok(())
}

pub(crate) fn drain(rx: &Receiver<Token>) {
    while let Ok(token) = rx.try_recv() {
        token.received();
    }
}

pub(crate) async fn flow(scope: Scope, flow: Flow) -> Result<()> {
    // A third of the values through each kind of channel.
    let third = flow.items() / 3;
    let mut from = 1;
    for (part, (tx, rx)) in [
        channel::rendezvous(),
        channel::bounded(64),
        channel::unbounded(),
    ]
    .into_iter()
    .enumerate()
    {
        let until = if part == 2 {
            flow.items()
        } else {
            from + third - 1
        };
        let values = from..=until;
        let sender = scope.go(async move {
            for (sent, value) in values.enumerate() {
                tx.send(value).await?;
                // Without a bound nobody else holds it back.
                if part == 2 && sent % 64 == 0 {
                    greenroom::task::yield_now().await;
                }
            }
            Ok(())
        });
        while let Ok(value) = rx.recv().await {
            flow.passed(value);
        }
        sender.await?;
        from = until + 1;
    }
    Ok(())
}
