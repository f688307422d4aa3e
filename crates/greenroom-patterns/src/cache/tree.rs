//! A balanced tree whose versions share what they have in common.
//!
//! # Invariants
//! 1. The keys on the left of a node are smaller than its own, those on the right are larger.
//! 2. The heights of the two sides of a node differ by one at most.
//! 3. A version never changes. So a comparison that panics leaves every version whole.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::sync::Arc;

/// One version.
pub(super) struct Tree<K, V> {
    root: Link<K, V>,
    len: usize,
}

/// What is stored, shared by all versions.
pub(super) type Pair<K, V> = Arc<(K, V)>;

type Link<K, V> = Option<Arc<Node<K, V>>>;

struct Node<K, V> {
    left: Link<K, V>,
    pair: Pair<K, V>,
    right: Link<K, V>,
    height: usize,
}

impl<K, V> Tree<K, V> {
    pub(super) const fn new() -> Self {
        Self { root: None, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }
}

impl<K: Ord, V> Tree<K, V> {
    pub(super) fn get<Q>(&self, key: &Q) -> Option<&Pair<K, V>>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let mut link = &self.root;
        while let Some(node) = link {
            link = match key.cmp(node.key()) {
                Ordering::Less => &node.left,
                Ordering::Equal => return Some(&node.pair),
                Ordering::Greater => &node.right,
            };
        }
        None
    }

    /// Returns the version with this pair in it, in place of the one of the same key.
    pub(super) fn with(&self, pair: Pair<K, V>) -> Self {
        let (root, is_new) = inserted(&self.root, pair);
        Self {
            root,
            len: self.len + usize::from(is_new),
        }
    }

    /// Returns the version without this key, or `None` if it is not there.
    pub(super) fn without<Q>(&self, key: &Q) -> Option<Self>
    where
        K: Borrow<Q>,
        Q: Ord + ?Sized,
    {
        let root = removed(&self.root, key)?;
        Some(Self {
            root,
            len: self.len - 1,
        })
    }
}

impl<K, V> Node<K, V> {
    fn key<Q: ?Sized>(&self) -> &Q
    where
        K: Borrow<Q>,
    {
        self.pair.0.borrow()
    }
}

fn inserted<K: Ord, V>(link: &Link<K, V>, pair: Pair<K, V>) -> (Link<K, V>, bool) {
    let Some(node) = link else {
        return (made(None, pair, None), true);
    };
    match pair.0.cmp(&node.pair.0) {
        Ordering::Less => {
            let (left, is_new) = inserted(&node.left, pair);
            (balanced(left, &node.pair, &node.right), is_new)
        }
        Ordering::Equal => (made(node.left.clone(), pair, node.right.clone()), false),
        Ordering::Greater => {
            let (right, is_new) = inserted(&node.right, pair);
            (balanced(node.left.clone(), &node.pair, &right), is_new)
        }
    }
}

/// `None` if the key is not there.
fn removed<K, V, Q>(link: &Link<K, V>, key: &Q) -> Option<Link<K, V>>
where
    K: Borrow<Q>,
    Q: Ord + ?Sized,
{
    let node = link.as_ref()?;
    Some(match key.cmp(node.key()) {
        Ordering::Less => balanced(removed(&node.left, key)?, &node.pair, &node.right),
        Ordering::Greater => {
            let right = removed(&node.right, key)?;
            balanced(node.left.clone(), &node.pair, &right)
        }
        Ordering::Equal => match &node.right {
            None => node.left.clone(),
            Some(right) => {
                let (rest, first) = without_first(right);
                balanced(node.left.clone(), &first, &rest)
            }
        },
    })
}

/// Takes the smallest out.
fn without_first<K, V>(node: &Arc<Node<K, V>>) -> (Link<K, V>, Pair<K, V>) {
    match &node.left {
        None => (node.right.clone(), node.pair.clone()),
        Some(left) => {
            let (rest, first) = without_first(left);
            (balanced(rest, &node.pair, &node.right), first)
        }
    }
}

fn height<K, V>(link: &Link<K, V>) -> usize {
    link.as_ref().map_or(0, |node| node.height)
}

fn made<K, V>(left: Link<K, V>, pair: Pair<K, V>, right: Link<K, V>) -> Link<K, V> {
    let height = 1 + height(&left).max(height(&right));
    Some(Arc::new(Node {
        left,
        pair,
        right,
        height,
    }))
}

/// Makes a node of sides whose heights differ by two at most.
fn balanced<K, V>(left: Link<K, V>, pair: &Pair<K, V>, right: &Link<K, V>) -> Link<K, V> {
    let (pair, right) = (pair.clone(), right.clone());
    match (&left, &right) {
        (Some(l), _) if l.height > height(&right) + 1 => match &l.right {
            Some(inner) if inner.height > height(&l.left) => made(
                made(l.left.clone(), l.pair.clone(), inner.left.clone()),
                inner.pair.clone(),
                made(inner.right.clone(), pair, right),
            ),
            inner => made(
                l.left.clone(),
                l.pair.clone(),
                made(inner.clone(), pair, right),
            ),
        },
        (_, Some(r)) if r.height > height(&left) + 1 => match &r.left {
            Some(inner) if inner.height > height(&r.right) => made(
                made(left, pair, inner.left.clone()),
                inner.pair.clone(),
                made(inner.right.clone(), r.pair.clone(), r.right.clone()),
            ),
            inner => made(
                made(left, pair, inner.clone()),
                r.pair.clone(),
                r.right.clone(),
            ),
        },
        _ => made(left, pair, right),
    }
}

impl<K, V> Clone for Tree<K, V> {
    fn clone(&self) -> Self {
        Self {
            root: self.root.clone(),
            len: self.len,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Returns the height, after a look at the invariants.
    fn check(link: &Link<u8, u32>, into: &mut Vec<(u8, u32)>) -> usize {
        let Some(node) = link else { return 0 };
        let left = check(&node.left, into);
        into.push((node.pair.0, node.pair.1));
        let right = check(&node.right, into);
        assert!(left.abs_diff(right) <= 1, "out of balance");
        assert_eq!(node.height, 1 + left.max(right));
        node.height
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_version_is_a_map_and_stays_as_it_was(
            steps in proptest::collection::vec((any::<bool>(), 0..40_u8), 0..200),
        ) {
            let mut tree = Tree::new();
            let mut model = BTreeMap::new();
            let mut versions = Vec::new();
            for (number, (inserts, key)) in (0..).zip(steps) {
                versions.push((tree.clone(), model.clone()));
                if inserts {
                    tree = tree.with(Arc::new((key, number)));
                    model.insert(key, number);
                } else {
                    let without = tree.without(&key);
                    prop_assert_eq!(without.is_some(), model.remove(&key).is_some());
                    tree = without.unwrap_or(tree);
                }
            }
            versions.push((tree, model));
            for (tree, model) in versions {
                let mut pairs = Vec::new();
                check(&tree.root, &mut pairs);
                prop_assert_eq!(tree.len(), model.len());
                for key in 0..40 {
                    prop_assert_eq!(tree.get(&key).map(|pair| pair.1), model.get(&key).copied());
                }
                prop_assert_eq!(pairs, model.into_iter().collect::<Vec<_>>());
            }
        }
    }
}
