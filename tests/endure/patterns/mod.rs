//! The patterns, a file for each.

use crate::frame::Pattern;

macro_rules! patterns {
    ($($name:ident),* $(,)?) => {
        &[$(Pattern {
            name: stringify!($name),
            round: |scope, round| Box::pin($name::round(scope, round)),
            flow: |scope, flow| Box::pin($name::flow(scope, flow)),
        }),*]
    };
}

mod actors;
mod broadcast;
mod cache;
mod channel;
mod context;
mod dynamic;
mod fan;
mod generate;
mod mutex;
mod once;
mod pipeline;
mod pool;
mod rate_limiter;
mod router;
mod rw_mutex;
mod scopes;
mod select;
mod semaphore;
mod single_flight;
mod state;
mod task_group;
mod wait_group;
mod watch;
mod worker_pool;

/// All of them, in the order in which they are run.
pub(crate) const ALL: &[Pattern] = patterns![
    channel,
    select,
    context,
    watch,
    generate,
    fan,
    pipeline,
    state,
    wait_group,
    worker_pool,
    mutex,
    rw_mutex,
    semaphore,
    task_group,
    pool,
    broadcast,
    single_flight,
    once,
    rate_limiter,
    cache,
    router,
    dynamic,
    actors,
    scopes,
];
