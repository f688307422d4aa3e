//! Waits for what waits for the waiter.

use greenroom_actor::{Actor, ActorContext, Handler, JoinError, JoinHandle, ScopeError};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Result, channel};

use crate::{is, single, threads, within_time};

#[test]
fn joining_a_scope_inside_it_is_an_error() {
    within_time("join inside the scope", || {
        single()
            .block_on(|scope| async move {
                let outer = scope.clone();
                let in_a_task = scope.go(async move { Ok(cycle(outer.join().await)) });
                assert!(in_a_task.await?);
                let outer = scope.clone();
                let in_an_inner_body = scope
                    .scope(|_inner| async move { Ok(cycle(outer.join().await)) })
                    .await?;
                assert!(in_an_inner_body);
                let outer = scope.clone();
                let deep = scope
                    .scope(|inner| async move {
                        let deep = inner.go(async move { Ok(cycle(outer.join().await)) });
                        Ok(deep.await?)
                    })
                    .await?;
                assert!(deep);
                // The body may, and so may somebody outside, whatever their paths.
                scope.join().await?;
                let foreign = scope.clone();
                let other = threads();
                other
                    .scope(|scope| async move {
                        Ok(scope.go(async move { foreign.join().await }).await?)
                    })
                    .await?;
                Ok(())
            })
            .expect("nothing fails");
    });
}

fn cycle(joined: Result<()>) -> bool {
    joined.is_err_and(|failure| is(&failure, |e| matches!(e, ScopeError::Cycle { .. })))
}

struct Joins;
struct Join;

impl Actor for Joins {}

impl Handler<Join> for Joins {
    type Reply = bool;
    async fn handle(&mut self, _: Join, cx: &mut ActorContext<Self>) -> bool {
        cx.scope().join().await.is_ok()
    }
}

#[test]
fn an_actor_may_join_the_tasks_of_its_scope() {
    within_time("join in a handler", || {
        single()
            .block_on(|scope| async move {
                let joins = scope.spawn(|| Joins).await?;
                scope.go(async { Ok(sleep(1.millis()).await?) }).detach();
                assert!(joins.ask(Join).await?);
                Ok(())
            })
            .expect("nothing fails");
    });
}

#[test]
fn awaiting_ones_own_handle_is_an_error() {
    within_time("awaiting oneself", || {
        single()
            .block_on(|scope| async move {
                let (tx, rx) = channel::bounded::<JoinHandle<bool>>(1);
                let task = scope.go(async move {
                    let me = rx.recv().await?;
                    Ok(matches!(me.await, Err(JoinError::Cycle(_))))
                });
                let id = task.id().cloned();
                tx.send(task).await?;
                scope.join().await?;
                assert!(id.is_some());
                Ok(())
            })
            .expect("nothing fails");
    });
}
