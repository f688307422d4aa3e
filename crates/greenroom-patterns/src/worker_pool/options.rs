//! How a pool is described.

/// Describes a pool: one worker, a queue of 64 jobs.
///
/// The name is the registry's group of the workers.
///
/// # Examples
/// ```
/// # use greenroom_patterns::worker_pool::pool;
/// let resize = pool("resize").workers(4).queue(100);
/// # let _ = resize;
/// ```
pub const fn pool(name: &'static str) -> PoolOptions {
    PoolOptions {
        name,
        workers: 1,
        queue: 64,
    }
}

/// The description of a pool. Made by [`pool`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a description does nothing until a pool is spawned"]
pub struct PoolOptions {
    pub(super) name: &'static str,
    pub(super) workers: usize,
    pub(super) queue: usize,
}

impl PoolOptions {
    /// Sets how many jobs run at a time. More than one worker are spread over the arbiters. Zero is
    /// refused when the pool is spawned.
    pub const fn workers(mut self, count: usize) -> Self {
        self.workers = count;
        self
    }

    /// Sets how many jobs wait at most, before a submit waits. With 0 a submit ends when a worker takes
    /// the job.
    pub const fn queue(mut self, capacity: usize) -> Self {
        self.queue = capacity;
        self
    }
}
