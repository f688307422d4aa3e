//! Errors of runtimes.

use std::io;

use greenroom_core::error::NameError;

/// Why a runtime could not be started or used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The system refused a thread, or what a thread needs.
    #[error("the runtime could not be started")]
    Start(#[source] io::Error),
    /// Zero arbiters would run nothing.
    #[error("a runtime needs at least 1 arbiter")]
    NoArbiters,
    /// The program was compiled with `panic = "abort"`: no panic would be survived, and supervisors would
    /// not see one. Compile it with `panic = "unwind"`, or accept that by
    /// [`Builder::accept_panic_abort`](crate::Builder::accept_panic_abort).
    #[error(
        "the program was compiled with `panic = \"abort\"`, so that no panic is survived: use `panic = \"unwind\"`, or `accept_panic_abort` of the builder"
    )]
    PanicAborts,
    /// The call blocks its thread, and was made on one that runs tasks. Await
    /// [`Runtime::scope`](crate::Runtime::scope) instead.
    #[error(
        "`block_on` called on an arbiter, which it would block: await `runtime.scope(..)` instead"
    )]
    OnArbiter,
    /// A single-threaded runtime blocks its thread, which runs another asynchronous runtime already.
    #[error(
        "a single-threaded runtime inside asynchronous code, whose thread it would block: use a `Runtime`"
    )]
    InsideAsync,
    /// A single-threaded runtime runs only inside the `block_on` of its own
    /// [`SingleThread`](crate::SingleThread).
    #[error(
        "a single-threaded runtime runs on its own thread: call `block_on` of the `SingleThread`"
    )]
    NeedsItsThread,
}

/// Why a look-up gave no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LookupError {
    /// The text is not a name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No living actor has the name.
    #[error("no actor has the name {0:?}")]
    NotFound(String),
    /// The actor of that name has another type.
    #[error("the actor {name:?} is a {found}")]
    OtherType {
        /// The name that was looked up.
        name: String,
        /// The type of the actor that has it.
        found: &'static str,
    },
}
