//! What outlives the owner's incarnations: the value, and who watches it.

use greenroom_core::watch::{self, Publisher, Watch};

/// The value, changed in steps that end in it or leave it as it was.
pub(super) struct Owned<T> {
    value: T,
    /// How a working copy is made; without it an update works on the value itself.
    copy: Option<fn(&T) -> T>,
    /// There from the first [`watch`](Self::watch) on.
    watched: Option<Box<dyn Watched<T> + Send>>,
}

impl<T> Owned<T> {
    pub(super) fn new(value: T, copy: Option<fn(&T) -> T>) -> Self {
        Self {
            value,
            copy,
            watched: None,
        }
    }

    pub(super) fn value(&self) -> &T {
        &self.value
    }

    /// Changes the value by a closure. An `Err` of it leaves a copied value unchanged.
    pub(super) fn change<R, E>(&mut self, f: impl FnOnce(&mut T) -> Result<R, E>) -> Result<R, E> {
        let Some(copy) = self.copy else {
            let result = f(&mut self.value);
            // An error may have come after a change: it is the value that watchers are to see.
            self.publish();
            return result;
        };
        let mut next = copy(&self.value);
        let result = f(&mut next)?;
        drop(self.replace(next));
        Ok(result)
    }

    /// Puts a value in place, and returns the one before.
    pub(super) fn replace(&mut self, next: T) -> T {
        // Made first: a clone that panics leaves everything as it was.
        let snapshot = self.watched.as_ref().map(|watched| watched.snapshot(&next));
        let before = std::mem::replace(&mut self.value, next);
        if let (Some(watched), Some(snapshot)) = (&self.watched, snapshot) {
            watched.publish(snapshot);
        }
        before
    }

    fn publish(&self) {
        if let Some(watched) = &self.watched {
            watched.publish(watched.snapshot(&self.value));
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Owned<T> {
    /// Returns a handle that sees the value, and each one after it.
    pub(super) fn watch(&mut self) -> Watch<T> {
        let value = &self.value;
        let watched = self.watched.get_or_insert_with(|| {
            let (publisher, watch) = watch::channel(value.clone());
            Box::new(Publication { publisher, watch })
        });
        watched.watch()
    }
}

/// Hides that a watched value is cloned and shared, which an unwatched one need not allow.
trait Watched<T> {
    fn snapshot(&self, value: &T) -> T;
    fn publish(&self, snapshot: T);
    fn watch(&self) -> Watch<T>;
}

struct Publication<T> {
    publisher: Publisher<T>,
    /// Has seen the value at the first subscription only, so that later ones count as news.
    watch: Watch<T>,
}

impl<T: Clone> Watched<T> for Publication<T> {
    fn snapshot(&self, value: &T) -> T {
        value.clone()
    }

    fn publish(&self, snapshot: T) {
        self.publisher.publish(snapshot);
    }

    fn watch(&self) -> Watch<T> {
        let watch = self.watch.clone();
        // The value of now counts as seen: a new watcher waits for what comes after its subscription.
        let _seen = watch.get();
        watch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_change_leaves_a_copied_value_and_shows_nothing() {
        let mut owned = Owned::new(1, Some(i32::clone));
        let watch = owned.watch();
        let refused = owned.change(|value| {
            *value = 7;
            Err::<(), _>("no")
        });
        assert_eq!(refused, Err("no"));
        assert_eq!((*owned.value(), watch.version()), (1, 0));
        assert_eq!(
            owned.change(|value| {
                *value += 1;
                Ok::<_, ()>(*value)
            }),
            Ok(2)
        );
        assert_eq!((*owned.value(), *watch.get(), watch.version()), (2, 2, 1));
    }

    #[test]
    fn a_refused_change_of_an_uncloned_value_stays_and_is_shown() {
        let mut owned = Owned::new(1, None);
        let watch = owned.watch();
        let refused = owned.change(|value| {
            *value = 7;
            Err::<(), _>("no")
        });
        assert_eq!(refused, Err("no"));
        assert_eq!((*owned.value(), *watch.get()), (7, 7));
    }

    #[test]
    fn a_watcher_has_seen_what_was_there_when_it_came() {
        let mut owned = Owned::new(1, Some(i32::clone));
        let first = owned.watch();
        assert_eq!(owned.replace(2), 1);
        let second = owned.watch();
        assert!(first.has_changed());
        assert!(!second.has_changed());
        assert_eq!((*first.get(), *second.get()), (2, 2));
    }
}
