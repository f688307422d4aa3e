//! The leases of a mutex with readers.

use std::fmt;
use std::ops::{Deref, DerefMut};

use crate::lease::{Common, Held};

/// A share of the value of an [`RwMutex`](super::RwMutex). Its drop gives it back.
///
/// It may be sent to another task; reports go on to name the task that asked for it.
///
/// # Differences from Go
/// There is no `RUnlock`. A share that was given back cannot be given back again, nor changed:
/// ```compile_fail,E0382
/// # use greenroom_patterns::rw_mutex::ReadLease;
/// fn unlock_twice(lease: ReadLease<u64>) {
///     drop(lease);
///     drop(lease);
/// }
/// ```
/// ```compile_fail,E0594
/// # use greenroom_patterns::rw_mutex::ReadLease;
/// fn write(mut lease: ReadLease<u64>) {
///     *lease = 1;
/// }
/// ```
#[must_use = "a lease that is dropped goes home at once"]
pub struct ReadLease<T: Send + Sync + 'static>(pub(super) Held<Common<T>>);

/// The value of an [`RwMutex`](super::RwMutex), lent to one holder. Its drop sends it home.
///
/// It may be sent to another task; reports go on to name the task that asked for it. A lease whose
/// owner has ended stays valid, and its value is dropped with it.
#[must_use = "a lease that is dropped goes home at once"]
pub struct WriteLease<T: Send + Sync + 'static>(pub(super) Held<Common<T>>);

impl<T: Send + Sync + 'static> ReadLease<T> {
    /// Returns its number: of two leases of one owner the one that was asked for later has the larger
    /// one, over restarts too.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number()
    }
}

impl<T: Send + Sync + 'static> WriteLease<T> {
    /// Returns its number: of two leases of one owner the one that was asked for later has the larger
    /// one, over restarts too.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.0.number()
    }
}

impl<T: Send + Sync + 'static> Deref for ReadLease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.shared()
    }
}

impl<T: Send + Sync + 'static> Deref for WriteLease<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.exclusive()
    }
}

impl<T: Send + Sync + 'static> DerefMut for WriteLease<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.exclusive_mut()
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for ReadLease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadLease").field(&**self).finish()
    }
}

impl<T: fmt::Debug + Send + Sync + 'static> fmt::Debug for WriteLease<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WriteLease").field(&**self).finish()
    }
}
