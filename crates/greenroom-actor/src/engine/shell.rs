//! The actix actor around each of ours.
//!
//! The whole life of an actor is one future; the shell's context polls it as its only item. actix's own
//! mailbox carries nothing but a request to stop, so its lack of a bound and of fairness, and its
//! hooks, do not matter.
//!
//! # Invariants
//! 1. The context ends when the life has ended, and not before: `stopping` refuses until then.
//! 2. `Drop for ContextFut` polls the context once more. By then the life has been dropped and `stopping`
//!    agrees, so that no user code runs there.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use actix::dev::{
    ActorFuture, AsyncContextParts, ContextFut, ContextParts, Envelope, Mailbox, ToEnvelope,
};
use actix::{ActorContext as _, ActorState, Addr, AsyncContext, Running, SpawnHandle};
use greenroom_core::task::LocalFuture;
use greenroom_core::unwind;

use crate::actor::Actor;
use crate::mailbox::{Order, Signal};
use crate::station::Station;

/// Asks an actor to end, through actix: as [`Address::stop`](crate::Address::stop).
#[derive(Clone, Copy, Debug)]
pub struct Stop;

impl actix::Message for Stop {
    type Result = ();
}

/// The actix actor that hosts one of ours.
pub struct Shell {
    stop: Box<dyn Fn()>,
    life: Rc<Life>,
}

#[derive(Default)]
struct Life {
    future: RefCell<Option<LocalFuture>>,
    has_ended: Cell<bool>,
}

impl fmt::Debug for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shell")
    }
}

impl actix::Actor for Shell {
    type Context = ShellContext;

    fn started(&mut self, cx: &mut ShellContext) {
        cx.spawn(Pump(self.life.clone()));
    }

    fn stopping(&mut self, _cx: &mut ShellContext) -> Running {
        // Invariant 1.
        if self.life.has_ended.get() {
            return Running::Stop;
        }
        (self.stop)();
        Running::Continue
    }
}

impl actix::Handler<Stop> for Shell {
    type Result = ();

    fn handle(&mut self, _stop: Stop, _cx: &mut ShellContext) {
        (self.stop)();
    }
}

/// Polls the life inside the context.
struct Pump(Rc<Life>);

impl ActorFuture<Shell> for Pump {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        _shell: &mut Shell,
        cx: &mut ShellContext,
        task: &mut TaskContext<'_>,
    ) -> Poll<()> {
        let life = self.0.clone();
        // Moved out: the life may end its own context, or reach the hub, while it is polled.
        let Some(mut future) = life.future.borrow_mut().take() else {
            return Poll::Ready(());
        };
        match unwind::catch(|| future.as_mut().poll(task)) {
            Ok(Poll::Pending) => {
                *life.future.borrow_mut() = Some(future);
                return Poll::Pending;
            }
            Ok(Poll::Ready(())) => {}
            Err(payload) => {
                // The life catches what users do, so this is a defect of ours: ended all the same.
                life.has_ended.set(true);
                drop(unwind::drop_caught(future));
                cx.terminate();
                std::panic::resume_unwind(payload);
            }
        }
        life.has_ended.set(true);
        drop(future);
        cx.terminate();
        Poll::Ready(())
    }
}

/// Our context type, in the shape that actix's public parts ask for.
pub struct ShellContext {
    parts: ContextParts<Shell>,
}

impl fmt::Debug for ShellContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ShellContext")
    }
}

impl actix::ActorContext for ShellContext {
    fn stop(&mut self) {
        self.parts.stop();
    }

    fn terminate(&mut self) {
        self.parts.terminate();
    }

    fn state(&self) -> ActorState {
        self.parts.state()
    }
}

impl AsyncContext<Shell> for ShellContext {
    fn spawn<F>(&mut self, future: F) -> SpawnHandle
    where
        F: ActorFuture<Shell, Output = ()> + 'static,
    {
        self.parts.spawn(future)
    }

    fn wait<F>(&mut self, future: F)
    where
        F: ActorFuture<Shell, Output = ()> + 'static,
    {
        self.parts.wait(future);
    }

    fn waiting(&self) -> bool {
        self.parts.waiting()
    }

    fn cancel_future(&mut self, handle: SpawnHandle) -> bool {
        self.parts.cancel_future(handle)
    }

    fn address(&self) -> Addr<Shell> {
        self.parts.address()
    }
}

impl AsyncContextParts<Shell> for ShellContext {
    fn parts(&mut self) -> &mut ContextParts<Shell> {
        &mut self.parts
    }
}

impl<M> ToEnvelope<Shell, M> for ShellContext
where
    M: actix::Message + Send + 'static,
    M::Result: Send,
    Shell: actix::Handler<M>,
{
    fn pack(message: M, reply: Option<tokio::sync::oneshot::Sender<M::Result>>) -> Envelope<Shell> {
        Envelope::new(message, reply)
    }
}

/// The actix address of a hosted actor.
#[derive(Clone, Debug)]
pub(crate) struct HostedAddress(pub(crate) Addr<Shell>);

/// Makes an actix actor of an actor's life, to be polled on an arbiter.
pub(crate) fn host<A: Actor>(
    station: &Arc<Station<A>>,
    future: LocalFuture,
) -> impl Future<Output = ()> + use<A> {
    let life = Rc::new(Life {
        future: RefCell::new(Some(future)),
        has_ended: Cell::new(false),
    });
    let mailbox = Mailbox::default();
    let parts = ContextParts::new(mailbox.sender_producer());
    let shell = Shell {
        stop: Box::new({
            let station = Arc::downgrade(station);
            move || {
                if let Some(station) = station.upgrade() {
                    station.signal(Signal::Order(Order::Stop));
                }
            }
        }),
        life: life.clone(),
    };
    let context = ContextFut::new(ShellContext { parts }, shell, mailbox);
    let _first = station.hosted.set(HostedAddress(context.address()));
    Hosted { life, context }
}

struct Hosted {
    life: Rc<Life>,
    context: ContextFut<Shell, ShellContext>,
}

impl Future for Hosted {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<()> {
        Pin::new(&mut self.context).poll(cx)
    }
}

impl Drop for Hosted {
    fn drop(&mut self) {
        // Invariant 2.
        self.life.has_ended.set(true);
        let future = self.life.future.borrow_mut().take();
        drop(future);
    }
}
