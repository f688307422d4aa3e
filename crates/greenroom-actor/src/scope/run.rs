//! Runs one task of a scope: its panic becomes a value, and its context's end is its end.

use std::any::Any;
use std::future::Future;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use greenroom_core::context::Registration;
use greenroom_core::error::ContextError;
use greenroom_core::task::TaskKind;
use greenroom_core::{Context, Id, Panic, current, unwind};

/// How a guarded future ended.
pub(crate) enum Outcome<T> {
    Returned(T),
    Panicked(Panic),
    Ended(ContextError),
}

/// Runs a user's future to its end, in this task and its context.
///
/// When the context ends, the future is polled once more, so that a wait of the kernel in it returns
/// its error; if it is pending after that, and not shielded, it is dropped. The drop happens in here,
/// outside any unwind, and a panic in it counts as the future's.
pub(crate) async fn guarded<F: Future>(
    future: F,
    context: Context,
    id: Id,
    spawned_at: &'static Location<'static>,
) -> Outcome<F::Output> {
    let mut future = Pinned(pin!(Some(future)));
    let mut registration = None;
    let outcome = std::future::poll_fn(|cx| {
        let Some(running) = future.0.as_mut().as_pin_mut() else {
            return Poll::Pending;
        };
        let ended = Registration::update(&mut registration, &context, cx.waker()).err();
        let _watch = current::enter_watch(cx.waker());
        match unwind::catch(|| running.poll(cx)) {
            Err(payload) => Poll::Ready(Err(payload)),
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(Outcome::Returned(output))),
            Ok(Poll::Pending) => match ended {
                Some(error) if !is_shielded() => Poll::Ready(Ok(Outcome::Ended(error))),
                _ => Poll::Pending,
            },
        }
    })
    .await;
    let (payload, doing) = match (outcome, future.drop()) {
        (Ok(outcome), Ok(())) => return outcome,
        (Ok(outcome), Err(payload)) => {
            unwind::drop_apart(outcome, std::any::type_name::<F::Output>());
            (payload, DROP)
        }
        (Err(payload), Ok(())) => (payload, doing()),
        (Err(first), Err(second)) => {
            current::tell_stray(second, DROP);
            (first, doing())
        }
    };
    Outcome::Panicked(Panic::new(payload, id, Some(doing), spawned_at))
}

const DROP: &str = "drop of a future";

/// What the current task is a run of.
fn doing() -> &'static str {
    match current::with_task(|task| task.kind) {
        Some(TaskKind::Scope) => "scope body",
        Some(TaskKind::Blocking) => "blocking job",
        _ => "future",
    }
}

/// A user's future that is dropped in a catch, also when its task is dropped at an await.
struct Pinned<'a, F>(Pin<&'a mut Option<F>>);

impl<F> Pinned<'_, F> {
    fn drop(&mut self) -> Result<(), Box<dyn Any + Send>> {
        unwind::catch(|| self.0.set(None))
    }
}

impl<F> Drop for Pinned<'_, F> {
    fn drop(&mut self) {
        if let Err(payload) = Pinned::drop(self) {
            current::tell_stray(payload, DROP);
        }
    }
}

/// Runs something when it is dropped, unless it was disarmed.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    pub(crate) fn new(f: F) -> Self {
        Self(Some(f))
    }

    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

fn is_shielded() -> bool {
    current::with_task(|task: &Arc<_>| task.is_shielded()).unwrap_or(false)
}
