//! Identities: deterministic paths, kept as a number with a parent link.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::error::NameError;
use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Identifies an actor, task, scope, channel or context by its path, such as `root/store#1`.
///
/// A path is deterministic: each segment is a name and the number that its parent gave it, counted
/// from 1 in the order of creation. The same program under the same schedule gives the same paths,
/// in any process. Two runtimes may hold equal paths; an id means something only inside the runtime
/// it came from.
///
/// Ids order by path: parents before children, siblings in the order of creation. Cloning is cheap
/// (one reference count); the text is made only when it is asked for.
///
/// # Differences from Go
/// Goroutines have no identity on purpose. Here an id cannot be used to reach into a task; it serves
/// look-up, cancellation and reports.
///
/// # Examples
/// ```
/// use greenroom_core::Id;
/// let root = Id::root();
/// let store = root.child("store");
/// assert_eq!(store.to_string(), "root/store#1");
/// assert!(root < store && store < root.child("cache"));
/// ```
#[derive(Clone)]
pub struct Id(Arc<Node>);

struct Node {
    parent: Option<Id>,
    name: Cow<'static, str>,
    number: u64,
    depth: u32,
    // Written by whoever makes a child; it only ever grows, so that no number comes twice.
    children: AtomicU64,
}

impl Id {
    /// Makes the id of a runtime's root; its path is `root`.
    #[must_use]
    pub fn root() -> Self {
        Self(Arc::new(Node {
            parent: None,
            name: Cow::Borrowed("root"),
            number: 0,
            depth: 0,
            children: AtomicU64::new(0),
        }))
    }

    /// Makes the id of a new child, with the next number of this parent.
    ///
    /// The name is not checked: names that come from a user go through [`Name`] first.
    #[must_use]
    pub fn child(&self, name: impl Into<Cow<'static, str>>) -> Self {
        let number = self.0.children.fetch_add(1, Relaxed) + 1;
        Self(Arc::new(Node {
            parent: Some(self.clone()),
            name: name.into(),
            number,
            depth: self.0.depth.saturating_add(1),
            children: AtomicU64::new(0),
        }))
    }

    /// Returns the id of the parent, or `None` for a root.
    #[must_use]
    pub fn parent(&self) -> Option<&Id> {
        self.0.parent.as_ref()
    }

    /// Returns the name in the last segment of the path.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the number that the parent gave, counted from 1; a root has 0.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number
    }

    /// Returns whether both are the same id of the same runtime, not merely equal paths.
    #[must_use]
    pub fn is_same(&self, other: &Id) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Returns whether `self` is `other` or one of its descendants.
    #[must_use]
    pub fn is_within(&self, other: &Id) -> bool {
        let mut at = Some(self);
        while let Some(id) = at {
            if id.0.depth < other.0.depth {
                return false;
            }
            if id == other {
                return true;
            }
            at = id.parent();
        }
        false
    }

    /// Reads a path back into an id that is equal to the one it was written from. It serves look-up
    /// only: it counts its children anew.
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        let mut segments = path.split('/');
        let mut id = Self::root();
        if segments.next() != Some(id.name()) {
            return None;
        }
        for segment in segments {
            let (name, number) = segment.rsplit_once('#')?;
            id = Self(Arc::new(Node {
                parent: Some(id.clone()),
                name: Cow::Owned(name.to_owned()),
                number: number.parse().ok()?,
                depth: id.0.depth.saturating_add(1),
                children: AtomicU64::new(0),
            }));
        }
        // Numbers have several spellings (`#01`, `#+1`), paths have one.
        (id.to_string() == path).then_some(id)
    }

    fn ancestor_at(&self, depth: u32) -> &Id {
        let mut at = self;
        while at.0.depth > depth {
            match at.parent() {
                Some(parent) => at = parent,
                None => break,
            }
        }
        at
    }
}

// The links form a chain as long as the nesting of scopes. Dropped by the compiler it would recurse
// once a link; this loop takes each link off before its node goes.
impl Drop for Node {
    fn drop(&mut self) {
        let mut next = self.parent.take();
        while let Some(id) = next {
            next = Arc::into_inner(id.0).and_then(|mut node| node.parent.take());
        }
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Id {}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        let depth = self.0.depth.min(other.0.depth);
        let (mut a, mut b) = (self.ancestor_at(depth), other.ancestor_at(depth));
        // Walked from the leaf up, the difference nearest to the root is the last one found.
        let mut found = Ordering::Equal;
        loop {
            if Arc::ptr_eq(&a.0, &b.0) {
                break;
            }
            let here = (a.0.number, &a.0.name).cmp(&(b.0.number, &b.0.name));
            if here != Ordering::Equal {
                found = here;
            }
            match (a.parent(), b.parent()) {
                (Some(x), Some(y)) => (a, b) = (x, y),
                _ => break,
            }
        }
        found.then(self.0.depth.cmp(&other.0.depth))
    }
}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Enough to tell siblings and cousins apart without walking the whole path: a parent gives each
        // number once.
        state.write_u64(self.0.number);
        state.write_u64(self.parent().map_or(0, |parent| parent.0.number));
        state.write_u32(self.0.depth);
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut path = Vec::new();
        let mut at = Some(self);
        while let Some(id) = at {
            path.push(id);
            at = id.parent();
        }
        for (i, id) in path.iter().rev().enumerate() {
            if i > 0 {
                f.write_str("/")?;
            }
            f.write_str(&id.0.name)?;
            if id.0.number > 0 {
                write!(f, "#{}", id.0.number)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({self})")
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A checked name for an actor, a task or a group: not empty, and without `/`.
///
/// # Examples
/// ```
/// use greenroom_core::{Name, error::NameError};
/// assert_eq!(Name::new("store")?.as_str(), "store");
/// assert_eq!(Name::new(""), Err(NameError::Empty));
/// assert!(matches!(Name::new("a/b"), Err(NameError::Slash(name)) if name == "a/b"));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Name(Cow<'static, str>);

impl Name {
    /// Checks a text and makes it a name.
    ///
    /// # Errors
    /// - [`NameError::Empty`]: the text is empty.
    /// - [`NameError::Slash`]: the text contains `/`, which separates the segments of a path.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Result<Self, NameError> {
        let text = text.into();
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.contains('/') {
            return Err(NameError::Slash(text.into_owned()));
        }
        Ok(Self(text))
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the text for use in an [`Id`].
    #[must_use]
    pub fn into_text(self) -> Cow<'static, str> {
        self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn siblings_order_by_creation_and_parents_come_first() {
        let root = Id::root();
        let a = root.child("z");
        let b = root.child("a");
        let below = a.child("leaf");
        let mut all = vec![below.clone(), b.clone(), root.clone(), a.clone()];
        all.sort();
        assert_eq!(all, [root, a, below, b]);
    }

    #[test]
    fn equal_paths_of_two_roots_are_equal() {
        assert_eq!(Id::root().child("x"), Id::root().child("x"));
        assert_ne!(Id::root().child("x"), Id::root().child("y"));
    }

    #[test]
    fn is_within_holds_for_oneself_and_descendants_only() {
        let root = Id::root();
        let a = root.child("a");
        let deep = a.child("b").child("c");
        assert!(deep.is_within(&a) && deep.is_within(&root) && a.is_within(&a));
        assert!(!a.is_within(&deep) && !root.child("a").is_within(&a));
    }

    #[test]
    fn a_path_reads_back_as_an_equal_id() {
        let id = Id::root().child("a#b").child("c");
        assert_eq!(Id::from_path(&id.to_string()), Some(id));
        assert_eq!(Id::from_path("root"), Some(Id::root()));
        for wrong in [
            "",
            "x",
            "root/",
            "root/a",
            "root/a#",
            "root/a#01",
            "root/a#+1",
            "root/a#x",
        ] {
            assert_eq!(Id::from_path(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_dropped_without_recursion() {
        let mut id = Id::root();
        for _ in 0..100_000 {
            id = id.child("n");
        }
        drop(id);
    }
}
