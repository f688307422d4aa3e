//! Watched values, by their public interface and without a runtime.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod common;

use std::sync::Arc;
use std::task::Poll;
use std::thread;

use common::{Counter, now, poll, poll_badly, poll_with};
use greenroom_core::current;
use greenroom_core::doc_support::{block_on, root};
use greenroom_core::watch::{self, Publisher, Watch, WatchError};

#[test]
fn a_reader_gets_the_newest_value_and_misses_those_between() {
    let (publisher, watch) = watch::channel(0);
    assert_eq!((*watch.get(), watch.version()), (0, 0));
    assert!(!watch.has_changed());
    publisher.publish(1);
    publisher.publish_arc(Arc::new(2));
    assert!(watch.has_changed());
    assert_eq!(*now(watch.changed()).unwrap(), 2);
    assert_eq!((*publisher.get(), watch.version()), (2, 2));
    assert!(poll(&mut watch.changed()).is_pending());
}

#[test]
fn what_was_read_is_not_news() {
    let (publisher, watch) = watch::channel(0);
    publisher.publish(1);
    let other = watch.clone();
    assert_eq!(*watch.get(), 1);
    assert!(poll(&mut watch.changed()).is_pending());
    assert_eq!(*now(other.changed()).unwrap(), 1);
}

#[test]
fn a_waker_that_panics_keeps_nobody_from_being_woken() {
    for end in [|publisher: Publisher<u8>| publisher.publish(1), drop] {
        let (publisher, watch) = watch::channel(0);
        let good = Counter::new();
        let (mut bad, mut waits) = (watch.changed(), [watch.changed(), watch.changed()]);
        assert!(poll_badly(&mut bad).is_pending());
        for wait in &mut waits {
            assert!(poll_with(wait, &good).is_pending());
        }
        end(publisher);
        assert_eq!(good.count(), 2);
    }
}

#[test]
fn a_publish_wakes_every_waiter() {
    let (publisher, watch) = watch::channel(0);
    let other = watch.clone();
    let counter = Counter::new();
    let (mut a, mut b, mut gone) = (watch.changed(), other.changed(), other.changed());
    for changed in [&mut a, &mut b, &mut gone] {
        assert!(poll_with(changed, &counter).is_pending());
    }
    drop(gone);
    publisher.publish(1);
    assert_eq!(counter.count(), 2);
    assert!(matches!(poll(&mut a), Poll::Ready(Ok(value)) if *value == 1));
    assert!(matches!(poll(&mut b), Poll::Ready(Ok(value)) if *value == 1));
}

#[test]
fn dropping_the_publisher_closes_behind_the_last_value() {
    let (publisher, watch) = watch::channel(0);
    let waiting = watch.clone();
    let counter = Counter::new();
    let mut changed = waiting.changed();
    assert!(poll_with(&mut changed, &counter).is_pending());
    publisher.publish(1);
    drop(publisher);
    assert!(matches!(poll(&mut changed), Poll::Ready(Ok(value)) if *value == 1));
    assert!(matches!(now(waiting.changed()), Err(WatchError::Closed)));
    assert_eq!(*now(watch.changed()).unwrap(), 1);
    assert!(matches!(now(watch.changed()), Err(WatchError::Closed)));
    assert_eq!(*watch.get(), 1);
}

#[test]
fn the_end_of_the_context_ends_the_wait_and_nothing_counts_as_seen() {
    let (publisher, watch) = watch::channel(0);
    let (context, cancel) = root().with_cancel();
    let counter = Counter::new();
    let entered = current::enter_context(context);
    let mut changed = watch.changed();
    assert!(poll_with(&mut changed, &counter).is_pending());
    cancel.cancel();
    assert_eq!(counter.count(), 1);
    assert!(matches!(
        poll(&mut changed),
        Poll::Ready(Err(WatchError::Cancelled(_)))
    ));
    publisher.publish(1);
    assert!(matches!(
        now(watch.changed()),
        Err(WatchError::Cancelled(_))
    ));
    drop(entered);
    assert!(watch.has_changed());
}

#[test]
fn readers_on_many_threads_never_go_back_and_see_the_last_value() {
    const LAST: u64 = 10_000;
    let (publisher, watch) = watch::channel(0);
    let readers: Vec<_> = (0..4)
        .map(|_| {
            let watch = watch.clone();
            thread::spawn(move || {
                block_on(async {
                    let mut last = 0;
                    while let Ok(value) = watch.changed().await {
                        assert!(*value > last);
                        last = *value;
                    }
                    last
                })
            })
        })
        .collect();
    for n in 1..=LAST {
        publisher.publish(n);
    }
    drop(publisher);
    for reader in readers {
        assert_eq!(reader.join().unwrap(), LAST);
    }
}

#[test]
fn handles_and_futures_are_send_and_sync() {
    fn all<T: Send + Sync + Unpin>() {}
    all::<Publisher<u8>>();
    all::<Watch<u8>>();
    all::<watch::Changed<'_, u8>>();
    all::<WatchError>();
}
