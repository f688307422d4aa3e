//! Those who wait in a queue, first come first served.

use slab::Slab;

const NONE: usize = usize::MAX;

/// A queue with removal from the middle in constant time.
///
/// An entry keeps its place in the slab after it has left the queue, until its owner removes it: a
/// peer may put the outcome there.
pub(crate) struct Line<W> {
    nodes: Slab<Node<W>>,
    head: usize,
    tail: usize,
}

struct Node<W> {
    waiter: W,
    linked: bool,
    before: usize,
    after: usize,
}

impl<W> Line<W> {
    pub(crate) const fn new() -> Self {
        Self {
            nodes: Slab::new(),
            head: NONE,
            tail: NONE,
        }
    }

    pub(crate) fn push_back(&mut self, waiter: W) -> usize {
        if self.nodes.capacity() == 0 {
            // Most channels have one waiter at a time; a slab would make room for four.
            self.nodes.reserve_exact(1);
        }
        let key = self.nodes.insert(Node {
            waiter,
            linked: true,
            before: self.tail,
            after: NONE,
        });
        match self.nodes.get_mut(self.tail) {
            Some(tail) => tail.after = key,
            None => self.head = key,
        }
        self.tail = key;
        key
    }

    /// Takes an entry out of the queue; it stays reachable by its key.
    pub(crate) fn unlink(&mut self, key: usize) {
        let node = &mut self.nodes[key];
        if !std::mem::take(&mut node.linked) {
            return;
        }
        let (before, after) = (node.before, node.after);
        match self.nodes.get_mut(before) {
            Some(node) => node.after = after,
            None => self.head = after,
        }
        match self.nodes.get_mut(after) {
            Some(node) => node.before = before,
            None => self.tail = before,
        }
    }

    pub(crate) fn remove(&mut self, key: usize) -> W {
        self.unlink(key);
        self.nodes.remove(key).waiter
    }

    pub(crate) fn get_mut(&mut self, key: usize) -> &mut W {
        &mut self.nodes[key].waiter
    }

    pub(crate) fn get(&self, key: usize) -> &W {
        &self.nodes[key].waiter
    }

    /// Returns the oldest entry in the queue.
    pub(crate) fn first(&self) -> Option<usize> {
        (self.head != NONE).then_some(self.head)
    }

    /// Returns the entry behind a queued one.
    pub(crate) fn next(&self, key: usize) -> Option<usize> {
        let after = self.nodes[key].after;
        (after != NONE).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(line: &Line<u32>) -> Vec<u32> {
        std::iter::successors(line.first(), |&key| line.next(key))
            .map(|key| *line.get(key))
            .collect()
    }

    #[test]
    fn an_entry_leaves_from_any_place_and_the_rest_keeps_its_order() {
        let mut line = Line::new();
        let keys: Vec<_> = (0..5).map(|n| line.push_back(n)).collect();
        for (gone, left) in [(2, vec![0, 1, 3, 4]), (0, vec![1, 3, 4]), (4, vec![1, 3])] {
            line.unlink(keys[gone]);
            line.unlink(keys[gone]);
            assert_eq!(order(&line), left);
        }
        assert_eq!(line.remove(keys[0]), 0);
        assert_eq!(line.remove(keys[1]), 1);
        line.push_back(7);
        assert_eq!(order(&line), [3, 7]);
    }
}
