//! The actix system of a runtime: one thread that keeps the time, and the arbiters.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread;

use actix_rt::{Arbiter, System, SystemRunner};
use greenroom_core::current;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::hub::{Clock, Hub, Order};
use crate::latch::Latch;

/// The threads of a runtime.
pub(crate) struct Threads {
    /// Runs no user code, so that deadlines fire while every arbiter is busy.
    pub(crate) keeper: Arc<Hub>,
    pub(crate) arbiters: Vec<Arc<Hub>>,
    /// Opens when every hub has ended, each named once it has.
    pub(crate) ended: Latch,
    pub(crate) system: thread::JoinHandle<()>,
    /// The keeper's tokio runtime.
    pub(crate) tokio: Handle,
}

/// Starts a system with `count` arbiters on threads of its own.
pub(crate) fn start(count: usize) -> io::Result<Threads> {
    let keeper = hub("keeper".to_owned());
    let arbiters: Vec<_> = (0..count).map(|i| hub(format!("arbiter-{i}"))).collect();
    let ended = Latch::new(
        arbiters
            .iter()
            .map(|hub| hub.name().to_owned())
            .chain([keeper.name().to_owned()]),
    );
    let (started, is_started) = mpsc::channel();
    let system = thread::Builder::new()
        .name("greenroom-keeper".to_owned())
        .spawn({
            let (keeper, arbiters, ended) = (keeper.clone(), arbiters.clone(), ended.clone());
            move || run_system(&keeper, arbiters, &ended, &started)
        })?;
    match is_started.recv() {
        Ok(Ok(tokio)) => Ok(Threads {
            keeper,
            arbiters,
            ended,
            system,
            tokio,
        }),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(io::Error::other(
            "the keeper thread ended before it had started",
        )),
    }
}

fn hub(name: String) -> Arc<Hub> {
    Hub::new(name, Clock::Machine, Order::Arrival, fastrand::Rng::new())
}

fn run_system(
    keeper: &Arc<Hub>,
    arbiters: Vec<Arc<Hub>>,
    ended: &Latch,
    started: &mpsc::Sender<io::Result<Handle>>,
) {
    let _keeper_ended = ended.guard(keeper.name());
    let runtime = match tokio_runtime(false) {
        Ok(runtime) => runtime,
        Err(error) => {
            let _unheard = started.send(Err(error));
            return;
        }
    };
    let tokio = runtime.handle().clone();
    let runner = System::with_tokio_rt(|| runtime);
    let result: io::Result<Vec<_>> = arbiters
        .into_iter()
        .map(|hub| {
            let name = hub.name().to_owned();
            let arbiter = Arbiter::try_with_tokio_rt(|| tokio_runtime(false))?;
            let ended = ended.clone();
            arbiter.spawn_fn(move || {
                let guard = ended.guard(hub.name());
                actix_rt::spawn(async move {
                    let _arbiter_ended = guard;
                    // For the whole life of the thread: tasks of others run here too.
                    let _arbiter = current::enter_arbiter();
                    hub.run().await;
                    Arbiter::current().stop();
                });
            });
            Ok((name, arbiter))
        })
        .collect();
    match result {
        Ok(arbiters) => {
            let _unheard = started.send(Ok(tokio));
            runner.block_on(keeper.clone().run());
            // One that is stuck is left behind: a thread cannot be ended from outside.
            let stuck = ended.running();
            for (name, arbiter) in arbiters {
                if !stuck.contains(&name) {
                    let _ended = arbiter.join();
                }
            }
        }
        Err(error) => {
            let _unheard = started.send(Err(error));
        }
    }
}

/// Everything on the calling thread.
pub(crate) struct OneThread {
    pub(crate) hub: Arc<Hub>,
    pub(crate) tokio: Handle,
    runner: SystemRunner,
}

impl OneThread {
    pub(crate) fn start(paused: bool, seed: Option<u64>) -> io::Result<Self> {
        let runtime = tokio_runtime(paused)?;
        let tokio = runtime.handle().clone();
        let clock = if paused {
            Clock::Paused(tokio.clone())
        } else {
            Clock::Machine
        };
        let order = if seed.is_some() {
            Order::Chosen
        } else {
            Order::Arrival
        };
        let rng = fastrand::Rng::with_seed(seed.unwrap_or(0));
        let hub = Hub::new("single-thread".to_owned(), clock, order, rng);
        let runner = System::with_tokio_rt(|| runtime);
        runner.runtime().spawn(hub.clone().run());
        Ok(Self { hub, tokio, runner })
    }

    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _arbiter = current::enter_arbiter();
        self.runner.block_on(future)
    }
}

fn tokio_runtime(paused: bool) -> io::Result<Runtime> {
    Builder::new_current_thread()
        .enable_all()
        .start_paused(paused)
        .build()
}

/// Runs a closure on the arbiter's pool of blocking threads.
pub(crate) async fn on_blocking_pool<T: Send + 'static>(
    f: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    tokio::task::spawn_blocking(f).await.ok()
}
