//! What has become of a value, as a pure state.

use std::sync::Arc;

use super::error::OnceError;

/// The value, or why there is none.
pub(super) type Outcome<T> = Result<Arc<T>, OnceError>;

/// Whether a run that gave no value is the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnFailure {
    Keep,
    Retry,
}

/// Where a value stands. `W` waits for it, `R` is a run.
pub(super) enum Phase<T, W, R> {
    /// No run is going on, and the next one to ask starts one.
    Idle,
    Running {
        run: R,
        waiters: Vec<W>,
        /// At this number of waiters those that gave up are looked for.
        sweep_at: usize,
    },
    Finished(Outcome<T>),
}

/// What is to be done for one that asks.
pub(super) enum Asked<T, W> {
    Answer(W, Outcome<T>),
    /// Start a run, then keep it with [`Phase::begin`].
    Start(W),
    Waits,
}

const SWEEP: usize = 16;

impl<T, W, R> Phase<T, W, R> {
    /// Takes one that asks. `is_own` tells whether the run is who asks, `has_left` who has given up.
    pub(super) fn ask(
        &mut self,
        waiter: W,
        is_own: impl FnOnce(&R) -> bool,
        has_left: impl Fn(&W) -> bool,
    ) -> Asked<T, W> {
        match self {
            Self::Idle => Asked::Start(waiter),
            Self::Finished(outcome) => Asked::Answer(waiter, outcome.clone()),
            Self::Running { run, .. } if is_own(run) => {
                Asked::Answer(waiter, Err(OnceError::Recursive))
            }
            Self::Running {
                waiters, sweep_at, ..
            } => {
                if waiters.len() >= *sweep_at {
                    waiters.retain(|waiter| !has_left(waiter));
                    *sweep_at = (2 * waiters.len()).max(SWEEP);
                }
                waiters.push(waiter);
                Asked::Waits
            }
        }
    }

    /// Keeps a run that was started for the first one that waits for it.
    pub(super) fn begin(&mut self, run: R, waiter: W) {
        *self = Self::Running {
            run,
            waiters: vec![waiter],
            sweep_at: SWEEP,
        };
    }

    /// Ends the run, and returns who is to be told. Invariant 2.
    pub(super) fn end(&mut self, outcome: Outcome<T>, on_failure: OnFailure) -> Vec<W> {
        let is_last = outcome.is_ok() || on_failure == OnFailure::Keep;
        let next = match is_last {
            true => Self::Finished(outcome),
            false => Self::Idle,
        };
        match std::mem::replace(self, next) {
            Self::Running { waiters, .. } => waiters,
            Self::Idle | Self::Finished(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Plain = Phase<u32, char, u8>;

    fn ask(phase: &mut Plain, waiter: char) -> Asked<u32, char> {
        phase.ask(waiter, |run| *run == 9, |_| false)
    }

    #[test]
    fn one_run_answers_all_who_ask_while_it_goes_on() {
        let mut phase = Plain::Idle;
        assert!(matches!(ask(&mut phase, 'a'), Asked::Start('a')));
        phase.begin(1, 'a');
        assert!(matches!(ask(&mut phase, 'b'), Asked::Waits));
        assert_eq!(phase.end(Ok(Arc::new(7)), OnFailure::Retry), ['a', 'b']);
        assert!(matches!(ask(&mut phase, 'c'), Asked::Answer('c', Ok(seven)) if *seven == 7));
    }

    #[test]
    fn a_failure_is_kept_or_tried_again() {
        for on_failure in [OnFailure::Keep, OnFailure::Retry] {
            let mut phase = Plain::Idle;
            phase.begin(1, 'a');
            assert_eq!(phase.end(Err(OnceError::Deadline), on_failure), ['a']);
            match (ask(&mut phase, 'b'), on_failure) {
                (Asked::Answer('b', Err(OnceError::Deadline)), OnFailure::Keep)
                | (Asked::Start('b'), OnFailure::Retry) => {}
                _ => unreachable!("{on_failure:?}"),
            }
        }
    }

    #[test]
    fn a_run_that_asks_is_answered() {
        let mut phase = Plain::Idle;
        phase.begin(9, 'a');
        let asked = ask(&mut phase, 'b');
        assert!(matches!(
            asked,
            Asked::Answer('b', Err(OnceError::Recursive))
        ));
        assert_eq!(phase.end(Ok(Arc::new(1)), OnFailure::Keep), ['a']);
    }

    #[test]
    fn waiters_that_left_do_not_pile_up() {
        let mut phase = Phase::<u32, u32, u8>::Idle;
        phase.begin(1, 0);
        for waiter in 1..10_000 {
            phase.ask(waiter, |_| false, |waiter| waiter % 100 != 0);
        }
        let told = phase.end(Ok(Arc::new(1)), OnFailure::Keep);
        assert!(told.len() < 300, "{}", told.len());
        assert_eq!(told.iter().filter(|waiter| *waiter % 100 == 0).count(), 100);
    }
}
