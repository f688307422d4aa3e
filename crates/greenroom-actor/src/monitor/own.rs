//! The monitors and links of one actor.

use std::collections::BTreeMap;
use std::sync::Arc;

use greenroom_core::Context;
use greenroom_core::bond::Until;

use super::vigil::{Out, Vigil};
use super::{Down, MonitorId, Watched};
use crate::actor::{Actor, ActorContext, HandlerLater, own_message};
use crate::link::{Exit, Link};
use crate::mailbox::{BoxedEnvelope, Tidings, Told};

/// What the present incarnation of an actor has set.
pub(crate) struct Own<A: Actor> {
    /// How many messages it has taken from the mailbox.
    pub(crate) taken: u64,
    set: BTreeMap<u64, Set<A>>,
    traps: Option<fn(Exit, Context) -> BoxedEnvelope<A>>,
}

struct Set<A: Actor> {
    vigil: Arc<Vigil>,
    pack: fn(Down, Context) -> BoxedEnvelope<A>,
}

impl<A: Actor> Default for Own<A> {
    fn default() -> Self {
        Self {
            taken: 0,
            set: BTreeMap::new(),
            traps: None,
        }
    }
}

impl<A: Actor> Own<A> {
    /// Makes a message of what was told.
    pub(crate) fn pack(&mut self, tidings: Tidings, context: Context) -> Option<BoxedEnvelope<A>> {
        let Tidings { number, end, kind } = tidings;
        match kind {
            Told::Link => Some(self.traps?(Exit::new(end), context)),
            Told::Monitor(missed) => {
                let is_final = end.is_final;
                let set = self.set.get(&number)?;
                set.vigil.note_taken();
                let envelope = (set.pack)(Down::new(MonitorId(number), end, missed), context);
                if is_final {
                    self.set.remove(&number);
                }
                Some(envelope)
            }
        }
    }

    /// Ends all monitors.
    pub(crate) fn end(&mut self) {
        while let Some((_, set)) = self.set.pop_first() {
            set.vigil.end();
        }
    }
}

impl<A: Actor> ActorContext<A> {
    /// Watches an actor or a task: its end comes as a [`Down`], as a message. OTP counterpart:
    /// `erlang:monitor`.
    ///
    /// One that has ended is told of at once. See [`monitor`](crate::monitor) for what is guaranteed.
    ///
    /// # Examples
    /// ```
    /// use greenroom_actor::{Actor, ActorContext, Address, Handler, Runtime, monitor::Down};
    /// # use greenroom_core::Result;
    /// struct Store;
    /// impl Actor for Store {}
    /// struct Watcher(Address<Store>);
    /// impl Actor for Watcher {
    ///     async fn started(&mut self, cx: &mut ActorContext<Self>) -> Result<()> {
    ///         cx.monitor(&self.0);
    ///         Ok(())
    ///     }
    /// }
    /// impl Handler<Down> for Watcher {
    ///     type Reply = ();
    ///     async fn handle(&mut self, down: Down, cx: &mut ActorContext<Self>) {
    ///         assert_eq!(down.reason.to_string(), "normal");
    ///         cx.stop();
    ///     }
    /// }
    /// # Runtime::new()?.block_on(|scope| async move {
    /// let store = scope.spawn(|| Store).await?;
    /// let watched = store.clone();
    /// let watcher = scope.spawn(move || Watcher(watched.clone())).await?;
    /// store.stop();
    /// watcher.closed().await?;
    /// # Ok(())
    /// # })?; Ok::<(), greenroom_core::Failure>(())
    /// ```
    pub fn monitor<W: Watched + ?Sized>(&mut self, watched: &W) -> MonitorId
    where
        A: HandlerLater<Down>,
    {
        self.watch(watched, Until::End)
    }

    /// Watches an actor for the end of each of its incarnations, and for its end for good. A [`Down`] comes
    /// of each; the last one is final. Of a task it tells the one end.
    ///
    /// At most 64 ends of incarnations wait to be handled; those beyond are counted in
    /// [`Down::missed`].
    pub fn monitor_each<W: Watched + ?Sized>(&mut self, watched: &W) -> MonitorId
    where
        A: HandlerLater<Down>,
    {
        self.watch(watched, Until::EachEnd)
    }

    fn watch<W: Watched + ?Sized>(&mut self, watched: &W, until: Until) -> MonitorId
    where
        A: HandlerLater<Down>,
    {
        let control = &self.weak_address().station().control;
        let number = control.bind();
        let out = Out::Actor(Arc::downgrade(control), number);
        let core = self.scope().inner().core.clone();
        let vigil = Vigil::begin(watched, Some(&core), until, Some(self.id().clone()), out);
        let pack = own_message::<A, Down>;
        self.bonds.set.insert(number, Set { vigil, pack });
        MonitorId(number)
    }

    /// Ends a monitor. After this no [`Down`] of it is handled, also if one waits already. Returns whether
    /// it was set, and its final `Down` not yet handled. OTP counterpart: `erlang:demonitor` with `flush`.
    pub fn demonitor(&mut self, monitor: MonitorId) -> bool {
        let set = self.bonds.set.remove(&monitor.0);
        if let Some(set) = &set {
            set.vigil.end();
        }
        set.is_some()
    }

    /// Links this actor with another, or a task: if one of them fails, the other is taken down. See
    /// [`link`](crate::link).
    pub fn link<W: Watched + ?Sized>(&mut self, other: &W) -> Link {
        let station = self.weak_address().station();
        Link::between(station.as_ref().party(), other, &station.scope.core)
    }

    /// Chooses whether the end of what the actor is linked to comes as an [`Exit`], as a message, or takes
    /// it down, from now on. OTP counterpart: `process_flag(trap_exit, Flag)`.
    ///
    /// A trapping actor hears of normal ends too. A restart begins without; the hook `started` may say so
    /// again.
    pub fn trap_exits(&mut self, traps: bool)
    where
        A: HandlerLater<Exit>,
    {
        self.bonds.traps = Some(own_message::<A, Exit>);
        self.weak_address().station().control.set_traps(traps);
    }
}
