//! What the owner of the bucket is sent.

use std::time::Instant;

use super::handle::RateLimiter;
use super::limit::Limit;
use super::state::Booked;

/// Takes tokens for the first time at which they are there.
pub(super) struct Reserve {
    pub(super) tokens: usize,
    pub(super) until: Until,
    /// For the booking: one that nobody takes is cancelled.
    pub(super) limiter: RateLimiter,
}

/// How late the tokens may be.
pub(super) enum Until {
    Now,
    Deadline(Instant),
    Whenever,
}

/// Gives back what will not be used.
pub(super) struct Cancel(pub(super) Booked);

/// Changes how often.
pub(super) struct SetLimit(pub(super) Limit);

/// Changes how many at once.
pub(super) struct SetBurst(pub(super) usize);

/// Asks how things stand.
pub(super) struct Look;
