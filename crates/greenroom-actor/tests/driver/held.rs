//! Events that the driver holds while those who wait for them give up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use greenroom_actor::{Actor, ActorContext, AskError, Handler, TellError};
use greenroom_core::time::{Durations, sleep};

use crate::recorder::{Log, recorded};
use crate::{Push, Read, Store};

fn shut(hold: &'static str) -> Log {
    Log {
        hold,
        shut: AtomicBool::new(true),
        ..Log::default()
    }
}

#[test]
fn a_message_whose_sender_gave_up_while_it_was_held_is_not_delivered() {
    let (runtime, log, recorder) = recorded(shut("Push"), None);
    let handle = log.clone();
    runtime
        .block_on(|scope| async move {
            let store = scope.spawn(Store::default).await?;
            let patience = scope.context().with_timeout(5.millis());
            let asked = patience.run(store.ask(Push("by ask"))).await?;
            assert!(
                matches!(asked, Err(AskError::DeadlineInMailbox)),
                "{asked:?}"
            );
            let patience = scope.context().with_timeout(5.millis());
            let told = patience.run(store.tell(Push("by tell"))).await?;
            let Err(TellError::Deadline(Push(text))) = told else {
                unreachable!("{told:?}")
            };
            assert_eq!(text, "by tell", "the message comes back");
            let teller = store.clone();
            let dropped =
                scope.go(async move { Ok(teller.tell(Push("by a dropped tell")).await?) });
            sleep(1.millis()).await?;
            dropped.cancel("not needed");
            assert!(dropped.await.is_err());
            assert_eq!(handle.state().held.len(), 3);
            handle.shut.store(false, SeqCst);
            sleep(1.millis()).await?;
            assert!(handle.state().held.is_empty());
            assert_eq!(store.ask(Read).await?, "");
            Ok(())
        })
        .unwrap_or_else(|failure| unreachable!("{failure:?}"));
    drop(runtime);
    assert!(recorder.upgrade().is_none());
}

#[test]
fn a_held_reply_whose_asker_gave_up_is_dropped() {
    let (runtime, log, recorder) = recorded(shut("String"), None);
    let handle = log.clone();
    runtime
        .block_on(|scope| async move {
            let store = scope.spawn(Store::default).await?;
            let patience = scope.context().with_timeout(5.millis());
            let asked = patience.run(store.ask(Read)).await?;
            assert!(
                matches!(asked, Err(AskError::DeadlineInHandler)),
                "{asked:?}"
            );
            assert_eq!(handle.state().held.len(), 1);
            handle.shut.store(false, SeqCst);
            assert_eq!(store.ask(Read).await?, "");
            Ok(())
        })
        .unwrap_or_else(|failure| unreachable!("{failure:?}"));
    drop(runtime);
    assert!(recorder.upgrade().is_none());
}

#[test]
fn dropping_everything_with_held_events_leaks_nothing() {
    struct Held(#[expect(dead_code, reason = "it is there to be counted")] Arc<()>);
    struct Keeps(#[expect(dead_code, reason = "it is there to be counted")] Arc<()>);
    impl Actor for Keeps {}
    impl Handler<Held> for Keeps {
        type Reply = ();
        async fn handle(&mut self, _: Held, _cx: &mut ActorContext<Self>) {}
    }

    // A message, a reply, a wake-up, a cancel, the exit of an actor: nothing of it is let go.
    for hold in ["Held", "()", "task", "context", "actor", "stop"] {
        let token = Arc::new(());
        let (runtime, log, recorder) = recorded(shut(hold), None);
        let mut open = Box::pin(runtime.scope({
            let token = token.clone();
            move |scope| async move {
                let state = token.clone();
                let keeps = scope.spawn(move || Keeps(state.clone())).await?;
                for _ in 0..3 {
                    let (keeps, held) = (keeps.clone(), Held(token.clone()));
                    scope.go(async move { Ok(keeps.ask(held).await?) }).detach();
                }
                let (_context, cancel) = scope.context().with_cancel();
                sleep(1.millis()).await?;
                cancel.cancel();
                keeps.stop();
                Ok(())
            }
        }));
        let polled = open
            .as_mut()
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        assert!(polled.is_pending());
        // Something foreign drives the loop for a while; the scope itself may hang on what is held.
        let _ended = runtime.shutdown(20.millis());
        drop(open);
        drop(runtime);
        assert!(log.state().held.is_empty(), "{hold}");
        assert!(recorder.upgrade().is_none(), "{hold}: the driver");
        assert_eq!(
            Arc::strong_count(&token),
            1,
            "{hold}: a message or the state"
        );
    }
}
