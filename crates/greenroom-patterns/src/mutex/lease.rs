//! The lease of a mutex.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::lease::{Held, Sole};

/// The value of a [`Mutex`](super::Mutex), lent to one holder. Its drop sends it home.
///
/// It may be sent to another task; reports go on to name the task that asked for it. A lease whose
/// owner has ended stays valid, and its value is dropped with it.
///
/// # Differences from Go
/// There is no `Unlock`. A lease that went home cannot be given back again, nor used:
/// ```compile_fail,E0382
/// # use greenroom_patterns::mutex::Lease;
/// fn unlock_twice(lease: Lease<u64>) {
///     drop(lease);
///     drop(lease);
/// }
/// ```
#[must_use = "a lease that is dropped goes home at once"]
pub struct Lease<T: Send + 'static>(pub(crate) Held<Sole<T>>);

impl<T: Send + 'static> Lease<T> {
    /// Returns its number: of two leases of one owner the one that was asked for later has the larger
    /// one, over restarts too.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number()
    }
}

impl<T: Send + 'static> Deref for Lease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.exclusive()
    }
}

impl<T: Send + 'static> DerefMut for Lease<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.exclusive_mut()
    }
}

impl<T: fmt::Debug + Send + 'static> fmt::Debug for Lease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&**self).finish()
    }
}
