//! How a runtime is made.

use std::num::NonZeroUsize;
use std::sync::Arc;

use greenroom_core::Driver;

use super::single::SingleThread;
use super::{Core, Home, Runtime, RuntimeError};
use crate::engine::arbiter;

/// Makes a [`Runtime`] on threads of its own, or on a single one.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    arbiters: Option<usize>,
    accepts_abort: bool,
    tracks_addresses: bool,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            arbiters: None,
            accepts_abort: false,
            tracks_addresses: false,
        }
    }

    /// Makes the runtime know who has the addresses of each actor, for [`Runtime::alive`](super::Runtime::alive): which circles
    /// keep actors alive, and whose address does.
    ///
    /// Off by default, since each clone, send and drop of an address then costs a lock of its actor, and
    /// a clone an allocation. An address is taken to be with the task that made it, or sent through it
    /// last; who was given one and never used it is not known.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::{Actor, ActorContext, Address, Handler, Runtime};
    /// #[derive(Default)]
    /// struct Node(Option<Address<Node>>);
    /// impl Actor for Node {}
    /// struct Meet(Address<Node>);
    /// impl Handler<Meet> for Node {
    ///     type Reply = ();
    ///     async fn handle(&mut self, Meet(other): Meet, _cx: &mut ActorContext<Self>) {
    ///         self.0 = Some(other.clone()); // Kept: a circle, if the other does the same.
    ///     }
    /// }
    /// let runtime = Runtime::builder().arbiters(1).track_addresses(true).build()?;
    /// let inside = runtime.clone();
    /// runtime.block_on(|scope| async move {
    ///     let a = scope.spawn(Node::default).await?;
    ///     let b = scope.spawn(Node::default).await?;
    ///     a.ask(Meet(b.clone())).await?;
    ///     b.ask(Meet(a.clone())).await?;
    ///     assert!(inside.alive().await.address_circles.is_empty(), "we have both addresses");
    ///     drop((a, b));
    ///     let alive = inside.alive().await;
    ///     assert_eq!(alive.address_circles.len(), 1, "{alive}");
    ///     Ok(())
    /// })?;
    /// # Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn track_addresses(mut self, tracks: bool) -> Self {
        self.tracks_addresses = tracks;
        self
    }

    /// Sets the number of arbiters, each a thread. By default there is one for each core.
    pub fn arbiters(mut self, count: usize) -> Self {
        self.arbiters = Some(count);
        self
    }

    /// Starts also in a program that was compiled with `panic = "abort"`, where the first panic ends the
    /// process.
    ///
    /// Nothing of what is said of panics holds there: no panic is survived, none reaches a caller or a
    /// report, and supervisors restart only what failed or ended. Else building the runtime gives
    /// [`RuntimeError::PanicAborts`].
    pub fn accept_panic_abort(mut self) -> Self {
        self.accepts_abort = true;
        self
    }

    /// Puts everything on the calling thread: for tests, and for programs that need one thread only.
    pub fn single_thread(self) -> SingleThreadBuilder {
        SingleThreadBuilder {
            accepts_abort: self.accepts_abort,
            paused: false,
            tracks_addresses: self.tracks_addresses,
            seed: None,
            driver: None,
        }
    }

    /// Starts the runtime.
    ///
    /// # Errors
    /// - [`RuntimeError::PanicAborts`]: the program was compiled such that no panic is survived, and that
    ///   was not [accepted](Self::accept_panic_abort).
    /// - [`RuntimeError::NoArbiters`]: the number of arbiters is 0.
    /// - [`RuntimeError::Start`]: the system refused a thread or what a thread needs.
    pub fn build(self) -> Result<Runtime, RuntimeError> {
        panics_are_survived(PANIC_ABORTS, self.accepts_abort)?;
        let count = match self.arbiters {
            Some(count) => count,
            None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        };
        if count == 0 {
            return Err(RuntimeError::NoArbiters);
        }
        let threads = arbiter::start(count).map_err(RuntimeError::Start)?;
        Ok(Runtime::from_core(Core::new(
            threads.keeper,
            threads.arbiters,
            threads.ended,
            Some(threads.system),
            Home {
                is_single: false,
                tracks_addresses: self.tracks_addresses,
                tokio: threads.tokio,
                jobs: Arc::default(),
            },
        )))
    }
}

pub(super) type MakeDriver = Box<dyn FnOnce(Arc<dyn Driver>) -> Arc<dyn Driver>>;

/// Makes a [`SingleThread`].
#[must_use = "a builder does nothing until `build` is called"]
pub struct SingleThreadBuilder {
    accepts_abort: bool,
    paused: bool,
    tracks_addresses: bool,
    seed: Option<u64>,
    driver: Option<MakeDriver>,
}

impl SingleThreadBuilder {
    /// Starts also in a program that was compiled with `panic = "abort"`; see
    /// [`Builder::accept_panic_abort`].
    pub fn accept_panic_abort(mut self) -> Self {
        self.accepts_abort = true;
        self
    }

    /// Runs on a virtual clock, which stands still while anything can happen and then moves to the next
    /// timer at once.
    pub fn paused(mut self) -> Self {
        self.paused = true;
        self
    }

    /// Makes the runtime know who has the addresses of each actor; see [`Builder::track_addresses`].
    pub fn track_addresses(mut self, tracks: bool) -> Self {
        self.tracks_addresses = tracks;
        self
    }

    /// Shuffles the ready tasks, and makes every choice, by a generator with this seed. The same seed
    /// gives the same order. Without one, ready tasks run in the order in which they became ready.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Puts a driver in front of the hub: it is told of every event, and chooses, also which ready task
    /// is next (0 is the one that became ready first). The closure gets the hub, to forward to, whose
    /// own choices are those of the seed, or of seed 0.
    pub fn driver(
        mut self,
        make: impl FnOnce(Arc<dyn Driver>) -> Arc<dyn Driver> + 'static,
    ) -> Self {
        self.driver = Some(Box::new(make));
        self
    }

    /// Makes the runtime.
    ///
    /// # Errors
    /// - [`RuntimeError::PanicAborts`]: the program was compiled such that no panic is survived, and that
    ///   was not [accepted](Self::accept_panic_abort).
    /// - [`RuntimeError::InsideAsync`]: called inside another asynchronous runtime, whose thread it would
    ///   block.
    /// - [`RuntimeError::Start`]: the system refused what the thread needs.
    pub fn build(self) -> Result<SingleThread, RuntimeError> {
        panics_are_survived(PANIC_ABORTS, self.accepts_abort)?;
        SingleThread::start(self.paused, self.seed, self.driver, self.tracks_addresses)
    }
}

impl std::fmt::Debug for SingleThreadBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SingleThreadBuilder")
            .field("paused", &self.paused)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// Whether a panic ends the process. A profile, or the flags of the compiler, decide so for the whole
/// program, and with it for this crate.
const PANIC_ABORTS: bool = cfg!(panic = "abort");

fn panics_are_survived(aborts: bool, is_accepted: bool) -> Result<(), RuntimeError> {
    match aborts && !is_accepted {
        true => Err(RuntimeError::PanicAborts),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{RuntimeError, panics_are_survived};

    #[test]
    fn a_program_whose_panics_abort_is_refused_unless_that_is_accepted() {
        let refused = panics_are_survived(true, false);
        assert!(matches!(refused, Err(RuntimeError::PanicAborts)));
        for (aborts, is_accepted) in [(true, true), (false, false), (false, true)] {
            assert!(panics_are_survived(aborts, is_accepted).is_ok());
        }
    }
}
