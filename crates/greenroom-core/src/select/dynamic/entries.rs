//! Any number of cases, as a select drives them.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::task;

use super::case::Mapped;
use crate::channel::Claim;
use crate::error::ContextError;
use crate::id::Id;
use crate::select::{Attempt, Cases, Kind};

pub(super) struct Entry<'a, O> {
    pub(super) number: u64,
    /// Whether it goes when it has fired.
    pub(super) once: bool,
    pub(super) case: Box<dyn Mapped<O> + Send + 'a>,
}

/// The entries while a select is at work. It gives the place of the one that fired.
pub(super) struct Selected<'s, 'a, O> {
    pub(super) entries: &'s mut [Entry<'a, O>],
    /// Whether the end of the current context ends it.
    pub(super) ends: bool,
}

impl<O> Cases for Selected<'_, '_, O> {
    type Output = Result<usize, ContextError>;

    type Set = VecDeque<usize>;

    fn enabled(&self, kinds: &RangeInclusive<Kind>) -> VecDeque<usize> {
        let all = self.entries.iter().enumerate();
        all.filter(|(_, entry)| is_of(entry, kinds))
            .map(|(index, _)| index)
            .collect()
    }

    fn has(&self, kinds: &RangeInclusive<Kind>) -> bool {
        self.entries.iter().any(|entry| is_of(entry, kinds))
    }

    fn ends_with_context(&self) -> bool {
        self.ends
    }

    fn has_ended_context(&self) -> bool {
        let mut kernels = self.entries.iter().filter_map(|e| e.case.kernel_ref());
        kernels.any(|kernel| kernel.is_ended_context())
    }

    fn begin(&mut self) -> Option<(usize, Self::Output)> {
        let all = self.entries.iter_mut().enumerate();
        for (index, entry) in all {
            if entry.case.kernel().and_then(|k| k.begin()).is_some() {
                return Some((index, Ok(index)));
            }
        }
        None
    }

    fn reset(&mut self) {
        for entry in self.entries.iter_mut() {
            entry.case.reset();
        }
    }

    fn attempt(
        &mut self,
        index: usize,
        cx: &mut task::Context<'_>,
        unchanged: &dyn Fn() -> bool,
    ) -> Attempt<Self::Output> {
        let (before, rest) = self.entries.split_at_mut(index);
        let Some((entry, after)) = rest.split_first_mut() else {
            return Attempt::NotReady(0);
        };
        let others = || {
            let mut others = before.iter().chain(after.iter());
            others.all(|entry| entry.case.is_unchanged()) && unchanged()
        };
        entry.case.attempt(cx, &others).map(|()| Ok(index))
    }

    fn is_unchanged(&self) -> bool {
        self.entries.iter().all(|entry| entry.case.is_unchanged())
    }

    fn address(&self, index: usize) -> usize {
        let kernel = self.entries[index].case.kernel_ref();
        kernel.map_or(0, |kernel| kernel.address())
    }

    fn register(&mut self, index: usize, claim: &Arc<Claim>, case: usize) -> bool {
        let kernel = self.entries[index].case.kernel();
        kernel.is_some_and(|kernel| kernel.register(claim, case))
    }

    fn is_ready(&self, index: usize, claim: &Arc<Claim>) -> bool {
        let kernel = self.entries[index].case.kernel_ref();
        kernel.is_some_and(|kernel| kernel.is_ready(claim))
    }

    fn leave(&mut self) {
        for kernel in self.entries.iter_mut().filter_map(|e| e.case.kernel()) {
            kernel.leave();
        }
    }

    fn complete(&mut self, index: usize) -> Option<Self::Output> {
        self.entries[index].case.kernel()?.complete();
        Some(Ok(index))
    }

    fn fail(&mut self, error: ContextError) -> Option<(Option<usize>, Self::Output)> {
        Some((None, Err(error)))
    }

    fn id(&self, index: usize) -> Option<Id> {
        self.entries[index].case.kernel_ref()?.id().cloned()
    }
}

fn is_of<O>(entry: &Entry<'_, O>, kinds: &RangeInclusive<Kind>) -> bool {
    entry.case.kind().is_some_and(|kind| kinds.contains(&kind))
}
