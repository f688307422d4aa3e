//! What outlives the owner's incarnations: the value, the line, and what is known of each party.

use std::collections::BTreeMap;
use std::time::Instant;

use greenroom_actor::{ActorContext, TimerId};
use greenroom_core::Id;
use greenroom_core::registry::{LeaseBoard, LeaseHop, LeaseKind, LeaseParty};

use super::actor::Owner;
use super::error::Poison;
use super::line::{Left, Line, Step};
use super::message::{Back, Out, Overdue, Refusal, Request, Slot};
use super::options::{LeaseOptions, OnCycle};
use super::report::{HolderStatus, LeaseReport, LeaseStatus, WaiterStatus};
use super::vault::Vault;

/// The books of an owner of leases.
pub(crate) struct Book<V: Vault> {
    vault: V,
    line: Line,
    parties: BTreeMap<u64, Party<V>>,
    poison: Option<Poison>,
    options: LeaseOptions,
    reports_lost: u64,
    /// There from the first start on.
    board: Option<LeaseBoard>,
}

/// Someone who holds a lease or waits for one.
struct Party<V: Vault> {
    facts: LeaseParty,
    slot: Slot<V>,
    recovers: bool,
    /// The poison that its lease was given in spite of.
    recovered: Option<Poison>,
    is_shown: bool,
    timer: Option<TimerId>,
    is_overdue: bool,
}

/// The owner's own side: its clock and its timers.
type Cx<V> = ActorContext<Owner<V>>;

impl<V: Vault> Book<V> {
    pub(crate) fn new(vault: V, options: LeaseOptions) -> Self {
        Self {
            vault,
            line: Line::default(),
            parties: BTreeMap::new(),
            poison: None,
            options,
            reports_lost: 0,
            board: None,
        }
    }

    /// Begins an incarnation: the timers of the one before are gone.
    pub(super) fn open(&mut self, cx: &mut Cx<V>) {
        if self.board.is_none() {
            let registry = cx.context().registry();
            self.board = Some(registry.enter_leases(cx.id().clone(), self.options.name));
        }
        let now = cx.context().now();
        if let Some(time) = self.options.lease_time {
            for (lease, party) in &mut self.parties {
                if party.timer.is_some() && !party.is_overdue {
                    let held = now.saturating_duration_since(party.facts.since);
                    party.timer = Some(cx.after(time.saturating_sub(held), Overdue(*lease)));
                }
            }
        }
    }

    /// Takes a request, and answers it if it has its turn.
    pub(super) fn request(&mut self, request: Request<V>, cx: &mut Cx<V>) {
        let Request {
            lease,
            party: facts,
            slot,
            tries,
            recovers,
        } = request;
        if tries && (self.poison.is_some() || !self.line.is_free(facts.kind)) {
            return slot.refuse(match &self.poison {
                Some(poison) => Refusal::Poisoned(poison.clone()),
                None => Refusal::Busy,
            });
        }
        self.line.enter(lease, facts.kind, recovers);
        self.parties
            .insert(lease, Party::new(facts, slot, recovers));
        self.settle(cx);
        self.show(Some(lease), cx);
    }

    /// Takes a lease back. One that is not known is handed out again, to be dropped.
    #[must_use]
    pub(super) fn give_back(&mut self, back: Back<V>, cx: &mut Cx<V>) -> Option<Out<V>> {
        let stale = self.put(back, cx);
        self.settle(cx);
        stale
    }

    /// Takes a lease back, and lets its holder wait for a signal.
    #[must_use]
    pub(super) fn park(
        &mut self,
        condition: u64,
        back: Back<V>,
        request: Request<V>,
        cx: &mut Cx<V>,
    ) -> Option<Out<V>> {
        let party = Party::new(request.party, request.slot, false);
        self.line.park(condition, request.lease);
        self.parties.insert(request.lease, party);
        self.give_back(back, cx)
    }

    /// Wakes one who waits for a signal, or all.
    pub(super) fn wake(&mut self, condition: u64, all: bool, cx: &mut Cx<V>) {
        let woken = if all {
            self.line.broadcast(condition)
        } else {
            self.line.signal(condition).into_iter().collect()
        };
        self.settle(cx);
        for lease in woken {
            self.show(Some(lease), cx);
        }
    }

    /// Lets someone go who gives up, with what it was granted and has not taken.
    pub(super) fn leave(&mut self, lease: u64, cx: &mut Cx<V>) {
        let woken = self.remove(lease, cx);
        self.settle(cx);
        self.show(woken, cx);
    }

    /// The time of a lease is over.
    pub(super) fn overdue(&mut self, lease: u64, cx: &Cx<V>) {
        let now = cx.context().now();
        let Some(party) = self.parties.get_mut(&lease) else {
            return;
        };
        if !std::mem::replace(&mut party.is_overdue, true) {
            let (holder, waiting) = (party.as_holder(lease, now), self.line.waiting());
            let (owner, name) = self.named();
            self.report(LeaseReport::Overdue {
                owner,
                name,
                holder,
                waiting,
            });
        }
    }

    pub(super) fn status(&self, now: Instant) -> LeaseStatus {
        let waiters = self.line.queued();
        let held = self
            .parties
            .iter()
            .filter(|(lease, _)| self.line.is_held(**lease));
        let (owner, name) = self.named();
        LeaseStatus {
            owner,
            name,
            holders: held
                .map(|(lease, party)| party.as_holder(*lease, now))
                .collect(),
            waiters: waiters
                .into_iter()
                .filter_map(|lease| Some(self.parties.get(&lease)?.as_waiter(lease, now)))
                .collect(),
            parked: self.line.parked(),
            poison: self.poison.clone(),
            reports_lost: self.reports_lost,
        }
    }

    /// Takes a lease back into the vault.
    fn put(&mut self, back: Back<V>, cx: &mut Cx<V>) -> Option<Out<V>> {
        let Back {
            lease,
            out,
            is_broken,
        } = back;
        if !self.line.give_back(lease) {
            let (owner, name) = self.named();
            self.report(LeaseReport::Refused { owner, name, lease });
            return Some(out);
        }
        let party = self.end(lease, cx);
        let is_exclusive = matches!(out, Out::Exclusive(_));
        self.store(out);
        if let Some(party) = party.filter(|_| is_broken && is_exclusive) {
            let poison = Poison {
                holder: party.facts.task,
                place: party.facts.place,
                lease,
            };
            let (owner, name) = self.named();
            self.poison(poison.clone());
            self.report(LeaseReport::Poisoned {
                owner,
                name,
                poison,
            });
        }
        None
    }

    /// Takes someone out. Returns who got the signal that it leaves behind.
    fn remove(&mut self, lease: u64, cx: &mut Cx<V>) -> Option<u64> {
        match self.line.leave(lease) {
            Left::Nothing => None,
            Left::Place { woken } => {
                if let Some(party) = self.parties.remove(&lease)
                    && party.is_shown
                {
                    self.board().leave(lease);
                }
                woken
            }
            Left::Lease { woken } => {
                if let Some(party) = self.end(lease, cx) {
                    if let Ok(Ok(out)) = party.slot.answers.try_recv() {
                        self.store(out);
                    }
                    // Nobody has looked at it.
                    if let Some(poison) = party.recovered {
                        self.poison(poison);
                    }
                }
                woken
            }
        }
    }

    /// Strikes a holder off.
    fn end(&mut self, lease: u64, cx: &mut Cx<V>) -> Option<Party<V>> {
        self.board().give_back(lease);
        let party = self.parties.remove(&lease)?;
        if let Some(timer) = party.timer {
            cx.cancel_timer(timer);
        }
        Some(party)
    }

    fn store(&mut self, out: Out<V>) {
        match out {
            Out::Exclusive(value) => self.vault.put(value),
            Out::Shared(share) => self.vault.unshare(share),
        }
    }

    fn poison(&mut self, poison: Poison) {
        self.line.poison();
        self.poison = Some(poison);
    }

    /// Does what is due.
    fn settle(&mut self, cx: &mut Cx<V>) {
        while let Some(step) = self.line.step() {
            match step {
                Step::Grant(lease, kind) => self.grant(lease, kind, cx),
                Step::Poisoned(lease) => self.refuse_poisoned(lease),
            }
        }
    }

    fn grant(&mut self, lease: u64, kind: LeaseKind, cx: &mut Cx<V>) {
        let out = match kind {
            LeaseKind::Exclusive => Out::Exclusive(self.vault.take()),
            LeaseKind::Shared => Out::Shared(self.vault.share()),
        };
        let (time, now) = (self.options.lease_time, cx.context().now());
        let (Some(party), Some(board)) = (self.parties.get_mut(&lease), &self.board) else {
            unreachable!("who is in the line is known")
        };
        party.facts.since = now;
        party.timer = time.map(|time| cx.after(time, Overdue(lease)));
        if party.recovers {
            party.recovered = self.poison.take();
        }
        // Shown before the holder can go on to its next lock.
        let cycle = if std::mem::take(&mut party.is_shown) {
            board.grant(lease, now)
        } else {
            board.hold(lease, party.facts.clone());
            None
        };
        party.slot.grant(out);
        if let Some(path) = cycle {
            self.report(LeaseReport::Cycle {
                path,
                is_refused: false,
            });
        }
    }

    fn refuse_poisoned(&mut self, lease: u64) {
        let (Some(party), Some(poison)) = (self.parties.remove(&lease), &self.poison) else {
            unreachable!("the line is poisoned as the book is, and knows the same parties")
        };
        if party.is_shown {
            self.board().leave(lease);
        }
        party.slot.refuse(Refusal::Poisoned(poison.clone()));
    }

    /// Shows that someone waits, if it does, and looks for the cycle that this closes.
    fn show(&mut self, lease: Option<u64>, cx: &mut Cx<V>) {
        let mut next = lease;
        while let Some(lease) = next.take().filter(|lease| self.line.is_queued(*lease)) {
            let (Some(party), Some(board)) = (self.parties.get_mut(&lease), &self.board) else {
                unreachable!("who is in the line is known")
            };
            party.is_shown = true;
            let Some(path) = board.wait(lease, party.facts.clone()) else {
                return;
            };
            let is_refused = self.options.on_cycle == OnCycle::Refuse;
            self.report(LeaseReport::Cycle {
                path: path.clone(),
                is_refused,
            });
            if is_refused {
                next = self.refuse_cycle(lease, path, cx);
            }
        }
    }

    /// Refuses one who waits. Returns who got the signal that it leaves behind.
    fn refuse_cycle(&mut self, lease: u64, path: Vec<LeaseHop>, cx: &mut Cx<V>) -> Option<u64> {
        if let Some(party) = self.parties.get(&lease) {
            party.slot.refuse(Refusal::Cycle(path));
        }
        let woken = self.remove(lease, cx);
        self.settle(cx);
        woken
    }

    fn report(&mut self, report: LeaseReport) {
        if let Some(to) = &self.options.reports
            && !to.send(report)
        {
            self.reports_lost += 1;
        }
    }

    fn board(&self) -> &LeaseBoard {
        match &self.board {
            Some(board) => board,
            None => unreachable!("it is there from the first start on"),
        }
    }

    fn named(&self) -> (Id, &'static str) {
        (self.board().owner().clone(), self.options.name)
    }
}

impl<V: Vault> Party<V> {
    fn new(facts: LeaseParty, slot: Slot<V>, recovers: bool) -> Self {
        Self {
            facts,
            slot,
            recovers,
            recovered: None,
            is_shown: false,
            timer: None,
            is_overdue: false,
        }
    }

    fn as_holder(&self, lease: u64, now: Instant) -> HolderStatus {
        let facts = &self.facts;
        HolderStatus {
            lease,
            kind: facts.kind,
            task: facts.task.clone(),
            place: facts.place,
            held: now.saturating_duration_since(facts.since),
            is_overdue: self.is_overdue,
        }
    }

    fn as_waiter(&self, lease: u64, now: Instant) -> WaiterStatus {
        let facts = &self.facts;
        WaiterStatus {
            lease,
            kind: facts.kind,
            task: facts.task.clone(),
            place: facts.place,
            waited: now.saturating_duration_since(facts.since),
        }
    }
}
