//! A panic of a user's code in an owner, at each place in turn: in a comparison, a clone or a destructor.

#![allow(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "a test looks on from outside"
)]

mod common;

use std::cmp::Ordering;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use std::task::Context;

use common::{idle, paused, quiet};
use greenroom_actor::Scope;
use greenroom_core::Result;
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::broadcast::{Broadcast, broadcast};
use greenroom_patterns::cache::{Cache, cache};
use greenroom_patterns::rw_mutex::RwMutex;
use greenroom_patterns::single_flight::SingleFlight;
use greenroom_patterns::task_group::TaskGroup;

/// Goes off once, so many uses from now; 0 is never.
#[derive(Clone, Default)]
struct Fuse(Arc<AtomicUsize>);

impl Fuse {
    fn set(&self, uses: usize) {
        self.0.store(uses, SeqCst);
    }

    fn is_set(&self) -> bool {
        self.0.load(SeqCst) > 0
    }

    fn burn(&self) {
        let before = self
            .0
            .fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1));
        if before == Ok(1) {
            std::panic::resume_unwind(Box::new("injected"));
        }
    }
}

/// A key whose comparisons and clones burn a fuse.
struct Key(u32, Fuse);

impl Clone for Key {
    fn clone(&self) -> Self {
        self.1.burn();
        Self(self.0, self.1.clone())
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.1.burn();
        self.0.cmp(&other.0)
    }
}

/// A value whose clones and destructors burn a fuse.
#[derive(PartialEq)]
struct Value(u32, Fuse2);

#[derive(Clone, Default)]
struct Fuse2(Fuse);

impl PartialEq for Fuse2 {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        self.1.0.burn();
        Self(self.0, self.1.clone())
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.1.0.burn();
    }
}

/// Runs a body with a fuse of each length, until it is longer than what burns.
fn for_each_place<Fut>(body: impl Fn(Scope, Fuse, usize) -> Fut + Clone + Send + 'static)
where
    Fut: Future<Output = Result<()>> + 'static,
{
    quiet();
    for uses in 1..200 {
        let fuse = Fuse::default();
        let (kept, body) = (fuse.clone(), body.clone());
        let ran = paused(0).block_on(move |scope| body(scope, fuse, uses));
        if let Err(failure) = ran {
            panic!("at use {uses}: {failure:?}");
        }
        if kept.is_set() {
            assert!(uses > 3, "it burns nothing");
            return;
        }
    }
    panic!("it burns without an end");
}

#[test]
fn a_cache_survives_its_keys_and_values() {
    for_each_place(|scope, fuse, uses| async move {
        let hurried = scope.context().with_timeout(1000.secs());
        let entries = Cache::spawn(&scope, cache().capacity(3)).await?;
        let key = |number| Key(number, fuse.clone());
        let value = |number| Value(number, Fuse2(fuse.clone()));
        for number in 0..3 {
            entries.set(key(number), value(number)).await?;
        }
        fuse.set(uses);
        let group = TaskGroup::keep_going(&scope);
        for number in [5, 5, 6] {
            let (entries, key, value) = (entries.clone(), key(number), value(number));
            let load = group.go(async move {
                let loaded = entries.get_or_insert_with(key, || async move {
                    sleep(1.secs()).await?;
                    Ok(value)
                });
                let _loaded = loaded.await;
                Ok(())
            });
            let _running = load.await?;
        }
        let (written, at) = (entries.clone(), fuse.clone());
        let changes = scope.scope(move |_inner| async move {
            let key = |number| Key(number, at.clone());
            let value = |number| Value(number, Fuse2(at.clone()));
            let _set = written.set(key(1), value(10)).await;
            let _set = written.set(key(7), value(7)).await;
            let _removed = written.remove(key(0)).await;
            Ok(())
        });
        let _its_own_panic = hurried.run(changes).await?;
        let _its_own_panic = hurried.run(group.wait()).await?;
        idle().await?;
        let was_set = fuse.0.swap(0, SeqCst);
        for number in [0, 1, 5, 6, 7, 8] {
            let new = value(100 + number);
            let loaded = entries.get_or_insert_with(key(number), || async move { Ok(new) });
            let there = hurried.run(loaded).await??;
            assert!(there.0 % 100 == number || there.0 == 10);
            entries.set(key(number), value(number)).await?;
            assert!(
                entries
                    .get(&key(number))
                    .is_some_and(|there| there.0 == number)
            );
            assert!(entries.len() <= 3);
        }
        entries.clear().await?;
        fuse.set(was_set);
        Ok(())
    });
}

#[test]
fn flights_survive_their_keys() {
    for_each_place(|scope, fuse, uses| async move {
        let hurried = scope.context().with_timeout(1000.secs());
        let flights = SingleFlight::spawn(&scope).await?;
        let key = |number| Key(number, fuse.clone());
        fuse.set(uses);
        let tickets: Vec<_> = [1, 2, 1, 3, 2]
            .into_iter()
            .map(|number| {
                flights.start(key(number), move || async move {
                    sleep(1.secs()).await?;
                    Ok(number)
                })
            })
            .collect();
        idle().await?;
        flights.forget(key(3));
        for (place, ticket) in tickets.into_iter().enumerate() {
            if place == 1 {
                drop(ticket);
                continue;
            }
            let _flown = hurried.run(ticket.wait()).await?;
        }
        idle().await?;
        let was_set = fuse.0.swap(0, SeqCst);
        for number in 1..4 {
            let call = flights.call(key(number), move || async move { Ok(10 * number) });
            assert_eq!(hurried.run(call).await??.value, 10 * number);
        }
        assert_eq!(scope.len(), 1, "a run that nobody waits for goes on");
        fuse.set(was_set);
        Ok(())
    });
}

#[test]
fn any_number_of_panics_of_keys_gives_no_flights_up() {
    quiet();
    let ran = paused(0).block_on(|scope| async move {
        let flights = SingleFlight::spawn(&scope).await?;
        let fuse = Fuse::default();
        let key = || Key(1, fuse.clone());
        let first = flights.start(key(), || async {
            sleep(10.secs()).await?;
            Ok(1)
        });
        idle().await?;
        for _ in 0..20 {
            fuse.set(1);
            let broken = flights.call(key(), || async { Ok(2) }).await;
            assert!(broken.is_err());
        }
        fuse.set(0);
        assert_eq!(first.wait().await?.value, 1);
        assert_eq!(flights.call(key(), || async { Ok(3) }).await?.value, 3);
        Ok(())
    });
    assert!(ran.is_ok(), "{ran:?}");
}

#[test]
fn a_broadcast_survives_its_values() {
    for_each_place(|scope, fuse, uses| async move {
        let hurried = scope.context().with_timeout(1000.secs());
        let news = Broadcast::spawn(&scope, broadcast().buffer(2).replay(2)).await?;
        let value = |number| Value(number, Fuse2(fuse.clone()));
        let mut reader = news.subscribe().await?;
        let other = news.subscribe().await?;
        fuse.set(uses);
        let (sends, fuse2) = (news.clone(), fuse.clone());
        let sender = scope.scope(move |_inner| async move {
            for number in 0..2 {
                let _sent = sends.send(Value(number, Fuse2(fuse2.clone()))).await;
            }
            let late = sends.subscribe().await;
            drop(late);
            Ok(())
        });
        let _its_own_panic = hurried.run(sender).await?;
        let (dropped, reads) = (other, fuse.clone());
        let _its_own_panic = scope
            .scope(move |_inner| async move {
                let _guard = reads;
                drop(dropped);
                Ok(())
            })
            .await;
        idle().await?;
        let was_set = fuse.0.swap(0, SeqCst);
        while let Ok(value) = reader.try_recv() {
            assert!(value.0 < 2);
        }
        assert_eq!(hurried.run(news.send(value(9))).await?.map_err(drop), Ok(1));
        assert_eq!(hurried.run(reader.recv()).await??.0, 9);
        assert_eq!(news.subscribers().await?, 1);
        fuse.set(was_set);
        assert!(news.close().await);
        fuse.set(was_set);
        Ok(())
    });
}

/// A waker of a foreign executor that is out of order.
struct Broken;

impl std::task::Wake for Broken {
    fn wake(self: Arc<Self>) {
        std::panic::resume_unwind(Box::new("injected"));
    }
}

#[test]
fn a_foreign_waker_that_panics_is_not_the_owners_failure() {
    quiet();
    let ran = paused(0).block_on(|scope| async move {
        let value = RwMutex::spawn(&scope, 1).await?;
        let writer = value.write().await?;
        let waker = Arc::new(Broken).into();
        let mut foreign = Box::pin(value.read());
        let polled = foreign.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending());
        let (there, other) = (value.clone(), value.clone());
        let readers = [
            scope.go(async move { Ok(*there.read().await?) }),
            scope.go(async move { Ok(*other.read().await?) }),
        ];
        idle().await?;
        drop(writer);
        idle().await?;
        for reader in readers {
            let hurried = scope.context().with_timeout(10.secs());
            assert_eq!(hurried.run(reader).await??, 1);
        }
        let registry = scope.context().registry();
        let actors = registry.actors(scope.context().now());
        assert_eq!(actors.iter().map(|actor| actor.restarts).sum::<u64>(), 0);
        assert_eq!(*foreign.await?, 1);
        assert_eq!(*value.write().await?, 1);
        Ok(())
    });
    assert!(ran.is_ok(), "{ran:?}");
}
