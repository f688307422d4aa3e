//! A runtime in every kind of host: it starts, works and goes in each, and two of them do not meet.

#[path = "blocking.rs"]
mod blocking;
#[path = "drops.rs"]
mod drops;
#[path = "entries.rs"]
mod entries;
#[path = "guests.rs"]
mod guests;
#[path = "messages.rs"]
mod messages;
#[cfg(unix)]
#[path = "signals.rs"]
mod signals;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use greenroom::prelude::*;

pub(crate) struct Counter(u64);
pub(crate) struct Add(u64);
pub(crate) struct Never;

impl Actor for Counter {}

impl Handler<Add> for Counter {
    type Reply = u64;

    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.0 += n;
        self.0
    }
}

impl Handler<Never> for Counter {
    type Reply = ();

    async fn handle(&mut self, _: Never, _cx: &mut ActorContext<Self>) {
        std::future::pending().await
    }
}

pub(crate) fn threads(arbiters: usize) -> Runtime {
    Runtime::builder()
        .arbiters(arbiters)
        .build()
        .expect("the threads start")
}

/// Runs something on a thread of its own, and fails if it has not returned after a while.
pub(crate) fn within_time<T: Send + 'static>(
    what: &str,
    f: impl FnOnce() -> T + Send + 'static,
) -> T {
    let (done, is_done) = mpsc::channel();
    let thread = thread::spawn(move || {
        let result = f();
        let _unheard = done.send(());
        result
    });
    match is_done.recv_timeout(Duration::from_secs(60)) {
        Err(mpsc::RecvTimeoutError::Timeout) => unreachable!("{what} hangs"),
        _ => thread
            .join()
            .unwrap_or_else(|_| unreachable!("{what} panicked")),
    }
}

/// Whether an ask met its deadline; on a busy machine the handler may not have begun.
fn is_late<T>(asked: &Result<T, AskError>) -> bool {
    matches!(
        asked,
        Err(AskError::DeadlineInHandler | AskError::DeadlineInMailbox)
    )
}

/// What a host wants, all of it inside a scope.
pub(crate) async fn works_inside(runtime: &Runtime) -> Result<()> {
    runtime
        .scope(|scope| async move {
            let counter = scope.spawn(|| Counter(0)).await?;
            counter.tell(Add(1)).await?;
            assert_eq!(counter.ask(Add(1)).await?, 2);
            let (tx, rx) = channel::rendezvous();
            let _sender = scope.go(async move {
                for n in 0..3_u64 {
                    tx.send(n).await?;
                }
                Ok(())
            });
            let mut received = Vec::new();
            while let Ok(n) = rx.recv().await {
                received.push(n);
            }
            assert_eq!(received, [0, 1, 2]);
            let hurried = scope.context().with_timeout(5.millis());
            let late = hurried.run(counter.ask(Never)).await?;
            assert!(is_late(&late), "{late:?}");
            Ok(())
        })
        .await
}

/// What a host wants, all of it from its own code, which is in no task of ours.
pub(crate) async fn works_outside(runtime: &Runtime) -> Result<()> {
    assert!(Context::current().is_none());
    let (give, take) = channel::rendezvous();
    let (numbers, received) = channel::bounded::<u64>(2);
    let open = runtime.scope(move |scope| async move {
        let counter = scope.spawn(|| Counter(0)).await?;
        give.send(counter.clone()).await?;
        // The host sends until it has seen enough.
        while let Ok(n) = received.recv().await {
            counter.tell(Add(n)).await?;
        }
        Ok(counter.ask(Add(0)).await?)
    });
    let host = async {
        let counter = take.recv().await?;
        counter.tell(Add(1)).await?;
        assert_eq!(counter.ask(Add(1)).await?, 2);
        for n in 0..5 {
            numbers.send(n).await?;
        }
        let hurried = runtime.context().with_timeout(5.millis());
        let late = hurried.run(counter.ask(Never)).await?;
        assert!(is_late(&late), "{late:?}");
        drop(numbers);
        Ok::<(), Failure>(())
    };
    let (open, host) = futures_util::future::join(open, host).await;
    host?;
    assert_eq!(open?, 12);
    Ok(())
}

/// Makes a runtime, uses it from inside and outside, and drops it.
pub(crate) async fn works() {
    let runtime = threads(2);
    works_inside(&runtime).await.expect("it works inside");
    works_outside(&runtime).await.expect("it works outside");
}
