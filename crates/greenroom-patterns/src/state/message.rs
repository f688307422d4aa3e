//! What the owner is sent.

use std::marker::PhantomData;

/// Shows the value to a closure.
pub(super) struct Read<F, R>(pub(super) F, pub(super) PhantomData<fn() -> R>);

/// Lets a closure change the value.
pub(super) struct Update<F, R>(pub(super) F, pub(super) PhantomData<fn() -> R>);

/// Lets a closure change the value, or refuse to.
pub(super) struct TryUpdate<F, R, E>(pub(super) F, pub(super) PhantomData<fn() -> Result<R, E>>);

/// Puts a value in the place of the one there, which is the reply.
pub(super) struct Replace<T>(pub(super) T);

/// Asks for a handle that sees each snapshot.
pub(super) struct Subscribe;
