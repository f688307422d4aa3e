//! Who has an actor's addresses, and the circles of these.

use greenroom_actor::{Actor, ActorContext, Address, Handler, Runtime, SingleThread, WeakAddress};
use greenroom_core::time::{Durations, sleep};
use greenroom_core::{Result, current};

use crate::paused;

fn tracked() -> SingleThread {
    let builder = Runtime::builder().track_addresses(true).single_thread();
    builder.paused().build().expect("a runtime starts")
}

#[derive(Default)]
struct Node {
    kept: Vec<Address<Node>>,
    weak: Vec<WeakAddress<Node>>,
}

struct Keep(Address<Node>);
struct KeepWeak(WeakAddress<Node>);
struct Poke;

impl Actor for Node {}

impl Handler<Keep> for Node {
    type Reply = ();
    async fn handle(&mut self, Keep(other): Keep, _cx: &mut ActorContext<Self>) {
        self.kept.push(other);
    }
}

impl Handler<KeepWeak> for Node {
    type Reply = ();
    async fn handle(&mut self, KeepWeak(other): KeepWeak, _cx: &mut ActorContext<Self>) {
        self.weak.push(other);
    }
}

/// Sends through each address that is kept, which tells whose it is.
impl Handler<Poke> for Node {
    type Reply = ();
    async fn handle(&mut self, _: Poke, _cx: &mut ActorContext<Self>) {
        for other in &self.kept {
            let _full = other.try_tell(Rest);
        }
    }
}

struct Rest;

impl Handler<Rest> for Node {
    type Reply = ();
    async fn handle(&mut self, _: Rest, _cx: &mut ActorContext<Self>) {}
}

#[test]
fn the_addresses_of_an_actor_are_counted_without_tracking() {
    let one = paused();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let a = scope.spawn(Node::default).await?;
        let more = [a.clone(), a.clone()];
        let alive = runtime.alive().await;
        let node = alive.living.iter().find(|one| one.task.id == *a.id());
        assert_eq!(node.and_then(|node| node.addresses), Some(3));
        assert!(node.is_some_and(|node| node.address_records.is_empty()));
        assert!(
            alive.to_string().contains("kept alive by 3 addresses"),
            "{alive}"
        );
        drop(more);
        let alive = runtime.alive().await;
        assert!(
            alive.to_string().contains("kept alive by 1 address"),
            "{alive}"
        );
        assert!(alive.address_circles.is_empty());
        Ok(())
    })
    .expect("nothing fails");
}

#[test]
fn a_circle_is_told_with_who_holds_whom_once_nobody_else_has_an_address() {
    let one = tracked();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let a = scope.spawn(Node::default).await?;
        let b = scope.spawn(Node::default).await?;
        a.ask(Keep(b.clone())).await?;
        b.ask(Keep(a.clone())).await?;
        a.ask(Poke).await?;
        b.ask(Poke).await?;
        // This one is kept by the circle, and is no part of it.
        let line = line!() + 2;
        let c = scope.spawn(Node::default).await?;
        a.ask(Keep(c.clone())).await?;
        a.ask(Poke).await?;
        let ids = [a.id().clone(), b.id().clone()];
        let outer = c.id().clone();
        assert!(
            runtime.alive().await.address_circles.is_empty(),
            "all are here"
        );
        drop((a, b, c));
        sleep(1.secs()).await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.address_circles, [ids.to_vec()], "{alive}");
        let text = alive.to_string();
        let kept = format!("kept alive by 1 address: held by {}", ids[1]);
        assert!(text.contains(&kept), "{text}");
        let circle = format!("as far as is known: {} -> {} -> {}", ids[0], ids[1], ids[0]);
        assert!(text.contains(&circle), "{text}");
        let third = alive.living.iter().find(|one| one.task.id == outer);
        let records = third
            .map(|third| &third.address_records[..])
            .unwrap_or_default();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].task.as_ref(), Some(&ids[0]));
        assert!(
            records[0].place.contains(&format!("addresses.rs:{line}:")),
            "{records:?}"
        );
        assert_eq!(records[0].lasts, 1.secs());
        // It is no leak: the scope ends them.
        alive.assert_no_leaks();
        Ok(())
    })
    .expect("a circle does not keep the scope open");
    assert!(one.alive().is_empty());
}

#[test]
fn a_weak_address_or_a_stop_ends_a_circle() {
    let one = tracked();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let a = scope.spawn(Node::default).await?;
        let b = scope.spawn(Node::default).await?;
        a.ask(Keep(b.clone())).await?;
        b.ask(KeepWeak(a.downgrade())).await?;
        drop((a, b));
        sleep(1.millis()).await?;
        assert_eq!(runtime.alive().await.living.len(), 1, "the body is left");

        let a = scope.spawn(Node::default).await?;
        let itself: Result<_, _> = a.ask(Keep(a.clone())).await;
        itself?;
        a.ask(Poke).await?;
        let weak = a.downgrade();
        drop(a);
        sleep(1.millis()).await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.address_circles, [vec![weak.id().clone()]], "{alive}");
        weak.stop();
        weak.closed().await?;
        let alive = runtime.alive().await;
        assert_eq!(alive.living.len(), 1, "{alive}");
        assert_eq!(Some(&alive.living[0].task.id), current::task_id().as_ref());
        Ok(())
    })
    .expect("nothing fails");
}

#[test]
fn an_address_that_a_task_has_is_no_circle() {
    let one = tracked();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let a = scope.spawn(Node::default).await?;
        a.ask(Keep(a.clone())).await?;
        a.ask(Poke).await?;
        let kept = a.clone();
        let task = scope.go(async move {
            sleep(1.secs()).await?;
            kept.tell(Rest).await?;
            Ok(())
        });
        drop(a);
        sleep(1.millis()).await?;
        let alive = runtime.alive().await;
        assert!(alive.address_circles.is_empty(), "{alive}");
        task.await?;
        assert_eq!(runtime.alive().await.address_circles.len(), 1);
        Ok(())
    })
    .expect("nothing fails");
}
