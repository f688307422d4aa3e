//! Go's concurrency patterns as supervised Rust actors that communicate only by messages.
//!
//! This crate re-exports the parts: the kernel ([`context`], [`channel`], [`registry`]), scopes, actors
//! and the [`Runtime`], and the [`patterns`].

pub use greenroom_actor::*;
pub use greenroom_core::{
    Context, Driver, ExitReason, Failure, Id, Name, Panic, Result, channel, context, current,
    driver, error, registry, select, task, time, watch,
};
pub use greenroom_patterns as patterns;

/// What most programs need, for `use greenroom::prelude::*`.
pub mod prelude {
    pub use greenroom_actor::{
        Actor, ActorContext, Address, AskError, Handler, HandlerLater, JoinHandle, Kept, Placement,
        Recipient, ReplyTo, Restart, Runtime, Scope, Signal, SpawnError, WithSignals, blocking,
    };
    pub use greenroom_core::time::{Durations, after, sleep};
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
