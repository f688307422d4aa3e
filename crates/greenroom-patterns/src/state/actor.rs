//! The owner.

use greenroom_actor::{Actor, ActorContext, Handler, Kept};
use greenroom_core::watch::Watch;

use super::message::{Read, Replace, Subscribe, TryUpdate, Update};
use super::owned::Owned;

/// Runs closures on the value, one after the other.
pub(super) struct Owner<T: Send + 'static>(pub(super) Kept<Owned<T>>);

impl<T: Send + 'static> Actor for Owner<T> {}

impl<T, F, R> Handler<Read<F, R>> for Owner<T>
where
    T: Send + 'static,
    F: FnOnce(&T) -> R + Send + 'static,
    R: Send + 'static,
{
    type Reply = R;

    async fn handle(&mut self, Read(f, _): Read<F, R>, _cx: &mut ActorContext<Self>) -> R {
        f(self.0.value())
    }
}

impl<T, F, R> Handler<Update<F, R>> for Owner<T>
where
    T: Send + 'static,
    F: FnOnce(&mut T) -> R + Send + 'static,
    R: Send + 'static,
{
    type Reply = R;

    async fn handle(&mut self, Update(f, _): Update<F, R>, _cx: &mut ActorContext<Self>) -> R {
        let Ok(result) = self
            .0
            .change(|value| Ok::<_, std::convert::Infallible>(f(value)));
        result
    }
}

impl<T, F, R, E> Handler<TryUpdate<F, R, E>> for Owner<T>
where
    T: Send + 'static,
    F: FnOnce(&mut T) -> Result<R, E> + Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    type Reply = Result<R, E>;

    async fn handle(
        &mut self,
        TryUpdate(f, _): TryUpdate<F, R, E>,
        _cx: &mut ActorContext<Self>,
    ) -> Result<R, E> {
        self.0.change(f)
    }
}

impl<T: Send + 'static> Handler<Replace<T>> for Owner<T> {
    type Reply = T;

    async fn handle(&mut self, Replace(value): Replace<T>, _cx: &mut ActorContext<Self>) -> T {
        self.0.replace(value)
    }
}

impl<T: Clone + Send + Sync + 'static> Handler<Subscribe> for Owner<T> {
    type Reply = Watch<T>;

    async fn handle(&mut self, _: Subscribe, _cx: &mut ActorContext<Self>) -> Watch<T> {
        self.0.watch()
    }
}
