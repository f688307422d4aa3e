//! Semaphores, by the public API.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

#[path = "../common/mod.rs"]
mod common;

mod limits;
mod resize;
mod shown;

use std::sync::Arc;

use greenroom_actor::Scope;
use greenroom_patterns::semaphore::Semaphore;

/// Starts a task that waits for permits, and says so by its number when it has them.
fn waiter(
    scope: &Scope,
    semaphore: &Semaphore,
    permits: usize,
    order: &Arc<std::sync::Mutex<Vec<usize>>>,
) -> greenroom_actor::JoinHandle<()> {
    let (semaphore, order) = (semaphore.clone(), order.clone());
    scope.go(async move {
        let permit = semaphore.acquire_many(permits).await?;
        order.lock().expect("nobody panics here").push(permits);
        drop(permit);
        Ok(())
    })
}
