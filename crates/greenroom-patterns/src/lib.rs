//! Go's concurrency patterns, as scoped tasks and supervised actors that communicate only by messages.
//!
//! Every pattern starts its tasks in a [`Scope`](greenroom_actor::Scope), so that none outlives it.
//! These tasks do not count under the [limit](greenroom_actor::Scope::set_limit) of the scope.

pub mod broadcast;
pub mod cache;
mod caught;
pub mod condition;
mod detached;
pub mod fan;
mod flow;
pub mod generate;
mod lease;
pub mod mutex;
pub mod once;
pub mod pipeline;
pub mod pool;
pub mod rate_limiter;
pub mod retry;
pub mod router;
pub mod rw_mutex;
pub mod semaphore;
pub mod single_flight;
pub mod state;
pub mod task_group;
pub mod wait_group;
pub mod worker_pool;

/// What most programs need, for `use greenroom_patterns::prelude::*`.
///
/// Names in lower case describe what is to be spawned: [`stage`](prelude::stage) a stage,
/// [`pool`](prelude::pool()) a worker pool, [`pool_of`](prelude::pool_of) a pool of items. A variable of the
/// same name hides the function from there on, so call it after what it holds: `let users =
/// Cache::spawn(&scope, cache()).await?`.
pub mod prelude {
    pub use crate::broadcast::{Broadcast, Slow, Subscription, broadcast};
    pub use crate::cache::{Cache, cache};
    pub use crate::condition::Condition;
    pub use crate::fan::{fan_out, merge};
    pub use crate::generate::generate;
    pub use crate::mutex::{Lease, Mutex, mutex};
    pub use crate::once::Once;
    pub use crate::pipeline::{Pipeline, stage};
    pub use crate::pool::{Pool, pool_from, pool_of};
    pub use crate::rate_limiter::{Limit, RateLimiter};
    pub use crate::retry::{Backoff, RetryPolicy, retry};
    pub use crate::router::{Route, Router, router};
    pub use crate::rw_mutex::{RwMutex, rw_mutex};
    pub use crate::semaphore::{Permit, Semaphore};
    pub use crate::single_flight::SingleFlight;
    pub use crate::state::State;
    pub use crate::task_group::TaskGroup;
    pub use crate::wait_group::WaitGroup;
    pub use crate::worker_pool::{WorkerPool, pool};
}
