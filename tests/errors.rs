//! What becomes of the errors and panics of user code: through each pattern the original comes back by
//! `downcast_ref`, and a panic with its payload and the place of what ran it.

mod support;

use std::future::Future;

use greenroom::Panic;
use greenroom::patterns::fan::{fan_out_fan_in, isolated};
use greenroom::patterns::worker_pool::Retry;
use greenroom::prelude::*;
use support::{Boom, paused, quiet};

/// What a closure of the user's does in these tests.
#[derive(Clone, Copy, Debug)]
enum Ends {
    ByError,
    ByPanic,
}

impl Ends {
    async fn run(self) -> Result<u8> {
        match self {
            Self::ByError => Err(Boom("the user's own").into()),
            Self::ByPanic => panic!("the user's own"),
        }
    }
}

/// Runs a body that ends by an error of user code, and by a panic of user code.
#[track_caller]
fn come_back<F, Fut>(body: F)
where
    F: Fn(Scope, Ends) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    quiet();
    let by = |ends| {
        let body = body.clone();
        match paused(1).block_on(move |scope| body(scope, ends)) {
            Ok(()) => panic!("{ends:?}: no error came back"),
            Err(failure) => failure,
        }
    };
    let failure = by(Ends::ByError);
    assert_eq!(
        failure.downcast_ref(),
        Some(&Boom("the user's own")),
        "{failure:?}"
    );
    assert!(
        format!("{failure:?}").contains("the user's own"),
        "{failure:?}"
    );

    let failure = by(Ends::ByPanic);
    let Some(panic) = failure.downcast_ref::<Panic>() else {
        panic!("not a panic: {failure:?}");
    };
    assert_eq!(panic.message(), Some("the user's own"));
    assert!(
        panic.spawned_at().file().ends_with("errors.rs"),
        "{panic:?}"
    );
    let told = format!("{failure:?}");
    assert!(
        told.contains("the user's own") && told.contains("errors.rs"),
        "{told}"
    );
    // The text of the panic is told once, though each error around it passes it on.
    assert_eq!(told.matches("the user's own").count(), 1, "{told}");
}

#[test]
fn through_a_task_and_its_scope() {
    come_back(|scope, ends| async move {
        scope.go(ends.run()).detach();
        scope.join().await
    });
}

#[test]
fn through_the_handle_of_a_task() {
    come_back(|scope, ends| async move {
        let inner = scope.clone();
        let task = scope.go(async move {
            let failed = inner.go(ends.run()).await;
            failed?;
            Ok(())
        });
        task.await?;
        Ok(())
    });
}

#[test]
fn through_a_stage_of_a_pipeline() {
    come_back(|scope, ends| async move {
        generate(&scope, [1])
            .pipe(&scope, stage("fails").workers(4), move |_| ends.run())
            .collect()
            .await?;
        Ok(())
    });
}

#[test]
fn through_an_isolated_worker() {
    come_back(|scope, ends| async move {
        let input = generate(&scope, [1]);
        let outputs = fan_out_fan_in(&scope, input, isolated(2), move |_| ends.run())?;
        outputs.recv().await??;
        Ok(())
    });
}

#[test]
fn through_a_job_of_a_worker_pool() {
    come_back(|scope, ends| async move {
        let jobs = move |(): ()| ends.run();
        let pool = WorkerPool::spawn(&scope, pool("fails"), jobs).await?;
        pool.run(()).await?;
        Ok(())
    });
}

#[test]
fn through_the_results_of_a_worker_pool() {
    come_back(|scope, ends| async move {
        let jobs = move |(): ()| ends.run();
        let options = pool("fails").retry(Retry::attempts(2));
        let pool = WorkerPool::spawn(&scope, options, jobs).await?;
        pool.submit_all([()]).recv().await??;
        Ok(())
    });
}

#[test]
fn through_a_retry() {
    come_back(|_scope, ends| async move {
        let policy = RetryPolicy::new().attempts(2);
        retry(policy, || ends.run()).await?;
        Ok(())
    });
}

#[test]
fn through_a_task_group() {
    come_back(|scope, ends| async move {
        let group = TaskGroup::new(&scope);
        group.go(ends.run()).await?.detach();
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn through_a_shared_run() {
    come_back(|scope, ends| async move {
        let runs = SingleFlight::spawn(&scope).await?;
        runs.call("key", move || ends.run()).await?;
        Ok(())
    });
}

#[test]
fn through_a_once() {
    come_back(|scope, ends| async move {
        let once = Once::spawn(&scope, move || ends.run()).await?;
        once.get().await?;
        Ok(())
    });
}

#[test]
fn through_a_loader_of_a_cache() {
    come_back(|scope, ends| async move {
        let cached = Cache::spawn(&scope, cache()).await?;
        cached.get_or_insert_with("key", move || ends.run()).await?;
        Ok(())
    });
}

#[test]
fn through_the_factory_of_a_pool() {
    come_back(|scope, ends| async move {
        let items = Pool::spawn(&scope, pool_of(move || ends.run())).await?;
        let _item = items.get().await?;
        Ok(())
    });
}

#[derive(Clone)]
struct Fails(Ends);

impl Actor for Fails {}

impl Handler<()> for Fails {
    type Reply = Result<u8>;

    async fn handle(&mut self, (): (), _cx: &mut ActorContext<Self>) -> Result<u8> {
        self.0.run().await
    }
}

#[test]
fn through_an_ask() {
    come_back(|scope, ends| async move {
        let fails = scope.spawn(move || Fails(ends)).await?;
        fails.ask(()).await??;
        Ok(())
    });
}

#[test]
fn through_a_router() {
    come_back(|scope, ends| async move {
        let routes = Router::spawn(&scope, router("fails"), move |_| Fails(ends)).await?;
        routes.ask(()).await??;
        Ok(())
    });
}

#[test]
fn through_work_that_blocks() {
    come_back(|scope, ends| async move {
        let work = move || match ends {
            Ends::ByError => Err(Boom("the user's own").into()),
            Ends::ByPanic => panic!("the user's own"),
        };
        scope.go(blocking::<u8>(work)).detach();
        scope.join().await
    });
}

#[test]
fn a_panic_comes_through_a_state() {
    quiet();
    let failed = paused(1).block_on(|scope| async move {
        let state = State::spawn(&scope, 1).await?;
        state.update(|_| panic!("the user's own")).await?;
        Ok(())
    });
    let failure = failed.expect_err("the update panicked");
    let panic = failure.downcast_ref::<Panic>().expect("it is a panic");
    assert_eq!(panic.message(), Some("the user's own"));
}
