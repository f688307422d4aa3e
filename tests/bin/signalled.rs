//! Ends with a signal, and says what it saw: the child process of the tests of signals.
#![allow(clippy::print_stdout, reason = "the test reads it")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use greenroom::driver::{Alarm, Event, EventKind, TimerKey};
use greenroom::prelude::*;
use greenroom::{Driver, task};

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("leave") => leave(),
        Some("stay") => stay(),
        Some("two") => two_runtimes(),
        Some("driver") => under_a_driver(),
        Some("after") => after_the_end(),
        Some("worker") => worker_loop(),
        Some("drains") => shut_down(20),
        Some("cuts") => shut_down(3_600_000),
        Some("stuck") => stuck(),
        other => Err(Failure::message(format!("there is no mode {other:?}"))),
    }
}

/// Prints the cause of a context's end.
async fn wait(stop: Context) -> Result<()> {
    let ended = stop.done().await;
    let signal: Option<&Signal> = ended.cause().downcast_ref();
    println!("{signal:?}: {}", ended.cause());
    Ok(())
}

/// Ends by itself at the first signal.
fn leave() -> Result<()> {
    let runtime = Runtime::new()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    println!("ready");
    runtime.block_on(|_scope| wait(stop))
}

/// Takes the first signal and does not end.
fn stay() -> Result<()> {
    let runtime = Runtime::new()?;
    // Asked for twice: it counts once.
    let stop = (runtime.context()).with_signals([
        Signal::Interrupt,
        Signal::Terminate,
        Signal::Interrupt,
    ])?;
    println!("ready");
    runtime.block_on(|_scope| async move {
        wait(stop).await?;
        std::future::pending().await
    })
}

/// Two runtimes listen, one of them with two contexts.
fn two_runtimes() -> Result<()> {
    let (one, other) = (Runtime::new()?, Runtime::new()?);
    let stops = [
        one.context().with_signals(Signal::ALL)?,
        one.context().with_signals([Signal::Terminate])?,
        other.context().with_signals(Signal::ALL)?,
    ];
    println!("ready");
    for (stop, runtime) in stops.into_iter().zip([&one, &one, &other]) {
        runtime.block_on(|_scope| wait(stop))?;
    }
    assert!(!one.context().is_done(), "the root goes on");
    Ok(())
}

/// Tells of each cancel that passes, and forwards everything.
struct Told(Arc<dyn Driver>);

impl Driver for Told {
    fn spawn(&self, task: task::Task) {
        self.0.spawn(task);
    }

    fn deliver(&self, event: Event) {
        if event.kind() == EventKind::Cancel {
            println!(
                "event: Cancel by {}",
                event.by().map(ToString::to_string).unwrap_or_default()
            );
        }
        event.take_effect();
    }

    fn now(&self) -> Instant {
        self.0.now()
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        self.0.sleep(until, alarm)
    }

    fn forget(&self, timer: TimerKey) {
        self.0.forget(timer);
    }

    fn choose(&self, options: usize) -> usize {
        self.0.choose(options)
    }
}

/// The cancel passes the driver in front of the hub.
fn under_a_driver() -> Result<()> {
    let runtime = Runtime::builder()
        .single_thread()
        .driver(|hub| Arc::new(Told(hub)))
        .build()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    runtime.block_on(|_scope| async move {
        println!("ready");
        wait(stop).await
    })
}

/// The listening has ended with the runtime; the handler stays.
fn after_the_end() -> Result<()> {
    let runtime = Runtime::new()?;
    let context = runtime.context().clone();
    let stop = context.with_signals(Signal::ALL)?;
    drop(runtime);
    assert!(stop.is_done());
    assert!(context.with_signals(Signal::ALL).is_err());
    println!("ready");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    println!("alive");
    Ok(())
}

/// Go's `worker(ctx)`, which polls its context between two pieces of work.
fn worker_loop() -> Result<()> {
    let runtime = Runtime::new()?;
    let stop = runtime.context().with_signals([Signal::Interrupt])?;
    runtime.block_on(|scope| async move {
        println!("ready");
        let worker = scope.go(async move {
            loop {
                select! {
                    ended = stop.done() => {
                        println!("worker stopped: {ended}");
                        return Ok(());
                    }
                    default => sleep(1.millis()).await?,
                }
            }
        });
        worker.await?;
        println!("ended in order");
        Ok(())
    })
}

/// Says what it handles, each for a while.
struct Worker(u64);
struct Work(u32);

impl Actor for Worker {}

impl Handler<Work> for Worker {
    type Reply = ();

    async fn handle(&mut self, Work(number): Work, _cx: &mut ActorContext<Self>) {
        if sleep(self.0.millis()).await.is_ok() {
            println!("work {number}");
        }
    }
}

/// Shuts down at the signal, in the middle of queued work.
fn shut_down(work: u64) -> Result<()> {
    let runtime = Runtime::new()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    let inside = runtime.clone();
    let body = std::thread::spawn(move || {
        inside.block_on(move |scope| async move {
            let worker = scope.spawn(move || Worker(work)).name("worker").await?;
            for number in 0..5 {
                worker.tell(Work(number)).await?;
            }
            println!("ready");
            stop.done().await;
            println!("closing");
            scope.spawn(move || Worker(work)).name("late").await?;
            Ok(())
        })
    });
    let closing = runtime.context().with_signals(Signal::ALL)?;
    runtime.block_on(|_scope| wait(closing))?;
    let report = runtime.shutdown_blocking(Duration::from_millis(1_000))?;
    println!("{report}");
    let _cut = body.join();
    Ok(())
}

/// Shuts down over a handler that does not await.
fn stuck() -> Result<()> {
    let runtime = Runtime::new()?;
    let stop = runtime.context().with_signals(Signal::ALL)?;
    let inside = runtime.clone();
    std::thread::spawn(move || {
        inside.block_on(|scope| async move {
            let spins = scope.spawn(|| Spins).name("spins").await?;
            spins.ask(Work(0)).await?;
            Ok(())
        })
    });
    runtime.block_on(|_scope| wait(stop))?;
    println!("{}", runtime.shutdown_blocking(Duration::from_millis(50))?);
    Ok(())
}

struct Spins;

impl Actor for Spins {}

impl Handler<Work> for Spins {
    type Reply = ();

    async fn handle(&mut self, _: Work, _cx: &mut ActorContext<Self>) {
        println!("ready");
        loop {
            std::thread::park();
        }
    }
}
