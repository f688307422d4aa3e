//! A case of a select whose cases are not known to the compiler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use crate::channel::Claim;
use crate::error::ContextError;
use crate::id::Id;
use crate::select::{Attempt, Case, Kernel, Kind};

/// A case that keeps its output until the select is over, and then maps it.
pub(super) trait Mapped<O>: Case<Output = ()> {
    /// Maps what came out. Called once after each time at which it fired.
    fn finish(&mut self) -> O;
}

/// A kernel operation and what becomes of its output.
pub(super) struct Operation<K: Kernel, F> {
    kernel: K,
    seen: Option<u64>,
    output: Option<K::Output>,
    map: F,
}

/// A future and what becomes of its output.
pub(super) struct Other<T: Future, F> {
    future: Pin<Box<T>>,
    output: Option<T::Output>,
    map: F,
}

impl<K: Kernel, F> Operation<K, F> {
    pub(super) fn new(kernel: K, map: F) -> Self {
        Self {
            kernel,
            seen: None,
            output: None,
            map,
        }
    }
}

impl<T: Future, F> Other<T, F> {
    pub(super) fn new(future: T, map: F) -> Self {
        Self {
            future: Box::pin(future),
            output: None,
            map,
        }
    }
}

impl<K: Kernel, F: FnMut(K::Output) -> O, O> Mapped<O> for Operation<K, F> {
    fn finish(&mut self) -> O {
        finish(&mut self.output, &mut self.map)
    }
}

impl<T: Future, F: FnMut(T::Output) -> O, O> Mapped<O> for Other<T, F> {
    fn finish(&mut self) -> O {
        finish(&mut self.output, &mut self.map)
    }
}

fn finish<T, O>(output: &mut Option<T>, map: &mut impl FnMut(T) -> O) -> O {
    match output.take() {
        Some(output) => map(output),
        None => unreachable!("a case that has fired has its output"),
    }
}

impl<K: Kernel, F> Case for Operation<K, F> {
    type Output = ();

    fn kind(&self) -> Option<Kind> {
        Some(self.kernel.kind())
    }

    fn attempt(
        &mut self,
        _cx: &mut task::Context<'_>,
        unchanged: &dyn Fn() -> bool,
    ) -> Attempt<()> {
        let attempt = Kernel::attempt(self, unchanged);
        if let Attempt::NotReady(version) = attempt {
            self.seen = Some(version);
        }
        attempt
    }

    fn kernel(&mut self) -> Option<&mut dyn Kernel<Output = ()>> {
        Some(self)
    }

    fn kernel_ref(&self) -> Option<&dyn Kernel<Output = ()>> {
        Some(self)
    }

    fn reset(&mut self) {
        self.seen = None;
    }

    fn is_unchanged(&self) -> bool {
        self.seen.is_none_or(|seen| seen == self.kernel.version())
    }
}

impl<T: Future, F> Case for Other<T, F> {
    type Output = ();

    fn kind(&self) -> Option<Kind> {
        Some(Kind::Future)
    }

    fn attempt(
        &mut self,
        cx: &mut task::Context<'_>,
        _unchanged: &dyn Fn() -> bool,
    ) -> Attempt<()> {
        match self.future.as_mut().poll(cx) {
            Poll::Ready(output) => {
                self.output = Some(output);
                Attempt::Ready(())
            }
            Poll::Pending => Attempt::NotReady(0),
        }
    }
}

impl<K: Kernel, F> Kernel for Operation<K, F> {
    type Output = ();

    fn kind(&self) -> Kind {
        self.kernel.kind()
    }

    fn begin(&mut self) -> Option<()> {
        self.output = Some(self.kernel.begin()?);
        Some(())
    }

    fn attempt(&mut self, unchanged: &dyn Fn() -> bool) -> Attempt<()> {
        let attempt = self.kernel.attempt(unchanged);
        attempt.map(|output| self.output = Some(output))
    }

    fn register(&mut self, claim: &Arc<Claim>, case: usize) -> bool {
        self.kernel.register(claim, case)
    }

    fn is_ready(&self, claim: &Arc<Claim>) -> bool {
        self.kernel.is_ready(claim)
    }

    fn leave(&mut self) {
        self.kernel.leave();
    }

    fn complete(&mut self) {
        self.output = Some(self.kernel.complete());
    }

    fn fail(&mut self, _error: ContextError) -> Option<()> {
        None
    }

    fn address(&self) -> usize {
        self.kernel.address()
    }

    fn version(&self) -> u64 {
        self.kernel.version()
    }

    fn id(&self) -> Option<&Id> {
        self.kernel.id()
    }

    fn is_ended_context(&self) -> bool {
        self.kernel.is_ended_context()
    }
}
