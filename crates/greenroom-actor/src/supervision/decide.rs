//! The decision of a supervisor, as a pure function.
//!
//! OTP counterpart: `supervisor`, with its words. Nothing here runs anything: what is decided is carried
//! out afterwards, by the supervisor or by the life of an actor that has none.

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

impl Strategy {
    /// Returns the name, as OTP spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneForOne => "one_for_one",
            Self::OneForAll => "one_for_all",
            Self::RestForOne => "rest_for_one",
        }
    }
}

/// When a supervisor ends by itself, since its significant children have. It takes an end that is not
/// followed by a restart, and that the supervisor did not ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AutoShutdown {
    /// Not at all; no child may be significant.
    #[default]
    Never,
    /// When one of them has ended.
    AnySignificant,
    /// When the last of them has ended.
    AllSignificant,
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

/// What a supervisor was told to do about its children.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who is restarted with a child that is.
    pub strategy: Strategy,
    /// How many restarts are too many.
    pub intensity: Intensity,
    /// When it ends with its significant children.
    pub auto_shutdown: AutoShutdown,
}

/// A child, as far as the decision looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// When it is started again.
    pub restart: Restart,
    /// Whether its end counts for the supervisor's own.
    pub is_significant: bool,
    /// What it does.
    pub standing: Standing,
}

/// What a child does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It runs, or is being started.
    Running,
    /// It waits for its next start.
    Restarting,
    /// It does not run, and nothing but a restart of its group starts it.
    Ended,
}

/// The steps of a restart, by the places of the children in the order of their start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Those to stop, one after the other.
    pub stop: Vec<usize>,
    /// Those among the affected whose records go, since they are temporary.
    pub forget: Vec<usize>,
    /// Those to start afterwards, one after the other.
    pub start: Vec<usize>,
}

/// What a supervisor is to do about a child that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave it ended; keep its record.
    Leave,
    /// Leave it ended, and forget it.
    Forget,
    /// Restart it, and whoever is in the plan.
    Restart(Plan),
    /// There were too many restarts: fail, as the supervisor's own failure.
    GiveUp,
    /// End in an orderly way: a significant child has.
    ShutDown,
}

/// Decides what to do about the child at `ended`, which ended with `reason`, or could not start.
///
/// `members` are all children in the order of their start; what the one at `ended` is said to do does
/// not count. `restarted` are the instants of earlier restarts under the same supervisor, in any order;
/// those older than the period do not count. A try to restart counts, whether or not it succeeds.
///
/// # Panics
/// There is no member at `ended`.
///
/// # Examples
/// ```
/// use greenroom_actor::supervision::{Action, Member, Plan, Policy, Restart, Standing, Strategy, decide};
/// use greenroom_core::{ExitReason, Failure};
/// use std::time::Instant;
/// let policy = Policy { strategy: Strategy::RestForOne, ..Policy::default() };
/// let child = |restart| Member { restart, is_significant: false, standing: Standing::Running };
/// let children = [Restart::Permanent, Restart::Transient, Restart::Temporary, Restart::Permanent].map(child);
/// let decision = |reason| decide(&policy, &children, 1, &reason, &[], Instant::now());
/// assert_eq!(decision(ExitReason::Normal), Action::Leave);
/// assert_eq!(
///     decision(ExitReason::Failed(Failure::message("disk full"))),
///     Action::Restart(Plan { stop: vec![3, 2], forget: vec![2], start: vec![1, 3] }),
/// );
/// ```
#[must_use]
pub fn decide(
    policy: &Policy,
    members: &[Member],
    ended: usize,
    reason: &ExitReason,
    restarted: &[Instant],
    now: Instant,
) -> Action {
    let child = members[ended];
    let is_wanted = match child.restart {
        Restart::Permanent => true,
        Restart::Transient => !reason.is_orderly(),
        Restart::Temporary => false,
    };
    if !is_wanted {
        return match child.restart {
            _ if is_end_of_all(policy.auto_shutdown, members, ended) => Action::ShutDown,
            Restart::Temporary => Action::Forget,
            _ => Action::Leave,
        };
    }
    let recent = restarted
        .iter()
        .filter(|at| policy.intensity.counts(**at, now))
        .count();
    if recent >= policy.intensity.restarts {
        return Action::GiveUp;
    }
    Action::Restart(plan(policy.strategy, members, ended))
}

impl Intensity {
    /// Returns whether a restart at `at` still counts.
    #[must_use]
    pub fn counts(&self, at: Instant, now: Instant) -> bool {
        now.saturating_duration_since(at) <= self.period
    }
}

fn is_end_of_all(auto_shutdown: AutoShutdown, members: &[Member], ended: usize) -> bool {
    let is_last = || {
        let mut others = members.iter().enumerate().filter(|(at, _)| *at != ended);
        !others.any(|(_, other)| other.is_significant && other.standing != Standing::Ended)
    };
    members[ended].is_significant
        && match auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => true,
            AutoShutdown::AllSignificant => is_last(),
        }
}

/// Plans the restart of the child at `ended`: with it go those that the strategy names. Of these the
/// temporary ones are stopped and not started again; all others are started, also those that had ended
/// before.
#[must_use]
pub fn plan(strategy: Strategy, members: &[Member], ended: usize) -> Plan {
    let affected = match strategy {
        Strategy::OneForOne => ended..ended + 1,
        Strategy::OneForAll => 0..members.len(),
        Strategy::RestForOne => ended..members.len(),
    };
    let mut plan = Plan::default();
    for at in affected {
        if at != ended && members[at].standing == Standing::Running {
            plan.stop.push(at);
        }
        match members[at].restart {
            Restart::Temporary => plan.forget.push(at),
            _ => plan.start.push(at),
        }
    }
    plan.stop.reverse();
    plan
}

#[cfg(test)]
mod tests {
    use super::*;

    fn child(restart: Restart) -> Member {
        Member {
            restart,
            is_significant: false,
            standing: Standing::Running,
        }
    }

    fn failed() -> ExitReason {
        ExitReason::Failed(greenroom_core::Failure::message("x"))
    }

    #[test]
    fn more_than_the_intensity_within_the_period_gives_up() {
        let base = Instant::now();
        let now = base + Duration::from_secs(10);
        let check = |seconds: [u64; 3]| {
            let restarted = seconds.map(|s| base + Duration::from_secs(s));
            let members = [child(Restart::Transient)];
            decide(&Policy::default(), &members, 0, &failed(), &restarted, now)
        };
        assert!(matches!(check([1, 2, 3]), Action::Restart(_)));
        assert!(matches!(check([4, 5, 6]), Action::Restart(_)));
        assert_eq!(check([5, 6, 7]), Action::GiveUp);
    }

    #[test]
    fn the_last_significant_child_ends_the_supervisor() {
        let policy = Policy {
            auto_shutdown: AutoShutdown::AllSignificant,
            ..Policy::default()
        };
        let mut members = [child(Restart::Transient), child(Restart::Temporary)];
        members[0].is_significant = true;
        members[1].is_significant = true;
        let check = |members: &[Member], ended, reason: ExitReason| {
            decide(&policy, members, ended, &reason, &[], Instant::now())
        };
        assert_eq!(check(&members, 0, ExitReason::Normal), Action::Leave);
        assert_eq!(check(&members, 1, failed()), Action::Forget);
        members[1].standing = Standing::Restarting;
        assert_eq!(check(&members, 0, ExitReason::Normal), Action::Leave);
        members[1].standing = Standing::Ended;
        assert_eq!(check(&members, 0, ExitReason::Shutdown), Action::ShutDown);
        assert!(matches!(check(&members, 0, failed()), Action::Restart(_)));
    }

    #[test]
    fn a_group_starts_those_that_had_ended_before() {
        let mut members = [
            child(Restart::Transient),
            child(Restart::Transient),
            child(Restart::Temporary),
        ];
        members[0].standing = Standing::Ended;
        let planned = plan(Strategy::OneForAll, &members, 1);
        assert_eq!(planned.stop, [2]);
        assert_eq!(planned.forget, [2]);
        assert_eq!(planned.start, [0, 1]);
    }
}
