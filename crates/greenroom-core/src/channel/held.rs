//! Ends of channels that stay with one task, and how many there are in all.

use crate::sync::atomic::Ordering;
use std::fmt;
use std::sync::Arc;

use super::chan::Chan;
use super::{Receiver, Sender};
use crate::id::Id;

/// Ends of channels that a task keeps for itself: one, or a tuple, a list, an array, a box or an option of
/// such.
///
/// For [`holding`](crate::certain::holding), and the functions that stand on it. It cannot be
/// implemented elsewhere.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not made of ends of channels",
    label = "only senders, receivers, and tuples, lists and options of these can be held for certain",
    note = "what else the task needs is captured by its closure: `async move |ends| ..`"
)]
pub trait Ends: sealed::List + Send + 'static {}

impl<E: sealed::List + Send + 'static> Ends for E {}

/// A channel, as one looks at it who knows some of its ends.
pub(crate) trait Account: Send + Sync {
    fn id(&self) -> Option<&Id>;
    fn address(&self) -> usize;
    fn counts(&self) -> Counts;
}

impl fmt::Debug for dyn Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Account({:?})", self.id())
    }
}

/// How many ends a channel has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) senders: usize,
    pub(crate) receivers: usize,
    /// Whether a weak sender may become one more.
    pub(crate) was_weakened: bool,
}

impl<T: Send> Account for Chan<T> {
    fn id(&self) -> Option<&Id> {
        Chan::id(self)
    }

    fn address(&self) -> usize {
        Chan::address(self)
    }

    fn counts(&self) -> Counts {
        // The counts first. Who has let its sender go, and kept a weak one, set the mark before that.
        let senders = self.senders.load(Ordering::Acquire);
        let receivers = self.receivers.load(Ordering::Acquire);
        Counts {
            senders,
            receivers,
            was_weakened: self.was_weakened.load(Ordering::Acquire),
        }
    }
}

pub(crate) mod sealed {
    use super::Account;
    use std::sync::Arc;

    /// Lists ends.
    pub trait List {
        #[doc(hidden)]
        fn list(&self, into: &mut Held);
    }

    /// The channels of the ends, once for each.
    #[derive(Debug, Default)]
    pub struct Held(pub(crate) Vec<Arc<dyn Account>>);
}

use sealed::{Held, List};

impl<T: Send + 'static> List for Sender<T> {
    fn list(&self, into: &mut Held) {
        into.0.push(self.chan.clone());
    }
}

impl<T: Send + 'static> List for Receiver<T> {
    fn list(&self, into: &mut Held) {
        into.0.push(self.chan.clone());
    }
}

impl<E: List> List for Vec<E> {
    fn list(&self, into: &mut Held) {
        self.iter().for_each(|end| end.list(into));
    }
}

impl<E: List, const N: usize> List for [E; N] {
    fn list(&self, into: &mut Held) {
        self.iter().for_each(|end| end.list(into));
    }
}

impl<E: List> List for Option<E> {
    fn list(&self, into: &mut Held) {
        self.iter().for_each(|end| end.list(into));
    }
}

impl<E: List> List for Box<E> {
    fn list(&self, into: &mut Held) {
        (**self).list(into);
    }
}

macro_rules! tuples {
    ($($($name:ident)*;)*) => {$(
        impl<$($name: List),*> List for ($($name,)*) {
            #[allow(non_snake_case, unused_variables, reason = "a name for each place of a tuple")]
            fn list(&self, into: &mut Held) {
                let ($($name,)*) = self;
                $($name.list(into);)*
            }
        }
    )*};
}

tuples! {
    ;
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
}

/// Returns the channel of each end.
pub(crate) fn accounts(ends: &impl Ends) -> Vec<Arc<dyn Account>> {
    let mut held = Held::default();
    ends.list(&mut held);
    held.0
}
