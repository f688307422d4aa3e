//! Every end that is told passes the driver, which may hold it back.

use greenroom_core::driver::{Alarm, Event, EventKind, TimerKey};
use greenroom_core::task::Task;
use greenroom_core::{Driver, Result};
use std::time::Instant;

use super::*;

/// Holds what is told of ends until nothing else can happen, and then lets the last one go first.
struct Holding {
    hub: Arc<dyn Driver>,
    held: Mutex<Vec<Event>>,
    seen: Log,
}

impl Driver for Holding {
    fn spawn(&self, task: Task) {
        self.hub.spawn(task);
    }

    fn deliver(&self, event: Event) {
        if event.kind() != EventKind::Down {
            return event.take_effect();
        }
        let object = event.object().map_or("-", Id::name).to_owned();
        self.seen.say(format!("{}>{object}", event.label()));
        self.held.lock().expect("nothing panics").push(event);
    }

    fn now(&self) -> Instant {
        self.hub.now()
    }

    fn sleep(&self, until: Instant, alarm: Arc<dyn Alarm>) -> TimerKey {
        self.hub.sleep(until, alarm)
    }

    fn forget(&self, timer: TimerKey) {
        self.hub.forget(timer);
    }

    fn choose(&self, options: usize) -> usize {
        self.hub.choose(options)
    }

    fn idle(&self) -> bool {
        let event = self.held.lock().expect("nothing panics").pop();
        let Some(event) = event else {
            return false;
        };
        event.take_effect();
        true
    }

    fn close(&self) {
        self.held.lock().expect("nothing panics").clear();
    }
}

fn hold<F, Fut>(body: F) -> String
where
    F: FnOnce(Scope, Log) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    quiet();
    let seen = Log::default();
    let told = seen.clone();
    let runtime = Runtime::builder()
        .single_thread()
        .paused()
        .driver(move |hub| {
            Arc::new(Holding {
                hub,
                held: Mutex::default(),
                seen: told,
            })
        })
        .build()
        .expect("it starts");
    let ended = runtime.block_on(move |scope| {
        scope.set_on_error(OnError::KeepFirst);
        body(scope, Log::default())
    });
    assert!(ended.is_ok(), "{ended:?}");
    seen.take()
}

async fn named(scope: &Scope, name: &'static str, log: &Log) -> Result<Address<Node>> {
    let log = log.clone();
    let spawned = scope
        .spawn(move || Node::new(name, &log))
        .restart(Restart::Temporary)
        .name(name);
    Ok(spawned.await?)
}

#[test]
fn each_is_an_event_to_who_is_told() {
    let seen = hold(|scope, log| async move {
        let (w, t) = (
            named(&scope, "w", &log).await?,
            named(&scope, "t", &log).await?,
        );
        let o = named(&scope, "o", &log).await?;
        w.ask(Watch(t.downgrade())).await?;
        o.ask(Tie(t.downgrade())).await?;
        t.tell(Boom).await?;
        o.closed().await?;
        settle().await?;
        assert_eq!(log.take(), "-o w:down:panicked:boom");
        Ok(())
    });
    assert_eq!(seen, "down>w link>o");
}

#[test]
fn what_is_held_back_is_taken_back_all_the_same() {
    let seen = hold(|scope, log| async move {
        let (w, t) = (
            named(&scope, "w", &log).await?,
            named(&scope, "t", &log).await?,
        );
        let o = named(&scope, "o", &log).await?;
        let task = scope.go(async { settle().await });
        let monitor = w.ask(Watch(t.downgrade())).await?;
        let (link, also) = (scope.link(&o, &t), scope.link(&t, &task));
        t.tell(Boom).await?;
        t.closed().await?;
        w.ask(Demonitor(monitor)).await?;
        link.unlink();
        also.unlink();
        task.await?;
        o.ask(Say("here")).await?;
        settle().await?;
        assert_eq!(log.take(), "o:here");
        Ok(())
    });
    assert_eq!(seen, "down>w link>o link>task");
}
