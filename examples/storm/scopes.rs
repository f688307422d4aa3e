//! Scopes that end in every way: by themselves, cancelled, at a deadline, and with their future dropped.

use std::future::Future;

use greenroom::OnError;
use greenroom::prelude::*;

use super::faults::{Dice, Fault};

/// Runs a body in a scope of its own. How that ends is of no interest but to the account.
pub(crate) async fn play<F, Fut>(outer: &Scope, dice: &mut Dice, body: F)
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let collects = dice.one_in(2);
    let body = move |scope: Scope| {
        if collects {
            scope.set_on_error(OnError::Collect);
        }
        body(scope)
    };
    if !dice.goes_wrong(Fault::Scope) {
        let _ended = outer.scope(body).await;
        return;
    }
    let soon = (dice.below(3_000) as u64).micros();
    match dice.below(3) {
        0 => {
            let body = move |scope: Scope| {
                let target = scope.clone();
                scope
                    .go(async move {
                        sleep(soon).await?;
                        target.cancel("planted");
                        Ok(())
                    })
                    .detach();
                body(scope)
            };
            let _ended = outer.scope(body).await;
        }
        1 => {
            let context = outer.context().with_timeout(soon);
            let _ended = context.run(outer.scope(body)).await;
        }
        _ => {
            select! {
                _ended = outer.scope(body) => {}
                after(soon) => {}
            }
        }
    }
}
