//! The bucket of tokens, as a pure state. Times are nanoseconds since it was made.
//!
//! All is counted in units of which a nanosecond brings `events` and a token costs `nanos`, so that a rate
//! of three in a second is as exact as one of ten. Where a number would not fit, the bucket has less: it
//! never lets through more than it should.

use std::time::Duration;

use super::limit::{Limit, Rate};

/// The longest wait that is given, 292 years. What is later is never.
const FAR: u128 = i64::MAX as u128;

pub(super) struct Bucket {
    limit: Limit,
    burst: usize,
    /// In units of the limit. Below zero, so much has been promised.
    credit: i128,
    /// When the credit was counted.
    counted: u128,
    /// The latest time that was promised, unless that was given back.
    last: Moment,
}

/// A time, exactly: `part` is of the `events` units that a nanosecond brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Moment {
    nanos: u128,
    part: u64,
}

impl Moment {
    /// The first whole nanosecond that is not before it: nobody is early.
    fn rounded_up(self) -> u128 {
        self.nanos + u128::from(self.part > 0)
    }
}

/// Tokens that were taken for a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Booked {
    tokens: usize,
    at: Moment,
    limit: Limit,
}

impl Booked {
    /// When they may be used.
    pub(super) fn at(&self) -> u128 {
        self.at.rounded_up()
    }

    pub(super) fn tokens(&self) -> usize {
        self.tokens
    }
}

/// Why nothing was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TooLarge { asked: usize, burst: usize },
    TooLate { wait: Duration },
    Never,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(limit: Limit, burst: usize) -> Self {
        let mut bucket = Self {
            limit,
            burst,
            credit: 0,
            counted: 0,
            last: Moment { nanos: 0, part: 0 },
        };
        bucket.credit = bucket.capacity();
        bucket
    }

    /// Takes tokens for the first time at which they are there, unless that is later than `until`.
    pub(super) fn reserve(
        &mut self,
        now: u128,
        tokens: usize,
        until: Option<u128>,
    ) -> Result<Booked, Refusal> {
        self.count(now);
        let now = self.counted;
        let mut booked = Booked {
            tokens,
            at: Moment {
                nanos: now,
                part: 0,
            },
            limit: self.limit,
        };
        let Rate::Finite { events, nanos } = self.limit.rate() else {
            return Ok(booked);
        };
        if tokens > self.burst {
            let (asked, burst) = (tokens, self.burst);
            return Err(Refusal::TooLarge { asked, burst });
        }
        let left = cost(tokens, nanos).and_then(|cost| self.credit.checked_sub(cost));
        let left = left.ok_or(Refusal::Never)?;
        if left < 0 {
            let (whole, part) = divide(left.unsigned_abs(), events).ok_or(Refusal::Never)?;
            booked.at = Moment {
                nanos: now + whole,
                part,
            };
        }
        let wait = booked.at.rounded_up() - now;
        let wait = match u64::try_from(wait) {
            Ok(wait) if u128::from(wait) <= FAR => Duration::from_nanos(wait),
            _ => return Err(Refusal::Never),
        };
        if until.is_some_and(|until| booked.at.rounded_up() > until.max(now)) {
            return Err(Refusal::TooLate { wait });
        }
        self.credit = left;
        self.last = booked.at;
        Ok(booked)
    }

    /// Gives tokens back that will not be used: those that nobody after them counts upon.
    ///
    /// The wrong version gives all of them back: with one token each second, of which those of second 1 and
    /// 2 are promised, a cancel of the first would promise second 2 again, and two go at once.
    pub(super) fn cancel(&mut self, now: u128, booked: &Booked) {
        let (Rate::Finite { events, nanos }, Rate::Finite { nanos: own, .. }) =
            (booked.limit.rate(), self.limit.rate())
        else {
            return;
        };
        self.count(now);
        let now = self.counted;
        if booked.at.rounded_up() < now {
            return;
        }
        let Some(cost) = cost(booked.tokens, nanos) else {
            return;
        };
        let later = self.promised_after(booked, events);
        let back = later.and_then(|later| cost.checked_sub(later));
        let Some(back) = back.filter(|back| *back > 0) else {
            return;
        };
        let back = rescaled(back, nanos, own);
        self.credit = self.credit.saturating_add(back).min(self.capacity());
        if booked.at == self.last {
            let before = divide(cost.unsigned_abs(), events)
                .and_then(|(whole, part)| earlier(booked.at, whole, part, events));
            if let Some(before) = before.filter(|before| before.nanos >= now) {
                self.last = before;
            }
        }
    }

    pub(super) fn set_limit(&mut self, now: u128, limit: Limit) {
        self.count(now);
        self.last = Moment {
            nanos: self.last.rounded_up(),
            part: 0,
        };
        let before = std::mem::replace(&mut self.limit, limit);
        self.credit = match (before.rate(), limit.rate()) {
            (Rate::Finite { nanos: before, .. }, Rate::Finite { nanos, .. }) => {
                rescaled(self.credit, before, nanos).min(self.capacity())
            }
            // Under no limit it is always full.
            _ => self.capacity(),
        };
    }

    /// Changes how many tokens the bucket holds. A larger one fills with time.
    pub(super) fn set_burst(&mut self, now: u128, burst: usize) {
        self.count(now);
        self.burst = burst;
        self.credit = self.credit.min(self.capacity());
    }

    pub(super) fn limit(&self) -> Limit {
        self.limit
    }

    pub(super) fn burst(&self) -> usize {
        self.burst
    }

    /// Returns how many whole tokens are there.
    pub(super) fn tokens(&mut self, now: u128) -> usize {
        self.count(now);
        let Rate::Finite { nanos, .. } = self.limit.rate() else {
            return self.burst;
        };
        let whole = self.credit.max(0).unsigned_abs() / nanos;
        usize::try_from(whole).map_or(self.burst, |whole| whole.min(self.burst))
    }

    /// Adds what the time since the last count has brought. A time before that brings nothing.
    fn count(&mut self, now: u128) {
        let Some(elapsed) = now.checked_sub(self.counted) else {
            return;
        };
        self.counted = now;
        if let Rate::Finite { events, .. } = self.limit.rate() {
            let gain = elapsed
                .checked_mul(u128::from(events))
                .and_then(|gain| i128::try_from(gain).ok())
                .unwrap_or(i128::MAX);
            self.credit = self.credit.saturating_add(gain).min(self.capacity());
        }
    }

    fn capacity(&self) -> i128 {
        match self.limit.rate() {
            Rate::Infinite => 0,
            Rate::Finite { nanos, .. } => cost(self.burst, nanos).unwrap_or(i128::MAX),
        }
    }

    /// What was promised after this, in units of its limit.
    fn promised_after(&self, booked: &Booked, events: u64) -> Option<i128> {
        let whole = |from: u128, to: u128| {
            let units = to.saturating_sub(from).checked_mul(u128::from(events))?;
            i128::try_from(units).ok()
        };
        if self.last <= booked.at {
            return Some(0);
        }
        if booked.limit == self.limit {
            let parts = i128::from(self.last.part) - i128::from(booked.at.part);
            whole(booked.at.nanos, self.last.nanos)?.checked_add(parts)
        } else {
            // The parts are of different units.
            whole(booked.at.nanos, self.last.rounded_up())
        }
    }
}

fn cost(tokens: usize, nanos: u128) -> Option<i128> {
    let units = (tokens as u128).checked_mul(nanos)?;
    i128::try_from(units).ok()
}

/// The time in which so many units come: whole nanoseconds, and a part of one.
fn divide(units: u128, events: u64) -> Option<(u128, u64)> {
    let whole = units.checked_div(u128::from(events))?;
    // Less than `events`, which is a u64.
    let part = (units % u128::from(events)) as u64;
    (whole <= FAR).then_some((whole, part))
}

fn earlier(at: Moment, whole: u128, part: u64, events: u64) -> Option<Moment> {
    let nanos = at.nanos.checked_sub(whole)?;
    if part <= at.part {
        let part = at.part - part;
        return Some(Moment { nanos, part });
    }
    let nanos = nanos.checked_sub(1)?;
    let part = events - (part - at.part);
    Some(Moment { nanos, part })
}

/// The same tokens in units of another limit, rounded down.
fn rescaled(units: i128, from: u128, to: u128) -> i128 {
    // Both are numbers of nanoseconds of a `Duration`, or smaller, and fit.
    let (from, to) = (from as i128, to as i128);
    let (whole, rest) = (units.div_euclid(from), units.rem_euclid(from));
    let part = rest.checked_mul(to).map_or(0, |rest| rest / from);
    whole.saturating_mul(to).saturating_add(part)
}

#[cfg(test)]
mod tests;
