//! The one place of the kernel where a panic is caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

/// Runs user code and returns its panic as a value.
///
/// # Errors
/// The payload of the panic. What the closure had borrowed may be half changed: the caller drops it,
/// or knows why it is still whole.
pub fn catch<R>(f: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    catch_unwind(AssertUnwindSafe(f))
}

/// Drops a value of a user, catching a panic in its destructor.
///
/// It is dropped also while the thread unwinds already: a panic that is caught in here ends nothing. The
/// wrong version leaks it then, and with it what its destructor would give back.
///
/// # Errors
/// The payload of the panic.
pub fn drop_caught<T>(value: T) -> Result<(), Box<dyn Any + Send>> {
    catch(move || drop(value))
}

/// Returns whether this thread unwinds: whether what is dropped now is dropped by a panic.
#[must_use]
pub fn is_unwinding() -> bool {
    std::thread::panicking()
}

/// Wakes them all. A foreign waker may panic: that keeps nobody else from being woken, and is not the
/// caller's failure; the panic hook has told it.
pub fn wake_all(wakers: impl IntoIterator<Item = Waker>) {
    for waker in wakers {
        if let Err(payload) = catch(|| waker.wake())
            && let Err(second) = drop_caught(payload)
        {
            std::mem::forget(second);
        }
    }
}
