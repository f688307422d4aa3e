//! One case of a select: an operation of a channel, a signal, or any other future.

use std::fmt;
use std::future::Future;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::channel::Claim;
use crate::error::ContextError;
use crate::id::Id;

/// An operation of the kernel that a select tries and waits for as one atomic step with others.
pub trait Kernel {
    /// What it gives.
    type Output;

    /// Returns what it is.
    fn kind(&self) -> Kind {
        Kind::Channel
    }

    /// Takes part from now on. An operation that was polled before leaves its queue, or is complete.
    fn begin(&mut self) -> Option<Self::Output>;

    /// Takes effect if it can, and if `unchanged` holds under the lock of its object.
    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<Self::Output>;

    /// Enters its object's queue. Returns whether it could take effect, as seen in the same step; a
    /// signal has not entered then.
    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool;

    /// Returns whether it could take effect with someone outside of its select.
    fn is_ready(&self, claim: &Arc<Claim>) -> bool;

    /// Leaves the queue. What was handed over is passed on, what was not accepted comes back.
    fn leave(&mut self);

    /// Completes after a peer has claimed it.
    fn complete(&mut self) -> Self::Output;

    /// Completes because the context has ended, if it can fail.
    fn fail(&mut self, error: ContextError) -> Option<Self::Output>;

    /// Returns where its object is in the one order in which all selects register.
    fn address(&self) -> usize;

    /// Returns how often its object has changed.
    fn version(&self) -> u64;

    /// Returns its object's id.
    fn id(&self) -> Option<&Id>;

    /// Returns whether it is the end of a context that has ended.
    fn is_ended_context(&self) -> bool {
        false
    }
}

/// What a case is. The kernel's come last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Any future.
    Future,
    /// The end of a context, or a timer of its own.
    Signal,
    /// A tick of a timer that tasks share: one of them gets it. It does not end with the context.
    Tick,
    /// An operation of a channel, which fails when the context ends.
    Channel,
}

impl Kind {
    /// Every kind.
    pub const ALL: RangeInclusive<Self> = Self::Future..=Self::Channel;
    /// The kernel's.
    pub const KERNEL: RangeInclusive<Self> = Self::Signal..=Self::Channel;
    /// Those in whose queue a select waits for a peer.
    pub const QUEUES: RangeInclusive<Self> = Self::Tick..=Self::Channel;
    /// Futures only.
    pub const FUTURES: RangeInclusive<Self> = Self::Future..=Self::Future;
    /// Signals only.
    pub const SIGNALS: RangeInclusive<Self> = Self::Signal..=Self::Signal;
    /// Channels only.
    pub const CHANNELS: RangeInclusive<Self> = Self::Channel..=Self::Channel;
}

/// What came of trying a case.
#[derive(Debug)]
pub enum Attempt<R> {
    /// It took effect.
    Ready(R),
    /// It could not, at this version of its object.
    NotReady(u64),
    /// It could, but an object that was tried before has changed: the pass begins anew.
    Changed,
}

impl<R> Attempt<R> {
    /// Maps the result.
    pub fn map<S>(self, f: impl FnOnce(R) -> S) -> Attempt<S> {
        match self {
            Self::Ready(result) => Attempt::Ready(f(result)),
            Self::NotReady(version) => Attempt::NotReady(version),
            Self::Changed => Attempt::Changed,
        }
    }
}

/// A case as the select drives it. What only kernel cases do has an empty default.
pub trait Case {
    /// What it gives.
    type Output;

    /// Returns what it is, or `None` if its guard did not hold.
    fn kind(&self) -> Option<Kind>;

    /// Tries it; a future is polled.
    fn attempt(
        &mut self,
        cx: &mut task::Context<'_>,
        unchanged: &dyn Fn() -> bool,
    ) -> Attempt<Self::Output>;

    /// Returns the kernel operation.
    fn kernel(&mut self) -> Option<&mut dyn Kernel<Output = Self::Output>> {
        None
    }

    /// Returns the kernel operation, to look at.
    fn kernel_ref(&self) -> Option<&dyn Kernel<Output = Self::Output>> {
        None
    }

    /// Forgets the earlier pass.
    fn reset(&mut self) {}

    /// Returns whether its object is as it was when this pass tried it.
    fn is_unchanged(&self) -> bool {
        true
    }
}

/// The future of a case in its place, or `None` if the guard did not hold.
#[derive(Debug)]
pub struct Pinned<'a, F>(Option<Pin<&'a mut F>>);

impl<'a, F> Pinned<'a, F> {
    /// Takes the place.
    pub fn new(place: Pin<&'a mut Option<F>>) -> Self {
        Self(place.as_pin_mut())
    }
}

/// Returns the future of a case as it is. What is no future is refused here, where the compiler names it,
/// and not only by [`Pinned`], whose traits would be named.
pub fn future<F: Future>(future: F) -> F {
    future
}

/// A kernel case.
pub struct KernelCase<'a, K> {
    operation: Option<&'a mut K>,
    seen: Option<u64>,
}

/// A case of any other future.
pub struct FutureCase<'a, F>(Option<Pin<&'a mut F>>);

impl<K: Kernel> Case for KernelCase<'_, K> {
    type Output = K::Output;

    fn kind(&self) -> Option<Kind> {
        self.operation.as_ref().map(|operation| operation.kind())
    }

    fn attempt(
        &mut self,
        _cx: &mut task::Context<'_>,
        unchanged: &dyn Fn() -> bool,
    ) -> Attempt<Self::Output> {
        let Some(operation) = &mut self.operation else {
            return Attempt::NotReady(0);
        };
        let attempt = operation.attempt(unchanged);
        if let Attempt::NotReady(version) = attempt {
            self.seen = Some(version);
        }
        attempt
    }

    fn kernel(&mut self) -> Option<&mut dyn Kernel<Output = Self::Output>> {
        self.operation
            .as_deref_mut()
            .map(|operation| operation as _)
    }

    fn kernel_ref(&self) -> Option<&dyn Kernel<Output = Self::Output>> {
        self.operation.as_deref().map(|operation| operation as _)
    }

    fn reset(&mut self) {
        self.seen = None;
    }

    fn is_unchanged(&self) -> bool {
        match (&self.operation, self.seen) {
            (Some(operation), Some(seen)) => operation.version() == seen,
            _ => true,
        }
    }
}

impl<F: Future> Case for FutureCase<'_, F> {
    type Output = F::Output;

    fn kind(&self) -> Option<Kind> {
        self.0.as_ref().map(|_| Kind::Future)
    }

    fn attempt(
        &mut self,
        cx: &mut task::Context<'_>,
        _unchanged: &dyn Fn() -> bool,
    ) -> Attempt<F::Output> {
        match self.0.as_mut().map(|future| future.as_mut().poll(cx)) {
            Some(Poll::Ready(output)) => Attempt::Ready(output),
            _ => Attempt::NotReady(0),
        }
    }
}

impl<K> fmt::Debug for KernelCase<'_, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KernelCase").finish_non_exhaustive()
    }
}

impl<F> fmt::Debug for FutureCase<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureCase").finish_non_exhaustive()
    }
}

// The two traits give `Pinned<F>` one method each of the same name. A method call prefers one that
// takes the value over one that takes a reference to it, so a future becomes a `FutureCase` only if
// it is not the kernel's.

/// Makes a kernel case.
pub trait ByKernel<'a, K> {
    /// Makes it.
    fn greenroom_case(self) -> KernelCase<'a, K>;
}

impl<'a, K: Kernel + Unpin> ByKernel<'a, K> for Pinned<'a, K> {
    fn greenroom_case(self) -> KernelCase<'a, K> {
        KernelCase {
            operation: self.0.map(Pin::get_mut),
            seen: None,
        }
    }
}

/// Makes a case of any future.
pub trait ByFuture<'a, F> {
    /// Makes it.
    fn greenroom_case(self) -> FutureCase<'a, F>;
}

impl<'a, F: Future> ByFuture<'a, F> for &mut Pinned<'a, F> {
    fn greenroom_case(self) -> FutureCase<'a, F> {
        FutureCase(self.0.take())
    }
}
