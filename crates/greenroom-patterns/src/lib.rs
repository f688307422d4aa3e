//! Go's concurrency patterns, as scoped tasks and supervised actors that communicate only by messages.
//!
//! Every pattern starts its tasks in a [`Scope`](greenroom_actor::Scope), so that none outlives it.
//! These tasks do not count under the [limit](greenroom_actor::Scope::set_limit) of the scope.

pub mod broadcast;
pub mod cache;
pub mod fan;
mod flow;
pub mod generate;
pub mod pipeline;
pub mod router;
pub mod state;
pub mod wait_group;
pub mod worker_pool;

/// What most programs need, for `use greenroom_patterns::prelude::*`.
pub mod prelude {
    pub use crate::broadcast::{Broadcast, Slow, Subscription, broadcast};
    pub use crate::cache::{Cache, cache};
    pub use crate::fan::{fan_out, merge};
    pub use crate::generate::generate;
    pub use crate::pipeline::{Pipeline, stage};
    pub use crate::router::{Route, Router, router};
    pub use crate::state::State;
    pub use crate::wait_group::WaitGroup;
    pub use crate::worker_pool::{WorkerPool, pool};
}
