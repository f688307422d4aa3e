//! The tree of cancellation.
//!
//! # Invariants
//! 1. `ended` is set once, under the node's lock, and read without it.
//! 2. A child is in its parent's list from its making until it is dropped or the parent has ended;
//!    it is entered under the lock under which the parent's `ended` was seen unset. So a cancel finds
//!    it in the list, or it is made ended.
//! 3. `complete` is set only when every descendant is marked. A walk may skip a complete node, but not
//!    one that is merely ended: another walk may still be on its way below it.
//! 4. A node takes its end from its parent as that is marked, never from the walk's start: so when two
//!    cancels race, no descendant shows a later cause than its parent.
//! 5. A child holds its parent; a parent holds its children weakly. A chain is taken apart by a loop.
//! 6. The end claims each select that waits for it before it shows, under the node's lock. So who sees
//!    the end, or returns from the cancel, finds no such select that still takes from a peer.
//! 7. A node that can end by itself or with its parent holds itself while it has after-functions: they
//!    run also if every context of it is dropped before. Its end, or the last `stop`, breaks the cycle;
//!    without cancel above it, the end of the runtime does, which drops what was never started.
//!
//! # Deadlock safety
//! No two nodes are locked at a time, and no lock is held while a waker, an after-function, a driver or
//! the drop of another node runs. Inside a node's lock only the waker's slot of a claim is locked.

use std::panic::Location;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Instant;

use slab::Slab;

use super::Context;
use super::after::Pending;
use super::deadline::Deadline;
use crate::channel::Claim;
use crate::current::Handle;
use crate::driver::{self, AlarmKind, AlarmOrigin, EventKind};
use crate::error::{Cause, ContextError};
use crate::id::Id;
use crate::registry::Registry;
use crate::select::Watcher;
use crate::sync::Mutex;
use crate::sync::OnceLock;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::unwind;

pub(super) struct Root {
    pub(super) id: Id,
    pub(super) driver: Handle,
    pub(super) registry: Registry,
    // Nodes without cancel above them that hold themselves; None when the runtime has ended. Locked after
    // a node, or alone.
    pub(super) lingering: Mutex<Option<Vec<Weak<Node>>>>,
}

impl Root {
    /// Enters a node that holds itself and that no end above it reaches. Returns false if the runtime has
    /// ended: it is not to hold itself.
    fn linger(&self, node: &Arc<Node>) -> bool {
        let mut lingering = self.lingering.lock();
        let Some(nodes) = &mut *lingering else {
            return false;
        };
        if nodes.len() == nodes.capacity() {
            nodes.retain(|node| node.strong_count() > 0);
        }
        nodes.push(Arc::downgrade(node));
        true
    }

    /// Drops the after-functions of the nodes that hold themselves and were never ended. Invariant 7.
    pub(super) fn release(&self) {
        let nodes = self.lingering.lock().take();
        for node in nodes.iter().flatten().filter_map(Weak::upgrade) {
            let (after, held) = {
                let mut lists = node.lists.lock();
                (std::mem::take(&mut lists.after), lists.held.take())
            };
            drop(held);
            for (_, pending) in after {
                if let Err(payload) = unwind::drop_caught(pending)
                    && let Err(second) = unwind::drop_caught(payload)
                {
                    std::mem::forget(second);
                }
            }
        }
    }
}

pub(crate) struct Node {
    pub(super) root: Arc<Root>,
    parent: Option<Parent>,
    /// Whether it, or one above it, was made without cancel.
    pub(super) detached: bool,
    /// The earliest deadline of this node and those above it.
    pub(super) deadline: Option<Instant>,
    ended: OnceLock<ContextError>,
    complete: AtomicBool,
    lists: Mutex<Lists>,
}

struct Parent {
    node: Arc<Node>,
    // The place in the parent's list, or `NO_SLOT`. Used under the parent's lock.
    slot: AtomicUsize,
}

const NO_SLOT: usize = usize::MAX;

#[derive(Default)]
struct Lists {
    children: Slab<Weak<Node>>,
    waiters: Slab<Watcher>,
    after: Slab<Pending>,
    // Invariant 7: set while `after` has entries.
    held: Option<Arc<Node>>,
    deadline: Option<Deadline>,
}

/// A deadline to be set: when, with which cause, and where that was said.
pub(super) type Due = (Instant, Cause, &'static Location<'static>);

impl Node {
    pub(super) fn root(root: Arc<Root>, detached: bool) -> Arc<Self> {
        Arc::new(Self {
            root,
            parent: None,
            detached,
            deadline: None,
            ended: OnceLock::new(),
            complete: AtomicBool::new(false),
            lists: Mutex::default(),
        })
    }

    pub(super) fn child(parent: &Arc<Self>, deadline: Option<Due>) -> Arc<Self> {
        // A parent that ends earlier makes the child's own deadline void, and its cause with it.
        let own = deadline.filter(|(at, ..)| parent.deadline.is_none_or(|above| *at < above));
        let effective = own.as_ref().map(|(at, ..)| *at).or(parent.deadline);
        let child = Arc::new(Self {
            root: parent.root.clone(),
            parent: Some(Parent {
                node: parent.clone(),
                slot: AtomicUsize::new(NO_SLOT),
            }),
            detached: parent.detached,
            deadline: effective,
            ended: OnceLock::new(),
            complete: AtomicBool::new(false),
            lists: Mutex::default(),
        });
        // Only now, not in `Arc::new_cyclic`: a cancel that finds the entry must be able to upgrade it.
        let inherited = child.enter_parent();
        if let Some(error) = inherited {
            child.end(error);
        } else if let Some((at, cause, place)) = own {
            let now = child.root.driver.driver().now();
            if at <= now {
                child.end(ContextError::Deadline(cause));
            } else {
                let origin = AlarmOrigin::current(AlarmKind::Deadline, place, now);
                Deadline::set(&child, at, cause, origin);
            }
        }
        child
    }

    /// Enters the node in its parent's list, or returns how the parent has ended.
    fn enter_parent(self: &Arc<Self>) -> Option<ContextError> {
        let parent = self.parent.as_ref()?;
        let mut lists = parent.node.lists.lock();
        // Invariant 2: looked at and entered in one critical section.
        let ended = parent.node.ended.get().cloned();
        if ended.is_none() {
            let slot = lists.children.insert(Arc::downgrade(self));
            parent.slot.store(slot, Ordering::Relaxed);
        }
        ended
    }

    #[inline]
    pub(super) fn ended(&self) -> Option<&ContextError> {
        self.ended.get()
    }

    /// Returns the end that has claimed a select, also if it does not show yet.
    pub(super) fn end_that_claimed(&self) -> ContextError {
        if self.ended.get().is_none() {
            // Invariant 6: it shows when the lock under which it claimed is free.
            drop(self.lists.lock());
        }
        match self.ended.get() {
            Some(error) => error.clone(),
            None => unreachable!("only an end claims"),
        }
    }

    /// Keeps a deadline's timer until the node ends, or gives it back if it has ended meanwhile.
    pub(super) fn keep_deadline(&self, deadline: Deadline) -> Result<(), Deadline> {
        let mut lists = self.lists.lock();
        if self.ended.get().is_some() {
            return Err(deadline);
        }
        lists.deadline = Some(deadline);
        Ok(())
    }

    /// Enters who waits for the end, or returns how the node ended.
    fn watch(&self, watcher: Watcher) -> Result<usize, ContextError> {
        let mut lists = self.lists.lock();
        if let Some(error) = self.ended.get() {
            let error = error.clone();
            drop(lists);
            // The watcher goes with the call, after the lock.
            return Err(error);
        }
        Ok(lists.waiters.insert(watcher))
    }

    /// Whether it has no handle, no deadline and no parent.
    pub(super) fn never_ends(&self) -> bool {
        self.detached && self.parent.is_none()
    }

    /// Registers an after-function, or gives it back if the node has ended.
    pub(super) fn register_after(self: &Arc<Self>, pending: Pending) -> Result<usize, Pending> {
        let mut lists = self.lists.lock();
        if self.ended.get().is_some() {
            return Err(pending);
        }
        // A root ends by its handle only, which its owner keeps; a detached one never ends.
        let is_kept = self.parent.is_some() && lists.held.is_none();
        if is_kept && (!self.detached || self.root.linger(self)) {
            lists.held = Some(self.clone());
        }
        Ok(lists.after.insert(pending))
    }

    /// Takes an after-function back, unless it has been started.
    pub(super) fn unregister_after(&self, key: usize) -> Option<Pending> {
        let mut lists = self.lists.lock();
        let pending = lists.after.try_remove(key)?;
        let held = if lists.after.is_empty() {
            lists.held.take()
        } else {
            None
        };
        drop(lists);
        // The caller has the node too, so this does not drop it.
        drop(held);
        Some(pending)
    }

    /// Ends the node and everything below it, before it returns; then wakes and runs what waited.
    pub(crate) fn end(self: &Arc<Self>, error: ContextError) {
        if self.complete.load(Ordering::Acquire) {
            return;
        }
        let mut woken = Vec::new();
        let mut visited = Vec::new();
        let mut newly = false;
        let mut stack = vec![(self.clone(), error)];
        while let Some((node, error)) = stack.pop() {
            // Invariant 3.
            if node.complete.load(Ordering::Acquire) {
                continue;
            }
            let mut lists = node.lists.lock();
            if node.ended.get().is_none() {
                newly = true;
                // Invariant 6.
                for (_, watcher) in &mut lists.waiters {
                    watcher.claim();
                }
                // Unset until now, and set under this lock only.
                let _set = node.ended.set(error);
                woken.push(Woken {
                    waiters: std::mem::take(&mut lists.waiters),
                    after: std::mem::take(&mut lists.after),
                    deadline: lists.deadline.take(),
                    _held: lists.held.take(),
                });
            }
            if let Some(as_marked) = node.ended.get() {
                for (_, child) in &lists.children {
                    if let Some(child) = child.upgrade() {
                        // Invariant 4.
                        stack.push((child, as_marked.clone()));
                    }
                }
            }
            drop(lists);
            visited.push(node);
        }
        for node in &visited {
            node.complete.store(true, Ordering::Release);
            node.lists.lock().children = Slab::new();
        }
        if !newly {
            return;
        }
        self.leave_parent();
        for woken in &mut woken {
            if let Some(deadline) = woken.deadline.take() {
                deadline.forget(&self.root);
            }
        }
        // The end itself is marked by now; what follows from it is delivered.
        driver::deliver_at(
            &self.root.driver,
            EventKind::Cancel,
            || Some(self.root.id.clone()),
            "context",
            move || woken.into_iter().for_each(Woken::deliver),
        );
    }

    fn leave_parent(&self) {
        if let Some(parent) = &self.parent {
            let removed = {
                let mut lists = parent.node.lists.lock();
                // The slot may belong to another by now: a parent that has ended clears its list.
                let slot = parent.slot.load(Ordering::Relaxed);
                match lists.children.get(slot) {
                    Some(child) if std::ptr::eq(child.as_ptr(), self) => {
                        lists.children.try_remove(slot)
                    }
                    _ => None,
                }
            };
            drop(removed);
        }
    }
}

struct Woken {
    waiters: Slab<Watcher>,
    after: Slab<Pending>,
    deadline: Option<Deadline>,
    _held: Option<Arc<Node>>,
}

impl Woken {
    fn deliver(self) {
        let waiters = self.waiters.into_iter();
        unwind::wake_all(waiters.filter_map(|(_, watcher)| watcher.into_waker()));
        for (_, pending) in self.after {
            pending.start();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.leave_parent();
        // What is a user's goes apart: a context ends anywhere, also in an unwinding.
        if let Some(error) = self.ended.take() {
            unwind::drop_apart(error, "drop of a cause");
        }
        for (_, pending) in std::mem::take(&mut self.lists.get_mut().after) {
            unwind::drop_apart(pending, "drop of an after-function");
        }
        let deadline = self.lists.get_mut().deadline.take();
        if let Some(deadline) = deadline {
            deadline.forget(&self.root);
        }
        // Invariant 5. Each node that goes with this one leaves its own parent first.
        let mut next = self.parent.take();
        while let Some(parent) = next {
            next = Arc::into_inner(parent.node).and_then(|mut node| {
                node.leave_parent();
                node.parent.take()
            });
        }
    }
}

/// A waker, or a case of a select, entered with a context; taken out when it is dropped.
#[derive(Debug)]
pub struct Registration {
    node: Arc<Node>,
    key: usize,
    // None for a case of a select.
    waker: Option<Waker>,
}

impl Registration {
    /// Enters a waker with a context, or moves an earlier registration to it.
    ///
    /// # Errors
    /// How the context ended, if it has; nothing is registered then.
    pub fn update(
        registration: &mut Option<Self>,
        context: &Context,
        waker: &Waker,
    ) -> Result<(), ContextError> {
        let node = &context.0.node;
        if let Some(error) = node.ended() {
            let error = error.clone();
            *registration = None;
            return Err(error);
        }
        if let Some(there) = registration
            && Arc::ptr_eq(&there.node, node)
            && there.waker.as_ref().is_some_and(|w| w.will_wake(waker))
        {
            return Ok(());
        }
        *registration = None;
        // Cloned outside the lock: a foreign waker's code runs there.
        let (entered, waker) = (waker.clone(), waker.clone());
        let key = node.watch(Watcher::Task(entered))?;
        *registration = Some(Self {
            node: node.clone(),
            key,
            waker: Some(waker),
        });
        Ok(())
    }

    /// Enters a case of a select in place of an earlier registration. Returns false, with nothing
    /// registered, if the context has ended.
    pub(super) fn enter_case(
        registration: &mut Option<Self>,
        context: &Context,
        claim: &Arc<Claim>,
        case: usize,
    ) -> bool {
        let node = &context.0.node;
        let entered = node.watch(Watcher::Select(claim.clone(), case));
        *registration = entered.ok().map(|key| Self {
            node: node.clone(),
            key,
            waker: None,
        });
        registration.is_some()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // After the end the list is empty, and stays so: no slot can be another's.
        let gone = self.node.lists.lock().waiters.try_remove(self.key);
        unwind::drop_apart(gone, "drop of a waker");
        unwind::drop_apart(self.waker.take(), "drop of a waker");
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("ended", &self.ended.get())
            .finish_non_exhaustive()
    }
}
