//! A stage of several workers whose results leave in the order of the input.
//!
//! A feeder numbers the values; the workers race for them; an emitter puts the results in order.
//!
//! # Invariants
//! 1. A value is numbered only after a place in the window was taken for it. Its place is given back
//!    when its result has left. So there are never more results than the window has places: the
//!    emitter can always take one in, and the one that it waits for always comes.
//! 2. A worker that does not end by the end of its input closes the channel of the results. Its result
//!    will not come, and the emitter would wait for it for ever.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use greenroom_actor::{Placement, Scope};
use greenroom_core::Result;
use greenroom_core::channel::{self, Receiver, Sender};

use crate::flow::{self, Outlet};

type Numbered<T> = (u64, T);

/// Starts the tasks of the stage.
#[track_caller]
pub(super) fn start<T, U, F, Fut>(
    scope: &Scope,
    input: Receiver<T>,
    workers: usize,
    buffer: usize,
    f: Arc<F>,
) -> Receiver<U>
where
    T: Send + 'static,
    U: Send + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<U>>> + 'static,
{
    let window = workers.saturating_add(buffer);
    let (places_out, places) = channel::bounded(window);
    let (values_out, values) = channel::rendezvous();
    let (results_out, results) = channel::bounded(window);
    let (out, output) = channel::bounded(buffer);

    let mut tasks = Vec::with_capacity(workers.saturating_add(2));
    tasks.push(flow::write(scope, move || {
        feed(input, places_out, values_out)
    }));
    let spread = scope.on(Placement::Spread);
    for values in std::iter::repeat_n(values, workers) {
        let (results, f) = (CloseOnDrop(Some(results_out.clone())), f.clone());
        tasks.push(flow::write(&spread, move || work(values, results, f)));
    }
    drop(results_out);
    tasks.push(flow::write(scope, {
        let out = out.clone();
        move || emit(results, places, out, window)
    }));
    flow::keep_open(scope, out, tasks);
    output
}

async fn feed<T>(
    input: Receiver<T>,
    places: Sender<()>,
    values: Sender<Numbered<T>>,
) -> Result<()> {
    let mut outlet = Outlet::new(&values);
    let mut number = 0;
    while let Some(Ok(())) = outlet.run(places.send(())).await {
        let Some(item) = outlet.recv(&input).await else {
            break;
        };
        if !outlet.send(Some((number, item))).await {
            break;
        }
        number += 1;
    }
    Ok(())
}

async fn work<T, U, F, Fut>(
    values: Receiver<Numbered<T>>,
    mut results: CloseOnDrop<Numbered<Option<U>>>,
    f: Arc<F>,
) -> Result<()>
where
    F: Fn(T) -> Fut,
    Fut: Future<Output = Result<Option<U>>>,
{
    let Some(out) = results.0.as_ref() else {
        return Ok(());
    };
    flow::work(values, out.clone(), |(number, item)| {
        let result = f(item);
        async move { Ok(Some((number, result.await?))) }
    })
    .await?;
    // Invariant 2: the input has ended, or the results have closed already.
    if flow::ended().is_none() {
        results.0 = None;
    }
    Ok(())
}

async fn emit<U>(
    results: Receiver<Numbered<Option<U>>>,
    places: Receiver<()>,
    out: Sender<U>,
    window: usize,
) -> Result<()> {
    let mut outlet = Outlet::new(&out);
    let mut early = BTreeMap::new();
    let mut batch = Vec::new();
    let mut number = 0;
    while let Some(Ok(_)) = outlet.run(results.recv_many(&mut batch, window)).await {
        early.extend(batch.drain(..));
        while let Some(result) = early.remove(&number) {
            if !outlet.send(result).await {
                return Ok(());
            }
            number += 1;
            // There is a place for each value that is under way, so it does not wait.
            let _place = places.try_recv();
        }
    }
    Ok(())
}

/// Closes a channel, unless it was emptied before it is dropped.
struct CloseOnDrop<T>(Option<Sender<T>>);

impl<T> Drop for CloseOnDrop<T> {
    fn drop(&mut self) {
        if let Some(sender) = &self.0 {
            sender.close();
        }
    }
}
