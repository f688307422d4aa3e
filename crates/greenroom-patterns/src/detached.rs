//! Messages that count, whatever becomes of who sends them.

use greenroom_actor::{Address, HandlerLater, TryTellError};
use greenroom_core::{Context, current};

/// Sends a message in a context without cancel, to a mailbox without a bound: it is neither skipped nor
/// refused while the owner lives. It comes back if the owner has ended.
///
/// The wrong version sends it in the current context: a guard that is dropped after a cancel gives
/// nothing back, since its message is skipped.
pub(crate) fn tell<A, M>(address: &Address<A>, detached: &Context, message: M) -> Result<(), M>
where
    A: HandlerLater<M>,
    M: Send + 'static,
{
    let _detached = current::enter_context(detached.clone());
    address.try_tell(message).map_err(TryTellError::into_inner)
}
