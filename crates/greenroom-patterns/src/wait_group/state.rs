//! The counter and its waiters, as a pure state.

use super::error::DoneError;

/// A counter, and those to answer at zero.
pub(super) struct Count<W> {
    // Each add brings a machine word at most, so that it cannot overflow in a life.
    members: u128,
    waiters: Vec<W>,
    /// At this number of waiters those that gave up are looked for.
    sweep_at: usize,
}

const SWEEP: usize = 16;

impl<W> Count<W> {
    pub(super) fn new() -> Self {
        Self {
            members: 0,
            waiters: Vec::new(),
            sweep_at: SWEEP,
        }
    }

    pub(super) fn add(&mut self, members: usize) {
        self.members += members as u128;
    }

    /// Counts one as done, and returns who is to be answered now.
    pub(super) fn done(&mut self) -> Result<Vec<W>, DoneError> {
        self.members = self.members.checked_sub(1).ok_or(DoneError::NotAMember)?;
        match self.members {
            0 => Ok(std::mem::take(&mut self.waiters)),
            _ => Ok(Vec::new()),
        }
    }

    /// Keeps a waiter until the counter is zero, or gives it back if it is. Those that `has_left` tells
    /// of are dropped now and then, so that they do not pile up.
    pub(super) fn wait(&mut self, waiter: W, has_left: impl Fn(&W) -> bool) -> Option<W> {
        if self.members == 0 {
            return Some(waiter);
        }
        if self.waiters.len() >= self.sweep_at {
            self.waiters.retain(|waiter| !has_left(waiter));
            self.sweep_at = (2 * self.waiters.len()).max(SWEEP);
        }
        self.waiters.push(waiter);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiters_are_answered_at_zero_and_not_before() {
        let mut count = Count::new();
        assert_eq!(count.wait('a', |_| false), Some('a'));
        count.add(2);
        assert_eq!(count.wait('b', |_| false), None);
        assert_eq!(count.wait('c', |_| false), None);
        assert_eq!(count.done(), Ok(vec![]));
        assert_eq!(count.done(), Ok(vec!['b', 'c']));
        assert_eq!(count.wait('d', |_| false), Some('d'));
    }

    #[test]
    fn the_counter_is_never_negative() {
        let mut count = Count::<()>::new();
        assert_eq!(count.done(), Err(DoneError::NotAMember));
        count.add(1);
        assert!(count.done().is_ok());
        assert_eq!(count.done(), Err(DoneError::NotAMember));
        count.add(0);
        assert_eq!(count.done(), Err(DoneError::NotAMember));
    }

    #[test]
    fn waiters_that_left_do_not_pile_up() {
        let mut count = Count::new();
        count.add(1);
        for n in 0..10_000 {
            count.wait(n, |n| n % 100 != 0);
        }
        assert!(count.waiters.len() < 300, "{}", count.waiters.len());
        let answered = count.done().unwrap_or_default();
        assert_eq!(answered.iter().filter(|n| *n % 100 == 0).count(), 100);
    }
}
