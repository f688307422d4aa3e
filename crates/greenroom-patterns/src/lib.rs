//! Go's concurrency patterns, as scoped tasks and supervised actors that communicate only by messages.
//!
//! Every pattern starts its tasks in a [`Scope`](greenroom_actor::Scope), so that none outlives it.
//! These tasks do not count under the [limit](greenroom_actor::Scope::set_limit) of the scope.

mod caught;
pub mod fan;
mod flow;
pub mod generate;
pub mod pipeline;
pub mod pool;
pub mod state;
pub mod wait_group;
pub mod worker_pool;

/// What most programs need, for `use greenroom_patterns::prelude::*`.
pub mod prelude {
    pub use crate::fan::{fan_out, merge};
    pub use crate::generate::generate;
    pub use crate::pipeline::{Pipeline, stage};
    pub use crate::pool::{Pool, pool_from, pool_of};
    pub use crate::state::State;
    pub use crate::wait_group::WaitGroup;
    pub use crate::worker_pool::{WorkerPool, pool};
}
