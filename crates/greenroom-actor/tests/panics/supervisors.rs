//! Panics in the children of supervisors.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::supervision::{child, task};
use greenroom_actor::{Actor, ActorContext, Address, AskError, Handler};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Panic, Result};

use crate::{Add, Adder, costs_the_message, is_told, none, one, survived};

const FILE: &str = "panics/supervisors.rs";

#[derive(Default)]
struct Frail {
    sum: u64,
    #[expect(dead_code, reason = "its drop is the point")]
    heavy: Option<crate::Bomb>,
}
struct Fault;
impl Actor for Frail {}
impl Handler<Add> for Frail {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.sum += n;
        self.sum
    }
}
impl Handler<Fault> for Frail {
    type Reply = ();
    async fn handle(&mut self, _: Fault, _cx: &mut ActorContext<Self>) {
        panic!("in a child")
    }
}

#[test]
fn in_a_child_beside_a_sibling() {
    survived(
        |scope| async move {
            let top = scope
                .supervisor("top")
                .child(child("frail", Frail::default))
                .child(child("sibling", Adder::default))
                .await?;
            let sibling: Address<Adder> = top.address("sibling").await?;
            assert_eq!(sibling.ask(Add(1)).await?, 1);
            let frail: Address<Frail> = top.address("frail").await?;
            let panic = costs_the_message(&frail, Fault).await?;
            is_told(&panic, "in a child", "Fault", "frail", FILE);
            assert_eq!(sibling.ask(Add(1)).await?, 2);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_factory_of_a_child_at_its_start() {
    survived(
        |scope| async move {
            let started = scope
                .supervisor("top")
                .child(child("sibling", Adder::default))
                .child(child("frail", || -> Frail { panic!("in the factory") }))
                .await;
            let error = started.expect_err("a child did not start");
            let failure = greenroom_core::Failure::from(error);
            let panic: &Panic = failure.downcast_ref().expect("a panic");
            is_told(panic, "in the factory", "factory", "frail", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_factory_of_a_child_at_a_restart() {
    survived(
        |scope| async move {
            let built = Arc::new(AtomicUsize::new(0));
            let build = move || {
                assert!(built.fetch_add(1, SeqCst) != 1, "in the factory");
                Frail::default()
            };
            let top = scope.supervisor("top").child(child("frail", build)).await?;
            let frail: Address<Frail> = top.address("frail").await?;
            let panic = costs_the_message(&frail, Fault).await?;
            is_told(&panic, "in a child", "Fault", "frail", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_a_task_of_a_supervisor() {
    survived(
        |scope| async move {
            let runs = Arc::new(AtomicUsize::new(0));
            let seen = runs.clone();
            let make = move || {
                let first = runs.fetch_add(1, SeqCst) == 0;
                async move {
                    sleep(1.millis()).await?;
                    assert!(!first, "in a task");
                    std::future::pending::<()>().await;
                    Result::Ok(())
                }
            };
            let top = scope.supervisor("top").child(task("run", make)).await?;
            while seen.load(SeqCst) < 2 {
                sleep(1.millis()).await?;
            }
            let status = top.children().await?;
            let Some(greenroom_core::ExitReason::Panicked(panic)) = &status[0].last_exit else {
                panic!("{status:?}");
            };
            is_told(panic, "in a task", "future", "run", FILE);
            top.stop();
            Ok(())
        },
        none,
    );
}

#[test]
fn in_a_child_that_is_given_up() {
    survived(
        |scope| async move {
            let failed = scope.scope(|inner| async move {
                let top = inner
                    .supervisor("top")
                    .intensity(0, 1.secs())
                    .child(child("frail", Frail::default))
                    .await?;
                let frail: Address<Frail> = top.address("frail").await?;
                let hold = inner.context().without_cancel();
                let asked = hold.run(frail.ask(Fault)).await?;
                assert!(matches!(asked, Err(AskError::Panicked(_))), "{asked:?}");
                hold.run(top.closed()).await??;
                Ok(())
            });
            let failure = failed.await.expect_err("given up");
            let panic: &Panic = failure.downcast_ref().expect("a panic");
            is_told(panic, "in a child", "Fault", "frail", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_drop_of_a_child_at_a_restart() {
    survived(
        |scope| async move {
            let built = Arc::new(AtomicUsize::new(0));
            let build = move || Frail {
                sum: 0,
                heavy: (built.fetch_add(1, SeqCst) == 0).then(|| crate::Bomb("of a child")),
            };
            let top = scope.supervisor("top").child(child("frail", build)).await?;
            let frail: Address<Frail> = top.address("frail").await?;
            costs_the_message(&frail, Fault).await?;
            Ok(())
        },
        |panics| one(panics, "of a child", "drop of the state", "frail", FILE),
    );
}
