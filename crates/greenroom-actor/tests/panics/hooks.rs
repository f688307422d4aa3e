//! Panics in factories, hooks, and the end of a state.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use greenroom_actor::{Actor, ActorContext, AskError, Handler, Scope, SpawnError};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{ExitReason, Panic, Result};

use crate::{Add, Bomb, is_told, none, one, survived};

const FILE: &str = "panics/hooks.rs";

#[derive(Clone, Copy, Default, PartialEq)]
enum At {
    #[default]
    Nowhere,
    Started,
    StartedLater,
    Stopping,
    StoppingLater,
    Stopped,
    Drop,
}

#[derive(Default)]
struct Subject {
    sum: u64,
    at: At,
}

impl Actor for Subject {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        assert!(self.at != At::Started, "in started");
        if self.at == At::StartedLater {
            sleep(1.millis()).await?;
            panic!("in started, later");
        }
        Ok(())
    }

    async fn stopping(&mut self, _cx: &mut ActorContext<Self>) {
        assert!(self.at != At::Stopping, "in stopping");
        if self.at == At::StoppingLater {
            let _slept = sleep(1.millis()).await;
            panic!("in stopping, later");
        }
    }

    fn stopped(&mut self) {
        assert!(self.at != At::Stopped, "in stopped");
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        assert!(self.at != At::Drop, "in the drop");
    }
}

impl Handler<Add> for Subject {
    type Reply = u64;
    async fn handle(&mut self, Add(n): Add, _cx: &mut ActorContext<Self>) -> u64 {
        self.sum += n;
        self.sum
    }
}

struct Fault;
impl Handler<Fault> for Subject {
    type Reply = ();
    async fn handle(&mut self, _: Fault, _cx: &mut ActorContext<Self>) {
        panic!("in the handler")
    }
}

fn panicked(spawned: Result<impl Sized, SpawnError>) -> Panic {
    match spawned {
        Err(SpawnError::Panicked(panic)) => panic,
        Err(other) => panic!("not started, since {other}"),
        Ok(_) => panic!("started"),
    }
}

#[test]
fn in_a_factory_at_the_first_build() {
    survived(
        |scope| async move {
            let build = || -> Subject { panic!("in the factory") };
            let panic = panicked(scope.spawn(build).name("subject").await);
            is_told(&panic, "in the factory", "factory", "subject", FILE);
            scope.spawn(Subject::default).name("subject").await?;
            Ok(())
        },
        none,
    );
}

fn builds(from: usize, to: usize) -> (impl FnMut() -> Subject + Send + 'static, Arc<AtomicUsize>) {
    let built = Arc::new(AtomicUsize::new(0));
    let count = built.clone();
    let build = move || {
        let number = count.fetch_add(1, SeqCst);
        assert!(!(from..to).contains(&number), "in the factory");
        Subject::default()
    };
    (build, built)
}

#[test]
fn in_a_factory_at_one_restart() {
    survived(
        |scope| async move {
            let (build, built) = builds(1, 2);
            let actor = scope.spawn(build).await?;
            let asked = actor.ask(Fault).await;
            assert!(matches!(asked, Err(AskError::Panicked(_))));
            assert_eq!(actor.ask(Add(1)).await?, 1);
            assert_eq!(built.load(SeqCst), 3);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_a_factory_at_every_restart() {
    survived(
        |scope| async move {
            let failed = scope.scope(|inner| async move {
                let (build, built) = builds(1, usize::MAX);
                let actor = inner.spawn(build).name("subject").await?;
                let behind = actor.clone();
                let queued = futures_util::future::join(actor.ask(Fault), behind.ask(Add(1)));
                let hold = inner.context().without_cancel();
                let (asked, queued) = hold.run(queued).await?;
                assert!(matches!(asked, Err(AskError::Panicked(_))));
                assert!(matches!(queued, Err(AskError::Restarting)), "{queued:?}");
                let ended = hold.run(actor.closed()).await??;
                let ExitReason::Panicked(panic) = ended else {
                    panic!("it ended otherwise");
                };
                is_told(&panic, "in the factory", "factory", "subject", FILE);
                assert_eq!(built.load(SeqCst), 5);
                Ok(())
            });
            let failure = failed.await.expect_err("given up");
            assert!(failure.downcast_ref::<Panic>().is_some(), "{failure:?}");
            Ok(())
        },
        none,
    );
}

#[test]
fn in_started() {
    survived(
        |scope| async move {
            for (at, text) in [
                (At::Started, "in started"),
                (At::StartedLater, "in started, later"),
            ] {
                let build = move || Subject { sum: 0, at };
                let panic = panicked(scope.spawn(build).name("subject").await);
                is_told(&panic, text, "started", "subject", FILE);
            }
            Ok(())
        },
        none,
    );
}

/// Ends an actor in an orderly way, and gives the panic that it ended with, which fails its scope.
async fn ends_with(scope: &Scope, at: At) -> Result<Panic> {
    let failed = scope.scope(move |inner| async move {
        let actor = inner
            .spawn(move || Subject { sum: 0, at })
            .name("subject")
            .await?;
        assert_eq!(actor.ask(Add(1)).await?, 1);
        actor.stop();
        let hold = inner.context().without_cancel();
        let ended = hold.run(actor.closed()).await??;
        assert!(matches!(ended, ExitReason::Panicked(_)), "{ended}");
        Ok(())
    });
    let failure = failed.await.expect_err("the panic is the scope's");
    Ok(failure.downcast_ref::<Panic>().expect("a panic").clone())
}

#[test]
fn in_stopping_and_stopped() {
    survived(
        |scope| async move {
            for (at, text, doing) in [
                (At::Stopping, "in stopping", "stopping"),
                (At::StoppingLater, "in stopping, later", "stopping"),
                (At::Stopped, "in stopped", "stopped"),
            ] {
                let panic = ends_with(&scope, at).await?;
                is_told(&panic, text, doing, "subject", FILE);
            }
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_drop_of_a_state_at_its_end() {
    survived(
        |scope| async move {
            let panic = ends_with(&scope, At::Drop).await?;
            is_told(&panic, "in the drop", "drop of the state", "subject", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_drop_of_a_state_at_a_restart() {
    survived(
        |scope| async move {
            let built = Arc::new(AtomicUsize::new(0));
            let build = move || match built.fetch_add(1, SeqCst) {
                0 => Subject {
                    sum: 0,
                    at: At::Drop,
                },
                _ => Subject::default(),
            };
            let actor = scope.spawn(build).name("subject").await?;
            let panic = crate::costs_the_message(&actor, Fault).await?;
            is_told(&panic, "in the handler", "Fault", "subject", FILE);
            Ok(())
        },
        // The first panic is the asker's.
        |panics| one(panics, "in the drop", "drop of the state", "subject", FILE),
    );
}

#[test]
fn in_the_drop_of_a_state_by_a_cancel() {
    survived(
        |scope| async move {
            let build = || Subject {
                sum: 0,
                at: At::Drop,
            };
            let actor = scope.spawn(build).name("subject").await?;
            let registry = scope.context().registry().clone();
            assert!(registry.cancel_actor(actor.id(), "enough".into()));
            let ended = actor.closed().await?;
            let ExitReason::Panicked(panic) = ended else {
                panic!("it ended by {ended}");
            };
            is_told(&panic, "in the drop", "drop of the state", "subject", FILE);
            Ok(())
        },
        none,
    );
}

#[test]
fn in_the_drop_of_a_factory() {
    survived(
        |scope| async move {
            let bomb = Bomb("of the factory");
            let build = move || {
                let _held = &bomb;
                Subject::default()
            };
            let actor = scope.spawn(build).name("subject").await?;
            assert_eq!(actor.ask(Add(1)).await?, 1);
            actor.stop();
            let ended = actor.closed().await?;
            assert!(matches!(ended, ExitReason::Normal), "{ended}");
            Ok(())
        },
        |panics| {
            one(
                panics,
                "of the factory",
                "drop of the factory",
                "subject",
                FILE,
            )
        },
    );
}

#[test]
fn in_the_drop_of_kept_state() {
    survived(
        |scope| async move {
            let state = Bomb("of the kept state");
            let actor = scope
                .supervise(state, |_kept| Subject::default())
                .name("subject")
                .await?;
            assert_eq!(actor.ask(Add(1)).await?, 1);
            actor.stop();
            actor.closed().await?;
            Ok(())
        },
        |panics| {
            one(
                panics,
                "of the kept state",
                "drop of the kept state",
                "subject",
                FILE,
            )
        },
    );
}
