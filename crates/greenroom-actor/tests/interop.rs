//! Each of our actors is an actix actor, and may be met through actix.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::interop::{Stop, actix_address};
use greenroom_actor::{Actor, ActorContext, AskError, Handler, Placement, Runtime, Scope};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Result};

fn threads(arbiters: usize) -> Runtime {
    Runtime::builder()
        .arbiters(arbiters)
        .build()
        .expect("the threads start")
}

fn check<F, Fut>(body: F)
where
    F: FnOnce(Scope) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    threads(2)
        .block_on(body.clone())
        .unwrap_or_else(|failure| unreachable!("on arbiters: {failure:?}"));
    Runtime::builder()
        .single_thread()
        .paused()
        .build()
        .expect("a single-threaded runtime starts")
        .block_on(body)
        .unwrap_or_else(|failure| unreachable!("on a single thread: {failure:?}"));
}

struct Plain {
    dropped: Arc<AtomicUsize>,
}

impl Drop for Plain {
    fn drop(&mut self) {
        self.dropped.fetch_add(1, SeqCst);
    }
}

struct IsOnArbiter;
struct StopsTheArbiter;
struct Slow;

impl Actor for Plain {}

impl Handler<IsOnArbiter> for Plain {
    type Reply = (bool, std::thread::ThreadId);
    async fn handle(
        &mut self,
        _: IsOnArbiter,
        _cx: &mut ActorContext<Self>,
    ) -> (bool, std::thread::ThreadId) {
        let is_on_one = actix::Arbiter::try_current().is_some();
        (is_on_one, std::thread::current().id())
    }
}

impl Handler<StopsTheArbiter> for Plain {
    type Reply = ();
    async fn handle(&mut self, _: StopsTheArbiter, _cx: &mut ActorContext<Self>) {
        actix::Arbiter::current().stop();
        std::future::pending().await
    }
}

impl Handler<Slow> for Plain {
    type Reply = bool;
    async fn handle(&mut self, _: Slow, _cx: &mut ActorContext<Self>) -> bool {
        sleep(2.millis()).await.is_ok()
    }
}

fn factory(dropped: &Arc<AtomicUsize>) -> impl FnMut() -> Plain + Send + use<> {
    let dropped = dropped.clone();
    move || Plain {
        dropped: dropped.clone(),
    }
}

#[test]
fn each_of_our_actors_is_an_actix_actor_on_its_arbiter() {
    check(|scope| async move {
        let plain = scope.spawn(factory(&Arc::default())).await?;
        let hosted = actix_address(&plain).expect("it has begun");
        assert!(hosted.connected());
        let (is_on_one, thread) = plain.ask(IsOnArbiter).await?;
        assert!(is_on_one);
        assert_eq!(thread, std::thread::current().id(), "beside its parent");
        Ok(())
    });
    threads(2)
        .block_on(|scope| async move {
            let mut threads = Vec::new();
            for number in 0..2 {
                let plain = scope
                    .on(Placement::Arbiter(number))
                    .spawn(factory(&Arc::default()))
                    .await?;
                threads.push(plain.ask(IsOnArbiter).await?.1);
            }
            assert_ne!(threads[0], threads[1]);
            Ok(())
        })
        .expect("nothing fails");
}

#[test]
fn a_stop_through_actix_is_a_stop() {
    for waits in [false, true] {
        check(move |scope| async move {
            let dropped = Arc::new(AtomicUsize::new(0));
            let plain = scope.spawn(factory(&dropped)).await?;
            let hosted = actix_address(&plain).expect("it has begun");
            // The running handler ends first.
            let asker = plain.clone();
            let slow = scope.go(async move { Ok(asker.ask(Slow).await?) });
            sleep(1.millis()).await?;
            if waits {
                hosted.send(Stop).await?;
            } else {
                hosted.try_send(Stop)?;
            }
            assert!(matches!(plain.closed().await?, ExitReason::Normal));
            assert!(slow.await?);
            assert!(plain.is_closed());
            assert!(matches!(
                plain.ask(IsOnArbiter).await,
                Err(AskError::Closed)
            ));
            assert_eq!(dropped.load(SeqCst), 1);
            assert_eq!(scope.len(), 0);
            // The actix actor goes with it.
            while hosted.connected() {
                sleep(1.millis()).await?;
            }
            assert!(hosted.send(Stop).await.is_err());
            Ok(())
        });
    }
}

#[test]
fn an_actix_address_keeps_no_actor_alive() {
    check(|scope| async move {
        let dropped = Arc::new(AtomicUsize::new(0));
        let plain = scope.spawn(factory(&dropped)).await?;
        let hosted = actix_address(&plain).expect("it has begun");
        let closed = plain.closed();
        drop(plain);
        assert!(matches!(closed.await?, ExitReason::Normal));
        assert_eq!(dropped.load(SeqCst), 1);
        drop(hosted);
        Ok(())
    });
}

#[test]
fn an_arbiter_that_is_stopped_under_its_actors_ends_them_and_not_the_process() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let runtime = threads(2);
    let seen = dropped.clone();
    runtime
        .block_on(move |scope| async move {
            let there = scope.on(Placement::Arbiter(1));
            let neighbour = there.spawn(factory(&seen)).await?;
            let plain = there.spawn(factory(&seen)).await?;
            let here = scope
                .on(Placement::Arbiter(0))
                .spawn(factory(&seen))
                .await?;
            // The body runs on one of the two: on the other one, nothing is left to say so.
            if there_is_here(&plain).await? {
                return Ok(());
            }
            let asked = plain.ask(StopsTheArbiter).await;
            assert!(asked.is_err(), "{asked:?}");
            for ended in [neighbour.closed().await?, plain.closed().await?] {
                assert!(matches!(ended, ExitReason::Cancelled(_)), "{ended:?}");
            }
            assert_eq!(seen.load(SeqCst), 2);
            assert!(here.ask(IsOnArbiter).await?.0);
            // What is placed on the one that has gone is refused.
            assert!(there.go(async { Ok(()) }).await.is_err());
            assert!(there.spawn(factory(&seen)).await.is_err());
            Ok(())
        })
        .unwrap_or_else(|failure| unreachable!("{failure:?}"));
    drop(runtime);
}

async fn there_is_here(plain: &greenroom_actor::Address<Plain>) -> Result<bool> {
    Ok(plain.ask(IsOnArbiter).await?.1 == std::thread::current().id())
}
