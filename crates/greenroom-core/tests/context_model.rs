//! The tree of contexts against a model that is a list: whatever is done to both, both show the same.

#![allow(clippy::unwrap_used, reason = "a test ends with its first surprise")]

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context as TaskContext, Wake, Waker};
use std::time::{Duration, Instant};

use greenroom_core::context::{AfterFunc, CancelCauseHandle, Done};
use greenroom_core::current::Handle;
use greenroom_core::doc_support::Manual;
use greenroom_core::driver::Driver;
use greenroom_core::error::ContextError;
use greenroom_core::registry::Registry;
use greenroom_core::{Context, Id};
use proptest::prelude::*;

/// What is done. A number picks one of what lives, counted round.
#[derive(Clone, Debug)]
enum Op {
    WithCancel(usize),
    WithTimeout(usize, u64),
    WithValue(usize, u32),
    WithoutCancel(usize),
    Clone(usize),
    Cancel(usize),
    Drop(usize),
    Wait(usize),
    AfterFunc(usize),
    Stop(usize),
    Advance(u64),
    CancelDue(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let pick = 0..64_usize;
    prop_oneof![
        4 => pick.clone().prop_map(Op::WithCancel),
        4 => (pick.clone(), 0..20_u64).prop_map(|(i, ms)| Op::WithTimeout(i, ms)),
        2 => (pick.clone(), any::<u32>()).prop_map(|(i, v)| Op::WithValue(i, v)),
        1 => pick.clone().prop_map(Op::WithoutCancel),
        1 => pick.clone().prop_map(Op::Clone),
        2 => pick.clone().prop_map(Op::Cancel),
        4 => pick.clone().prop_map(Op::Drop),
        2 => pick.clone().prop_map(Op::Wait),
        2 => pick.clone().prop_map(Op::AfterFunc),
        1 => pick.prop_map(Op::Stop),
        2 => (0..6_u64).prop_map(Op::Advance),
        1 => (0..6_u64).prop_map(Op::CancelDue),
    ]
}

/// A node of the model: everything about one end.
struct Node {
    parent: Option<usize>,
    own: Option<Instant>,
    deadline: Option<Instant>,
    ended: Option<String>,
    handles: usize,
    pending: usize,
    cancel: Option<CancelCauseHandle>,
    // One that can never end does not hold itself for its after-functions.
    detached: bool,
}

/// A context under test, and what the model says it shows.
struct Held {
    context: Context,
    node: usize,
    value: Option<u32>,
    wait: Option<(Pin<Box<Done>>, Arc<Bell>)>,
}

struct Function {
    node: usize,
    handle: AfterFunc,
    pending: bool,
}

#[derive(Default)]
struct Bell(AtomicUsize);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

struct World {
    manual: Arc<Manual>,
    registry: Registry,
    nodes: Vec<Node>,
    held: Vec<Held>,
    functions: Vec<Function>,
    /// After-functions that have been started since the last look.
    started: usize,
    causes: usize,
}

impl World {
    fn new() -> Self {
        let (manual, registry) = (Manual::new(), Registry::new());
        let handle = Handle::new(manual.clone(), false);
        let (root, cancel) = Context::root(Id::root(), handle, registry.clone());
        let mut world = Self {
            manual,
            registry,
            nodes: Vec::new(),
            held: Vec::new(),
            functions: Vec::new(),
            started: 0,
            causes: 0,
        };
        world.nodes.push(Node {
            parent: None,
            own: None,
            deadline: None,
            ended: None,
            handles: 0,
            pending: 0,
            cancel: Some(cancel),
            detached: false,
        });
        world.hold(root, 0, None);
        world
    }

    fn hold(&mut self, context: Context, node: usize, value: Option<u32>) {
        self.nodes[node].handles += 1;
        self.held.push(Held {
            context,
            node,
            value,
            wait: None,
        });
    }

    fn child(&mut self, parent: usize, own: Option<(Instant, &str)>) -> usize {
        let above = self.nodes[parent].deadline;
        let own = own.filter(|(at, _)| above.is_none_or(|above| *at < above));
        let mut ended = self.nodes[parent].ended.clone();
        if let (None, Some((at, cause))) = (&ended, own)
            && at <= self.manual.now()
        {
            ended = Some(format!("deadline: {cause}"));
        }
        self.nodes.push(Node {
            parent: Some(parent),
            own: own.map(|(at, _)| at),
            deadline: own.map(|(at, _)| at).or(above),
            ended,
            handles: 0,
            pending: 0,
            cancel: None,
            detached: false,
        });
        self.nodes.len() - 1
    }

    fn cause(&mut self) -> String {
        self.causes += 1;
        format!("cause {}", self.causes)
    }

    /// A node lives while a context, a living child or an after-function holds it.
    fn lives(&self) -> Vec<bool> {
        let mut lives: Vec<_> = self
            .nodes
            .iter()
            .map(|node| node.handles > 0 || (node.pending > 0 && node.parent.is_some()))
            .collect();
        // Children come after their parents.
        for i in (0..self.nodes.len()).rev() {
            if let (true, Some(parent)) = (lives[i], self.nodes[i].parent) {
                lives[parent] = true;
            }
        }
        lives
    }

    fn end(&mut self, top: usize, how: &str) {
        if self.nodes[top].ended.is_some() || !self.lives()[top] {
            return;
        }
        self.nodes[top].ended = Some(how.to_owned());
        self.start(top);
        for i in top + 1..self.nodes.len() {
            let inherited = self.nodes[i]
                .parent
                .and_then(|parent| self.nodes[parent].ended.clone());
            if let (None, Some(inherited)) = (&self.nodes[i].ended, inherited) {
                self.nodes[i].ended = Some(inherited);
                self.start(i);
            }
        }
    }

    fn start(&mut self, node: usize) {
        self.started += std::mem::take(&mut self.nodes[node].pending);
        for function in &mut self.functions {
            function.pending &= function.node != node;
        }
    }

    /// The living nodes with a deadline of their own that has not ended them, in the order of firing.
    fn waiting(&self) -> Vec<(Instant, usize)> {
        let lives = self.lives();
        let mut waiting: Vec<_> = (0..self.nodes.len())
            .filter(|&i| lives[i] && self.nodes[i].ended.is_none())
            .filter_map(|i| self.nodes[i].own.map(|at| (at, i)))
            .collect();
        waiting.sort_unstable();
        waiting
    }

    fn apply(&mut self, op: &Op) {
        let count = self.held.len();
        match *op {
            Op::Advance(ms) => {
                let by = Duration::from_millis(ms);
                self.manual.advance(by);
                for (at, node) in self.waiting() {
                    if at <= self.manual.now() {
                        self.end(node, &format!("deadline: late {node}"));
                    }
                }
            }
            Op::CancelDue(ms) => {
                let until = self.manual.now() + Duration::from_millis(ms);
                let cause = self.cause();
                self.registry.cancel_deadlines(until, &cause.clone().into());
                for (at, node) in self.waiting() {
                    if at <= until {
                        self.end(node, &format!("cancelled: {cause}"));
                    }
                }
            }
            Op::Stop(i) if !self.functions.is_empty() => {
                let i = i % self.functions.len();
                let mut function = self.functions.swap_remove(i);
                // Also where its context is gone, and it would never have run.
                let is_there = self.lives()[function.node] || self.nodes[function.node].detached;
                assert_eq!(function.handle.stop(), function.pending && is_there);
                if function.pending {
                    self.nodes[function.node].pending -= 1;
                }
                assert!(!function.handle.stop());
            }
            Op::Cancel(i) => {
                // Any node, also one that lives no more.
                let i = i % self.nodes.len();
                if let Some(cancel) = self.nodes[i].cancel.clone() {
                    let cause = self.cause();
                    cancel.cancel(cause.clone());
                    self.end(i, &format!("cancelled: {cause}"));
                }
            }
            _ if count == 0 => {}
            Op::WithCancel(i) => {
                let (node, value) = (self.held[i % count].node, self.held[i % count].value);
                let (context, cancel) = self.held[i % count].context.with_cancel_cause();
                let child = self.child(node, None);
                self.nodes[child].cancel = Some(cancel);
                self.hold(context, child, value);
            }
            Op::WithTimeout(i, ms) => {
                let (node, value) = (self.held[i % count].node, self.held[i % count].value);
                let timeout = Duration::from_millis(ms);
                let cause = format!("late {}", self.nodes.len());
                let context = self.held[i % count]
                    .context
                    .with_timeout_cause(timeout, cause.clone());
                let at = self.manual.now() + timeout;
                let child = self.child(node, Some((at, &cause)));
                self.hold(context, child, value);
            }
            Op::WithValue(i, value) => {
                let node = self.held[i % count].node;
                let context = self.held[i % count].context.with_value(value);
                self.hold(context, node, Some(value));
            }
            Op::WithoutCancel(i) => {
                let value = self.held[i % count].value;
                let context = self.held[i % count].context.without_cancel();
                self.nodes.push(Node {
                    parent: None,
                    own: None,
                    deadline: None,
                    ended: None,
                    handles: 0,
                    pending: 0,
                    cancel: None,
                    detached: true,
                });
                self.hold(context, self.nodes.len() - 1, value);
            }
            Op::Clone(i) => {
                let held = &self.held[i % count];
                let (context, node, value) = (held.context.clone(), held.node, held.value);
                self.hold(context, node, value);
            }
            Op::Drop(i) => {
                let gone = self.held.swap_remove(i % count);
                self.nodes[gone.node].handles -= 1;
            }
            Op::Wait(i) => {
                let held = &mut self.held[i % count];
                let bell = Arc::new(Bell::default());
                let mut done = Box::pin(held.context.done());
                let waker = Waker::from(bell.clone());
                let polled = Future::poll(done.as_mut(), &mut TaskContext::from_waker(&waker));
                let ended = self.nodes[held.node].ended.is_some();
                assert_eq!(polled.is_ready(), ended);
                held.wait = (!ended).then_some((done, bell));
            }
            Op::AfterFunc(i) => {
                let (node, context) = (self.held[i % count].node, &self.held[i % count].context);
                let handle = context.after_func(async {});
                let pending = self.nodes[node].ended.is_none();
                if pending {
                    self.nodes[node].pending += 1;
                } else {
                    self.started += 1;
                }
                self.functions.push(Function {
                    node,
                    handle,
                    pending,
                });
            }
            Op::Stop(_) => {}
        }
    }

    fn check(&mut self) {
        for held in &self.held {
            let node = &self.nodes[held.node];
            let shown = held.context.err().map(|error| match error {
                ContextError::Cancelled(cause) => format!("cancelled: {cause}"),
                ContextError::Deadline(cause) => format!("deadline: {cause}"),
            });
            assert_eq!(shown, node.ended);
            assert_eq!(held.context.is_done(), node.ended.is_some());
            assert_eq!(held.context.deadline(), node.deadline);
            assert_eq!(held.context.value::<u32>().copied(), held.value);
            assert!(!node.detached || node.ended.is_none());
            if let Some((_, bell)) = &held.wait {
                assert_eq!(bell.0.load(SeqCst), usize::from(node.ended.is_some()));
            }
        }
        let waiting = self.waiting().len();
        assert_eq!(self.registry.deadlines(), waiting);
        assert_eq!(self.manual.timers(), waiting);
        assert_eq!(self.manual.run_spawned(), std::mem::take(&mut self.started));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_tree_and_its_model_show_the_same(ops in prop::collection::vec(op(), 1..120)) {
        let mut world = World::new();
        world.check();
        for op in &ops {
            world.apply(op);
            world.check();
        }
        // Without a context and a function left, nothing is.
        world.held.clear();
        for mut function in std::mem::take(&mut world.functions) {
            function.handle.stop();
        }
        assert_eq!((world.registry.deadlines(), world.manual.timers()), (0, 0));
    }
}
