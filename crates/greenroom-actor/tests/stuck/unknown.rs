//! What could still move something, and is said.

use std::sync::OnceLock;
use std::thread;

use greenroom_actor::{Actor, ActorContext, HandlerLater, ReplyTo, Runtime, Scope};
use greenroom_core::channel::{self, Receiver, Sender};
use greenroom_core::registry::{Progress, Why};
use greenroom_core::time::Durations;
use greenroom_core::watch;
use greenroom_core::{Context, Result, select};

use crate::{look, nap, unknown};

/// A knot, but for what one of its tasks does beside its wait.
fn beside<F>(wait: F) -> Vec<Why>
where
    F: AsyncFnOnce(&Receiver<u8>) -> Result<()> + Send + 'static,
{
    let looked = look(|scope| async move {
        let (to_a, a) = channel::bounded::<u8>(1);
        let (to_b, b) = channel::bounded::<u8>(1);
        scope
            .go_with((a, to_b), async move |(a, to_b)| {
                wait(a).await?;
                Ok(to_b.send(1).await?)
            })
            .detach();
        scope
            .go_with((b, to_a), async |(b, to_a)| {
                Ok(to_a.send(b.recv().await?).await?)
            })
            .detach();
        Ok(())
    });
    unknown(&looked).to_vec()
}

#[test]
fn a_foreign_future() {
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let why = beside(async move |a| {
        tokio::select! {
            got = a.recv() => got?,
            _ = told => 0,
        };
        Ok(())
    });
    assert!(matches!(why.as_slice(), [Why::Foreign { .. }]), "{why:?}");
    drop(tell);
}

#[test]
fn a_foreign_future_in_place_of_the_wait() {
    let why = beside(async |_| {
        std::future::pending::<()>().await;
        Ok(())
    });
    assert!(matches!(why.as_slice(), [Why::Foreign { .. }]), "{why:?}");
}

#[test]
fn a_foreign_future_that_takes_turns_with_a_wait_that_was_served() {
    // The receive is pending, then served, and never polled again: its waker is gone, and one of
    // something foreign is there.
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let why = beside(async move |_| {
        let (tx, rx) = channel::bounded::<u8>(1);
        let (mut receive, mut told) = (Box::pin(rx.recv()), Box::pin(told));
        let mut turn = 0;
        std::future::poll_fn(|cx| {
            turn += 1;
            if turn > 1 {
                return told.as_mut().poll(cx).map(drop);
            }
            let polled = receive.as_mut().poll(cx).map(drop);
            let _served = tx.try_send(1);
            polled
        })
        .await;
        Ok(())
    });
    assert!(
        matches!(
            why.as_slice(),
            [Why::Foreign { .. } | Why::HeldOutside { .. }, ..]
        ),
        "{why:?}"
    );
    drop(tell);
}

#[test]
fn a_waker_of_somebody_elses_between() {
    use futures_util::StreamExt;
    let why = beside(async |a| {
        let mut all: futures_util::stream::FuturesUnordered<_> = [a.recv()].into_iter().collect();
        let _got = all.next().await;
        Ok(())
    });
    assert!(matches!(why.as_slice(), [Why::Foreign { .. }]), "{why:?}");
}

#[test]
fn a_sleep() {
    let why = beside(async |_| {
        nap(10_000).await;
        Ok(())
    });
    assert!(matches!(why.as_slice(), [Why::Timer { .. }]), "{why:?}");
}

#[test]
fn a_timer_in_a_select() {
    let why = beside(async |a| {
        select! {
            got = a.recv() => got?,
            _ = greenroom_core::time::after(10.secs()) => 0,
        };
        Ok(())
    });
    assert!(matches!(why.as_slice(), [Why::Foreign { .. }]), "{why:?}");
}

#[test]
fn a_context_that_is_waited_for() {
    let why = beside(async |a| {
        let context = Context::current().expect("it is in a task");
        select! {
            got = a.recv() => got?,
            _ = context.done() => 0,
        };
        Ok(())
    });
    assert!(matches!(why.as_slice(), [Why::Foreign { .. }]), "{why:?}");
}

#[test]
fn a_context_of_its_own_that_another_may_cancel() {
    let why = beside(async |a| {
        let (context, _cancel) = Context::current().expect("it is in a task").with_cancel();
        let _got = context.run(a.recv()).await;
        Ok(())
    });
    assert!(matches!(why.as_slice(), [Why::Foreign { .. }]), "{why:?}");
}

#[test]
fn a_deadline() {
    let looked = look(|scope| async move {
        let inner = scope.context().with_timeout(10.secs());
        let branch = scope.clone();
        scope
            .go(async move {
                let cut = inner.run(branch.scope(|scope| async move {
                    scope
                        .go_with(channel::rendezvous::<u8>(), async |(_tx, rx)| {
                            Ok(rx.recv().await?)
                        })
                        .detach();
                    Ok(())
                }));
                let _cut = cut.await;
                Ok(())
            })
            .detach();
        Ok(())
    });
    let why = unknown(&looked);
    assert!(
        why.iter().any(|why| matches!(why, Why::Deadline { .. })),
        "{why:?}"
    );
}

#[test]
fn a_change_that_is_waited_for() {
    let why = beside(async |_| {
        let (_publish, watch) = watch::channel(0);
        let _changed = watch.changed().await;
        Ok(())
    });
    assert!(
        why.iter().any(|why| matches!(why, Why::Anybody { .. })),
        "{why:?}"
    );
}

/// A task that waits for a channel whose sender went where `hide` put it.
fn hidden(hide: impl FnOnce(&Scope, Sender<u8>) + Send + 'static) -> Vec<Why> {
    let looked = look(|scope| async move {
        let (tx, rx) = channel::bounded::<u8>(1);
        let inside = scope.clone();
        // In a task that has never touched it.
        scope
            .go(async move {
                hide(&inside, tx);
                Ok(())
            })
            .detach();
        scope.go_with(rx, async |rx| Ok(rx.recv().await?)).detach();
        Ok(())
    });
    unknown(&looked).to_vec()
}

#[track_caller]
fn is_held_outside(why: &[Why]) {
    let held = |why: &Why| {
        matches!(
            why,
            Why::HeldOutside {
                channel: Some(_),
                ..
            }
        )
    };
    assert!(why.iter().any(held), "{why:?}");
}

#[test]
fn a_sender_that_a_task_moved_into_a_thread() {
    let (tell, told) = std::sync::mpsc::channel::<()>();
    let why = hidden(move |_, tx| {
        let thread = move || {
            let _never = told.recv();
            drop(tx);
        };
        drop(thread::spawn(thread));
    });
    is_held_outside(&why);
    drop(tell);
}

#[test]
fn a_sender_in_a_foreign_task() {
    let (tell, told) = tokio::sync::oneshot::channel::<()>();
    let why = hidden(move |_, tx| {
        let foreign = async move {
            let _never = told.await;
            drop(tx);
        };
        drop(tokio::task::spawn_local(foreign));
    });
    is_held_outside(&why);
    drop(tell);
}

#[test]
fn a_sender_in_a_static() {
    static PLACE: OnceLock<Sender<u8>> = OnceLock::new();
    let why = hidden(|_, tx| drop(PLACE.set(tx)));
    is_held_outside(&why);
}

#[test]
fn a_sender_that_was_forgotten() {
    let why = hidden(|_, tx| std::mem::forget(tx));
    is_held_outside(&why);
}

#[test]
fn a_sender_in_a_plain_task() {
    let why = hidden(|scope, tx| {
        scope
            .go(async move {
                nap(10_000).await;
                drop(tx);
                Ok(())
            })
            .detach();
    });
    is_held_outside(&why);
    assert!(
        why.iter().any(|why| matches!(why, Why::Timer { .. })),
        "{why:?}"
    );
}

/// Keeps a reply.
struct Keeper(Option<ReplyTo<u8>>);
struct Keep;

impl Actor for Keeper {}

impl HandlerLater<Keep> for Keeper {
    type Reply = u8;
    async fn handle(&mut self, _: Keep, reply: ReplyTo<u8>, _cx: &mut ActorContext<Self>) {
        self.0 = Some(reply);
    }
}

#[test]
fn an_actor_at_rest_that_owes_a_reply() {
    let looked = look(|scope| async move {
        let actor = scope.spawn(|| Keeper(None)).await?;
        let asked = actor.clone();
        scope
            .go_with((), async move |()| Ok(asked.ask(Keep).await?))
            .detach();
        Ok(actor)
    });
    assert!(
        matches!(unknown(&looked), [Why::AtRest { .. }]),
        "{looked:?}"
    );
}

#[test]
fn a_blocking_job() {
    let runtime = Runtime::builder().arbiters(1).build().expect("it starts");
    let inside = runtime.clone();
    let looked = runtime.block_on(|scope| async move {
        let (tell, told) = std::sync::mpsc::channel::<()>();
        let (begin, has_begun) = channel::bounded::<()>(1);
        let job = scope.go_blocking(move || {
            let _taken = begin.try_send(());
            Ok(told.recv().is_err())
        });
        scope.go_with((), async move |()| Ok(job.await?)).detach();
        has_begun.recv().await?;
        // The task has begun to wait by its turn.
        for _ in 0..10 {
            greenroom_core::task::yield_now().await;
        }
        let looked = inside.stuck().await;
        drop(tell);
        Ok(looked)
    });
    let looked = looked.expect("it was looked at");
    let Progress::Unknown(why) = &looked else {
        unreachable!("{looked}")
    };
    assert!(
        why.iter().any(|why| matches!(why, Why::Blocking { .. })),
        "{why:?}"
    );
}
