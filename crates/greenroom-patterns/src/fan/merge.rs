//! Fan-in.

use greenroom_actor::Scope;
use greenroom_core::Result;
use greenroom_core::channel::{self, Receiver, Sender};

use crate::flow::{self, Outlet};

/// Joins streams into one: Go's `fanIn`.
///
/// The output closes when every input has closed, and at once if there are none. One value of each
/// input may wait at the output, which is a rendezvous channel. The same channel may be given twice. If
/// the scope has ended, the output is closed at once.
///
/// The order of each input is kept; between inputs there is none.
///
/// # Differences from Go
/// The output cannot be closed twice, and needs no `WaitGroup`: it closes with its last writer.
///
/// # Examples
/// ```
/// use greenroom_actor::Runtime;
/// use greenroom_patterns::prelude::*;
/// # let runtime = Runtime::builder().single_thread().paused().build()?;
/// let sum = runtime.block_on(|scope| async move {
///     let inputs = vec![generate(&scope, 0..10), generate(&scope, 10..20)];
///     Ok(merge(&scope, inputs).fold(0, |sum, x| sum + x).await?)
/// })?;
/// assert_eq!(sum, 190);
///
/// let none = runtime.block_on(|scope| async move {
///     Ok(merge::<u8>(&scope, vec![]).recv().await?)
/// });
/// assert!(none.is_err());
/// # Ok::<(), greenroom_core::Failure>(())
/// ```
#[track_caller]
#[must_use = "dropping the output ends the inputs' forwarding"]
pub fn merge<T: Send + 'static>(scope: &Scope, inputs: Vec<Receiver<T>>) -> Receiver<T> {
    let (out, output) = channel::rendezvous();
    if inputs.is_empty() {
        return output;
    }
    let mut writers = Vec::with_capacity(inputs.len());
    for input in inputs {
        let out = out.clone();
        writers.push(flow::write(scope, move || forward(input, out)));
    }
    flow::keep_open(scope, out, writers);
    output
}

async fn forward<T>(input: Receiver<T>, out: Sender<T>) -> Result<()> {
    let mut outlet = Outlet::new(&out);
    while let Some(value) = outlet.recv(&input).await {
        if !outlet.send(Some(value)).await {
            break;
        }
    }
    Ok(())
}
