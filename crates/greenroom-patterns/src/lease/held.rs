//! The user's side: the way to the owner, a request that waits, and a lease.

use std::future::Future;
use std::panic::Location;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use greenroom_actor::{Address, HandlerLater, Scope, SpawnError};
use greenroom_core::channel::Receiver;
use greenroom_core::registry::{LeaseKind, LeaseParty};
use greenroom_core::task::WaitKind;
use greenroom_core::wait::Wait;
use greenroom_core::{Context, Id, current, unwind};

use super::actor::Owner;
use super::book::Book;
use super::error::{Denied, StatusError};
use super::message::{Answer, Back, Leave, Look, Out, Park, Request, Slot};
use super::options::LeaseOptions;
use super::report::LeaseStatus;
use super::vault::Vault;
use crate::caught::let_go;
use crate::detached;

/// The way to an owner.
pub(crate) struct Door<V: Vault> {
    address: Address<Owner<V>>,
    name: &'static str,
    /// In which messages are sent that no cancel may skip. Invariant 3.
    detached: Context,
}

/// What is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Ask {
    pub(crate) kind: LeaseKind,
    pub(crate) place: &'static Location<'static>,
    pub(crate) tries: bool,
    pub(crate) recovers: bool,
}

/// A lease. Its drop brings it home.
pub(crate) struct Held<V: Vault> {
    door: Arc<Door<V>>,
    lease: u64,
    // Some until it goes home.
    out: Option<Out<V>>,
}

/// A request that was sent. Its drop gives it up, unless it was answered.
struct Waiting<V: Vault> {
    door: Arc<Door<V>>,
    lease: u64,
    answers: Receiver<Answer<V>>,
    is_answered: bool,
}

impl Ask {
    pub(crate) fn exclusive(place: &'static Location<'static>) -> Self {
        Self {
            kind: LeaseKind::Exclusive,
            place,
            tries: false,
            recovers: false,
        }
    }

    pub(crate) fn shared(place: &'static Location<'static>) -> Self {
        Self {
            kind: LeaseKind::Shared,
            ..Self::exclusive(place)
        }
    }

    pub(crate) fn tries(self) -> Self {
        Self {
            tries: true,
            ..self
        }
    }

    pub(crate) fn recovers(self) -> Self {
        Self {
            recovers: true,
            ..self
        }
    }
}

impl<V: Vault> Door<V> {
    /// Starts an owner.
    #[track_caller]
    pub(crate) fn spawn(
        scope: &Scope,
        options: LeaseOptions,
        vault: V,
    ) -> impl Future<Output = Result<Arc<Self>, SpawnError>> + Send + use<V> {
        let (name, is_named) = (options.name, options.is_named);
        // A panic in it is that of a destructor of the user's: no number of them is too many.
        let mut builder = scope
            .supervise(Book::new(vault, options), Owner)
            .unbounded_mailbox()
            .intensity(usize::MAX, Duration::ZERO);
        if is_named {
            builder = builder.group(name);
        }
        let detached = scope.context().without_cancel();
        async move {
            let address = builder.await?;
            Ok(Arc::new(Self {
                address,
                name,
                detached,
            }))
        }
    }

    pub(crate) fn id(&self) -> &Id {
        self.address.id()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns a number that this owner has not had, larger than those before.
    pub(crate) fn number(&self, of: &'static str) -> u64 {
        self.id().child(of).number()
    }

    /// Asks for a lease, and waits for it.
    pub(crate) async fn ask(self: Arc<Self>, ask: Ask) -> Result<Held<V>, Denied> {
        let (request, waiting) = self.request(ask)?;
        if self.tell(request).is_err() {
            return Err(waiting.closed());
        }
        waiting.wait().await
    }

    pub(crate) async fn status(&self) -> Result<LeaseStatus, StatusError> {
        Ok(self.address.ask(Look).await?)
    }

    /// Sends a message that must be handled. It comes back if the owner has ended.
    pub(crate) fn tell<M>(&self, message: M) -> Result<(), M>
    where
        M: Send + 'static,
        Owner<V>: HandlerLater<M>,
    {
        detached::tell(&self.address, &self.detached, message)
    }

    fn request(self: &Arc<Self>, ask: Ask) -> Result<(Request<V>, Waiting<V>), Denied> {
        if let Some(ended) = Wait::ended() {
            return Err(ended.into());
        }
        let lease = self.number("lease");
        let slot = Slot::new();
        let waiting = Waiting {
            door: self.clone(),
            lease,
            answers: slot.answers.clone(),
            is_answered: false,
        };
        let request = Request {
            lease,
            party: LeaseParty {
                kind: ask.kind,
                task: current::task_id(),
                place: ask.place,
                since: self.detached.now(),
            },
            slot,
            tries: ask.tries,
            recovers: ask.recovers,
        };
        Ok((request, waiting))
    }
}

impl<V: Vault> Held<V> {
    pub(crate) fn number(&self) -> u64 {
        self.lease
    }

    pub(crate) fn is_of(&self, door: &Arc<Door<V>>) -> bool {
        Arc::ptr_eq(&self.door, door)
    }

    /// Brings the lease home and waits for a signal, in one step, and then for another lease.
    pub(crate) async fn park(mut self, condition: u64, ask: Ask) -> Result<Self, Denied> {
        let door = self.door.clone();
        let (request, waiting) = door.request(ask)?;
        let Some(back) = self.go(false) else {
            unreachable!("it is there until it goes home")
        };
        let park = Park {
            condition,
            back,
            request,
        };
        // Its own `Arc` goes before the wait, in which the lease is not held.
        drop(self);
        if door.tell(park).is_err() {
            return Err(waiting.closed());
        }
        waiting.wait().await
    }

    pub(crate) fn exclusive(&self) -> &V::Exclusive {
        match &self.out {
            Some(Out::Exclusive(value)) => value,
            _ => unreachable!("an exclusive lease has the value until it goes home"),
        }
    }

    pub(crate) fn exclusive_mut(&mut self) -> &mut V::Exclusive {
        match &mut self.out {
            Some(Out::Exclusive(value)) => value,
            _ => unreachable!("an exclusive lease has the value until it goes home"),
        }
    }

    pub(crate) fn shared(&self) -> &V::Shared {
        match &self.out {
            Some(Out::Shared(share)) => share,
            _ => unreachable!("a shared lease has its share until it goes home"),
        }
    }

    fn go(&mut self, is_broken: bool) -> Option<Back<V>> {
        Some(Back {
            lease: self.lease,
            out: self.out.take()?,
            is_broken,
        })
    }
}

impl<V: Vault> Drop for Held<V> {
    fn drop(&mut self) {
        if let Some(back) = self.go(unwind::is_unwinding()) {
            // An owner that has ended takes nothing back: the value goes here.
            let ended = self.door.tell(back);
            match unwind::is_unwinding() {
                true => let_go(ended),
                false => drop(ended),
            }
        }
    }
}

impl<V: Vault> Waiting<V> {
    async fn wait(mut self) -> Result<Held<V>, Denied> {
        let answered = self.answered().await;
        let out = match answered {
            Ok(answer) => {
                self.is_answered = true;
                answer.map_err(Denied::Refused)?
            }
            // The end of the context may be the owner's end as well: then it is the reason.
            Err(denied) => match Wait::ended() {
                Some(ended) => return Err(ended.into()),
                None => return Err(denied),
            },
        };
        Ok(Held {
            door: self.door.clone(),
            lease: self.lease,
            out: Some(out),
        })
    }

    async fn answered(&self) -> Result<Answer<V>, Denied> {
        let mut wait = Wait::new(WaitKind::Lease);
        let mut answer = pin!(self.answers.recv());
        std::future::poll_fn(|cx| {
            let polled = answer.as_mut().poll(cx);
            if polled.is_pending() {
                wait.tell(|| Some(self.door.id().clone()));
            }
            polled
        })
        .await
        .map_err(Denied::from)
    }

    /// The owner did not take the request: there is nothing to give up.
    fn closed(mut self) -> Denied {
        self.is_answered = true;
        Denied::Closed
    }
}

impl<V: Vault> Drop for Waiting<V> {
    fn drop(&mut self) {
        if !self.is_answered {
            let _ended = self.door.tell(Leave(self.lease));
        }
    }
}
