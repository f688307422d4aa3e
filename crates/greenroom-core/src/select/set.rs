//! Sets of cases, by their numbers.

use std::collections::VecDeque;
use std::iter::{Map, Take};
use std::{array, vec};

/// Some of the cases of a select, in their order.
pub trait Set {
    /// All of them, in another order.
    type Ordered: Iterator<Item = usize>;

    /// Returns whether there is none.
    fn is_empty(&self) -> bool;
    /// Returns how many there are.
    fn len(&self) -> usize;
    /// Returns whether a case is among them.
    fn contains(&self, case: usize) -> bool;
    /// Takes the `n`-th out. What is left keeps its order if `n` is 0.
    fn take(&mut self, n: usize) -> usize;
    /// Gives them in order.
    fn iter(&self) -> impl Iterator<Item = usize>;
    /// Gives them in the order of a key.
    fn by_key(self, key: impl Fn(usize) -> usize) -> Self::Ordered;
}

/// The most cases of a list: one bit of a word each.
pub(super) const MOST: usize = 64;

/// For a list whose length the compiler knows: one bit each.
impl Set for u64 {
    type Ordered = Map<Take<array::IntoIter<u8, MOST>>, fn(u8) -> usize>;

    #[inline]
    fn is_empty(&self) -> bool {
        *self == 0
    }

    #[inline]
    fn len(&self) -> usize {
        self.count_ones() as usize
    }

    #[inline]
    fn contains(&self, case: usize) -> bool {
        self & (1 << case) != 0
    }

    #[inline]
    fn take(&mut self, n: usize) -> usize {
        let mut bits = *self;
        for _ in 0..n {
            bits &= bits - 1;
        }
        let case = bits.trailing_zeros() as usize;
        *self &= !(1 << case);
        case
    }

    #[inline]
    fn iter(&self) -> impl Iterator<Item = usize> {
        let mut bits = *self;
        std::iter::from_fn(move || {
            (bits != 0).then(|| {
                let case = bits.trailing_zeros() as usize;
                bits &= bits - 1;
                case
            })
        })
    }

    #[inline]
    fn by_key(self, key: impl Fn(usize) -> usize) -> Self::Ordered {
        let mut order = [0_u8; MOST];
        let mut len = 0;
        for case in self.iter() {
            order[len] = case as u8;
            len += 1;
        }
        let by_key = |&case: &u8| (key(case.into()), case);
        order[..len].sort_unstable_by_key(by_key);
        order
            .into_iter()
            .take(len)
            .map(usize::from as fn(u8) -> usize)
    }
}

/// For any number of cases.
impl Set for VecDeque<usize> {
    type Ordered = vec::IntoIter<usize>;

    fn is_empty(&self) -> bool {
        self.is_empty()
    }

    fn len(&self) -> usize {
        self.len()
    }

    fn contains(&self, case: usize) -> bool {
        self.contains(&case)
    }

    fn take(&mut self, n: usize) -> usize {
        match self.swap_remove_front(n) {
            Some(case) => case,
            None => unreachable!("a set has the case that was chosen from it"),
        }
    }

    fn iter(&self) -> impl Iterator<Item = usize> {
        self.iter().copied()
    }

    fn by_key(self, key: impl Fn(usize) -> usize) -> Self::Ordered {
        let mut order = Vec::from(self);
        order.sort_by_cached_key(|&case| (key(case), case));
        order.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mut set: impl Set) {
        assert_eq!((set.len(), set.is_empty()), (4, false));
        assert!(set.contains(5) && !set.contains(4));
        assert_eq!(set.iter().collect::<Vec<_>>(), [1, 3, 5, 63]);
        assert_eq!((set.take(0), set.take(1)), (1, 5));
        assert_eq!(set.iter().collect::<Vec<_>>().len(), 2);
        assert!(!set.contains(1) && !set.contains(5));
        let order: Vec<_> = set.by_key(|case| 100 - case).collect();
        assert_eq!(order, [63, 3]);
    }

    #[test]
    fn both_are_sets() {
        check((1_u64 << 1) | (1 << 3) | (1 << 5) | (1 << 63));
        check(VecDeque::from([1, 3, 5, 63]));
    }

    #[test]
    fn the_first_is_taken_in_order() {
        let mut set = VecDeque::from_iter(0..100);
        assert!((0..100).all(|n| set.take(0) == n));
    }
}
