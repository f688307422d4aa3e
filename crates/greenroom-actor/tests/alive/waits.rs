//! Asks and waits for channels.

use greenroom_actor::{Actor, ActorContext, HandlerLater, ReplyTo, Runtime};
use greenroom_core::channel;
use greenroom_core::task::WaitKind;
use greenroom_core::time::{Durations, sleep};

use crate::{message, paused, with_leak};

/// Keeps those who ask waiting.
#[derive(Default)]
struct Silent(Vec<ReplyTo<u8>>);
struct Question;

impl Actor for Silent {}

impl HandlerLater<Question> for Silent {
    type Reply = u8;
    async fn handle(&mut self, _: Question, reply: ReplyTo<u8>, _cx: &mut ActorContext<Self>) {
        self.0.push(reply);
    }
}

#[test]
fn an_ask_is_listed_with_who_asked_whom_what_and_since_when() {
    let one = paused();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let silent = scope.spawn(Silent::default).await?;
        let asked = silent.clone();
        let asker = scope.go(async move { Ok(asked.ask(Question).await?) });
        sleep(1500.millis()).await?;
        let alive = runtime.alive().await;
        let asks: Vec<_> = alive.asks().collect();
        let [(who, ask)] = &asks[..] else {
            unreachable!("one asks: {alive}")
        };
        assert_eq!(Some(&who.task.id), asker.id());
        assert_eq!(ask.waiting.on.as_ref(), Some(silent.id()));
        assert!(
            ask.message
                .is_some_and(|message| message.ends_with("::Question"))
        );
        assert_eq!(ask.lasts, 1500.millis());
        let text = alive.to_string();
        let told = format!(
            "waits for a reply to alive::waits::Question ({}) for 1.5s",
            silent.id()
        );
        assert!(text.contains(&told), "{text}");
        alive.assert_no_leaks();

        // One whose asker has gone waits no more, though the reply is still owed.
        asker.cancel("enough");
        let _cancelled = asker.await;
        assert_eq!(runtime.alive().await.asks().count(), 0);
        Ok(())
    })
    .expect("nothing fails");
    assert!(one.alive().is_empty());
}

#[test]
fn who_waits_for_a_channel_is_listed_with_the_channel_and_since_when() {
    let one = paused();
    let runtime = Runtime::clone(&one);
    one.block_on(|scope| async move {
        let (full, _kept) = channel::bounded(1);
        full.send(0).await?;
        let (_silent, empty) = channel::bounded::<u8>(1);
        let sender = scope.go(async move { Ok(full.send(1).await?) });
        let receiver = scope.go(async move { Ok(empty.recv().await?) });
        sleep(2.secs()).await?;
        let alive = runtime.alive().await;
        let waits: Vec<_> = alive
            .channel_waits()
            .map(|(who, wait)| (Some(&who.task.id), wait.waiting.kind, wait.lasts))
            .collect();
        assert_eq!(
            waits,
            [
                (sender.id(), WaitKind::Send, 2.secs()),
                (receiver.id(), WaitKind::Receive, 2.secs())
            ]
        );
        assert!(
            alive
                .channel_waits()
                .all(|(_, wait)| wait.waiting.on.is_some())
        );
        alive.assert_no_leaks();
        scope.cancel("enough");
        Ok(())
    })
    .expect("its own cancel is no failure");
    assert!(one.alive().is_empty());
}

#[test]
fn that_of_a_leak_is_named_with_what_it_waits_for() {
    let one = paused();
    with_leak(
        &one,
        |release| async move { Ok(release.recv().await?) },
        |one| {
            let text = message(|| one.assert_no_leaks());
            assert!(text.contains("waits to receive for 5"), "{text}");
            let alive = one.alive();
            let (who, wait) = alive.channel_waits().next().expect("it waits");
            assert!(who.is_leak && wait.lasts >= 3.millis(), "{alive}");
        },
    );
}
