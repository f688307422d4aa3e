//! Supervised actors, scopes and the runtime of greenroom, on actix.

mod actor;
mod address;
mod blocking;
mod dead_letter;
mod engine;
mod hub;
pub mod interop;
mod latch;
pub mod link;
mod mailbox;
#[cfg(all(test, greenroom_model))]
mod model;
pub mod monitor;
mod reply;
mod runtime;
mod scope;
mod signals;
mod station;
pub mod supervision;
mod sync;
mod tally;
mod work;

pub use actor::{Actor, ActorContext, Handler, HandlerLater, TimerError, TimerId};
pub use address::{
    Address, AskBlockingError, AskError, ClosedError, Recipient, Redelivered, TellBlockingError,
    TellError, TryTellError, WeakAddress, WeakRecipient,
};
pub use blocking::blocking;
pub use dead_letter::{DeadLetter, DeadLetters, Undelivered};
pub use link::{Exit, Link};
pub use mailbox::Overflow;
pub use monitor::{Down, Monitor};
pub use reply::ReplyTo;
pub use runtime::{
    Alive, ArmedTimer, Builder, Ending, Held, HeldKind, HowEnded, Living, LookupError, Placement,
    Runtime, RuntimeError, ShutdownReport, SingleThread, SingleThreadBuilder, Stuck, Taker,
};
pub use scope::{
    Branch, CollectedErrors, IdleError, JoinError, JoinHandle, OnError, Place, Scope, ScopeError,
};
pub use signals::{Signal, WithSignals};
pub use supervision::{ActorBuilder, Kept, Restart, SpawnError, Strategy, Supervisor};
