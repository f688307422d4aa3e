//! Random monitors and links against a small model of OTP's rules.

use std::collections::BTreeMap;

use greenroom_actor::JoinHandle;
use greenroom_core::time::{Durations, sleep};
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 5] = ["n0", "n1", "n2", "n3", "n4"];

#[derive(Clone, Copy, Debug)]
enum Op {
    Monitor(usize, usize),
    Demonitor(usize),
    Link(usize, usize),
    /// Of a node and a task of its own.
    LinkTask(usize),
    Unlink(usize),
    Trap(usize, bool),
    Kill(usize),
    Stop(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let node = || 0..NAMES.len();
    let op = prop_oneof![
        4 => (node(), node()).prop_map(|(a, b)| Op::Monitor(a, b)),
        1 => (0..20usize).prop_map(Op::Demonitor),
        4 => (node(), node()).prop_map(|(a, b)| Op::Link(a, b)),
        1 => node().prop_map(Op::LinkTask),
        1 => (0..20usize).prop_map(Op::Unlink),
        2 => (node(), any::<bool>()).prop_map(|(a, traps)| Op::Trap(a, traps)),
        1 => node().prop_map(Op::Kill),
        1 => node().prop_map(Op::Stop),
    ];
    prop::collection::vec(op, 1..30)
}

/// What OTP says. Nodes come first, then the tasks, which end by a link alone.
#[derive(Default)]
struct Model {
    alive: Vec<bool>,
    traps: Vec<bool>,
    // Who watches whom, while it is set and has not told.
    monitors: Vec<Option<(usize, usize)>>,
    links: Vec<Option<(usize, usize)>>,
    downs: BTreeMap<usize, usize>,
    exits: BTreeMap<usize, usize>,
    // What those heard that ended in the same step, which may have been too late.
    unsure: BTreeMap<usize, usize>,
}

impl Model {
    fn new() -> Self {
        Self {
            alive: vec![true; NAMES.len()],
            traps: vec![false; NAMES.len()],
            ..Self::default()
        }
    }

    fn monitor(&mut self, watcher: usize, target: usize) {
        if self.alive[target] {
            self.monitors.push(Some((watcher, target)));
        } else {
            self.monitors.push(None);
            *self.downs.entry(watcher).or_default() += 1;
        }
    }

    fn link(&mut self, a: usize, b: usize) {
        if a == b {
            return self.links.push(None);
        }
        match (self.alive[a], self.alive[b]) {
            (true, true) => self.links.push(Some((a, b))),
            (is_first, _) => {
                self.links.push(None);
                let left = if is_first { a } else { b };
                if self.alive[left] {
                    self.signal(left, true);
                }
            }
        }
    }

    fn signal(&mut self, to: usize, is_failure: bool) {
        if self.traps.get(to) == Some(&true) {
            *self.exits.entry(to).or_default() += 1;
        } else if is_failure {
            self.end(to, true);
        }
    }

    /// Ends one, and all that it takes with it.
    fn end(&mut self, first: usize, is_failure: bool) {
        let mut ending = vec![(first, is_failure)];
        let mut ended = Vec::new();
        let (downs, exits) = (self.downs.clone(), self.exits.clone());
        while let Some((one, is_failure)) = ending.pop() {
            if !std::mem::replace(&mut self.alive[one], false) {
                continue;
            }
            ended.push(one);
            for monitor in &mut self.monitors {
                match *monitor {
                    Some((watcher, target)) if target == one => {
                        *monitor = None;
                        if self.alive[watcher] {
                            *self.downs.entry(watcher).or_default() += 1;
                        }
                    }
                    Some((watcher, _)) if watcher == one => *monitor = None,
                    _ => {}
                }
            }
            for link in &mut self.links {
                let other = match *link {
                    Some((a, b)) if a == one => b,
                    Some((a, b)) if b == one => a,
                    _ => continue,
                };
                *link = None;
                if !self.alive[other] {
                    continue;
                }
                if self.traps.get(other) == Some(&true) {
                    *self.exits.entry(other).or_default() += 1;
                } else if is_failure {
                    ending.push((other, true));
                }
            }
        }
        for one in ended {
            let before = |of: &BTreeMap<_, _>| of.get(&one).copied().unwrap_or_default();
            let more = self.downs.len() + self.exits.len() + self.alive.len();
            self.unsure.insert(one, more);
            self.downs.insert(one, before(&downs));
            self.exits.insert(one, before(&exits));
        }
    }
}

async fn play(scope: Scope, log: Log, ops: Vec<Op>) -> Result<()> {
    let mut model = Model::new();
    let mut nodes = Vec::new();
    for name in NAMES {
        nodes.push(node(&scope, name, &log).await?);
    }
    let mut tasks: Vec<JoinHandle<()>> = Vec::new();
    let (mut monitors, mut links) = (Vec::new(), Vec::new());
    for op in ops {
        match op {
            Op::Monitor(a, b) if model.alive[a] && a != b => {
                let monitor = nodes[a].ask(Watch(nodes[b].downgrade())).await?;
                monitors.push((a, monitor));
                model.monitor(a, b);
            }
            Op::Demonitor(at) if at < monitors.len() => {
                let (watcher, monitor) = monitors[at];
                if model.alive[watcher] {
                    let was_set = nodes[watcher].ask(Demonitor(monitor)).await?;
                    assert_eq!(was_set, model.monitors[at].take().is_some());
                }
            }
            Op::Link(a, b) if model.alive[a] || model.alive[b] => {
                links.push(scope.link(&nodes[a], &nodes[b]));
                model.link(a, b);
            }
            Op::LinkTask(a) if model.alive[a] => {
                let task = scope.go(async { Ok(sleep(3_600.secs()).await?) });
                links.push(scope.link(&task, &nodes[a]));
                tasks.push(task);
                model.alive.push(true);
                let number = model.alive.len() - 1;
                model.link(number, a);
            }
            Op::Unlink(at) if at < links.len() => {
                assert_eq!(links[at].unlink(), model.links[at].take().is_some());
            }
            Op::Trap(a, traps) if model.alive[a] => {
                nodes[a].ask(Trap(traps)).await?;
                model.traps[a] = traps;
            }
            Op::Kill(a) if model.alive[a] => {
                nodes[a].tell(Boom).await?;
                model.end(a, true);
            }
            Op::Stop(a) if model.alive[a] => {
                nodes[a].stop();
                model.end(a, false);
            }
            _ => {}
        }
        settle().await?;
        let alive: Vec<_> = (nodes.iter().map(|node| !node.is_closed()))
            .chain(tasks.iter().map(|task| !task.is_finished()))
            .collect();
        assert_eq!(alive, model.alive, "after {op:?}");
    }
    let said = log.take();
    for (at, name) in NAMES.iter().enumerate() {
        let of = |kind: &str| {
            let part = format!("{name}:{kind}:");
            said.split(' ')
                .filter(|word| word.starts_with(&part))
                .count()
        };
        let expected = |of: &BTreeMap<usize, usize>| of.get(&at).copied().unwrap_or_default();
        let heard = [of("down"), of("exit")];
        let least = [expected(&model.downs), expected(&model.exits)];
        if model.alive[at] {
            assert_eq!(heard, least, "{name}: {said}");
        } else {
            let more = expected(&model.unsure);
            assert!(
                heard[0] >= least[0] && heard[0] + heard[1] <= least[0] + least[1] + more,
                "{name}: {said}"
            );
        }
    }
    for task in &tasks {
        task.cancel("the end");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn ends_spread_as_in_otp(ops in ops(), seed in any::<u64>()) {
        let runtime = paused(seed);
        let ended = runtime.block_on(move |scope| {
            scope.set_on_error(OnError::KeepFirst);
            play(scope, Log::default(), ops)
        });
        prop_assert!(ended.is_ok(), "{ended:?}");
        runtime.assert_no_leaks();
    }
}
