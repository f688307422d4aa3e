//! What becomes of an actor that fails.
//!
//! # Panics
//! A panic of user code costs what panicked, and is told in one place. It ends no arbiter, and no other
//! actor or task. What is queued stays, and the rebuilt actor serves it. A [`Panic`](greenroom_core::Panic)
//! has the text or the payload, whose panic it was, where that was spawned, and what it was doing.
//!
//! | Where the panic is | Where it shows | `doing` |
//! | --- | --- | --- |
//! | a handler, before or after an await; the drop of its future | the asker's [`AskError::Panicked`](crate::AskError::Panicked), unless it was answered; the actor's exit reason | the type of the message |
//! | a timer's or an interval's message, an item of a stream | the actor's exit reason | the type of the message |
//! | the closure of an interval; a stream, its closure or its drop | the actor's exit reason | `timer`, `stream` |
//! | the factory, `started` | [`SpawnError::Panicked`] at the first start, else the actor's exit reason | `factory`, `started` |
//! | `stopping`, `stopped`, the drop of the state | the actor's exit reason, unless an earlier panic has it | `stopping`, `stopped`, `drop of the state` |
//! | a task, its closure, the drop of its future | [`JoinError::Panicked`](crate::JoinError::Panicked), and the error of its scope | `future`, `blocking job`, `drop of a future` |
//! | the body of a scope | the error of the scope | `scope body` |
//! | the arm of a select | that of the task or handler that waits | |
//! | an after-function of a context | stray | `after-function` |
//! | the drop of a message that is not handled, of a reply, a result or a channel's value that nobody takes | stray | its type |
//! | the drop of a factory, of kept state, of a timer, of a context's value, of an error, of a cause, of a waker | stray | `drop of ..` |
//! | the second panic of one end, such as the drop of the state after a handler's | stray | as above |
//! | the drop of a payload; a waker that panics as it wakes | the panic hook | |
//! | `Display`, `Debug` or `source` of an error | in the text, in place of the error's own | |
//!
//! The actor's exit reason is what [`Address::closed`](crate::Address::closed) gives and a supervisor
//! decides on; one that is given up is the error of its scope. A stray panic has nobody who waits for it:
//! it is in the [`ShutdownReport`](crate::ShutdownReport), which keeps the first 1024 of each arbiter. What
//! is dropped outside the runtime's threads is told by the panic hook alone, as is all of the above too.
//!
//! # What is not survived
//! - A destructor that panics while another panic unwinds the thread ends the process: that is Rust's own
//!   rule. It is so for what a handler, a task or one value of yours holds in its own hands: its
//!   locals, fields and captures. What the kernel holds for you is dropped apart, each value in a catch of its own:
//!   states, messages, replies, what is in a channel, values of contexts.
//! - With `panic = "abort"` in the profile the first panic ends the process. Building a runtime is refused
//!   there with [`RuntimeError::PanicAborts`](crate::RuntimeError::PanicAborts), unless
//!   [`accept_panic_abort`](crate::Builder::accept_panic_abort) was called; then supervisors restart what
//!   has failed or ended, and nothing else.
//! - A stack that overflows, memory that runs out and a panic hook that panics end the process too.

mod apart;
mod back_off;
mod child;
mod decide;
mod job;
mod kept;
mod leash;
mod life;
mod serve;
mod spawn;
mod supervisor;

pub(crate) use apart::Apart;
pub(crate) use leash::Leash;

pub use back_off::BackOff;
pub use child::{Child, IntoChild, child, keeper, task};
pub use decide::{
    Action, AutoShutdown, Intensity, Member, Plan, Policy, Restart, Standing, Strategy, decide,
    plan,
};
pub use kept::Kept;
pub use spawn::{ActorBuilder, SpawnError};
pub use supervisor::{
    ChildCount, ChildError, ChildStatus, DynamicBuilder, DynamicSupervisor, GaveUp, Nested,
    RootPolicy, SpecError, StartError, Supervisor, SupervisorBuilder, supervisor,
};
