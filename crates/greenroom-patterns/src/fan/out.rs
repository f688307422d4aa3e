//! Fan-out.

use std::convert::Infallible;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;

use greenroom_actor::{Placement, Scope};
use greenroom_core::Result;
use greenroom_core::channel::{self, Receiver, Sender};

use super::branches::Branches;
use super::error::FanError;
use crate::flow::{self, Outlet, Writer};

/// Spreads a stream over workers, each with an output of its own: Go's `fanOut`.
///
/// The workers race for the values. More than one are spread over the arbiters. A worker works on one
/// value at a time and hands its result over by a rendezvous channel, so that each holds one value at
/// most. An output closes when the input has closed and its worker is done.
///
/// Every output must be read or dropped: a worker waits with its result, and the value that it holds
/// with it. Dropping one ends its worker; the others take the rest. For a closure that blocks use
/// [`blocking`](greenroom_actor::blocking) in it.
///
/// # Errors
/// - [`FanError::ZeroWorkers`]: `workers` is 0; the input is dropped.
///
/// An error of the closure is one of the scope, unless the workers are [`isolated`](super::isolated).
///
/// # Panics
/// A panic of the closure is as an error, and not one of this call.
///
/// # Differences from Go
/// The work may fail and may wait; Go's `process` has no error.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_patterns::{fan::FanError, prelude::*};
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// let sum = runtime.block_on(|scope| async move {
///     let squares = fan_out(&scope, generate(&scope, 1..=4), 3, |x| async move { Ok(x * x) })?;
///     assert_eq!(squares.len(), 3);
///     Ok(merge(&scope, squares).fold(0, |sum, x| sum + x).await?)
/// })?;
/// assert_eq!(sum, 30);
///
/// let refused = runtime.block_on(|scope| async move {
///     fan_out(&scope, generate(&scope, 1..=4), 0, |x| async move { Ok(x) })?;
///     Ok(())
/// });
/// assert_eq!(refused.unwrap_err().downcast_ref(), Some(&FanError::ZeroWorkers));
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn fan_out<T, U, B, F, Fut>(
    scope: &Scope,
    input: Receiver<T>,
    workers: B,
    f: F,
) -> Result<Vec<Receiver<B::Output<U>>>, FanError>
where
    T: Send + 'static,
    U: Send + 'static,
    B: Branches,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<U>> + 'static,
{
    let start = Workers::<B, _>::new(scope, &workers, f)?;
    let mut outputs = Vec::with_capacity(workers.count());
    for input in std::iter::repeat_n(input, workers.count()) {
        outputs.push(start.with_output(scope, input));
    }
    Ok(outputs)
}

/// Spreads a stream over workers and joins their results: [`fan_out`], then [`merge`](super::merge).
///
/// The results are in no order. The output is a rendezvous channel and closes when the input has
/// closed and every worker is done.
///
/// # Errors
/// - [`FanError::ZeroWorkers`]: `workers` is 0; the input is dropped.
///
/// An error of the closure is one of the scope, unless the workers are [`isolated`](super::isolated).
///
/// # Panics
/// A panic of the closure is as an error, and not one of this call.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_patterns::{fan::fan_out_fan_in, prelude::*};
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// let mut lengths = runtime.block_on(|scope| async move {
///     let words = generate(&scope, ["a", "green", "room"]);
///     let lengths = fan_out_fan_in(&scope, words, 2, |word| async move { Ok(word.len()) })?;
///     Ok(lengths.collect().await?)
/// })?;
/// lengths.sort();
/// assert_eq!(lengths, [1, 4, 5]);
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn fan_out_fan_in<T, U, B, F, Fut>(
    scope: &Scope,
    input: Receiver<T>,
    workers: B,
    f: F,
) -> Result<Receiver<B::Output<U>>, FanError>
where
    T: Send + 'static,
    U: Send + 'static,
    B: Branches,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<U>> + 'static,
{
    let start = Workers::<B, _>::new(scope, &workers, f)?;
    let (out, output) = channel::rendezvous();
    let mut writers = Vec::with_capacity(workers.count());
    for input in std::iter::repeat_n(input, workers.count()) {
        writers.push(start.one(input, out.clone()));
    }
    flow::keep_open(scope, out, writers);
    Ok(output)
}

/// Spreads a stream over workers, so that all values of one key go to the same worker, in their order.
///
/// Otherwise like [`fan_out`]. Which worker gets a key is the same in every run of one build. A
/// worker that is slow holds up the values behind its own, whatever their key. When the consumer of
/// one output has left, the values of that worker's keys are dropped, and the others go on.
///
/// # Errors
/// - [`FanError::ZeroWorkers`]: `workers` is 0; the input is dropped.
///
/// An error of the closure is one of the scope, unless the workers are [`isolated`](super::isolated).
///
/// # Panics
/// A panic of the closure is as an error, and one of `key` is an error of the scope; neither is one of
/// this call.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_patterns::{fan::fan_out_by_key, prelude::*};
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// let evens = runtime.block_on(|scope| async move {
///     let numbers = generate(&scope, 0..100);
///     let outputs = fan_out_by_key(&scope, numbers, 4, |x| x % 2, |x| async move { Ok(x) })?;
///     let all = merge(&scope, outputs).collect().await?;
///     Ok(all.into_iter().filter(|x| x % 2 == 0).collect::<Vec<_>>())
/// })?;
/// assert!(evens.is_sorted());
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
pub fn fan_out_by_key<T, K, U, B, Key, F, Fut>(
    scope: &Scope,
    input: Receiver<T>,
    workers: B,
    key: Key,
    f: F,
) -> Result<Vec<Receiver<B::Output<U>>>, FanError>
where
    T: Send + 'static,
    K: Hash + 'static,
    U: Send + 'static,
    B: Branches,
    Key: Fn(&T) -> K + Send + 'static,
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<U>> + 'static,
{
    // Closes when the last worker has gone, so that the router watches one channel instead of all.
    let (watch, present) = channel::rendezvous::<Infallible>();
    let start = Workers::<B, _>::new(scope, &workers, f)?.that_hold(present);
    let mut lanes = Vec::with_capacity(workers.count());
    let mut outputs = Vec::with_capacity(workers.count());
    for _ in 0..workers.count() {
        let (lane, input) = channel::rendezvous();
        lanes.push(lane);
        outputs.push(start.with_output(scope, input));
    }
    let router = flow::write(scope, {
        let lanes = lanes.clone();
        move || route(input, lanes, watch, key)
    });
    flow::keep_open(scope, lanes, vec![router]);
    Ok(outputs)
}

/// Sends each value to the lane of its key.
async fn route<T, K: Hash>(
    input: Receiver<T>,
    lanes: Vec<Sender<T>>,
    watch: Sender<Infallible>,
    key: impl Fn(&T) -> K,
) -> Result<()> {
    let mut outlet = Outlet::new(&watch);
    while let Some(item) = outlet.recv(&input).await {
        // Its keys are fixed, so that a run can be repeated.
        let mut hasher = DefaultHasher::new();
        key(&item).hash(&mut hasher);
        let lane = &lanes[(hasher.finish() % lanes.len() as u64) as usize];
        // A lane whose worker has gone refuses the value, and the next one is for another.
        let _sent = outlet.run(lane.send(item)).await;
        if !outlet.send(None).await {
            break;
        }
    }
    Ok(())
}

/// Starts workers that share a closure.
struct Workers<B, F> {
    scope: Scope,
    f: Arc<F>,
    held: Option<Receiver<Infallible>>,
    spawned_at: &'static Location<'static>,
    branches: PhantomData<B>,
}

impl<B: Branches, F> Workers<B, F> {
    #[track_caller]
    fn new(scope: &Scope, workers: &B, f: F) -> Result<Self, FanError> {
        let placement = match workers.count() {
            0 => return Err(FanError::ZeroWorkers),
            1 => Placement::Here,
            _ => Placement::Spread,
        };
        Ok(Self {
            scope: scope.on(placement),
            f: Arc::new(f),
            held: None,
            spawned_at: Location::caller(),
            branches: PhantomData,
        })
    }

    /// Gives each worker a receiver to hold while it lives.
    fn that_hold(self, held: Receiver<Infallible>) -> Self {
        Self {
            held: Some(held),
            ..self
        }
    }

    /// Starts a worker that writes to an output of its own.
    #[track_caller]
    fn with_output<T, U, Fut>(&self, scope: &Scope, input: Receiver<T>) -> Receiver<B::Output<U>>
    where
        T: Send + 'static,
        U: Send + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<U>> + 'static,
    {
        let (out, output) = channel::rendezvous();
        let writer = self.one(input, out.clone());
        flow::keep_open(scope, out, vec![writer]);
        output
    }

    #[track_caller]
    fn one<T, U, Fut>(&self, input: Receiver<T>, out: Sender<B::Output<U>>) -> Writer
    where
        T: Send + 'static,
        U: Send + 'static,
        F: Fn(T) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<U>> + 'static,
    {
        let (f, held, spawned_at) = (self.f.clone(), self.held.clone(), self.spawned_at);
        flow::write(&self.scope, move || async move {
            let _held = held;
            flow::work(input, out, |item| B::outcome(|| f(item), spawned_at)).await
        })
    }
}
