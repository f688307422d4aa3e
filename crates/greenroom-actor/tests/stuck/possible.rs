//! What looks stuck, and of which that is not certain.

use greenroom_actor::Runtime;
use greenroom_core::channel;
use greenroom_core::registry::{Progress, Why};

use crate::{look, nap, number, numbers, paused, unknown};

#[test]
fn two_plain_tasks_that_receive_from_each_other_are_a_possible_knot() {
    let (give, take) = std::sync::mpsc::channel();
    let looked = look(move |scope| async move {
        let (to_a, a) = channel::bounded::<u8>(1);
        let (to_b, b) = channel::bounded::<u8>(1);
        let named = [a.id().cloned(), b.id().cloned()];
        let first = scope.go(async move { Ok(to_b.send(a.recv().await?).await?) });
        let second = scope.go(async move { Ok(to_a.send(b.recv().await?).await?) });
        let _heard = give.send(([number(&first), number(&second)], named));
        Ok(())
    });
    let (tasks, channels) = take.recv().expect("they were started");
    let why = unknown(&looked);
    for channel in channels {
        let is_named =
            |why: &&Why| matches!(why, Why::HeldOutside { channel: c, .. } if *c == channel);
        assert!(why.iter().any(|why| is_named(&why)), "{channel:?}: {why:?}");
    }
    assert!(
        looked.0.to_string().contains("with `go_with`"),
        "{}",
        looked.0
    );
    let [knot] = looked.1.knots.as_slice() else {
        unreachable!("one knot: {}", looked.1)
    };
    assert!(!knot.is_certain);
    assert_eq!(numbers(knot), tasks);
    assert_eq!(knot.why, why, "it says the same");
    assert!(
        looked
            .1
            .to_string()
            .contains("possible knot: 2 may wait for each other")
    );
    assert!(
        looked
            .1
            .to_dot()
            .contains("label=\"possible knot\"; style=dashed;")
    );
}

#[test]
fn it_is_found_from_outside_too() {
    let runtime = paused(0);
    let inside = Runtime::clone(&runtime);
    let (give, take) = std::sync::mpsc::channel();
    let _cancelled = runtime.block_on(move |scope| async move {
        let own = scope.clone();
        let (to_a, a) = channel::bounded::<u8>(1);
        let (to_b, b) = channel::bounded::<u8>(1);
        scope
            .go(async move { Ok(to_b.send(a.recv().await?).await?) })
            .detach();
        scope
            .go(async move { Ok(to_a.send(b.recv().await?).await?) })
            .detach();
        scope
            .go(async move {
                nap(1).await;
                let _heard = give.send(inside.wait_graph().await);
                own.cancel("enough");
                Ok(())
            })
            .detach();
        Ok(())
    });
    let graph = take.recv().expect("it was looked at");
    assert_eq!(graph.knots.len(), 1, "{graph}");
    assert_eq!(
        graph.knots[0].tasks.len(),
        3,
        "and who started them: {graph}"
    );
}

#[test]
fn one_end_that_is_not_lent_makes_it_unknown() {
    let looked = look(|scope| async move {
        let (to_a, a) = channel::bounded::<u8>(1);
        let (to_b, b) = channel::bounded::<u8>(1);
        let kept = to_b.clone();
        scope
            .go_with((a, to_b), async |(a, to_b)| {
                Ok(to_b.send(a.recv().await?).await?)
            })
            .detach();
        scope
            .go_with((b, to_a), async |(b, to_a)| {
                Ok(to_a.send(b.recv().await?).await?)
            })
            .detach();
        Ok(kept)
    });
    let why = unknown(&looked);
    assert!(matches!(why, [Why::HeldOutside { .. }]), "{why:?}");
}

#[test]
fn a_weak_sender_makes_it_unknown_for_good() {
    let looked = look(|scope| async move {
        let (tx, rx) = channel::bounded::<u8>(1);
        let weak = tx.downgrade();
        scope
            .go_with((tx, rx), async |(_tx, rx)| Ok(rx.recv().await?))
            .detach();
        Ok(weak)
    });
    assert!(
        matches!(unknown(&looked), [Why::HeldOutside { .. }]),
        "{looked:?}"
    );
}

#[test]
fn a_clone_that_leaves_the_task_makes_it_unknown() {
    let (give, take) = std::sync::mpsc::channel();
    let looked = look(move |scope| async move {
        scope
            .go_with(channel::bounded::<u8>(1), async move |(tx, rx)| {
                let _heard = give.send(tx.clone());
                Ok(rx.recv().await?)
            })
            .detach();
        Ok(())
    });
    assert!(
        matches!(unknown(&looked), [Why::HeldOutside { .. }]),
        "{looked:?}"
    );
    drop(take);
}

#[test]
fn a_system_at_rest_has_no_certain_knot() {
    let (progress, graph) = look(|scope| async move {
        let (tx, rx) = channel::bounded::<u8>(1);
        scope.go_with(rx, async |rx| Ok(rx.recv().await)).detach();
        Ok(tx)
    });
    assert!(matches!(progress, Progress::Unknown(_)), "{progress}");
    assert!(graph.knots.is_empty(), "{graph}");
}
