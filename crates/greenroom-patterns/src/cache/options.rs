//! How a cache is described.

use std::time::Duration;

/// Describes a cache: 1024 entries at most, which live until they are the oldest.
///
/// # Examples
/// ```
/// # use greenroom_patterns::cache::cache;
/// use greenroom_core::time::Durations;
/// let sessions = cache().capacity(10_000).time_to_live(60.secs());
/// # let _ = sessions;
/// ```
pub const fn cache() -> CacheOptions {
    CacheOptions {
        capacity: 1024,
        time_to_live: None,
    }
}

/// The description of a cache. Made by [`cache()`].
#[derive(Clone, Copy, Debug)]
#[must_use = "a description does nothing until a cache is spawned"]
pub struct CacheOptions {
    pub(super) capacity: usize,
    pub(super) time_to_live: Option<Duration>,
}

impl CacheOptions {
    /// Sets how many entries it holds at most. One more takes the place of the one that was written
    /// longest ago; reads do not count, since they are no messages. Zero is refused when the cache is
    /// spawned.
    pub const fn capacity(mut self, entries: usize) -> Self {
        self.capacity = entries;
        self
    }

    /// Sets for how long after its write an entry is read, on the runtime's clock. Zero is refused when
    /// the cache is spawned.
    pub const fn time_to_live(mut self, time: Duration) -> Self {
        self.time_to_live = Some(time);
        self
    }
}
