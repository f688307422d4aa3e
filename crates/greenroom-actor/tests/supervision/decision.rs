//! The decision, carried out on a list, against the model.

use std::time::{Duration, Instant};

use greenroom_actor::Restart;
use greenroom_actor::supervision::{
    Action, AutoShutdown, Intensity, Member, Policy, Standing, Strategy, decide,
};
use greenroom_core::{ExitReason, Failure};
use proptest::prelude::*;

use crate::model::{Line, Model, Pid};

pub(crate) const IDS: [&str; 5] = ["a", "b", "c", "d", "e"];

pub(crate) fn lines() -> impl Strategy_<Value = Vec<Line>> {
    let restart = prop_oneof![
        Just(Restart::Permanent),
        Just(Restart::Transient),
        Just(Restart::Temporary)
    ];
    prop::collection::vec((restart, any::<bool>()), 1..5).prop_map(|kinds| {
        let lines = kinds.into_iter().zip(IDS);
        lines
            .map(|((restart, significant), id)| Line {
                id,
                restart,
                significant: significant && restart != Restart::Permanent,
                pid: Pid::Undefined,
            })
            .collect()
    })
}

pub(crate) use proptest::strategy::Strategy as Strategy_;

pub(crate) fn models() -> impl Strategy_<Value = Model> {
    let strategy = prop_oneof![
        Just(Strategy::OneForOne),
        Just(Strategy::OneForAll),
        Just(Strategy::RestForOne)
    ];
    let auto_shutdown = prop_oneof![
        2 => Just(AutoShutdown::Never),
        1 => Just(AutoShutdown::AnySignificant),
        2 => Just(AutoShutdown::AllSignificant)
    ];
    (strategy, auto_shutdown, 0..5_usize, 1..6_u64, lines()).prop_map(
        |(strategy, auto_shutdown, max_restarts, period, mut lines)| {
            if auto_shutdown == AutoShutdown::Never {
                lines.iter_mut().for_each(|line| line.significant = false);
            }
            Model {
                strategy,
                max_restarts,
                period,
                auto_shutdown,
                lines,
                restarts: Vec::new(),
                failing: Default::default(),
                log: Vec::new(),
                has_ended: false,
            }
        },
    )
}

pub(crate) fn policy(model: &Model) -> Policy {
    Policy {
        strategy: model.strategy,
        intensity: Intensity {
            restarts: model.max_restarts,
            period: Duration::from_secs(model.period),
        },
        auto_shutdown: model.auto_shutdown,
    }
}

/// Carries decisions out, in the simplest way that there is.
struct Bare {
    policy: Policy,
    children: Vec<(&'static str, Member)>,
    restarted: Vec<Instant>,
    twin: Model,
    log: Vec<String>,
    has_ended: bool,
}

impl Bare {
    fn new(model: &Model) -> Self {
        let member = |line: &Line| Member {
            restart: line.restart,
            is_significant: line.significant,
            standing: Standing::Running,
        };
        Self {
            policy: policy(model),
            children: model.lines.iter().map(|l| (l.id, member(l))).collect(),
            restarted: Vec::new(),
            twin: model.clone(),
            log: Vec::new(),
            has_ended: false,
        }
    }

    fn stop(&mut self, at: usize) {
        let (id, member) = &mut self.children[at];
        if member.standing == Standing::Running {
            self.log.push(format!("-{id}"));
        }
        member.standing = Standing::Ended;
    }

    fn end(&mut self) {
        for at in (0..self.children.len()).rev() {
            self.stop(at);
        }
        self.has_ended = true;
    }

    fn exit(&mut self, id: &str, reason: ExitReason, now: Instant) {
        let sign = if reason.is_orderly() { '-' } else { '!' };
        self.log.push(format!("{sign}{id}"));
        let (mut id, mut reason) = (id.to_owned(), reason);
        loop {
            let at = self.children.iter().position(|(own, _)| *own == id);
            let at = at.expect("it is there");
            let members: Vec<Member> = self.children.iter().map(|(_, m)| *m).collect();
            let action = decide(&self.policy, &members, at, &reason, &self.restarted, now);
            self.children[at].1.standing = Standing::Ended;
            let plan = match action {
                Action::Leave => return,
                Action::Forget => {
                    self.children.remove(at);
                    return;
                }
                Action::ShutDown | Action::GiveUp => return self.end(),
                Action::Restart(plan) => plan,
            };
            self.restarted.push(now);
            let start: Vec<&str> = plan.start.iter().map(|at| self.children[*at].0).collect();
            for at in plan.stop {
                self.stop(at);
            }
            for at in plan.forget.into_iter().rev() {
                self.children.remove(at);
            }
            let mut failed = None;
            for id in start {
                let at = self.children.iter().position(|(own, _)| *own == id);
                let at = at.expect("it is there");
                if let Some(left) = self.twin.failing.get_mut(id).filter(|left| **left > 0) {
                    *left -= 1;
                    self.children[at].1.standing = Standing::Restarting;
                    failed = Some(id.to_owned());
                    break;
                }
                self.log.push(format!("+{id}"));
                self.children[at].1.standing = Standing::Running;
            }
            match failed {
                Some(failed) => {
                    id = failed;
                    reason = ExitReason::Failed(Failure::message("start"));
                }
                None => return,
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_decision_is_that_of_otp(
        model in models(),
        exits in prop::collection::vec((0..4_u64, 0..5_usize, 0..5_u8, 0..3_u32, 0..5_usize), 1..20),
    ) {
        let mut model = model;
        let mut bare = Bare::new(&model);
        model.begin();
        model.log.clear();
        let base = Instant::now();
        let mut now = 0;
        for (later, who, reason, fails, failing) in exits {
            now += later;
            model.failing.insert(IDS[failing], fails);
            bare.twin.failing.insert(IDS[failing], fails);
            let alive: Vec<_> = model.lines.iter().filter(|l| l.pid == Pid::Alive).collect();
            if alive.is_empty() || model.has_ended {
                break;
            }
            let id = alive[who % alive.len()].id;
            let reason = match reason {
                0 => ExitReason::Normal,
                1 => ExitReason::Shutdown,
                2 => ExitReason::Deadline,
                3 => ExitReason::Cancelled("x".into()),
                _ => ExitReason::Failed(Failure::message("x")),
            };
            model.exit(id, !reason.is_orderly(), now);
            bare.exit(id, reason, base + Duration::from_secs(now));
            prop_assert_eq!(&bare.log, &model.log);
            prop_assert_eq!(bare.has_ended, model.has_ended);
            if model.has_ended {
                break;
            }
            let ids: Vec<_> = bare.children.iter().map(|(id, _)| *id).collect();
            let lines: Vec<_> = model.lines.iter().map(|line| line.id).collect();
            prop_assert_eq!(ids, lines);
        }
    }
}
