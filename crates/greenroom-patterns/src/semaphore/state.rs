//! The permits and those who wait for them, as a pure state.

use std::collections::VecDeque;

/// So many permits, of which some are out, and a queue.
///
/// A waiter that has left stays in the queue until it comes to the front, or is swept: it is in nobody's
/// way, since those behind it wait for those before it. So a waiter that leaves costs O(1), however long
/// the queue is.
pub(super) struct Permits<W> {
    size: usize,
    /// At most `size`, unless that has shrunk meanwhile.
    out: usize,
    is_closed: bool,
    waiters: VecDeque<Waiter<W>>,
    /// How many have left since the last sweep, at most.
    left: usize,
}

struct Waiter<W> {
    permits: usize,
    asker: W,
}

const SWEEP: usize = 16;

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    TooLarge { asked: usize, size: usize },
    Closed,
}

/// Whether a request is granted at once, when none is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Granted,
    Waits,
}

impl<W> Permits<W> {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            out: 0,
            is_closed: false,
            waiters: VecDeque::new(),
            left: 0,
        }
    }

    /// Takes permits if they are free and nobody waits. Invariant 2 of the module.
    pub(super) fn try_acquire(
        &mut self,
        permits: usize,
        has_left: impl Fn(&W) -> bool,
    ) -> Result<Standing, Refusal> {
        if self.is_closed {
            return Err(Refusal::Closed);
        }
        self.check_size(permits)?;
        while self
            .waiters
            .front()
            .is_some_and(|waiter| has_left(&waiter.asker))
        {
            self.waiters.pop_front();
        }
        if self.waiters.is_empty() && self.fits(permits) {
            self.out += permits;
            return Ok(Standing::Granted);
        }
        Ok(Standing::Waits)
    }

    /// Lets one wait, after all that wait already.
    pub(super) fn wait(&mut self, permits: usize, asker: W) {
        self.waiters.push_back(Waiter { permits, asker });
    }

    /// Takes permits back. Only what was granted comes back, and once.
    pub(super) fn release(&mut self, permits: usize) {
        self.out -= permits;
    }

    /// Grants its permits to the first waiter, if they are free. To be called again until it gives none.
    pub(super) fn admit(&mut self, has_left: impl Fn(&W) -> bool) -> Option<(usize, W)> {
        loop {
            let first = self.waiters.front()?;
            if has_left(&first.asker) {
                self.waiters.pop_front();
                continue;
            }
            if !self.fits(first.permits) {
                return None;
            }
            let Waiter { permits, asker } = self.waiters.pop_front()?;
            self.out += permits;
            return Some((permits, asker));
        }
    }

    /// Counts one that has left.
    pub(super) fn leave(&mut self, has_left: impl Fn(&W) -> bool) {
        self.left += 1;
        if self.left >= SWEEP && self.left >= self.waiters.len() / 2 {
            self.waiters.retain(|waiter| !has_left(&waiter.asker));
            self.left = 0;
        }
    }

    /// Changes the number of permits, and gives those who can never be served now.
    pub(super) fn resize(&mut self, size: usize) -> Vec<(W, Refusal)> {
        self.size = size;
        if self.waiters.iter().all(|waiter| waiter.permits <= size) {
            return Vec::new();
        }
        let (served, refused) = std::mem::take(&mut self.waiters)
            .into_iter()
            .partition::<VecDeque<_>, _>(|waiter| waiter.permits <= size);
        self.waiters = served;
        let refuse = |Waiter { permits, asker }| {
            let asked = permits;
            (asker, Refusal::TooLarge { asked, size })
        };
        refused.into_iter().map(refuse).collect()
    }

    /// Refuses all from now on, and gives those who wait.
    pub(super) fn close(&mut self) -> impl Iterator<Item = W> + use<W> {
        self.is_closed = true;
        let waiters = std::mem::take(&mut self.waiters);
        waiters.into_iter().map(|waiter| waiter.asker)
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn available(&self) -> usize {
        self.size.saturating_sub(self.out)
    }

    pub(super) fn waiting(&self, has_left: impl Fn(&W) -> bool) -> usize {
        let waits = |waiter: &&Waiter<W>| !has_left(&waiter.asker);
        self.waiters.iter().filter(waits).count()
    }

    fn check_size(&self, asked: usize) -> Result<(), Refusal> {
        let size = self.size;
        if asked > size {
            return Err(Refusal::TooLarge { asked, size });
        }
        Ok(())
    }

    /// The wrong version, `self.out + permits <= self.size` in numbers that wrap, lets usize::MAX in.
    fn fits(&self, permits: usize) -> bool {
        self.size
            .checked_sub(self.out)
            .is_some_and(|free| permits <= free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAYS: fn(&char) -> bool = |_| false;

    fn ask(permits: &mut Permits<char>, asked: usize, asker: char) -> Result<Standing, Refusal> {
        let standing = permits.try_acquire(asked, STAYS)?;
        if standing == Standing::Waits {
            permits.wait(asked, asker);
        }
        Ok(standing)
    }

    fn admitted(permits: &mut Permits<char>, has_left: impl Fn(&char) -> bool) -> String {
        let mut all = String::new();
        while let Some((_, asker)) = permits.admit(&has_left) {
            all.push(asker);
        }
        all
    }

    #[test]
    fn nobody_is_overtaken() {
        let mut permits = Permits::new(10);
        assert_eq!(ask(&mut permits, 6, 'a'), Ok(Standing::Granted));
        assert_eq!(ask(&mut permits, 8, 'b'), Ok(Standing::Waits));
        assert_eq!(ask(&mut permits, 3, 'c'), Ok(Standing::Waits));
        assert_eq!(ask(&mut permits, 0, 'd'), Ok(Standing::Waits));
        assert_eq!(admitted(&mut permits, STAYS), "");
        permits.release(6);
        assert_eq!(admitted(&mut permits, STAYS), "b");
        permits.release(8);
        assert_eq!(admitted(&mut permits, STAYS), "cd");
        assert_eq!(permits.available(), 7);
    }

    #[test]
    fn the_first_one_that_leaves_lets_in_those_behind_it() {
        let mut permits = Permits::new(10);
        assert_eq!(ask(&mut permits, 6, 'a'), Ok(Standing::Granted));
        for (asked, asker) in [(8, 'b'), (2, 'c'), (2, 'd'), (1, 'e')] {
            assert_eq!(ask(&mut permits, asked, asker), Ok(Standing::Waits));
        }
        assert_eq!(permits.waiting(|asker| *asker == 'b'), 3);
        assert_eq!(admitted(&mut permits, |asker| *asker == 'b'), "cd");
        assert_eq!((permits.available(), permits.waiting(STAYS)), (0, 1));
    }

    #[test]
    fn a_new_size_refuses_what_it_can_never_serve() {
        let mut permits = Permits::new(4);
        assert_eq!(ask(&mut permits, 4, 'a'), Ok(Standing::Granted));
        assert_eq!(ask(&mut permits, 3, 'b'), Ok(Standing::Waits));
        assert_eq!(ask(&mut permits, 2, 'c'), Ok(Standing::Waits));
        let refused = permits.resize(2);
        assert_eq!(refused, [('b', Refusal::TooLarge { asked: 3, size: 2 })]);
        permits.release(1);
        assert_eq!(admitted(&mut permits, STAYS), "", "three are out of two");
        permits.release(3);
        assert_eq!(admitted(&mut permits, STAYS), "c");
        assert_eq!(
            ask(&mut permits, 3, 'd'),
            Err(Refusal::TooLarge { asked: 3, size: 2 })
        );
    }

    #[test]
    fn the_largest_numbers_do_not_wrap() {
        let mut permits = Permits::new(usize::MAX);
        assert_eq!(ask(&mut permits, usize::MAX, 'a'), Ok(Standing::Granted));
        assert_eq!(ask(&mut permits, usize::MAX, 'b'), Ok(Standing::Waits));
        permits.release(usize::MAX);
        assert_eq!(admitted(&mut permits, STAYS), "b");
    }

    #[test]
    fn waiters_that_left_do_not_pile_up() {
        let mut permits = Permits::new(0);
        permits.size = 1;
        permits.out = 1;
        for n in 0..10_000 {
            permits.wait(1, n);
            if n % 100 != 0 {
                permits.leave(|n| n % 100 != 0);
            }
        }
        assert!(permits.waiters.len() < 300, "{}", permits.waiters.len());
        assert_eq!(permits.close().filter(|n| n % 100 == 0).count(), 100);
    }
}
