//! A panic in a drop: of a message, of a reply, of all that an actor holds.

use std::sync::{Arc, Mutex};

use greenroom_actor::{Actor, ActorContext, Address, AskError, Handler, Restart, Runtime};
use greenroom_core::time::{Durations, sleep};

use crate::{At, Bomb, Count, GiveLoaded, Go, Loaded, Probe, Trace, check, factory, quiet};

#[test]
fn a_panic_in_the_drop_of_a_message_or_a_reply_harms_nobody_else() {
    check(|scope| async move {
        let trace = Arc::new(Trace::default());
        let probe = scope.spawn(factory(&trace, None)).await?;
        // In the handler: it is the handler's panic.
        let asked = probe.ask(Loaded(Bomb(true))).await;
        assert!(matches!(asked, Err(AskError::Panicked(_))));
        assert_eq!(probe.ask(Count).await?, 1);
        // Of a reply whose asker has gone.
        let patience = scope.context().with_timeout(1.millis());
        let asked = patience.run(probe.ask(GiveLoaded)).await?;
        assert!(asked.is_err());
        sleep(60.millis()).await?;
        // Of messages that are refused: each asker is told.
        let busy = probe.clone();
        let slow = scope.go(async move { Ok(busy.ask(Go(At::AfterAnAwait)).await.is_err()) });
        sleep(1.millis()).await?;
        let queued: Vec<_> = (0..3)
            .map(|_| {
                let probe = probe.clone();
                scope.go(async move { Ok(probe.ask(Loaded(Bomb(true))).await.is_err()) })
            })
            .collect();
        sleep(1.millis()).await?;
        probe.stop();
        assert!(slow.await?);
        for asked in queued {
            assert!(asked.await?);
        }
        let _reason = probe.closed().await?;
        Ok(())
    });
}

#[test]
fn several_drops_that_panic_as_an_actor_ends_end_nobody_else() {
    struct Loads(#[expect(dead_code, reason = "it is there to be dropped")] Bomb);
    struct Load;
    impl Actor for Loads {}
    impl Handler<Loaded> for Loads {
        type Reply = ();
        async fn handle(&mut self, loaded: Loaded, _cx: &mut ActorContext<Self>) {
            std::mem::forget(loaded);
        }
    }
    impl Handler<Load> for Loads {
        type Reply = ();
        async fn handle(&mut self, _: Load, cx: &mut ActorContext<Self>) {
            for _ in 0..3 {
                cx.after(1.secs(), Loaded(Bomb(true)));
                let bomb = Bomb(true);
                let stream = futures_util::stream::poll_fn(move |_| {
                    let _held = &bomb;
                    std::task::Poll::<Option<()>>::Pending
                });
                cx.attach(stream, |()| Loaded(Bomb(false)));
            }
        }
    }
    for how in ["stop", "cancel"] {
        quiet();
        let runtime = Runtime::builder()
            .single_thread()
            .build()
            .expect("a single-threaded runtime starts");
        let told = Arc::new(Mutex::new(None));
        let seen = told.clone();
        let result = runtime.block_on(move |scope| async move {
            let loads = scope
                .spawn(|| Loads(Bomb(true)))
                .restart(Restart::Temporary)
                .await?;
            loads.ask(Load).await?;
            *seen.lock().expect("no panic") = Some(loads.downgrade());
            match how {
                "stop" => loads.stop(),
                _ => scope.cancel("enough"),
            }
            let _reason = loads.closed().await;
            Ok(())
        });
        let _either = result;
        drop(runtime);
        let weak = told.lock().expect("no panic").take().expect("it was told");
        assert!(weak.upgrade().is_none(), "{how}");
    }
}

#[test]
fn the_hub_may_drop_an_actor_whose_every_drop_panics() {
    quiet();
    let runtime = Runtime::builder()
        .single_thread()
        .build()
        .expect("a single-threaded runtime starts");
    let trace = Arc::new(Trace::default());
    let made = {
        let trace = trace.clone();
        move || Probe {
            at: None,
            trace: trace.clone(),
            handled: 0,
            bomb: Bomb(true),
        }
    };
    let (give, take) = std::sync::mpsc::channel::<Address<Probe>>();
    let mut open = Box::pin(runtime.scope(move |scope| async move {
        let probe = scope.spawn(made).await?;
        probe.try_tell(Go(At::Timer))?;
        for _ in 0..3 {
            probe.try_tell(Loaded(Bomb(true)))?;
        }
        give.send(probe)?;
        std::future::pending::<()>().await;
        Ok(())
    }));
    let polled = open
        .as_mut()
        .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(polled.is_pending());
    // One turn of the loop, in which the body runs and the actor has its queue.
    let _done = runtime.block_on(|_scope| async { Ok(()) });
    let probe = take.recv().expect("it is sent");
    drop(runtime);
    assert!(probe.is_closed());
    drop(open);
}
