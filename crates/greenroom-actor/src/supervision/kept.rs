//! State that outlives the actor that works on it.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use parking_lot::Mutex;

use super::apart::Apart;

/// State that a supervisor owns and lends to one incarnation of an actor at a time.
///
/// The actor works on it directly. When the actor panics, or ends, the state goes back to the
/// supervisor, which lends it to the next incarnation: a panic costs the message in flight, never the
/// state. What the panicking handler had changed by then stays changed. Given out by
/// [`Scope::supervise`](crate::Scope::supervise).
///
/// OTP counterpart: an ETS table with an heir.
pub struct Kept<S> {
    // Some until it is dropped.
    state: Option<Apart<S>>,
    home: Home<S>,
}

impl<S> Deref for Kept<S> {
    type Target = S;

    fn deref(&self) -> &S {
        match &self.state {
            Some(state) => state,
            None => unreachable!("the state is there until the drop"),
        }
    }
}

impl<S> DerefMut for Kept<S> {
    fn deref_mut(&mut self) -> &mut S {
        match &mut self.state {
            Some(state) => state,
            None => unreachable!("the state is there until the drop"),
        }
    }
}

// Moves only, so that it may run in an unwind: no code of the user's is called, unless nobody is left to
// take the state, and that is caught.
impl<S> Drop for Kept<S> {
    fn drop(&mut self) {
        *self.home.lock() = self.state.take();
    }
}

impl<S: fmt::Debug> fmt::Debug for Kept<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Kept").field(&**self).finish()
    }
}

/// The supervisor's side.
pub(crate) struct Keeper<S>(Home<S>);

type Home<S> = Arc<Mutex<Option<Apart<S>>>>;

impl<S> Clone for Keeper<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S> Keeper<S> {
    pub(crate) fn new(state: S, doing: &'static str) -> Self {
        Self(Arc::new(Mutex::new(Some(Apart::new(state, doing)))))
    }

    /// Lends the state, unless an earlier incarnation has hidden its loan somewhere.
    pub(crate) fn lend(&self) -> Option<Kept<S>> {
        let state = self.0.lock().take()?;
        Some(Kept {
            state: Some(state),
            home: self.0.clone(),
        })
    }
}
