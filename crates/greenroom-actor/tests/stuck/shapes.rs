//! What is stuck for certain.

use greenroom_actor::{Actor, ActorContext, Handler, JoinHandle, Scope};
use greenroom_core::Result;
use greenroom_core::channel::{self, Receiver, Sender};
use greenroom_core::registry::Progress;
use greenroom_core::select;
use greenroom_core::task::{WaitKind, yield_now};
use greenroom_core::time::{Durations, sleep};

use crate::{look, nap, numbers, stuck};

type Ends<T> = (Sender<T>, Receiver<T>);

fn pair() -> (Ends<u8>, Ends<u8>) {
    (channel::bounded(1), channel::bounded(1))
}

/// A task that receives, then sends on.
fn passes_on(scope: &Scope, from: Receiver<u8>, to: Sender<u8>) -> JoinHandle<()> {
    scope.go_with((from, to), async |(from, to)| {
        to.send(from.recv().await?).await?;
        Ok(())
    })
}

#[test]
fn two_that_receive_from_each_other() {
    let looked = look(|scope| async move {
        let ((to_a, a), (to_b, b)) = pair();
        passes_on(&scope, a, to_b).detach();
        passes_on(&scope, b, to_a).detach();
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 2);
    let graph = &looked.1;
    let shown = graph.to_string();
    assert!(
        shown.contains("knot: 2 wait for each other, and only a cancel ends that\n    root/scope#1/task#3 waits: receive (root/scope#1/channel#1), spawned at "),
        "{shown}"
    );
    let drawn = graph.to_dot();
    assert!(
        drawn.contains("subgraph cluster_0 { label=\"knot\"; style=solid; \"root/scope#1/task#3\"; \"root/scope#1/task#4\"; }"),
        "{drawn}"
    );
    let json = serde_json::to_value(graph).expect("it is data");
    assert_eq!(json["knots"][0]["is_certain"], true);
    assert_eq!(json["knots"][0]["tasks"][0]["id"], "root/scope#1/task#3");
    assert_eq!(json["knots"][0]["waits"][1]["kind"], "receive");
}

#[test]
fn two_that_send_to_each_other_what_has_no_room() {
    let looked = look(|scope| async move {
        let ((to_a, a), (to_b, b)) = pair();
        for (own, other) in [(a, to_b), (b, to_a)] {
            scope
                .go_with((own, other), async |(own, other)| {
                    other.send(1).await?;
                    other.send(2).await?;
                    Ok(own.recv().await?)
                })
                .detach();
        }
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 2);
    assert!(
        looked
            .1
            .waits
            .iter()
            .any(|wait| wait.kind == WaitKind::Send)
    );
}

#[test]
fn two_that_select_over_both_of_their_channels() {
    let looked = look(|scope| async move {
        let ((to_a, a), (to_b, b)) = pair();
        let (more_to_a, more_a) = channel::rendezvous::<u8>();
        scope
            .go_with((a, more_a, to_b), async |(a, more, to_b)| {
                let got = select! {
                    got = a.recv() => got?,
                    got = more.recv() => got?,
                };
                Ok(to_b.send(got).await?)
            })
            .detach();
        scope
            .go_with((b, to_a, more_to_a), async |(b, to_a, more_to_a)| {
                let got = b.recv().await?;
                more_to_a.send(got).await?;
                Ok(to_a.send(got).await?)
            })
            .detach();
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 2);
}

#[test]
fn one_that_sends_to_itself_without_room() {
    let looked = look(|scope| async move {
        scope
            .go_with(channel::rendezvous::<u8>(), async |(tx, rx)| {
                tx.send(1).await?;
                Ok(rx.recv().await?)
            })
            .detach();
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 1);
    assert!(
        looked.0.to_string().contains("knot: it waits for itself"),
        "{}",
        looked.0
    );
}

#[test]
fn a_ring_of_any_length() {
    for length in 2..12 {
        let looked = look(move |scope| async move {
            let (first, mut before) = channel::bounded(1);
            for _ in 1..length {
                let (to, from) = channel::bounded(1);
                passes_on(&scope, before, to).detach();
                before = from;
            }
            passes_on(&scope, before, first).detach();
            Ok(())
        });
        assert_eq!(stuck(&looked).len(), length);
    }
}

#[test]
fn two_knots_are_two() {
    let (progress, _graph) = look(|scope| async move {
        for _ in 0..2 {
            let ((to_a, a), (to_b, b)) = pair();
            passes_on(&scope, a, to_b).detach();
            passes_on(&scope, b, to_a).detach();
        }
        Ok(())
    });
    let Progress::Stuck(knots) = progress else {
        unreachable!("{progress}")
    };
    assert_eq!(
        knots
            .iter()
            .map(|knot| numbers(knot).len())
            .collect::<Vec<_>>(),
        [2, 2]
    );
}

#[test]
fn a_knot_beside_one_that_works_is_found() {
    let looked = look(|scope| async move {
        let ((to_a, a), (to_b, b)) = pair();
        passes_on(&scope, a, to_b).detach();
        passes_on(&scope, b, to_a).detach();
        scope
            .go::<(), _>(async {
                loop {
                    sleep(1.millis()).await?;
                }
            })
            .detach();
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 2);
}

#[test]
fn a_pipeline_whose_consumer_waits_for_its_source() {
    let looked = look(|scope| async move {
        let (source, first) = channel::bounded::<u8>(2);
        let (middle, second) = channel::bounded(2);
        let (done, is_done) = channel::bounded::<u8>(1);
        scope
            .go_with((source, is_done), async |(source, is_done)| {
                is_done.recv().await?;
                Ok(source.send(1).await?)
            })
            .detach();
        scope
            .go_with((first, middle), async |(first, middle)| {
                while let Ok(value) = first.recv().await {
                    middle.send(value).await?;
                }
                Ok(())
            })
            .detach();
        scope
            .go_with((second, done), async |(second, done)| {
                Ok(done.send(second.recv().await?).await?)
            })
            .detach();
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 3);
}

#[test]
fn who_joins_one_that_waits_for_it() {
    let looked = look(|scope| async move {
        let (give, take) = channel::bounded::<u8>(1);
        let waits = scope.go_with(take, async |take| Ok(take.recv().await?));
        scope
            .go_with(give, async move |give| {
                let _never = waits.await;
                Ok(give.send(1).await?)
            })
            .detach();
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 2);
}

#[test]
fn two_that_join_each_other() {
    let looked = look(|scope| async move {
        // The handles are handed over by channels that are gone when both wait.
        let (to_a, a) = channel::bounded::<JoinHandle<()>>(1);
        let (to_b, b) = channel::bounded::<JoinHandle<()>>(1);
        let joins = |own: Receiver<JoinHandle<()>>| {
            scope.go_with((), async move |()| {
                let other = own.recv().await?;
                drop(own);
                let _never = other.await;
                Ok(())
            })
        };
        let (first, second) = (joins(a), joins(b));
        to_a.send(second).await?;
        to_b.send(first).await?;
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 2);
}

#[test]
fn several_waits_at_once_all_have_to_be_in_vain() {
    let looked = look(|scope| async move {
        let ((to_a, a), (to_b, b)) = pair();
        scope
            .go_with((a, b), async |(a, b)| {
                let (a, b) = futures_util::future::join(a.recv(), b.recv()).await;
                Ok((a?, b?))
            })
            .detach();
        let never = channel::rendezvous::<u8>();
        scope
            .go_with((to_a, to_b, never), async |(to_a, to_b, never)| {
                never.1.recv().await?;
                to_a.send(1).await?;
                Ok(to_b.send(1).await?)
            })
            .detach();
        Ok(())
    });
    assert_eq!(stuck(&looked).len(), 2);
}

/// Waits in its handler for the end of a task.
struct Joins;
struct Join(JoinHandle<()>);

impl Actor for Joins {}

impl Handler<Join> for Joins {
    type Reply = ();
    async fn handle(&mut self, Join(handle): Join, _cx: &mut ActorContext<Self>) {
        let _never = handle.await;
    }
}

/// Answers when it is asked.
struct Asked;

impl Handler<Asked> for Joins {
    type Reply = u8;
    async fn handle(&mut self, _: Asked, _cx: &mut ActorContext<Self>) -> u8 {
        7
    }
}

#[test]
fn a_handler_that_joins_a_task_which_asks_its_actor() {
    let looked = look(|scope| async move {
        let actor = scope.spawn(|| Joins).await?;
        let (go, may_go) = channel::bounded::<u8>(1);
        let asked = actor.clone();
        let asks = scope.go_with((), async move |()| {
            may_go.recv().await?;
            drop(may_go);
            let _seven = asked.ask(Asked).await?;
            Ok(())
        });
        actor.tell(Join(asks)).await?;
        nap(1).await;
        go.send(1).await?;
        Ok(actor)
    });
    assert_eq!(stuck(&looked).len(), 2);
}

#[test]
fn what_was_stuck_is_gone_after_a_cancel() {
    let runtime = crate::paused(0);
    let inside = greenroom_actor::Runtime::clone(&runtime);
    let ended: Result<()> = runtime.block_on(move |scope| async move {
        let ((to_a, a), (to_b, b)) = pair();
        let first = passes_on(&scope, a, to_b);
        passes_on(&scope, b, to_a).detach();
        nap(1).await;
        assert!(matches!(inside.stuck().await, Progress::Stuck(_)));
        first.cancel("enough");
        nap(1).await;
        assert_eq!(inside.stuck().await, Progress::Moving);
        Ok(())
    });
    assert!(ended.is_err(), "the other found its channel closed");
}

#[test]
fn who_waits_for_one_at_work_moves() {
    let runtime = crate::paused(0);
    let inside = greenroom_actor::Runtime::clone(&runtime);
    let ended: Result<()> = runtime.block_on(move |scope| async move {
        let (give, take) = channel::bounded::<u8>(1);
        let (stop, is_stopped) = channel::bounded::<u8>(1);
        let takes = scope.go_with(take, async |take| Ok(take.recv().await?));
        let works = scope.go_with(give, async move |give| {
            while is_stopped.try_recv().is_err() {
                yield_now().await;
            }
            Ok(give.send(1).await?)
        });
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(inside.stuck().await, Progress::Moving);
        stop.send(1).await?;
        works.await?;
        assert_eq!(takes.await?, 1);
        Ok(())
    });
    ended.expect("all of them end");
}
