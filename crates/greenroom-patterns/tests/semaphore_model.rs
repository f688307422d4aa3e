//! A semaphore against a queue of numbers: under drops, cancels, panics, resizes and closes at random.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use common::{Panics, idle, paused, polls, quiet};
use greenroom_actor::{OnError, Scope};
use greenroom_core::Result;
use greenroom_core::context::CancelHandle;
use greenroom_patterns::semaphore::{AcquireError, Permit, Semaphore, TryAcquireError};
use proptest::prelude::*;

/// Which one of several, whatever their number.
type Which = prop::sample::Index;

#[derive(Clone, Debug)]
enum Step {
    /// Asks, and is polled once.
    Ask(usize),
    /// Asks, is polled so many times with or without time between, and is dropped.
    AskAndDrop {
        permits: usize,
        polled: usize,
        waits: bool,
    },
    Try(usize),
    /// Polls an ask that was answered.
    Take(Which),
    DropAsk(Which),
    CancelAsk(Which),
    DropPermit(Which),
    Split(Which, usize),
    /// A permit is moved into a task, which panics.
    Panic(Which),
    /// A permit is dropped, and at once the ask is dropped or cancelled, which may just be granted.
    DropBoth {
        permit: Which,
        ask: Which,
        cancels: bool,
    },
    Resize(usize),
    Close,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = any::<Which>;
    let step = prop_oneof![
        10 => (0..6_usize).prop_map(Step::Ask),
        3 => (0..6_usize, 0..4_usize, any::<bool>()).prop_map(|(permits, polled, waits)| Step::AskAndDrop { permits, polled, waits }),
        3 => (0..6_usize).prop_map(Step::Try),
        6 => which().prop_map(Step::Take),
        2 => which().prop_map(Step::DropAsk),
        2 => which().prop_map(Step::CancelAsk),
        5 => which().prop_map(Step::DropPermit),
        2 => (which(), 0..4_usize).prop_map(|(which, permits)| Step::Split(which, permits)),
        1 => which().prop_map(Step::Panic),
        3 => (which(), which(), any::<bool>()).prop_map(|(permit, ask, cancels)| Step::DropBoth { permit, ask, cancels }),
        2 => (0..7_usize).prop_map(Step::Resize),
    ];
    let close = prop::option::weighted(0.2, any::<prop::sample::Index>());
    (prop::collection::vec(step, 1..40), close).prop_map(|(mut steps, close)| {
        if let Some(close) = close {
            steps.insert(close.index(steps.len()), Step::Close);
        }
        steps
    })
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stands {
    Waits,
    Granted,
    TooLarge(usize),
    Closed,
}

/// The model: numbers, and a queue.
#[derive(Debug, Default)]
struct Model {
    size: usize,
    out: usize,
    /// The most that may be out: what was out at a shrink, until it has come back.
    most: usize,
    is_closed: bool,
    queue: VecDeque<usize>,
    asks: Vec<(usize, Stands)>,
}

impl Model {
    fn ask(&mut self, permits: usize) -> usize {
        let free = self.size.saturating_sub(self.out);
        let stands = if self.is_closed {
            Stands::Closed
        } else if permits > self.size {
            Stands::TooLarge(self.size)
        } else if self.queue.is_empty() && self.out <= self.size && permits <= free {
            self.out += permits;
            Stands::Granted
        } else {
            self.queue.push_back(self.asks.len());
            Stands::Waits
        };
        self.asks.push((permits, stands));
        self.asks.len() - 1
    }

    fn release(&mut self, permits: usize) {
        self.out -= permits;
    }

    /// Returns the ask's permits, whether they were granted or waited for.
    fn leave(&mut self, ask: usize) {
        let (permits, stands) = self.asks[ask];
        self.queue.retain(|waits| *waits != ask);
        if stands == Stands::Granted {
            self.out -= permits;
        }
    }

    fn admit(&mut self) {
        while let Some(&first) = self.queue.front() {
            let permits = self.asks[first].0;
            if self.out + permits > self.size {
                break;
            }
            self.queue.pop_front();
            self.out += permits;
            self.asks[first].1 = Stands::Granted;
        }
        self.most = self.most.min(self.out).max(self.size);
    }

    fn resize(&mut self, size: usize) {
        self.most = self.out.max(size);
        self.size = size;
        let asks = &mut self.asks;
        self.queue.retain(|ask| {
            let is_served = asks[*ask].0 <= size;
            if !is_served {
                asks[*ask].1 = Stands::TooLarge(size);
            }
            is_served
        });
    }

    fn close(&mut self) {
        self.is_closed = true;
        for ask in self.queue.drain(..) {
            self.asks[ask].1 = Stands::Closed;
        }
    }
}

type Asking = Pin<Box<dyn Future<Output = Result<Permit, AcquireError>>>>;

/// The real ones: futures that were polled once, and permits that were taken.
struct Real {
    scope: Scope,
    semaphore: Semaphore,
    asks: Vec<(usize, Asking, CancelHandle)>,
    permits: Vec<Permit>,
}

impl Real {
    fn asking(&self, permits: usize) -> (Asking, CancelHandle) {
        let semaphore = self.semaphore.clone();
        let (context, cancel) = self.scope.context().with_cancel();
        let asking = async move {
            match context.run(semaphore.acquire_many(permits)).await {
                Ok(granted) => granted,
                Err(ended) => Err(ended.into()),
            }
        };
        (Box::pin(asking), cancel)
    }

    async fn check(&self, model: &Model) -> Result<()> {
        idle().await?;
        assert_eq!(self.semaphore.size().await?, model.size);
        let free = model.size.saturating_sub(model.out);
        assert_eq!(self.semaphore.available().await?, free);
        assert_eq!(self.semaphore.waiting().await?, model.queue.len());
        let taken: usize = self.permits.iter().map(Permit::permits).sum();
        let untaken: usize = (self.asks.iter().map(|(ask, ..)| model.asks[*ask]))
            .filter(|(_, stands)| *stands == Stands::Granted)
            .map(|(permits, _)| permits)
            .sum();
        assert_eq!(taken + untaken, model.out, "each permit is somewhere");
        assert!(model.out <= model.most, "never more than may be out");
        Ok(())
    }
}

fn same(stands: Stands, answer: &Result<Permit, AcquireError>) -> bool {
    match (stands, answer) {
        (Stands::Granted, Ok(_)) | (Stands::Closed, Err(AcquireError::Closed)) => true,
        (Stands::TooLarge(then), Err(AcquireError::TooLarge { size, .. })) => then == *size,
        _ => false,
    }
}

async fn take(real: &mut Real, model: &mut Model, at: usize) {
    let (ask, asking, _) = &mut real.asks[at];
    let (permits, stands) = model.asks[*ask];
    let polled = polls(Some(1), asking.as_mut()).await;
    let Some(answer) = polled else {
        assert_eq!(stands, Stands::Waits);
        return;
    };
    assert!(same(stands, &answer), "{stands:?} against {answer:?}");
    if let Ok(permit) = answer {
        assert_eq!(permit.permits(), permits);
        real.permits.push(permit);
    }
    drop(real.asks.remove(at));
}

async fn carry_out(real: &mut Real, model: &mut Model, step: Step) -> Result<()> {
    match step {
        Step::Ask(permits) => {
            let (mut asking, cancel) = real.asking(permits);
            assert!(polls(Some(1), asking.as_mut()).await.is_none());
            real.asks.push((model.ask(permits), asking, cancel));
        }
        Step::AskAndDrop {
            permits,
            polled,
            waits,
        } => {
            let (mut asking, _) = real.asking(permits);
            let mut answer = None;
            for _ in 0..polled {
                if answer.is_none() {
                    answer = polls(Some(1), asking.as_mut()).await;
                }
                if waits {
                    idle().await?;
                }
            }
            drop(asking);
            if let Some(answer) = answer {
                let ask = model.ask(permits);
                assert!(same(model.asks[ask].1, &answer), "{model:?}: {answer:?}");
                model.leave(ask);
            }
        }
        Step::Try(permits) => {
            let answer = real.semaphore.try_acquire_many(permits).await;
            let ask = model.ask(permits);
            let stands = model.asks[ask].1;
            match (stands, answer) {
                (Stands::Granted, Ok(permit)) => real.permits.push(permit),
                (Stands::Waits, Err(TryAcquireError::NoPermits)) => model.leave(ask),
                (Stands::Closed, Err(TryAcquireError::Closed)) => {}
                (Stands::TooLarge(_), Err(TryAcquireError::TooLarge { .. })) => {}
                (stands, answer) => unreachable!("{stands:?} against {answer:?}"),
            }
        }
        Step::Take(which) if !real.asks.is_empty() => {
            let at = which.index(real.asks.len());
            take(real, model, at).await;
        }
        Step::DropAsk(which) if !real.asks.is_empty() => {
            let (ask, ..) = real.asks.remove(which.index(real.asks.len()));
            model.leave(ask);
            model.admit();
        }
        Step::CancelAsk(which) if !real.asks.is_empty() => {
            let (ask, asking, cancel) = real.asks.remove(which.index(real.asks.len()));
            cancel_ask(model.asks[ask].1, asking, &cancel).await;
            model.leave(ask);
            model.admit();
        }
        Step::DropPermit(which) if !real.permits.is_empty() => {
            let permit = real.permits.remove(which.index(real.permits.len()));
            model.release(permit.permits());
            model.admit();
        }
        Step::Split(which, permits) if !real.permits.is_empty() => {
            let at = which.index(real.permits.len());
            let permit = &mut real.permits[at];
            let held = permit.permits();
            match permit.split(permits) {
                Ok(part) => {
                    assert_eq!(part.permits() + permit.permits(), held);
                    real.permits.push(part);
                }
                Err(error) => assert!(error.held == held && permits > held),
            }
        }
        Step::Panic(which) if !real.permits.is_empty() => {
            let permit = real.permits.remove(which.index(real.permits.len()));
            model.release(permit.permits());
            model.admit();
            let holder = real.scope.go::<(), _>(async move {
                let _permit = permit;
                panic!("planned")
            });
            assert!(holder.await.is_err());
        }
        Step::DropBoth {
            permit,
            ask,
            cancels,
        } if !real.permits.is_empty() && !real.asks.is_empty() => {
            let permit = real.permits.remove(permit.index(real.permits.len()));
            let (ask, asking, cancel) = real.asks.remove(ask.index(real.asks.len()));
            model.release(permit.permits());
            drop(permit);
            if cancels {
                cancel_ask(model.asks[ask].1, asking, &cancel).await;
            } else {
                drop(asking);
            }
            model.leave(ask);
            model.admit();
        }
        Step::Resize(size) => {
            real.semaphore.resize(size)?;
            model.resize(size);
            model.admit();
        }
        Step::Close => {
            real.semaphore.close();
            model.close();
        }
        // There is none of which to choose.
        _ => {}
    }
    Ok(())
}

/// A cancel wins over a grant, which then goes back; a refusal stays one.
async fn cancel_ask(stands: Stands, mut asking: Asking, cancel: &CancelHandle) {
    cancel.cancel();
    let answer = polls(Some(1), asking.as_mut()).await;
    match (stands, answer) {
        (Stands::Waits | Stands::Granted, Some(Err(AcquireError::Cancelled(_)))) => {}
        (stands, Some(answer)) if same(stands, &answer) && answer.is_err() => {}
        (stands, answer) => unreachable!("{stands:?} against {answer:?}"),
    }
}

async fn play(scope: Scope, size: usize, steps: Vec<Step>) -> Result<()> {
    scope.set_on_error(OnError::Collect);
    let mut real = Real {
        semaphore: Semaphore::spawn(&scope, size).await?,
        scope: scope.clone(),
        asks: Vec::new(),
        permits: Vec::new(),
    };
    let mut model = Model {
        size,
        most: size,
        ..Model::default()
    };
    for step in steps {
        carry_out(&mut real, &mut model, step).await?;
        real.check(&model).await?;
    }
    // In the end all comes back, and who waits is served in order or closed.
    while !real.asks.is_empty() || !real.permits.is_empty() {
        for permit in real.permits.drain(..) {
            model.release(permit.permits());
        }
        model.admit();
        idle().await?;
        let before = real.asks.len();
        for at in (0..before).rev() {
            take(&mut real, &mut model, at).await;
        }
        real.check(&model).await?;
        assert!(real.asks.len() < before || before == 0, "nobody hangs");
    }
    assert_eq!(model.out, 0);
    assert_eq!(scope.len(), 1, "the owner alone");
    drop(real);
    idle().await?;
    assert_eq!(scope.len(), 0);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn permits_are_conserved_and_nobody_is_overtaken(
        size in 0..6_usize,
        steps in steps(),
        seed in any::<u64>(),
    ) {
        quiet();
        let panics = Panics::default();
        let result = paused(seed).block_on(panics.watch(move |scope| play(scope, size, steps)));
        panics.check();
        if let Err(failure) = result {
            let text = failure.to_string();
            prop_assert!(text.contains("planned"), "{text}");
        }
    }
}
