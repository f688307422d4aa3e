//! Pipelines, fans, broadcasts and channels, each in a scope that may be cut.

use std::sync::{Arc, Mutex as Shared};

use greenroom::channel::Receiver;
use greenroom::patterns::broadcast::ReceiveError;
use greenroom::patterns::fan::fan_out_by_key;
use greenroom::prelude::*;
use greenroom::task::yield_now;

use super::account::{Book, Kind, Token, lock};
use super::faults::{Dice, Fault, Planted};
use super::scopes;
use super::storm::Storm;

/// Starts the lines, each again and again.
pub(crate) async fn start(scope: Scope, storm: Storm, mut dice: Dice) -> Result<()> {
    for kind in [Kind::Pipeline, Kind::Fan, Kind::Broadcast, Kind::Channel] {
        let lines = run(scope.clone(), storm.clone(), kind, dice.fork());
        scope.on(Placement::Spread).go(lines).detach();
    }
    Ok(())
}

async fn run(scope: Scope, storm: Storm, kind: Kind, mut dice: Dice) -> Result<()> {
    let book = storm.ledger.book(kind);
    while storm.is_on() {
        let (book, inner) = (book.clone(), dice.fork());
        let body = move |scope: Scope| async move {
            match kind {
                Kind::Pipeline => pipeline(scope, book, inner).await,
                Kind::Fan => fan(scope, book, inner).await,
                Kind::Broadcast => broadcasts(scope, book, inner).await,
                _ => channels(scope, book, inner).await,
            }
        };
        scopes::play(&scope, &mut dice, body).await;
        dice.pause().await?;
    }
    Ok(())
}

/// What a stage or a worker does. It hands the token on, if it does not fail.
#[derive(Clone)]
struct Step(Arc<Shared<Dice>>);

impl Step {
    fn new(dice: &mut Dice) -> Self {
        Self(Arc::new(Shared::new(dice.fork())))
    }

    async fn run(self, mut token: Token) -> Result<Token> {
        let mut dice = lock(&self.0).fork();
        token.begin();
        dice.may_panic(Fault::Panic);
        dice.pause().await?;
        if dice.goes_wrong(Fault::PanicLater) {
            yield_now().await;
            std::panic::panic_any(Planted);
        }
        dice.may_fail()?;
        Ok(token)
    }
}

async fn pipeline(scope: Scope, book: Book, mut dice: Dice) -> Result<()> {
    let values = dice.upto(200);
    let mut line = generate(&scope, (0..values).map(move |_| book.token()));
    for _ in 0..dice.upto(3) {
        let mut plain = stage("step").workers(dice.upto(3)).buffer(dice.below(4));
        if dice.one_in(3) {
            plain = plain.unordered();
        }
        let step = Step::new(&mut dice);
        let f = move |token| step.clone().run(token);
        line = match dice.one_in(2) {
            true => line.pipe(&scope, plain, f),
            false => line.pipe(&scope, plain.skip_errors(|_| ()), f),
        };
    }
    match dice.one_in(3) {
        true => {
            let batches = line.batches(&scope, dice.upto(8));
            let each = batches.for_each(async |batch| {
                batch.into_iter().for_each(Token::handled);
                Ok(())
            });
            each.await
        }
        false => read(line, dice).await,
    }
}

async fn fan(scope: Scope, book: Book, mut dice: Dice) -> Result<()> {
    let (values, workers) = (dice.upto(200), dice.upto(4));
    let input = generate(&scope, (0..values).map(move |_| book.token()));
    let step = Step::new(&mut dice);
    let f = move |token| step.clone().run(token);
    let outputs = match dice.one_in(2) {
        true => fan_out(&scope, input, workers, f)?,
        false => {
            let throws = Shared::new(dice.fork());
            let key = move |_token: &Token| lock(&throws).below(5);
            fan_out_by_key(&scope, input, workers, key, f)?
        }
    };
    if dice.one_in(2) {
        return read(merge(&scope, outputs), dice).await;
    }
    for output in outputs {
        scope.go(read(output, dice.fork())).detach();
    }
    Ok(())
}

/// Takes what comes out, and leaves before the end now and then.
async fn read(line: Receiver<Token>, mut dice: Dice) -> Result<()> {
    let leaves_after = dice.goes_wrong(Fault::Stop).then(|| dice.below(100));
    for step in 0.. {
        if leaves_after == Some(step) {
            break;
        }
        dice.pause().await?;
        match dice.attempt(line.recv()).await {
            Some(Ok(token)) => token.handled(),
            Some(Err(_)) if line.is_closed() => break,
            Some(Err(_)) if Context::current().is_none_or(|now| now.is_done()) => break,
            _ => {}
        }
    }
    Ok(())
}

async fn broadcasts(scope: Scope, book: Book, mut dice: Dice) -> Result<()> {
    type News = Arc<Shared<Option<Token>>>;
    let slow = match dice.below(4) {
        0 => Slow::DropOldest,
        1 => Slow::DropNewest,
        2 => Slow::Disconnect,
        _ => Slow::Wait,
    };
    let options = broadcast().buffer(dice.upto(8)).slow(slow);
    let news: Broadcast<News> = Broadcast::spawn(&scope, options).await?;
    for _ in 0..dice.upto(4) {
        let mut subscription = news.subscribe().await?;
        let mut dice = dice.fork();
        let reader = async move {
            while !dice.goes_wrong(Fault::Stop) {
                dice.pause().await?;
                match dice.attempt(subscription.recv()).await {
                    // The first who reads it does what is to be done.
                    Some(Ok(item)) => {
                        if let Some(token) = lock(&item).take() {
                            token.handled();
                        }
                    }
                    Some(Err(ReceiveError::Closed | ReceiveError::TooSlow)) => break,
                    _ if Context::current().is_none_or(|now| now.is_done()) => break,
                    _ => {}
                }
            }
            Ok(())
        };
        scope.go(reader).detach();
    }
    for _ in 0..dice.upto(200) {
        let item = Arc::new(Shared::new(Some(book.token())));
        let refused = match dice.one_in(4) {
            true => {
                let sent = dice.attempt(news.try_send(item)).await;
                sent.and_then(Result::err).map(|error| error.into_inner())
            }
            false => {
                let sent = dice.attempt(news.send(item)).await;
                sent.and_then(Result::err).map(|error| error.into_inner())
            }
        };
        if let Some(token) = refused.and_then(|item| lock(&item).take()) {
            token.refused();
        }
    }
    news.close().await;
    Ok(())
}

async fn channels(scope: Scope, book: Book, mut dice: Dice) -> Result<()> {
    let (tx, rx) = match dice.below(3) {
        0 => channel::rendezvous(),
        1 => channel::unbounded(),
        _ => channel::bounded(dice.upto(8)),
    };
    let (other_tx, other_rx) = channel::bounded(dice.upto(4));
    for _ in 0..dice.upto(3) {
        let (tx, other, book, mut dice) = (tx.clone(), other_tx.clone(), book.clone(), dice.fork());
        let producer = async move {
            for _ in 0..dice.upto(100) {
                dice.pause().await?;
                // Whatever becomes of the call, it leaves the token here or has handed it over.
                let mut slot = Some(book.token());
                let send = async {
                    select! {
                        sent = tx.send_from(&mut slot) => sent.is_ok(),
                        default => false,
                    }
                };
                if dice.attempt(send).await != Some(true) && slot.is_some() {
                    let _sent = dice.attempt(other.send_from(&mut slot)).await;
                }
                if let Some(token) = slot {
                    token.refused();
                }
            }
            Ok(())
        };
        scope.go(producer).detach();
    }
    drop((tx, other_tx));
    let mut consumers = Vec::new();
    for _ in 0..dice.upto(3) {
        let (rx, other, mut dice) = (rx.clone(), other_rx.clone(), dice.fork());
        let consumer = async move {
            while !dice.goes_wrong(Fault::Stop) {
                dice.pause().await?;
                let receive = async {
                    select! {
                        token = rx.recv() => token,
                        token = other.recv() => token,
                    }
                };
                match dice.attempt(receive).await {
                    Some(Ok(token)) => token.handled(),
                    _ if rx.is_closed() && other.is_closed() => break,
                    _ if Context::current().is_none_or(|now| now.is_done()) => break,
                    _ => yield_now().await,
                }
            }
            Ok(())
        };
        consumers.push(scope.go(consumer));
    }
    for consumer in consumers {
        let _left = consumer.await;
    }
    let left = merge(&scope, vec![rx, other_rx]);
    while let Ok(token) = left.recv().await {
        token.stored();
    }
    Ok(())
}
