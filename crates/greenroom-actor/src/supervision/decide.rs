//! The decision of a supervisor, as a pure function.
//!
//! OTP counterpart: `supervisor`, with its words. Nothing here runs anything.

use std::time::{Duration, Instant};

use greenroom_core::ExitReason;

/// When a child that has ended is started again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Restart {
    /// Always, also after an orderly end.
    Permanent,
    /// After a failure only.
    #[default]
    Transient,
    /// Never.
    Temporary,
}

/// Who is restarted with a child that is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Nobody else.
    #[default]
    OneForOne,
    /// All children.
    OneForAll,
    /// The children that were started after it.
    RestForOne,
}

/// How many restarts are too many: more than `restarts` within `period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intensity {
    /// The largest number of restarts within the period. 0 allows none.
    pub restarts: usize,
    /// The length of time that counts.
    pub period: Duration,
}

impl Default for Intensity {
    /// 3 restarts within 5 seconds.
    fn default() -> Self {
        Self {
            restarts: 3,
            period: Duration::from_secs(5),
        }
    }
}

/// Who is to be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Affected {
    /// The child that ended.
    OnlyThis,
    /// Every child: stopped from the last to the first, then started from the first to the last.
    All,
    /// The child that ended and those started after it, in the same way.
    ThisAndLater,
}

/// What a supervisor is to do about a child that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave it ended.
    Leave,
    /// Restart.
    Restart(Affected),
    /// There were too many restarts: fail, as the supervisor's own failure.
    GiveUp,
}

/// Decides what to do about a child that ended with `reason`.
///
/// `restarted` are the instants of earlier restarts under the same supervisor, in any order; those older
/// than the period do not count.
///
/// # Examples
/// ```
/// use greenroom_actor::supervision::{Action, Affected, Intensity, Restart, Strategy, decide};
/// use greenroom_core::ExitReason;
/// use std::time::Instant;
/// let now = Instant::now();
/// let decision = |restart| {
///     decide(Strategy::OneForOne, Intensity::default(), restart, &ExitReason::Normal, &[], now)
/// };
/// assert_eq!(decision(Restart::Permanent), Action::Restart(Affected::OnlyThis));
/// assert_eq!(decision(Restart::Transient), Action::Leave);
/// ```
#[must_use]
pub fn decide(
    strategy: Strategy,
    intensity: Intensity,
    restart: Restart,
    reason: &ExitReason,
    restarted: &[Instant],
    now: Instant,
) -> Action {
    let is_wanted = match restart {
        Restart::Permanent => true,
        Restart::Transient => !reason.is_orderly(),
        Restart::Temporary => false,
    };
    if !is_wanted {
        return Action::Leave;
    }
    let recent = restarted
        .iter()
        .filter(|at| now.saturating_duration_since(**at) <= intensity.period)
        .count();
    if recent >= intensity.restarts {
        return Action::GiveUp;
    }
    Action::Restart(match strategy {
        Strategy::OneForOne => Affected::OnlyThis,
        Strategy::OneForAll => Affected::All,
        Strategy::RestForOne => Affected::ThisAndLater,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: &[u64], base: Instant) -> Vec<Instant> {
        seconds
            .iter()
            .map(|s| base + Duration::from_secs(*s))
            .collect()
    }

    fn failed() -> ExitReason {
        ExitReason::Failed(greenroom_core::Failure::message("x"))
    }

    #[test]
    fn more_than_the_intensity_within_the_period_gives_up() {
        let base = Instant::now();
        let now = base + Duration::from_secs(10);
        let check = |seconds: &[u64]| {
            decide(
                Strategy::OneForOne,
                Intensity::default(),
                Restart::Transient,
                &failed(),
                &at(seconds, base),
                now,
            )
        };
        assert_eq!(check(&[1, 2, 3, 4]), Action::Restart(Affected::OnlyThis));
        assert_eq!(check(&[4, 5, 6]), Action::Restart(Affected::OnlyThis));
        assert_eq!(check(&[5, 6, 7]), Action::GiveUp);
    }

    #[test]
    fn a_temporary_child_is_left_whatever_happened() {
        let now = Instant::now();
        for reason in [failed(), ExitReason::Normal, ExitReason::Deadline] {
            for strategy in [
                Strategy::OneForOne,
                Strategy::OneForAll,
                Strategy::RestForOne,
            ] {
                let action = decide(
                    strategy,
                    Intensity::default(),
                    Restart::Temporary,
                    &reason,
                    &[],
                    now,
                );
                assert_eq!(action, Action::Leave);
            }
        }
    }

    #[test]
    fn the_strategy_says_who_else_is_restarted() {
        let now = Instant::now();
        let affected = |strategy| {
            decide(
                strategy,
                Intensity::default(),
                Restart::Permanent,
                &failed(),
                &[],
                now,
            )
        };
        assert_eq!(
            affected(Strategy::OneForAll),
            Action::Restart(Affected::All)
        );
        assert_eq!(
            affected(Strategy::RestForOne),
            Action::Restart(Affected::ThisAndLater)
        );
    }
}
