//! The cases of a select: what the select asks of them, and the list whose output says which of them
//! fired.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::task;

use super::case::{Attempt, Case, Kind};
use super::set::{MOST, Set};
use crate::channel::Claim;
use crate::error::ContextError;
use crate::id::Id;
use crate::task::Far;

/// The cases of a select. An index counts from the first.
pub trait Cases {
    /// The output of the one that fired.
    type Output;

    /// Some of them.
    type Set: Set;

    /// Returns the enabled cases of some kinds.
    fn enabled(&self, kinds: &RangeInclusive<Kind>) -> Self::Set;
    /// Returns whether there is an enabled case of some kinds.
    fn has(&self, kinds: &RangeInclusive<Kind>) -> bool {
        !self.enabled(kinds).is_empty()
    }
    /// Returns whether the select ends with the current context.
    fn ends_with_context(&self) -> bool {
        self.has(&Kind::CHANNELS)
    }
    /// Returns whether a case waits for a context that has ended.
    fn has_ended_context(&self) -> bool;
    /// Begins each kernel case; see [`Kernel::begin`](super::Kernel::begin).
    fn begin(&mut self) -> Option<(usize, Self::Output)>;
    /// Forgets the earlier pass.
    fn reset(&mut self);
    /// Tries one case.
    fn attempt(
        &mut self,
        index: usize,
        cx: &mut task::Context<'_>,
        unchanged: &dyn Fn() -> bool,
    ) -> Attempt<Self::Output>;
    /// Returns whether each object is as it was when this pass tried it.
    fn is_unchanged(&self) -> bool;
    /// Returns the place of a kernel case in the order of registration.
    fn address(&self, index: usize) -> usize;
    /// Enters a kernel case; `case` is its number in the whole list.
    fn register(&mut self, index: usize, claim: &Arc<Claim>, case: usize) -> bool;
    /// Returns whether a kernel case could take effect.
    fn is_ready(&self, index: usize, claim: &Arc<Claim>) -> bool;
    /// Takes all kernel cases out of their queues.
    fn leave(&mut self);
    /// Completes a claimed kernel case.
    fn complete(&mut self, index: usize) -> Option<Self::Output>;
    /// Completes because the context has ended, through a case if there is one for that.
    fn fail(&mut self, error: ContextError) -> Option<(Option<usize>, Self::Output)>;
    /// Returns the id of a kernel case's object.
    fn id(&self, index: usize) -> Option<Id>;
    /// Returns the channels that it waits for, if it waits for nothing else.
    fn far(&self) -> Option<Far> {
        if self.has(&(Kind::Future..=Kind::Tick)) {
            return None;
        }
        let channels = self.enabled(&Kind::CHANNELS);
        let mut addresses: Vec<usize> = channels.iter().map(|case| self.address(case)).collect();
        addresses.sort_unstable();
        addresses.dedup();
        // One without a case keeps no waker.
        (!addresses.is_empty()).then_some(Far::Channels(addresses))
    }
}

/// A list of cases, whose length the compiler knows.
pub trait List: Cases<Set = u64> {
    /// How many there are.
    const LEN: usize;

    /// Fails to compile for a list that is too long.
    const FITS: () = assert!(Self::LEN <= MOST, "a select has at most 64 cases");
}

/// A case and the rest.
#[derive(Debug)]
pub struct Cons<H, R> {
    head: H,
    rest: R,
}

/// The end of the list.
#[derive(Debug)]
pub struct Nil;

/// Which case fired: this one, or one of the rest.
#[derive(Debug)]
pub enum Fired<H, R> {
    /// This one, with its output.
    Here(H),
    /// One of the rest.
    There(R),
}

/// The output of no case.
#[derive(Debug)]
pub enum Never {}

impl<H, R> Cons<H, R> {
    /// Puts a case before the rest.
    pub fn new(head: H, rest: R) -> Self {
        Self { head, rest }
    }
}

impl<H: Case, R: List> List for Cons<H, R> {
    const LEN: usize = 1 + R::LEN;
}

impl<H: Case, R: List> Cases for Cons<H, R> {
    type Output = Fired<H::Output, R::Output>;

    type Set = u64;

    fn enabled(&self, kinds: &RangeInclusive<Kind>) -> u64 {
        let head = self.head.kind().is_some_and(|kind| kinds.contains(&kind));
        u64::from(head) | self.rest.enabled(kinds) << 1
    }

    fn has_ended_context(&self) -> bool {
        let kernel = self.head.kernel_ref();
        kernel.is_some_and(|kernel| kernel.is_ended_context()) || self.rest.has_ended_context()
    }

    fn begin(&mut self) -> Option<(usize, Self::Output)> {
        if let Some(output) = self.head.kernel().and_then(|kernel| kernel.begin()) {
            return Some((0, Fired::Here(output)));
        }
        let (index, output) = self.rest.begin()?;
        Some((index + 1, Fired::There(output)))
    }

    fn reset(&mut self) {
        self.head.reset();
        self.rest.reset();
    }

    fn attempt(
        &mut self,
        index: usize,
        cx: &mut task::Context<'_>,
        unchanged: &dyn Fn() -> bool,
    ) -> Attempt<Self::Output> {
        let Self { head, rest } = self;
        match index.checked_sub(1) {
            None => head
                .attempt(cx, &|| rest.is_unchanged() && unchanged())
                .map(Fired::Here),
            Some(index) => rest
                .attempt(index, cx, &|| head.is_unchanged() && unchanged())
                .map(Fired::There),
        }
    }

    fn is_unchanged(&self) -> bool {
        self.head.is_unchanged() && self.rest.is_unchanged()
    }

    fn address(&self, index: usize) -> usize {
        match index.checked_sub(1) {
            None => self.head.kernel_ref().map_or(0, |kernel| kernel.address()),
            Some(index) => self.rest.address(index),
        }
    }

    fn register(&mut self, index: usize, claim: &Arc<Claim>, case: usize) -> bool {
        match index.checked_sub(1) {
            None => match self.head.kernel() {
                Some(kernel) => kernel.register(claim, case),
                None => false,
            },
            Some(index) => self.rest.register(index, claim, case),
        }
    }

    fn is_ready(&self, index: usize, claim: &Arc<Claim>) -> bool {
        match index.checked_sub(1) {
            None => match self.head.kernel_ref() {
                Some(kernel) => kernel.is_ready(claim),
                None => false,
            },
            Some(index) => self.rest.is_ready(index, claim),
        }
    }

    fn leave(&mut self) {
        if let Some(kernel) = self.head.kernel() {
            kernel.leave();
        }
        self.rest.leave();
    }

    fn complete(&mut self, index: usize) -> Option<Self::Output> {
        match index.checked_sub(1) {
            None => Some(Fired::Here(self.head.kernel()?.complete())),
            Some(index) => self.rest.complete(index).map(Fired::There),
        }
    }

    fn fail(&mut self, error: ContextError) -> Option<(Option<usize>, Self::Output)> {
        if self.head.kind() == Some(Kind::Channel) {
            let output = self.head.kernel()?.fail(error)?;
            return Some((Some(0), Fired::Here(output)));
        }
        let (index, output) = self.rest.fail(error)?;
        Some((index.map(|index| index + 1), Fired::There(output)))
    }

    fn id(&self, index: usize) -> Option<Id> {
        match index.checked_sub(1) {
            None => self.head.kernel_ref()?.id().cloned(),
            Some(index) => self.rest.id(index),
        }
    }
}

impl List for Nil {
    const LEN: usize = 0;
}

impl Cases for Nil {
    type Output = Never;

    type Set = u64;

    fn enabled(&self, _kinds: &RangeInclusive<Kind>) -> u64 {
        0
    }

    fn has_ended_context(&self) -> bool {
        false
    }

    fn begin(&mut self) -> Option<(usize, Never)> {
        None
    }

    fn reset(&mut self) {}

    fn attempt(
        &mut self,
        _index: usize,
        _cx: &mut task::Context<'_>,
        _unchanged: &dyn Fn() -> bool,
    ) -> Attempt<Never> {
        Attempt::NotReady(0)
    }

    fn is_unchanged(&self) -> bool {
        true
    }

    fn address(&self, _index: usize) -> usize {
        0
    }

    fn register(&mut self, _index: usize, _claim: &Arc<Claim>, _case: usize) -> bool {
        false
    }

    fn is_ready(&self, _index: usize, _claim: &Arc<Claim>) -> bool {
        false
    }

    fn leave(&mut self) {}

    fn complete(&mut self, _index: usize) -> Option<Never> {
        None
    }

    fn fail(&mut self, _error: ContextError) -> Option<(Option<usize>, Never)> {
        None
    }

    fn id(&self, _index: usize) -> Option<Id> {
        None
    }
}
