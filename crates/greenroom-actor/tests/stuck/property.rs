//! Random programs, of which nothing that is said to be stuck ever moves.
//!
//! Tasks send, receive, select, sleep, join and wait for foreign futures, over channels whose ends are lent
//! to them, captured by them, cloned away by them, or held by threads and foreign tasks. Now and then it is
//! asked who is stuck. In the end everything outside goes on: threads send, receive and drop their ends,
//! foreign futures complete. Who was stuck has not made a step since.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle as Thread};

use greenroom_actor::{JoinHandle, Runtime};
use greenroom_core::channel::{self, Receiver, Sender, WeakSender};
use greenroom_core::registry::Progress;
use greenroom_core::task::yield_now;
use greenroom_core::{Context, Id, Result, select};
use proptest::prelude::*;
use tokio::sync::oneshot;

use crate::{nap, paused};

#[derive(Clone, Debug)]
enum Step {
    Receive(usize),
    Send(usize),
    /// Receives from either.
    Select(usize, usize),
    /// Receives from both at once.
    Both(usize, usize),
    /// Receives, or gives up for something foreign.
    ReceiveOrForeign(usize),
    /// Receives for some time.
    ReceiveFor(usize, u64),
    Nap(u64),
    Yield,
    Foreign,
    /// Waits for the task that was started before.
    Join,
    /// Gives a clone of a sender away.
    GiveAway(usize),
    /// Gives a weak one away.
    GiveWeak(usize),
    Close(usize),
}

/// What a task gets of a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Share {
    Nothing,
    Lent,
    Captured,
}

#[derive(Clone, Debug)]
struct Plan {
    is_with: bool,
    senders: Vec<Share>,
    receivers: Vec<Share>,
    steps: Vec<Step>,
}

/// Where an end outside is.
#[derive(Clone, Copy, Debug)]
enum Outside {
    Thread,
    Foreign,
    Weak,
}

#[derive(Clone, Debug)]
struct Program {
    capacities: Vec<usize>,
    plans: Vec<Plan>,
    outside: Vec<(usize, Outside)>,
    seed: u64,
}

fn share() -> impl Strategy<Value = Share> {
    prop_oneof![
        12 => Just(Share::Nothing),
        24 => Just(Share::Lent),
        1 => Just(Share::Captured),
    ]
}

fn step(channels: usize) -> impl Strategy<Value = Step> {
    let c = 0..channels;
    prop_oneof![
        12 => c.clone().prop_map(Step::Receive),
        8 => c.clone().prop_map(Step::Send),
        3 => (c.clone(), c.clone()).prop_map(|(a, b)| Step::Select(a, b)),
        3 => (c.clone(), c.clone()).prop_map(|(a, b)| Step::Both(a, b)),
        1 => c.clone().prop_map(Step::ReceiveOrForeign),
        1 => (c.clone(), 1u64..30).prop_map(|(c, time)| Step::ReceiveFor(c, time)),
        1 => (1u64..30).prop_map(Step::Nap),
        2 => Just(Step::Yield),
        1 => Just(Step::Foreign),
        2 => Just(Step::Join),
        1 => c.clone().prop_map(Step::GiveAway),
        1 => c.clone().prop_map(Step::GiveWeak),
        1 => c.prop_map(Step::Close),
    ]
}

fn program() -> impl Strategy<Value = Program> {
    (1usize..4, 2usize..5).prop_flat_map(|(channels, tasks)| {
        let plan = (
            prop::bool::weighted(0.95),
            prop::collection::vec(share(), channels),
            prop::collection::vec(share(), channels),
            prop::collection::vec(step(channels), 1..5),
        );
        let plan = plan.prop_map(|(is_with, senders, receivers, steps)| Plan {
            is_with,
            senders,
            receivers,
            steps,
        });
        let kind = prop_oneof![
            Just(Outside::Thread),
            Just(Outside::Foreign),
            Just(Outside::Weak)
        ];
        let outside = prop_oneof![
            2 => Just(Vec::new()),
            1 => prop::collection::vec((0..channels, kind), 1..3),
        ];
        (
            prop::collection::vec(0usize..3, channels),
            prop::collection::vec(plan, tasks),
            outside,
            any::<u64>(),
        )
            .prop_map(|(capacities, plans, outside, seed)| Program {
                capacities,
                plans,
                outside,
                seed,
            })
    })
}

type Senders = Vec<Option<Sender<u8>>>;
type Receivers = Vec<Option<Receiver<u8>>>;

/// What is outside of all tasks, until it is let go on.
#[derive(Clone, Default)]
struct World(Arc<WorldInner>);

#[derive(Default)]
struct WorldInner {
    is_released: AtomicBool,
    foreign: Mutex<Vec<oneshot::Sender<()>>>,
    given: Mutex<Vec<Sender<u8>>>,
    weak: Mutex<Vec<WeakSender<u8>>>,
    threads: Mutex<Vec<(mpsc::Sender<()>, Thread<()>)>>,
}

impl World {
    /// Completes when the outside goes on.
    fn foreign(&self) -> oneshot::Receiver<()> {
        let (tell, told) = oneshot::channel();
        if !self.0.is_released.load(SeqCst) {
            self.0.foreign.lock().expect("nobody panics").push(tell);
        }
        told
    }

    fn release(&self) {
        self.0.is_released.store(true, SeqCst);
        for (go, thread) in std::mem::take(&mut *self.0.threads.lock().expect("nobody panics")) {
            let _told = go.send(());
            thread.join().expect("it does not panic");
        }
        drop(std::mem::take(
            &mut *self.0.foreign.lock().expect("nobody panics"),
        ));
        for sender in std::mem::take(&mut *self.0.given.lock().expect("nobody panics")) {
            let _sent = sender.try_send(9);
        }
        for weak in std::mem::take(&mut *self.0.weak.lock().expect("nobody panics")) {
            if let Some(sender) = weak.upgrade() {
                let _sent = sender.try_send(9);
                sender.close();
            }
        }
    }

    fn thread(&self, sender: Sender<u8>, receiver: Receiver<u8>) {
        let (go, may_go) = mpsc::channel();
        let thread = thread::spawn(move || {
            let _told = may_go.recv();
            let _sent = sender.try_send(9);
            while receiver.try_recv().is_ok() {}
        });
        let mut threads = self.0.threads.lock().expect("nobody panics");
        threads.push((go, thread));
    }
}

/// A task of a program as it runs.
struct Actor {
    world: World,
    senders: Senders,
    receivers: Receivers,
    before: Option<JoinHandle<()>>,
    made: Arc<AtomicU64>,
}

impl Actor {
    async fn run(mut self, steps: Vec<Step>, lent: &(Senders, Receivers)) -> Result<()> {
        for step in steps {
            // What fails is passed over: the end of the whole is a cancel.
            self.step(step, lent).await;
            if Context::current().is_some_and(|context| context.err().is_some()) {
                return Ok(());
            }
            self.made.fetch_add(1, SeqCst);
        }
        Ok(())
    }

    async fn step(&mut self, step: Step, lent: &(Senders, Receivers)) {
        let sender = |c: usize| lent.0[c].as_ref().or(self.senders[c].as_ref());
        let receiver = |c: usize| lent.1[c].as_ref().or(self.receivers[c].as_ref());
        match step {
            Step::Receive(c) => {
                if let Some(rx) = receiver(c) {
                    let _got = rx.recv().await;
                }
            }
            Step::Send(c) => {
                if let Some(tx) = sender(c) {
                    let _sent = tx.send(1).await;
                }
            }
            Step::Select(a, b) => {
                if let (Some(a), Some(b)) = (receiver(a), receiver(b)) {
                    select! {
                        got = a.recv() => drop(got),
                        got = b.recv() => drop(got),
                    }
                }
            }
            Step::Both(a, b) => {
                if let (Some(a), Some(b)) = (receiver(a), receiver(b)) {
                    let _got = futures_util::future::join(a.recv(), b.recv()).await;
                }
            }
            Step::ReceiveOrForeign(c) => {
                let told = self.world.foreign();
                if let Some(rx) = receiver(c) {
                    tokio::select! {
                        _ = rx.recv() => {}
                        _ = told => {}
                    }
                }
            }
            Step::ReceiveFor(c, time) => {
                if let Some(rx) = receiver(c) {
                    let limit = Context::current().expect("it is in a task");
                    let limit = limit.with_timeout(std::time::Duration::from_millis(time));
                    let _late = limit.run(rx.recv()).await;
                }
            }
            Step::Nap(time) => nap(time).await,
            Step::Yield => yield_now().await,
            Step::Foreign => drop(self.world.foreign().await),
            Step::Join => {
                if let Some(before) = self.before.take() {
                    let _ended = before.await;
                }
            }
            Step::GiveAway(c) => {
                if let Some(tx) = sender(c) {
                    self.world
                        .0
                        .given
                        .lock()
                        .expect("nobody panics")
                        .push(tx.clone());
                }
            }
            Step::GiveWeak(c) => {
                if let Some(tx) = sender(c) {
                    self.world
                        .0
                        .weak
                        .lock()
                        .expect("nobody panics")
                        .push(tx.downgrade());
                }
            }
            Step::Close(c) => {
                if let Some(tx) = sender(c) {
                    tx.close();
                }
            }
        }
    }
}

fn choose<E: Clone>(shares: &[Share], wanted: Share, all: &[E]) -> Vec<Option<E>> {
    let each = shares.iter().zip(all);
    each.map(|(share, end)| (*share == wanted).then(|| end.clone()))
        .collect()
}

/// Runs a program; returns what moved that was stuck, and whether anything was.
fn run(program: Program) -> (Vec<String>, usize) {
    let runtime = paused(program.seed);
    let inside = Runtime::clone(&runtime);
    let (give, take) = mpsc::channel();
    let _cancelled = runtime.block_on(move |scope| async move {
        let world = World::default();
        let mut tasks: Vec<(Id, Arc<AtomicU64>)> = Vec::new();
        {
            let ends = program
                .capacities
                .iter()
                .map(|c| channel::bounded::<u8>(*c));
            let (senders, receivers): (Vec<_>, Vec<_>) = ends.unzip();
            let mut before = None;
            for plan in program.plans {
                let lent = (
                    choose(&plan.senders, Share::Lent, &senders),
                    choose(&plan.receivers, Share::Lent, &receivers),
                );
                let made = Arc::new(AtomicU64::new(0));
                let actor = Actor {
                    world: world.clone(),
                    senders: choose(&plan.senders, Share::Captured, &senders),
                    receivers: choose(&plan.receivers, Share::Captured, &receivers),
                    before: before.take(),
                    made: made.clone(),
                };
                let steps = plan.steps;
                let handle = match plan.is_with {
                    true => scope.go_with(lent, async move |lent| actor.run(steps, lent).await),
                    false => scope.go(async move { actor.run(steps, &lent).await }),
                };
                tasks.push((handle.id().expect("it was started").clone(), made));
                before = Some(handle);
            }
            for (c, place) in program.outside {
                let (tx, rx) = (senders[c].clone(), receivers[c].clone());
                match place {
                    Outside::Thread => world.thread(tx, rx),
                    Outside::Foreign => {
                        let told = world.foreign();
                        drop(tokio::task::spawn_local(async move {
                            let _told = told.await;
                            let _sent = tx.try_send(9);
                            let _taken = rx.try_recv();
                        }));
                    }
                    Outside::Weak => {
                        let mut weak = world.0.weak.lock().expect("nobody panics");
                        weak.push(tx.downgrade());
                    }
                }
            }
        }
        let mut stuck = Vec::new();
        for time in [1, 3, 10, 40] {
            nap(time).await;
            if let Progress::Stuck(knots) = inside.stuck().await {
                for member in knots.iter().flat_map(|knot| &knot.tasks) {
                    let task = tasks.iter().find(|(id, _)| id.is_same(&member.id));
                    let (id, made) = task.expect("it is one of them");
                    stuck.push((id.clone(), made.clone(), made.load(SeqCst)));
                }
            }
        }
        world.release();
        nap(1000).await;
        world.release();
        nap(1000).await;
        let wrong = (stuck.iter())
            .filter(|(_, made, then)| made.load(SeqCst) != *then)
            .map(|(id, ..)| format!("{id} was stuck, and moved"))
            .collect();
        let living = inside.alive().await;
        for (id, ..) in &stuck {
            assert!(living.living.iter().any(|there| there.task.id.is_same(id)));
        }
        let _heard = give.send((wrong, stuck.len()));
        scope.cancel("enough");
        drop(world);
        Ok(())
    });
    take.recv().expect("it was looked at")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn what_is_stuck_never_moves(program in program()) {
        let (wrong, _stuck) = run(program);
        prop_assert!(wrong.is_empty(), "{wrong:?}");
    }
}

/// The property says something only if knots come up.
#[test]
fn random_programs_have_knots() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut with_knots = 0;
    for _ in 0..200 {
        let tree = program().new_tree(&mut runner).expect("a program is made");
        let (wrong, stuck) = run(tree.current());
        assert!(wrong.is_empty(), "{wrong:?}");
        with_knots += usize::from(stuck > 0);
    }
    assert!(with_knots > 20, "{with_knots} of 200");
}
