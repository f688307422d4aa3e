//! The owner of the items.

use std::collections::BTreeMap;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_core::Stream;
use greenroom_actor::{Actor, ActorContext, Handler, HandlerLater, Kept, ReplyTo};
use greenroom_core::context::CancelCauseHandle;
use greenroom_core::registry::{PermitBoard, PermitKind, PermitNumbers, PermitParty};
use greenroom_core::{Context, Panic, Result, current, unwind};

use super::error::{GetError, TryGetError};
use super::handle::{Counts, Pool, Pooled};
use super::item::Item;
use super::message::{
    Close, Count, Forgo, Get, Leave, Put, Ready, Return, Sweep, TryGet, WaitClosed,
};
use super::options::PoolOptions;
use super::state::{self, Act, Prepared, Store, Unmade, Why};
use crate::caught::{Payload, caught};

/// Hands items out and takes them back.
pub(super) struct Owner<T: Send + 'static> {
    pub(super) shelf: Kept<Shelf<T>>,
    /// Ends the preparations that run, by their numbers.
    pub(super) cuts: BTreeMap<u64, CancelCauseHandle>,
    /// Whether a timer is set for items that are idle for too long.
    pub(super) is_sweeping: bool,
    pub(super) spawned_at: &'static Location<'static>,
}

/// What outlives the owner's incarnations.
pub(super) struct Shelf<T: Send + 'static> {
    options: PoolOptions<T>,
    store: Store<Item<T>, Asker<T>>,
    /// To be answered when the pool is closed and has no items left.
    closed: Vec<ReplyTo<()>>,
    /// There from the first start on.
    board: Option<PermitBoard>,
    /// Whose message is in hand, until that one is served or is shown to wait.
    asks: Option<(u64, PermitParty)>,
    pub(super) numbers: Arc<PermitNumbers>,
}

/// Someone who asked for an item.
pub(super) struct Asker<T: Send + 'static> {
    number: u64,
    context: Context,
    reply: Reply<T>,
}

enum Reply<T: Send + 'static> {
    Waits(ReplyTo<Result<Pooled<T>, GetError>>),
    Tries(ReplyTo<Result<Pooled<T>, TryGetError>>),
}

impl<T: Send + 'static> Shelf<T> {
    /// Stores the items that are there from the start.
    pub(super) fn new(mut options: PoolOptions<T>, now: std::time::Instant) -> Self {
        let mut store = Store::new(options.rules());
        for item in options.items.drain(..) {
            store.put(item, now);
        }
        Self {
            options,
            store,
            closed: Vec::new(),
            board: None,
            asks: None,
            numbers: Arc::default(),
        }
    }

    fn board(&self) -> &PermitBoard {
        match &self.board {
            Some(board) => board,
            None => unreachable!("it is there before the first message"),
        }
    }

    fn show_holder(&mut self, number: u64) {
        match self.asks.take_if(|(asks, _)| *asks == number) {
            Some((_, party)) => self.board().hold(number, party),
            None => self.board().grant(number, current::turn()),
        }
    }

    fn show_refused(&mut self, number: u64) {
        if self.asks.take_if(|(asks, _)| *asks == number).is_none() {
            self.board().leave(number);
        }
    }

    fn show_waiter(&mut self) {
        if let Some((number, party)) = self.asks.take() {
            self.board().wait(number, party);
        }
    }

    /// Makes an item fit for the next holder.
    fn reset(&mut self, mut item: Item<T>) -> Option<Item<T>> {
        if let Some(reset) = &mut self.options.reset
            && let Err(payload) = unwind::catch(|| reset(item.get_mut()))
        {
            current::tell_stray(payload, "reset of an item");
            return None;
        }
        Some(item)
    }
}

impl<T: Send + 'static> state::Asker for Asker<T> {
    type Context = Context;

    fn context(&self) -> Context {
        self.context.clone()
    }

    /// Also if it does not know yet that its context has ended. The wrong version looks at the reply only:
    /// an item is checked in a context that has ended, is not fit for that, and is lost.
    fn has_left(&self) -> bool {
        let is_abandoned = match &self.reply {
            Reply::Waits(reply) => reply.is_abandoned(),
            Reply::Tries(reply) => reply.is_abandoned(),
        };
        is_abandoned || self.context.is_done()
    }
}

impl<T: Send + 'static> Asker<T> {
    fn hand(self, item: Pooled<T>) {
        match self.reply {
            Reply::Waits(reply) => reply.send(Ok(item)),
            Reply::Tries(reply) => reply.send(Ok(item)),
        }
    }

    fn refuse(self, why: Why) {
        match self.reply {
            Reply::Waits(reply) => reply.send(Err(match why {
                Why::Closed | Why::Empty => GetError::Closed,
                Why::Unmade(Unmade::Failed(failure)) => GetError::Failed(failure),
                Why::Unmade(Unmade::Panicked(panic)) => GetError::Panicked(panic),
                Why::Unmade(Unmade::Ended(ended)) => GetError::ended(ended),
            })),
            Reply::Tries(reply) => reply.send(Err(match why {
                Why::Closed => TryGetError::Closed,
                Why::Empty | Why::Unmade(_) => TryGetError::Empty,
            })),
        }
    }
}

impl<T: Send + 'static> Owner<T> {
    /// Does what the state of the store asks for.
    fn settle(&mut self, first: Option<Act<Item<T>, Asker<T>>>, cx: &mut ActorContext<Self>) {
        let mut next = first;
        loop {
            let Some(act) = next.take().or_else(|| self.shelf.store.next()) else {
                break;
            };
            match act {
                Act::Hand(item, asker) => self.hand(item, asker, cx),
                Act::Refuse(asker, why) => {
                    self.shelf.show_refused(asker.number);
                    asker.refuse(why);
                }
                Act::Check(number, item, context) => self.check(number, item, &context, cx),
                Act::Make(number, context) => next = self.make(number, &context, cx),
            }
        }
        let store = &self.shelf.store;
        if !self.is_sweeping
            && let Some(at) = store.expiry()
        {
            self.is_sweeping = true;
            let delay = at.saturating_duration_since(cx.context().now());
            cx.after(delay, Sweep);
        }
        if store.is_closed() && store.len() == 0 {
            for reply in std::mem::take(&mut self.shelf.closed) {
                reply.send(());
            }
        }
    }

    fn hand(&mut self, item: Item<T>, asker: Asker<T>, cx: &ActorContext<Self>) {
        // Without an address nobody is left who could have asked.
        match cx.address() {
            Some(address) => {
                // Shown before the holder can go on.
                let number = asker.number;
                self.shelf.show_holder(number);
                let pool = Pool::new(address, cx.scope(), self.shelf.numbers.clone());
                asker.hand(Pooled::new(item.into_inner(), number, pool));
            }
            None => self.shelf.store.returned(Some(item), cx.context().now()),
        }
    }

    fn check(
        &mut self,
        number: u64,
        item: Item<T>,
        context: &Context,
        cx: &mut ActorContext<Self>,
    ) {
        let Some(check) = self.shelf.options.check.clone() else {
            unreachable!("the store asks for a check only where there is one");
        };
        let (context, cut) = context.with_cancel_cause();
        self.cuts.insert(number, cut);
        let checking = context.run(check(item));
        let prepared = async move {
            let prepared = match checking.await {
                Ok((item, true)) => Prepared::Ready(item),
                Ok((_, false)) => Prepared::Broken,
                Err(ended) => Prepared::Unmade(Unmade::Ended(ended)),
            };
            Ready { number, prepared }
        };
        cx.attach(Once(Some(Box::pin(prepared))), |ready| ready);
    }

    /// Begins to make an item. It is made beside the mailbox, by a source of the owner's messages, so
    /// that the owner serves others meanwhile. A task of the scope would be the wrong place: one that
    /// hangs, and whose caller was dropped, would keep the scope from ending; what is attached to an
    /// actor ends with it.
    fn make(
        &mut self,
        number: u64,
        context: &Context,
        cx: &mut ActorContext<Self>,
    ) -> Option<Act<Item<T>, Asker<T>>> {
        let (context, cut) = context.with_cancel_cause();
        let Some(make) = &mut self.shelf.options.make else {
            unreachable!("the store asks for an item only where they are made");
        };
        let making = {
            let _entered = current::enter_context(context.clone());
            unwind::catch(make)
        };
        let spawned_at = self.spawned_at;
        let id = cx.id().clone();
        let panicked = move |payload: Payload| {
            let panic = Panic::new(payload, id, Some("making an item"), spawned_at);
            Prepared::Unmade(Unmade::Panicked(panic))
        };
        let making = match making {
            Ok(making) => making,
            Err(payload) => {
                let now = cx.context().now();
                return self.shelf.store.prepared(number, panicked(payload), now);
            }
        };
        self.cuts.insert(number, cut);
        let prepared = async move {
            let prepared = match caught(Box::pin(context.run(making))).await {
                Ok(Ok(Ok(item))) => Prepared::Ready(Item::new(item)),
                // An error that follows from the end of the context is that end.
                Ok(Ok(Err(failure))) => Prepared::Unmade(match context.err() {
                    Some(ended) => Unmade::Ended(ended),
                    None => Unmade::Failed(failure),
                }),
                Ok(Err(ended)) => Prepared::Unmade(Unmade::Ended(ended)),
                Err(payload) => panicked(payload),
            };
            Ready { number, prepared }
        };
        cx.attach(Once(Some(Box::pin(prepared))), |ready| ready);
        None
    }
}

impl<T: Send + 'static> Actor for Owner<T> {
    async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
        let shelf = &mut *self.shelf;
        if shelf.board.is_none() {
            let (registry, max) = (cx.context().registry(), shelf.options.max);
            shelf.board = Some(registry.enter_permits(cx.id().clone(), PermitKind::Item, max));
        }
        shelf.store.forget_preparations();
        self.settle(None, cx);
        Ok(())
    }
}

impl<T: Send + 'static> HandlerLater<Get> for Owner<T> {
    type Reply = Result<Pooled<T>, GetError>;

    async fn handle(
        &mut self,
        Get { number, party }: Get,
        reply: ReplyTo<Self::Reply>,
        cx: &mut ActorContext<Self>,
    ) {
        let (reply, context) = (Reply::Waits(reply), cx.context().clone());
        self.expire(cx);
        self.shelf.asks = Some((number, party));
        let refused = self.shelf.store.get(Asker {
            number,
            context,
            reply,
        });
        self.settle(refused, cx);
        self.shelf.show_waiter();
    }
}

impl<T: Send + 'static> HandlerLater<TryGet> for Owner<T> {
    type Reply = Result<Pooled<T>, TryGetError>;

    async fn handle(
        &mut self,
        TryGet { number, party }: TryGet,
        reply: ReplyTo<Self::Reply>,
        cx: &mut ActorContext<Self>,
    ) {
        let (reply, context) = (Reply::Tries(reply), cx.context().clone());
        self.expire(cx);
        self.shelf.asks = Some((number, party));
        let act = self.shelf.store.try_get(Asker {
            number,
            context,
            reply,
        });
        self.settle(Some(act), cx);
        self.shelf.show_waiter();
    }
}

impl<T: Send + 'static> Handler<Return<T>> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, returned: Return<T>, cx: &mut ActorContext<Self>) {
        let shelf = &mut *self.shelf;
        shelf.board().give_back(returned.number, 1);
        let is_unwanted = returned.is_after_panic && shelf.options.is_discarded_after_panic;
        let item = if is_unwanted || shelf.store.is_closed() {
            None
        } else {
            shelf.reset(returned.item)
        };
        shelf.store.returned(item, cx.context().now());
        self.settle(None, cx);
    }
}

impl<T: Send + 'static> Handler<Forgo> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, Forgo(number): Forgo, cx: &mut ActorContext<Self>) {
        self.shelf.board().give_back(number, 1);
        self.shelf.store.returned(None, cx.context().now());
        self.settle(None, cx);
    }
}

impl<T: Send + 'static> Handler<Leave> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, Leave(number): Leave, _cx: &mut ActorContext<Self>) {
        self.shelf.board().leave(number);
    }
}

impl<T: Send + 'static> Handler<Put<T>> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, mut put: Put<T>, cx: &mut ActorContext<Self>) {
        self.expire(cx);
        let shelf = &mut *self.shelf;
        if shelf.store.is_closed() || !shelf.store.has_room() {
            put.refuse(shelf.store.is_closed());
            return;
        }
        if let Some(item) = put.accept().and_then(|item| shelf.reset(item)) {
            shelf.store.put(item, cx.context().now());
        }
        self.settle(None, cx);
    }
}

impl<T: Send + 'static> Handler<Close> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, _: Close, cx: &mut ActorContext<Self>) {
        let (items, askers) = self.shelf.store.close();
        drop(items);
        for asker in askers {
            self.shelf.board().leave(asker.number);
            asker.refuse(Why::Closed);
        }
        for (_, cut) in std::mem::take(&mut self.cuts) {
            cut.cancel("the pool is closed");
        }
        self.settle(None, cx);
    }
}

impl<T: Send + 'static> HandlerLater<WaitClosed> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, _: WaitClosed, reply: ReplyTo<()>, cx: &mut ActorContext<Self>) {
        self.shelf.closed.retain(|reply| !reply.is_abandoned());
        self.shelf.closed.push(reply);
        self.settle(None, cx);
    }
}

impl<T: Send + 'static> Handler<Count> for Owner<T> {
    type Reply = Counts;

    async fn handle(&mut self, _: Count, cx: &mut ActorContext<Self>) -> Counts {
        self.expire(cx);
        let store = &self.shelf.store;
        Counts {
            max: self.shelf.options.max,
            idle: store.idle(),
            in_use: store.out(),
            in_preparation: store.len() - store.idle() - store.out(),
            waiting: store.waiting(),
        }
    }
}

impl<T: Send + 'static> Handler<Ready<T>> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, ready: Ready<T>, cx: &mut ActorContext<Self>) {
        self.cuts.remove(&ready.number);
        let now = cx.context().now();
        let act = self.shelf.store.prepared(ready.number, ready.prepared, now);
        self.settle(act, cx);
    }
}

impl<T: Send + 'static> Handler<Sweep> for Owner<T> {
    type Reply = ();

    async fn handle(&mut self, _: Sweep, cx: &mut ActorContext<Self>) {
        self.is_sweeping = false;
        self.expire(cx);
        self.settle(None, cx);
    }
}

impl<T: Send + 'static> Owner<T> {
    fn expire(&mut self, cx: &ActorContext<Self>) {
        let now = cx.context().now();
        drop(self.shelf.store.expired(now));
    }
}

/// The value of a future, as a stream.
struct Once<F>(Option<Pin<Box<F>>>);

impl<F: Future> Stream for Once<F> {
    type Item = F::Output;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<F::Output>> {
        let Some(future) = &mut self.0 else {
            return Poll::Ready(None);
        };
        future.as_mut().poll(cx).map(|value| {
            self.0 = None;
            Some(value)
        })
    }
}
