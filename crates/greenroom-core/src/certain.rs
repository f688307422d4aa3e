//! Tasks that wait for each other over channels, and of which it is certain that none goes on by itself.
//!
//! Who could end a wait on a channel? Whoever holds an end of it. How many ends there are the channel
//! counts; where they are no type tells: a sender that a task has captured looks the same when that has
//! given it to a thread. So a task may be given ends as a loan: [`holding`] owns them, and lends them to
//! the task's own code for as long as that runs. The borrow checker then proves where they are.
//!
//! # What is certain
//! A knot is a set of tasks and actors, each of which waits, and whose waits can be ended by others of
//! the set only. It ends by an intervention from outside of it: a cancel, also one that follows from the
//! error of a sibling, a stop, the end of the runtime. Nothing else ends it.
//!
//! # Invariants
//! 1. The user code of a task in question is polled with the waker of its own desk (see
//!    [`cycle`](crate::cycle)) and with no other. So all that can make it go on holds a clone of that
//!    waker, or wakes for the end of the task's own context, which is an intervention.
//! 2. A clone that is taken out to wake has set `rung` before it is gone. `rung` is cleared only as a
//!    poll begins.
//! 3. A task rests from when a poll has returned pending until the next one begins. Each time has a
//!    number, and it is the only time of that number.
//! 4. A wait is counted only if it was polled with the desk's waker in the task's last poll: it had one
//!    clone in its place then. One that was not polled may have been served meanwhile, and its clone may
//!    be gone; counted all the same it would hide a foreign one.
//! 5. A wait that is dropped, or taken over by another task, is taken off the task's list before its
//!    clone goes, or before the end of a channel goes on which it waits. (A future may leave the task
//!    that has polled it.)
//! 6. What is lent cannot leave the task. The loan has a lifetime of which its borrower knows nothing but
//!    that it outlasts itself, so whatever holds the loan is part of the task's future: a thread, a
//!    foreign task, a task of ours, a static and a context's after-function all want what lives for
//!    ever. So a lent end is used in a poll of its task only. A clone of it is free, and is counted by
//!    the channel as one more.
//! 7. A weak sender may become a sender at any time. It marks its channel for good before it exists.
//!
//! # Why nothing is reported that moves
//! The search looks at each task, then counts the ends of each channel, then looks at each task again.
//! It keeps those of which both looks were the same: the same rest, the same waits, not rung. Let `t` be
//! any moment after the last count and before the first of the second looks.
//!
//! - *At `t` no task of the set has a waker out but those of its waits.* At the first look the number of
//!   clones was the one its waits account for. By 4 and 5 each of the waits that were on the list at both
//!   looks had its clone at the count, unless that was taken to wake; and by 2 `rung` tells. So there was
//!   no foreign clone. New clones of it are made in a poll, and there was none (3).
//! - *At `t` all ends of the channels are lent to the set.* When a channel's ends were counted there were
//!   as many as are lent to the set, each in a task that rested; there was no weak one (7). From then on
//!   an end can be made only of another, which is used in a poll (6), and there was none.
//! - *At `t` nobody is about to wake one of them.* Who takes a waker out of a channel holds one of its
//!   ends until it has woken. If that end was another's, it was gone at the count; then the waker was
//!   rung before that, and the second look sees it. Who closes by letting the last end go has taken the
//!   count to zero first; and a channel that has no sender or no receiver is nobody's knot. Who ends a
//!   task that is joined, or answers an ask, is a member that rests.
//!
//! After `t`, let one of the set be the first to be polled without an intervention. Somebody rang it: not
//! anything foreign, so one who uses an end, ends a joined task, or answers. Each of these happens in a
//! poll of a member, which would have been before. So there is no first.
//!
//! The wrong version looks once: a task rests; a second one wakes it, lets its own end go, and rests;
//! both rested, though never at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::channel::{Account, Counts, Ends, accounts};
use crate::current;
use crate::cycle::Desk;
use crate::id::Id;
use crate::task::{Far, TaskInfo};

/// A wait that was polled with the desk's waker, of which it keeps one clone.
#[derive(Clone, Debug)]
pub(crate) struct Sure {
    pub(crate) far: Far,
    /// The number of the task's rest before the poll.
    pub(crate) rests: u64,
    /// Whether it ends by a time as well.
    pub(crate) is_timed: bool,
}

/// A task that rests, and waits for nothing but this.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) rests: u64,
    pub(crate) keys: Vec<u64>,
    pub(crate) far: Vec<Far>,
    pub(crate) is_timed: bool,
}

/// Lends ends of channels to a body, and keeps them until it has returned. It is then known for certain
/// that the current task has them, and nobody else; see the [module](self).
///
/// To be the whole of what a task runs. In a task that has lent some already, and in an actor, it lends
/// them all the same, but nothing is certain of that. So it is outside our tasks.
///
/// # Cancel safety
/// Dropping the future drops the body, then the ends.
pub async fn holding<E: Ends, R>(ends: E, body: impl AsyncFnOnce(&E) -> R) -> R {
    let free = current::task().filter(|task| !task.has_desk());
    let Some(task) = free else {
        return body(&ends).await;
    };
    let desk = Desk::new(task.clone());
    // Goes after the body and before the ends: what is on the list is there.
    let _loan = Loan::new(task, accounts(&ends));
    let mut body = pin!(body(&ends));
    std::future::poll_fn(|cx| {
        desk.enter(cx.waker());
        let poll = |waker: &std::task::Waker| {
            let _watch = current::enter_watch(waker);
            body.as_mut().poll(&mut Context::from_waker(waker))
        };
        desk.poll(cx.waker(), false, poll, Poll::is_pending)
    })
    .await
}

struct Loan(Arc<TaskInfo>);

impl Loan {
    fn new(task: Arc<TaskInfo>, held: Vec<Arc<dyn Account>>) -> Self {
        task.hold(held);
        Self(task)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.0.let_go();
    }
}

/// What two looks at all tasks gave.
#[derive(Debug, Default)]
pub(crate) struct Certain {
    /// The tasks that do not go on by themselves, each with the others of the set it waits for.
    pub(crate) stuck: BTreeMap<Id, BTreeSet<Id>>,
    /// Those that rest, and wait for nothing but what the kernel knows.
    pub(crate) resting: BTreeSet<Id>,
    /// Those of them of which a wait ends by a time.
    pub(crate) timed: BTreeSet<Id>,
    /// The channels whose ends are all lent, by their ids.
    pub(crate) closed: BTreeSet<Id>,
    /// Of those and of all others of which an end is lent: who has them.
    pub(crate) holders: BTreeMap<Id, BTreeSet<Id>>,
}

/// A channel, by what is lent of it.
struct Lent {
    account: Arc<dyn Account>,
    counts: Counts,
    /// How many ends each task has.
    by_task: BTreeMap<Id, usize>,
}

impl Lent {
    /// Whether all ends are with those that pass.
    fn is_closed(&self, is_in: impl Fn(&Id) -> bool) -> bool {
        let Counts {
            senders,
            receivers,
            was_weakened,
        } = self.counts;
        let known: usize = (self.by_task.iter())
            .filter(|(task, _)| is_in(task))
            .map(|(_, count)| count)
            .sum();
        // A lent end is one of the channel's, so equal sums are equal counts of both kinds.
        senders > 0 && receivers > 0 && !was_weakened && known == senders + receivers
    }
}

/// Searches for what is stuck. `tasks` are all that live, or some of them.
#[allow(
    clippy::mutable_key_type,
    reason = "what is counted in an id has no part in its order"
)]
pub(crate) fn search(tasks: &[Arc<TaskInfo>]) -> Certain {
    let mut looks: BTreeMap<Id, (&Arc<TaskInfo>, Look)> = (tasks.iter())
        .filter_map(|task| Some((task.id.clone(), (task, task.look()?))))
        .collect();
    let mut lent: BTreeMap<usize, Lent> = BTreeMap::new();
    // Of all that live: those that rest have theirs at both looks.
    for task in tasks {
        let id = &task.id;
        for account in task.held() {
            let entry = lent.entry(account.address()).or_insert_with(|| Lent {
                counts: account.counts(),
                account,
                by_task: BTreeMap::new(),
            });
            *entry.by_task.entry(id.clone()).or_default() += 1;
        }
    }
    let mut certain = Certain {
        resting: looks.keys().cloned().collect(),
        timed: (looks.iter())
            .filter(|(_, (_, look))| look.is_timed)
            .map(|(id, _)| id.clone())
            .collect(),
        ..Certain::default()
    };
    for channel in lent.values() {
        if let Some(id) = channel.account.id() {
            if channel.is_closed(|_| true) {
                certain.closed.insert(id.clone());
            }
            let holders = channel.by_task.keys().cloned();
            certain
                .holders
                .entry(id.clone())
                .or_default()
                .extend(holders);
        }
    }
    looks.retain(|_, (_, look)| !look.is_timed);
    narrow(&mut looks, &lent);
    // The second look. Some may go by it, and with them others.
    looks.retain(|_, (task, first)| {
        let second = task.look();
        second.is_some_and(|second| second.rests == first.rests && second.keys == first.keys)
    });
    narrow(&mut looks, &lent);
    certain.stuck = (looks.iter())
        .map(|(id, (_, look))| {
            (
                id.clone(),
                look.far.iter().flat_map(|far| enders(far, &lent)).collect(),
            )
        })
        .collect();
    certain
}

/// Takes out who has a way out, until nobody has.
#[allow(
    clippy::mutable_key_type,
    reason = "what is counted in an id has no part in its order"
)]
fn narrow(looks: &mut BTreeMap<Id, (&Arc<TaskInfo>, Look)>, lent: &BTreeMap<usize, Lent>) {
    loop {
        let left: BTreeSet<Id> = looks.keys().cloned().collect();
        // Of another runtime there may be an equal id.
        let is_left = |id: &Id| left.get(id).is_some_and(|there| there.is_same(id));
        let is_closed = |address: &usize| {
            (lent.get(address)).is_some_and(|channel| channel.is_closed(|id| left.contains(id)))
        };
        looks.retain(|_, (_, look)| {
            look.far.iter().all(|far| match far {
                Far::Channel(address) => is_closed(address),
                Far::Channels(addresses) => addresses.iter().all(is_closed),
                Far::Task(id) => is_left(id),
                Far::End(end) => (end.holder()).is_some_and(|holder| is_left(&holder.id)),
            })
        });
        if looks.len() == left.len() {
            return;
        }
    }
}

fn enders(far: &Far, lent: &BTreeMap<usize, Lent>) -> Vec<Id> {
    let holders = |address: &usize| {
        let channel = lent.get(address);
        channel
            .into_iter()
            .flat_map(|channel| channel.by_task.keys().cloned())
    };
    match far {
        Far::Channel(address) => holders(address).collect(),
        Far::Channels(addresses) => addresses.iter().flat_map(holders).collect(),
        Far::Task(id) => vec![id.clone()],
        Far::End(end) => end
            .holder()
            .map(|holder| holder.id.clone())
            .into_iter()
            .collect(),
    }
}
