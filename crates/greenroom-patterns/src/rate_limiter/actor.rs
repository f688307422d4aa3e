//! The owner of the bucket.

use std::time::{Duration, Instant};

use greenroom_actor::{Actor, ActorContext, Handler, Kept};
use greenroom_core::current;

use super::error::WaitError;
use super::handle::{Booking, View};
use super::message::{Cancel, Look, Reserve, SetBurst, SetLimit, Until};
use super::state::{Bucket, Refusal};

/// A bucket, and the time from which it counts.
pub(super) struct Timed {
    bucket: Bucket,
    start: Instant,
}

impl Timed {
    pub(super) fn new(bucket: Bucket, start: Instant) -> Self {
        Self { bucket, start }
    }

    fn nanos(&self, at: Instant) -> u128 {
        at.saturating_duration_since(self.start).as_nanos()
    }

    fn now(&self) -> u128 {
        self.nanos(current::now())
    }

    fn instant(&self, nanos: u128) -> Option<Instant> {
        let since = Duration::from_nanos(u64::try_from(nanos).ok()?);
        self.start.checked_add(since)
    }
}

/// Owns the bucket of one limiter, and promises its tokens in order.
pub(super) struct Owner(pub(super) Kept<Timed>);

impl Actor for Owner {}

impl Handler<Reserve> for Owner {
    type Reply = Result<Booking, WaitError>;

    async fn handle(&mut self, message: Reserve, _cx: &mut ActorContext<Self>) -> Self::Reply {
        let Reserve {
            tokens,
            until,
            limiter,
        } = message;
        let timed = &mut *self.0;
        let now = timed.now();
        let until = match until {
            Until::Now => Some(now),
            Until::Deadline(at) => Some(timed.nanos(at)),
            Until::Whenever => None,
        };
        let booked = timed.bucket.reserve(now, tokens, until)?;
        match timed.instant(booked.at()) {
            Some(at) => Ok(Booking::new(limiter, booked, at)),
            None => {
                timed.bucket.cancel(now, &booked);
                Err(Refusal::Never.into())
            }
        }
    }
}

impl Handler<Cancel> for Owner {
    type Reply = ();

    async fn handle(&mut self, Cancel(booked): Cancel, _cx: &mut ActorContext<Self>) {
        let now = self.0.now();
        self.0.bucket.cancel(now, &booked);
    }
}

impl Handler<SetLimit> for Owner {
    type Reply = ();

    async fn handle(&mut self, SetLimit(limit): SetLimit, _cx: &mut ActorContext<Self>) {
        let now = self.0.now();
        self.0.bucket.set_limit(now, limit);
    }
}

impl Handler<SetBurst> for Owner {
    type Reply = ();

    async fn handle(&mut self, SetBurst(burst): SetBurst, _cx: &mut ActorContext<Self>) {
        let now = self.0.now();
        self.0.bucket.set_burst(now, burst);
    }
}

impl Handler<Look> for Owner {
    type Reply = View;

    async fn handle(&mut self, _: Look, _cx: &mut ActorContext<Self>) -> View {
        let now = self.0.now();
        let bucket = &mut self.0.bucket;
        View {
            limit: bucket.limit(),
            burst: bucket.burst(),
            tokens: bucket.tokens(now),
        }
    }
}
