//! Tasks that wait for each other over channels: what is certain, what is possible, and what is unknown.

mod possible;
mod property;
mod shapes;
mod unknown;

use std::sync::mpsc;

use greenroom_actor::{Runtime, Scope, SingleThread};
use greenroom_core::registry::{Knot, Progress, WaitGraph, Why};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Id, Result};

pub(crate) fn paused(seed: u64) -> SingleThread {
    Runtime::builder()
        .single_thread()
        .paused()
        .seed(seed)
        .build()
        .expect("a single-threaded runtime starts")
}

pub(crate) async fn nap(millis: u64) {
    let _slept = sleep(millis.millis()).await;
}

/// Looks a while after a body has started its tasks, with what it returned still there.
pub(crate) fn look<K, F, Fut>(body: F) -> (Progress, WaitGraph)
where
    K: 'static,
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = Result<K>> + 'static,
{
    let runtime = paused(0);
    let inside = Runtime::clone(&runtime);
    let (give, take) = mpsc::channel();
    let _cancelled = runtime.block_on(move |scope| async move {
        let kept = body(scope.clone()).await?;
        nap(10).await;
        let progress = inside.stuck().await;
        let _heard = give.send((progress, inside.wait_graph().await));
        scope.cancel("enough");
        drop(kept);
        Ok(())
    });
    take.recv().expect("it was looked at")
}

/// The numbers of the tasks of the one knot that there is for certain.
#[track_caller]
pub(crate) fn stuck(looked: &(Progress, WaitGraph)) -> Vec<u64> {
    let (progress, graph) = looked;
    let Progress::Stuck(knots) = progress else {
        unreachable!("{progress}\n{graph}");
    };
    let [knot] = knots.as_slice() else {
        unreachable!("one knot: {progress}");
    };
    assert!(knot.is_certain && knot.why.is_empty(), "{knot}");
    assert!(
        graph.knots.contains(knot),
        "the graph shows it too: {graph}"
    );
    numbers(knot)
}

#[track_caller]
pub(crate) fn unknown(looked: &(Progress, WaitGraph)) -> &[Why] {
    let (progress, graph) = looked;
    assert!(graph.knots.iter().all(|knot| !knot.is_certain), "{graph}");
    match progress {
        Progress::Unknown(why) => why,
        other => unreachable!("{other}\n{graph}"),
    }
}

pub(crate) fn numbers(knot: &Knot) -> Vec<u64> {
    knot.tasks.iter().map(|task| task.id.number()).collect()
}

/// The number of the one joined on, as in its path.
#[track_caller]
pub(crate) fn number<T: Send + 'static>(handle: &greenroom_actor::JoinHandle<T>) -> u64 {
    handle.id().map(Id::number).expect("it was started")
}
