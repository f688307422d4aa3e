//! An item in the hands of the pool.

use crate::caught::let_go;

/// Drops the item in a catch of its own, wherever that happens: in the store, in a message that nobody
/// handles, or in a task that is cut. Of two destructors that panic in one drop, the second would end
/// the process.
pub(super) struct Item<T>(Option<T>);

impl<T> Item<T> {
    pub(super) fn new(item: T) -> Self {
        Self(Some(item))
    }

    pub(super) fn get_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Some(item) => item,
            None => unreachable!("the item is there until it is taken or dropped"),
        }
    }

    pub(super) fn into_inner(mut self) -> T {
        match self.0.take() {
            Some(item) => item,
            None => unreachable!("the item is there until it is taken or dropped"),
        }
    }
}

impl<T> Drop for Item<T> {
    fn drop(&mut self) {
        let_go(self.0.take());
    }
}
