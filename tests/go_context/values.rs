//! Values of a request, wherever it goes.

use greenroom::prelude::*;

use crate::support::check;

#[derive(Clone, Copy, Debug, PartialEq)]
struct RequestId(u32);

fn request() -> Option<u32> {
    Context::current().and_then(|context| context.value::<RequestId>().map(|id| id.0))
}

/// Tells the request that it works for, and what its own tasks see.
struct Service;
struct Who;
struct Later(channel::Sender<Option<u32>>);

impl Actor for Service {}

impl Handler<Who> for Service {
    type Reply = Result<[Option<u32>; 3]>;

    async fn handle(&mut self, _: Who, cx: &mut ActorContext<Self>) -> Self::Reply {
        let before = request();
        sleep(2.millis()).await?;
        let context = Context::current().ok_or_else(|| Failure::message("no context"))?;
        // A task of the scope belongs to the scope; what is to know the request is run in its context.
        let task = cx
            .scope()
            .go(async move { Ok(context.run(async { request() }).await?) });
        Ok([before, request(), task.await?])
    }
}

impl Handler<Later> for Service {
    type Reply = ();

    async fn handle(&mut self, Later(seen): Later, _cx: &mut ActorContext<Self>) {
        let _told = seen.send(request()).await;
    }
}

#[test]
fn a_request_id_is_seen_in_the_handler_and_across_its_waits() {
    check(|scope| async move {
        let service = scope.spawn(|| Service).await?;
        let context = scope.context().with_value(RequestId(7));
        let seen = context.run(service.ask(Who)).await???;
        assert_eq!(seen, [Some(7); 3]);
        assert_eq!(service.ask(Who).await??, [None; 3]);
        Ok(())
    });
}

#[test]
fn a_told_message_carries_it_too() {
    check(|scope| async move {
        let service = scope.spawn(|| Service).await?;
        let (tx, seen) = channel::bounded(2);
        let context = scope.context().with_value(RequestId(7));
        context.run(service.tell(Later(tx.clone()))).await??;
        service.tell(Later(tx)).await?;
        assert_eq!(seen.collect().await?, [Some(7), None]);
        Ok(())
    });
}

#[test]
fn scopes_and_their_tasks_inherit_it() {
    check(|scope| async move {
        let context = scope.context().with_value(RequestId(7));
        let seen = context.run(scope.scope(|inner| async move {
            let task = inner.go(async { Ok(request()) });
            let deeper = inner.scope(|deeper| async move {
                let task = deeper.go(async { Ok(request()) });
                Ok(task.await?)
            });
            Ok([request(), task.await?, deeper.await?])
        }));
        assert_eq!(seen.await??, [Some(7); 3]);
        assert_eq!(request(), None);
        Ok(())
    });
}

#[test]
fn requests_at_the_same_time_do_not_meet() {
    check(|scope| async move {
        let service = scope.spawn(|| Service).await?;
        let tasks: Vec<_> = (0..10)
            .map(|id| {
                let service = service.clone();
                let context = scope.context().with_value(RequestId(id));
                scope.go(async move {
                    let seen = context.run(service.ask(Who)).await???;
                    Ok((id, seen))
                })
            })
            .collect();
        for task in tasks {
            let (id, seen) = task.await?;
            assert_eq!(seen, [Some(id); 3]);
        }
        Ok(())
    });
}

#[test]
fn a_value_further_in_hides_the_outer_one_and_ends_with_it() {
    check(|scope| async move {
        let outer = scope.context().with_value(RequestId(1));
        let inner = outer.with_value(RequestId(2));
        let seen = outer.run(async {
            let before = request();
            let inside = inner.run(async { request() }).await;
            [before, inside.ok().flatten(), request()]
        });
        assert_eq!(seen.await?, [Some(1), Some(2), Some(1)]);
        Ok(())
    });
}

#[test]
fn a_value_survives_a_detach_and_a_deadline() {
    check(|scope| async move {
        let context = scope
            .context()
            .with_value(RequestId(7))
            .with_timeout(1.millis());
        sleep(2.millis()).await?;
        assert!(context.is_done());
        let apart = context.without_cancel();
        let seen = apart.run(async {
            sleep(1.millis()).await?;
            Ok::<_, Failure>(request())
        });
        assert_eq!(seen.await??, Some(7));
        Ok(())
    });
}
