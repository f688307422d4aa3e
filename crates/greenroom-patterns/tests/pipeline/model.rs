//! Random pipelines against a model of what a stage lets pass.

use greenroom_actor::Scope;
use greenroom_core::Result;
use greenroom_core::channel::{self, Receiver};
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::pipeline::DeadLetter;
use greenroom_patterns::prelude::*;
use proptest::prelude::*;

use crate::common::{End, Ledger, SEEDS, Seen, Token, boom, ends, paused, see};

#[derive(Clone, Copy, Debug)]
enum Errors {
    Skip,
    Dead,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    workers: usize,
    buffer: usize,
    is_ordered: bool,
    errors: Errors,
    fails_at: usize,
}

fn plans() -> impl Strategy<Value = Plan> {
    (
        1..5_usize,
        0..4_usize,
        any::<bool>(),
        prop_oneof![Just(Errors::Skip), Just(Errors::Dead)],
        2..12_usize,
    )
        .prop_map(|(workers, buffer, is_ordered, errors, fails_at)| Plan {
            workers,
            buffer,
            is_ordered,
            errors,
            fails_at,
        })
}

impl Plan {
    /// The model of a stage.
    fn lets_pass(&self, number: usize) -> bool {
        number % self.fails_at != 1
    }

    /// The most values in the stage, with its output.
    fn bound(&self) -> usize {
        match self.is_ordered && self.workers > 1 {
            true => self.workers + 2 * self.buffer,
            false => self.workers + self.buffer,
        }
    }

    fn start(
        self,
        scope: &Scope,
        input: Receiver<Token>,
        letters: &channel::Sender<DeadLetter<Token>>,
    ) -> Receiver<Token> {
        let mut kind = stage("work").workers(self.workers).buffer(self.buffer);
        if !self.is_ordered {
            kind = kind.unordered();
        }
        let work = move |token: Token| async move {
            sleep((token.number as u64 * 7 % 5).millis()).await?;
            if self.lets_pass(token.number) {
                Ok(token)
            } else {
                boom()
            }
        };
        match self.errors {
            Errors::Skip => input.pipe(scope, kind.skip_errors(|_| ()), work),
            Errors::Dead => input.pipe(scope, kind.dead_letters(letters.clone()), work),
        }
    }
}

async fn consume(
    scope: Scope,
    ledger: Ledger,
    length: usize,
    plans: Vec<Plan>,
    end: End,
) -> Result<(Seen, Vec<usize>)> {
    let (letters, dead) = channel::bounded(1);
    let dead = scope.go(async move {
        let mut numbers = Vec::new();
        while let Ok(letter) = dead.recv().await {
            numbers.push(DeadLetter::<Token>::clone(&letter).item.number);
        }
        Ok(numbers)
    });
    let mut output = generate(&scope, (0..length).map(move |n| ledger.token(n)));
    for plan in plans {
        output = plan.start(&scope, output, &letters);
    }
    drop(letters);
    let seen = see(&scope, output, end, async |_| Ok(())).await?;
    let dead = match end {
        End::Cancel(_) => Vec::new(),
        End::Drain | End::Leave(_) => dead.await?,
    };
    Ok((seen, dead))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn a_pipeline_loses_and_doubles_nothing_holds_no_more_than_it_says_and_leaves_nothing(
        seed: u64,
        length in 0..30_usize,
        plans in prop::collection::vec(plans(), 0..4),
        end in ends(),
    ) {
        let ledger = Ledger::default();
        let ran = paused(seed).block_on({
            let (ledger, plans) = (ledger.clone(), plans.clone());
            move |scope| consume(scope, ledger, length, plans, end)
        });
        let (seen, dead) = ran.map_err(|failure| TestCaseError::fail(format!("{failure:?}")))?;
        prop_assert_eq!(ledger.live(), 0);
        prop_assert_eq!(seen.tasks_left, 0);
        prop_assert!(!seen.is_complete);

        let passes = |n: &usize| plans.iter().all(|plan| plan.lets_pass(*n));
        let model: Vec<usize> = (0..length).filter(passes).collect();
        let wanted = match end {
            End::Drain => model.len(),
            End::Leave(count) | End::Cancel(count) => count.min(model.len()),
        };
        prop_assert_eq!(seen.numbers.len(), wanted);
        let mut numbers = seen.numbers.clone();
        if plans.iter().all(|plan| plan.is_ordered || plan.workers == 1) {
            prop_assert_eq!(&numbers[..], &model[..wanted]);
        }
        numbers.sort_unstable();
        numbers.dedup();
        prop_assert_eq!(numbers.len(), wanted);
        prop_assert!(numbers.iter().all(passes));

        if matches!(end, End::Drain) {
            // Whatever has not come out was turned away by the first stage that does not let it pass.
            let turned_away = (0..length).filter(|n| {
                let first = plans.iter().find(|plan| !plan.lets_pass(*n));
                first.is_some_and(|plan| matches!(plan.errors, Errors::Dead))
            });
            let mut dead = dead;
            dead.sort_unstable();
            prop_assert_eq!(dead, turned_away.collect::<Vec<_>>());
        }
        if plans.iter().all(|plan| matches!(plan.errors, Errors::Skip)) {
            let bound: usize = plans.iter().map(Plan::bound).sum();
            // One is begun by the generator, one is in the consumer's hands.
            prop_assert!(ledger.peak() <= bound + 2, "{} > {bound} + 2", ledger.peak());
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_order() {
    for seed in SEEDS {
        let plan = Plan {
            workers: 4,
            buffer: 1,
            is_ordered: false,
            errors: Errors::Dead,
            fails_at: 5,
        };
        let run = || {
            let seen = paused(seed).block_on(move |scope| {
                consume(scope, Ledger::default(), 30, vec![plan; 2], End::Drain)
            });
            seen.expect("nothing fails").0.numbers
        };
        assert_eq!(run(), run());
    }
}
