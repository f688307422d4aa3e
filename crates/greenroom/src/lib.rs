//! Go's concurrency patterns as supervised Rust actors that communicate only by messages.
//!
//! # Getting started
//! ```
//! use greenroom::prelude::*;
//!
//! struct Greeter;
//! struct Greet(&'static str);
//! impl Actor for Greeter {}
//! impl Handler<Greet> for Greeter {
//!     type Reply = String;
//!     async fn handle(&mut self, Greet(name): Greet, _cx: &mut ActorContext<Self>) -> String {
//!         format!("hello, {name}")
//!     }
//! }
//!
//! fn main() -> greenroom::Result<()> {
//!     Runtime::new()?.block_on(|scope| async move {
//!         // An actor, supervised: after a panic it is built anew.
//!         let greeter = scope.spawn(|| Greeter).await?;
//!         // A task: Go's `go`. It cannot outlive the scope, and its error ends the scope.
//!         let (tx, rx) = channel::rendezvous();
//!         scope.go(async move { Ok(tx.send(greeter.ask(Greet("gopher")).await?).await?) });
//!         // Whatever is ready first, or the time-out.
//!         select! {
//!             greeting = rx.recv() => assert_eq!(greeting?, "hello, gopher"),
//!             after(5.secs()) => return Err(Failure::message("nobody greets")),
//!         }
//!         Ok(())
//!     })
//! }
//! ```
//!
//! # The map
//! | To | Look at |
//! | --- | --- |
//! | start a runtime, in a sync `main` or inside another executor | [`Runtime`], [`SingleThread`] for tests |
//! | start tasks and actors, and end them together | [`Scope`] |
//! | write an actor | [`Actor`], [`Handler`], [`ActorContext`] |
//! | reach one | [`Address`], [`Recipient`] |
//! | send values | [`channel`], [`select!`], [`watch`] |
//! | cancel, set a deadline, carry a value | [`Context`], [`WithSignals`] for Ctrl-C |
//! | wait for one of n channels | [`Select`](select::Select) |
//! | wait for time, once or again and again | [`time`] |
//! | use Go's patterns | [`patterns`] |
//! | see who lives and what waits | [`registry`], [`Runtime::snapshot`], [`Runtime::alive`], [`Runtime::assert_no_leaks`], [`Runtime::wait_graph`], [`Runtime::stuck`] |
//! | decide what becomes of a failure | [`Restart`], [`supervision`] |
//! | hear of the end of another, or end with it | [`monitor`], [`link`] |
//! | restart several together, in trees | [`Supervisor`], [`supervision`] |
//! | meet actix, tower and futures | [`interop`] |
//! | own the schedule and the clock | [`Driver`] |
//!
//! # Panics
//! Each kind of panic of user code is survived and told; [`supervision`] has a table of where. A destructor
//! that panics during another panic ends the process, by Rust's own rule, and so does any panic in a
//! program built with `panic = "abort"`, which a [`Runtime`] refuses unless told to accept it.
//!
//! # The patterns
//! | Go | Look at |
//! | --- | --- |
//! | `chan T`, `select`, `context` | [`channel`], [`select!`] and [`Select`](select::Select), [`Context`] |
//! | a function that returns a channel | [`generate`](patterns::generate) |
//! | a pipeline of such functions | [`pipeline`](patterns::pipeline) |
//! | fan-out, fan-in | [`fan`](patterns::fan) |
//! | workers on one channel of jobs | [`WorkerPool`](patterns::worker_pool::WorkerPool) |
//! | `sync.WaitGroup` | [`WaitGroup`](patterns::wait_group::WaitGroup) |
//! | `errgroup.Group` | [`TaskGroup`](patterns::task_group::TaskGroup) |
//! | `sync.Once`, `sync.OnceValue` | [`Once`](patterns::once::Once) |
//! | `singleflight.Group` | [`SingleFlight`](patterns::single_flight::SingleFlight) |
//! | `semaphore.Weighted` | [`Semaphore`](patterns::semaphore::Semaphore) |
//! | `rate.Limiter` | [`RateLimiter`](patterns::rate_limiter::RateLimiter) |
//! | a loop around `time.Sleep` | [`retry`](patterns::retry) |
//! | `time.Ticker`, `time.Timer`, `time.AfterFunc` | [`time::tick`], [`time::timer`], [`time::sleep`] in a task |
//! | the goroutine that owns a map | [`State`](patterns::state::State) |
//! | `sync.Mutex` | [`Mutex`](patterns::mutex::Mutex) |
//! | `sync.RWMutex` | [`RwMutex`](patterns::rw_mutex::RwMutex) |
//! | `sync.Cond` | [`Condition`](patterns::condition::Condition) |
//! | `sync.Pool` | [`Pool`](patterns::pool::Pool) |
//! | a map behind an `RWMutex`, `sync.Map` | [`Cache`](patterns::cache::Cache) |
//! | a loop that sends to each channel of a list | [`Broadcast`](patterns::broadcast::Broadcast) |
//! | `chans[hash(key)%n] <- v` | [`Router`](patterns::router::Router) |
//!
//! The crates behind it: `greenroom-core` (the kernel; knows no actor and no executor),
//! `greenroom-actor` (actors, scopes and the runtime, on actix), `greenroom-patterns`.

pub use greenroom_actor::*;
pub use greenroom_core::{
    Context, Driver, ExitReason, Failure, Id, Name, Panic, Result, channel, context, current,
    driver, error, registry, select, task, time, watch,
};
pub use greenroom_patterns as patterns;

/// What most programs need, for `use greenroom::prelude::*`.
pub mod prelude {
    pub use greenroom_actor::{
        Actor, ActorContext, Address, AskError, Down, Exit, Handler, HandlerLater, JoinHandle,
        Kept, Monitor, Placement, Recipient, ReplyTo, Restart, Runtime, Scope, Signal, SpawnError,
        WithSignals, blocking,
    };
    pub use greenroom_core::select::Select;
    pub use greenroom_core::time::{Durations, after, sleep, tick, timer};
    pub use greenroom_core::{Context, ExitReason, Failure, Result, channel, select};
    pub use greenroom_patterns::prelude::*;
}

// Runs the program in the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// What does nothing until it is awaited is an error to forget.
///
/// ```
/// #![deny(unused_must_use)]
/// # use greenroom::prelude::*;
/// # struct Hit; struct Counter; impl Actor for Counter {}
/// # impl Handler<Hit> for Counter {
/// #     type Reply = ();
/// #     async fn handle(&mut self, _: Hit, _cx: &mut ActorContext<Self>) {}
/// # }
/// async fn remembered(counter: &Address<Counter>) {
///     let _ = counter.ask(Hit).await;
///     let _ = counter.tell(Hit).await;
///     let _ = sleep(1.secs()).await;
/// }
/// ```
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use greenroom::prelude::*;
/// # struct Hit; struct Counter; impl Actor for Counter {}
/// # impl Handler<Hit> for Counter {
/// #     type Reply = ();
/// #     async fn handle(&mut self, _: Hit, _cx: &mut ActorContext<Self>) {}
/// # }
/// async fn forgotten(counter: &Address<Counter>) {
///     counter.ask(Hit);
/// }
/// ```
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use greenroom::prelude::*;
/// # struct Hit; struct Counter; impl Actor for Counter {}
/// # impl Handler<Hit> for Counter {
/// #     type Reply = ();
/// #     async fn handle(&mut self, _: Hit, _cx: &mut ActorContext<Self>) {}
/// # }
/// async fn forgotten(counter: &Address<Counter>) {
///     counter.tell(Hit);
/// }
/// ```
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use greenroom::prelude::*;
/// async fn forgotten() {
///     sleep(1.secs());
/// }
/// ```
/// ```compile_fail
/// #![deny(unused_must_use)]
/// # use greenroom::prelude::*;
/// async fn forgotten(runtime: &Runtime) {
///     runtime.scope(|_scope| async { Ok(()) });
/// }
/// ```
#[cfg(doctest)]
struct Forgotten;
