//! The one place of the kernel where a panic is caught.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Waker;

use crate::current;

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

/// Drops a value of a user's that the kernel holds, where nobody is there to take the panic of its
/// destructor: it is a stray one of the runtime that is current, see [`current::tell_stray`].
///
/// `doing` names what is dropped: the type of a message or a reply, or what it was to the kernel.
pub fn drop_apart<T>(value: T, doing: &'static str) {
    if !std::mem::needs_drop::<T>() {
        return;
    }
    if let Err(payload) = drop_caught(value) {
        current::tell_stray(payload, doing);
    }
}

/// Lets the payload of a panic go that is told nowhere, or is told already.
///
/// A payload whose destructor panics may do so again and again: the second one is leaked.
pub fn forget(payload: Box<dyn Any + Send>) {
    if let Err(second) = drop_caught(payload) {
        std::mem::forget(second);
    }
}

/// Returns the text of a payload, if it is one.
#[must_use]
pub fn text(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

/// Formats a value of a user's: a panic of its code stands in the text, in place of the rest.
pub(crate) fn format(
    f: &mut fmt::Formatter<'_>,
    write: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    match catch(|| write(f)) {
        Ok(written) => written,
        Err(payload) => {
            let told = match text(&*payload) {
                Some(text) => write!(f, "(its text could not be made, that panicked: {text})"),
                None => f.write_str("(its text could not be made, that panicked)"),
            };
            forget(payload);
            told
        }
    }
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
        if let Err(payload) = catch(|| waker.wake()) {
            forget(payload);
        }
    }
}
