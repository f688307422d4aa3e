//! Blocking calls: an error on an arbiter, and never a hang; a wait elsewhere.

use std::thread;

use greenroom::channel::{Receiver, RecvBlockingError};
use greenroom::prelude::*;
use greenroom::{AskBlockingError, RuntimeError, TellBlockingError};

use super::{Add, Counter, threads, within_time};

/// The four that block, with what they would wait for.
struct Calls {
    runtime: Runtime,
    counter: Address<Counter>,
    numbers: Receiver<u64>,
}

impl Calls {
    fn are_refused(&self) -> bool {
        let asked = self.counter.ask_blocking(Add(1));
        let told = self.counter.tell_blocking(Add(7));
        let received = self.numbers.recv_blocking();
        let blocked = self.runtime.block_on(|_scope| async { Ok(()) });
        matches!(asked, Err(AskBlockingError::OnArbiter))
            && matches!(told, Err(TellBlockingError::OnArbiter(Add(7))))
            && matches!(received, Err(RecvBlockingError::OnArbiter))
            && blocked.is_err_and(|failure| {
                matches!(failure.downcast_ref(), Some(RuntimeError::OnArbiter))
            })
    }

    fn work(&self) -> bool {
        self.counter.ask_blocking(Add(1)).is_ok()
            && self.counter.tell_blocking(Add(1)).is_ok()
            && self.numbers.recv_blocking().is_ok()
            && self.runtime.block_on(|_scope| async { Ok(5) }).ok() == Some(5)
    }
}

/// Runs a body with the calls, and with somebody who sends numbers.
fn with_calls<Fut>(what: &str, body: impl FnOnce(Scope, Calls) -> Fut + Send + 'static)
where
    Fut: Future<Output = Result<()>> + 'static,
{
    within_time(what, move || {
        let runtime = threads(1);
        let inside = runtime.clone();
        runtime
            .block_on(|scope| async move {
                let counter = scope.spawn(|| Counter(0)).await?;
                let (tx, numbers) = channel::bounded(1);
                let _sender = scope.go(async move {
                    while tx.send(1).await.is_ok() {}
                    Ok(())
                });
                let calls = Calls {
                    runtime: inside,
                    counter,
                    numbers,
                };
                body(scope, calls).await
            })
            .expect("nothing fails");
    });
}

#[test]
fn refused_in_a_body_and_a_task() {
    with_calls("a blocking call in a task", |scope, calls| async move {
        assert!(calls.are_refused());
        let in_a_task = scope.go(async move { Ok(calls.are_refused()) });
        assert!(in_a_task.await?);
        Ok(())
    });
}

struct Caller;
struct Try(Calls);

impl Actor for Caller {}

impl Handler<Try> for Caller {
    type Reply = bool;

    async fn handle(&mut self, Try(calls): Try, _cx: &mut ActorContext<Self>) -> bool {
        calls.are_refused()
    }
}

#[test]
fn refused_in_a_handler() {
    with_calls("a blocking call in a handler", |scope, calls| async move {
        let caller = scope.spawn(|| Caller).await?;
        assert!(caller.ask(Try(calls)).await?);
        Ok(())
    });
}

#[test]
fn refused_in_a_foreign_task_of_an_arbiter() {
    with_calls(
        "a blocking call in a foreign task",
        |_scope, calls| async move {
            // It runs on the arbiter's thread, beside our tasks: they could not go on.
            let foreign = tokio::spawn(async move {
                let refused = calls.are_refused();
                (calls, refused)
            });
            let (calls, refused) = foreign.await?;
            assert!(refused);
            let local = tokio::task::spawn_local(async move { calls.are_refused() });
            assert!(local.await?);
            Ok(())
        },
    );
}

#[test]
fn refused_on_a_single_thread() {
    within_time("a blocking call on a single thread", || {
        let single = Runtime::builder().single_thread().build().expect("starts");
        single
            .block_on(|scope| async move {
                let counter = scope.spawn(|| Counter(0)).await?;
                let again = counter.clone();
                let foreign = tokio::spawn(async move { again.ask_blocking(Add(1)) });
                assert!(matches!(foreign.await?, Err(AskBlockingError::OnArbiter)));
                // There is no other thread, so that blocking code runs in place.
                let in_place = scope.go_blocking(move || Ok(counter.ask_blocking(Add(1))));
                assert!(matches!(in_place.await?, Err(AskBlockingError::OnArbiter)));
                Ok(())
            })
            .expect("nothing fails");
        // Outside of it the thread is a plain one again.
        let (tx, rx) = channel::bounded(1);
        tx.try_send(1).expect("there is room");
        assert_eq!(rx.recv_blocking().ok(), Some(1));
    });
}

#[test]
fn work_on_the_blocking_pool_and_on_plain_threads() {
    with_calls("a blocking call elsewhere", |scope, calls| async move {
        let pool = scope.go_blocking(move || {
            assert!(calls.work());
            Ok(calls)
        });
        let calls = pool.await?;
        let tokio_pool = tokio::task::spawn_blocking(move || {
            assert!(calls.work());
            calls
        });
        let calls = tokio_pool.await?;
        let (done, is_done) = channel::bounded(1);
        let plain = thread::spawn(move || {
            let worked = calls.work();
            done.try_send(worked)
        });
        assert!(is_done.recv().await?);
        drop(plain);
        Ok(())
    });
}

#[test]
fn a_wait_on_the_blocking_pool_ends_with_its_context() {
    with_calls("a blocking wait", |scope, _calls| async move {
        let (tx, rx) = channel::rendezvous::<u8>();
        let waits = scope.go_blocking(move || Ok(rx.recv_blocking()));
        waits.cancel("enough");
        let received = waits.await;
        assert!(
            matches!(&received, Ok(Err(RecvBlockingError::Recv(_)))) || received.is_err(),
            "{received:?}"
        );
        drop(tx);
        Ok(())
    });
}
