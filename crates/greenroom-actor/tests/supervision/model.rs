//! OTP's rules, as its documents tell them: slow, obvious, and apart from the code that they check.
//!
//! A child is a line in a list, a restart does what `supervisor` does, step by step, and each step is
//! written down: `+a` started, `-a` stopped, `!a` failed.

use std::collections::BTreeMap;

use greenroom_actor::Restart;
use greenroom_actor::supervision::{AutoShutdown, Strategy};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pid {
    Alive,
    Undefined,
    Restarting,
}

#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) id: &'static str,
    pub(crate) restart: Restart,
    pub(crate) significant: bool,
    pub(crate) pid: Pid,
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) strategy: Strategy,
    pub(crate) max_restarts: usize,
    pub(crate) period: u64,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) lines: Vec<Line>,
    pub(crate) restarts: Vec<u64>,
    /// How many starts of a child fail from now on.
    pub(crate) failing: BTreeMap<&'static str, u32>,
    pub(crate) log: Vec<String>,
    pub(crate) has_ended: bool,
}

impl Model {
    pub(crate) fn begin(&mut self) {
        for at in 0..self.lines.len() {
            assert!(self.try_start(at), "the first starts succeed");
        }
    }

    fn at(&self, id: &str) -> Option<usize> {
        self.lines.iter().position(|line| line.id == id)
    }

    fn try_start(&mut self, at: usize) -> bool {
        let id = self.lines[at].id;
        if let Some(left) = self.failing.get_mut(id).filter(|left| **left > 0) {
            *left -= 1;
            return false;
        }
        self.lines[at].pid = Pid::Alive;
        self.log.push(format!("+{id}"));
        true
    }

    fn stop(&mut self, at: usize) {
        if self.lines[at].pid == Pid::Alive {
            self.log.push(format!("-{}", self.lines[at].id));
        }
        self.lines[at].pid = Pid::Undefined;
    }

    fn end(&mut self) {
        for at in (0..self.lines.len()).rev() {
            self.stop(at);
        }
        self.has_ended = true;
    }

    /// A child has ended by itself.
    pub(crate) fn exit(&mut self, id: &str, is_failure: bool, now: u64) {
        let Some(at) = self.at(id).filter(|at| self.lines[*at].pid == Pid::Alive) else {
            return;
        };
        let sign = if is_failure { '!' } else { '-' };
        self.log.push(format!("{sign}{id}"));
        let line = self.lines[at].clone();
        self.lines[at].pid = Pid::Undefined;
        match (line.restart, is_failure) {
            (Restart::Permanent, _) | (Restart::Transient, true) => self.restart(id, now),
            (Restart::Transient, false) => self.do_auto_shutdown(&line),
            (Restart::Temporary, _) => {
                self.lines.remove(at);
                self.do_auto_shutdown(&line);
            }
        }
    }

    fn do_auto_shutdown(&mut self, line: &Line) {
        let ends = match self.auto_shutdown {
            AutoShutdown::Never => false,
            AutoShutdown::AnySignificant => line.significant,
            AutoShutdown::AllSignificant => {
                let lives = |line: &Line| line.significant && line.pid != Pid::Undefined;
                line.significant && !self.lines.iter().any(lives)
            }
        };
        if ends {
            self.end();
        }
    }

    /// Counts a restart, and does it, again and again while it fails.
    fn restart(&mut self, id: &str, now: u64) {
        let mut id = id.to_owned();
        loop {
            self.restarts.push(now);
            let period = self.period;
            self.restarts.retain(|at| now - at <= period);
            if self.restarts.len() > self.max_restarts {
                return self.end();
            }
            let Some(at) = self.at(&id) else { return };
            let (from, to) = match self.strategy {
                Strategy::OneForOne => (at, at + 1),
                Strategy::OneForAll => (0, self.lines.len()),
                Strategy::RestForOne => (at, self.lines.len()),
            };
            let group: Vec<&str> = self.lines[from..to].iter().map(|line| line.id).collect();
            for id in group.iter().rev() {
                if let Some(at) = self.at(id) {
                    self.stop(at);
                    if self.lines[at].restart == Restart::Temporary {
                        self.lines.remove(at);
                    }
                }
            }
            let mut failed = None;
            for id in group {
                if let Some(at) = self.at(id)
                    && !self.try_start(at)
                {
                    self.lines[at].pid = Pid::Restarting;
                    failed = Some(id.to_owned());
                    break;
                }
            }
            match failed {
                Some(failed) => id = failed,
                None => return,
            }
        }
    }

    pub(crate) fn terminate(&mut self, id: &str) {
        if let Some(at) = self.at(id) {
            self.stop(at);
            if self.lines[at].restart == Restart::Temporary {
                self.lines.remove(at);
            }
        }
    }

    pub(crate) fn restart_child(&mut self, id: &str) {
        if let Some(at) = self.at(id)
            && self.lines[at].pid == Pid::Undefined
        {
            let _failed = self.try_start(at);
        }
    }

    pub(crate) fn delete(&mut self, id: &str) {
        if let Some(at) = self.at(id)
            && self.lines[at].pid == Pid::Undefined
        {
            self.lines.remove(at);
        }
    }

    pub(crate) fn start_child(&mut self, line: Line) {
        if self.at(line.id).is_none() {
            self.lines.push(line);
            let at = self.lines.len() - 1;
            if !self.try_start(at) {
                self.lines.remove(at);
            }
        }
    }

    pub(crate) fn shown(&self) -> String {
        let shown = self.lines.iter().map(|line| match line.pid {
            Pid::Alive => line.id.to_owned(),
            Pid::Restarting => format!("({})", line.id),
            Pid::Undefined => format!("[{}]", line.id),
        });
        shown.collect::<Vec<_>>().join(" ")
    }
}
