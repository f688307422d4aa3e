//! Watched values: nobody misses the last one.

use super::table::{block_on, join, poll_once, spawn};
use super::{check, check_all};
use crate::watch::{self, WatchError};

#[test]
fn each_watcher_sees_the_last_value_and_then_the_end() {
    check(|| {
        let (publisher, watch) = watch::channel(0);
        let watching: Vec<_> = (0..2)
            .map(|_| {
                let watch = watch.clone();
                spawn(move || {
                    let mut last = 0;
                    loop {
                        match block_on(watch.changed()) {
                            Ok(value) => {
                                assert!(*value > last);
                                last = *value;
                            }
                            Err(WatchError::Closed) => return last,
                            Err(other) => panic!("{other}"),
                        }
                    }
                })
            })
            .collect();
        let publishing = spawn(move || {
            publisher.publish(1);
            publisher.publish(2);
        });
        join(publishing);
        for last in watching.into_iter().map(join) {
            assert_eq!(last, 2);
        }
        assert_eq!(*watch.get(), 2);
    });
}

#[test]
fn one_that_gives_up_takes_no_wake_up_along() {
    check(|| {
        let (publisher, watch) = watch::channel(0);
        let watch = std::sync::Arc::new(watch);
        let other = watch.clone();
        let leaving = spawn(move || {
            let mut changed = other.changed();
            poll_once(&mut changed).is_ready()
        });
        let again = watch.clone();
        let watching = spawn(move || block_on(again.changed()).map(|value| *value));
        publisher.publish(1);
        let has_seen = join(leaving);
        // A value that a handle has seen is no news to it: another one wakes its waiter.
        if has_seen {
            publisher.publish(2);
        }
        assert!(join(watching).is_ok());
    });
}

#[test]
fn a_shared_handle_never_goes_back() {
    check(|| {
        let (publisher, watch) = watch::channel(0);
        let watch = std::sync::Arc::new(watch);
        let reading: Vec<_> = (0..2)
            .map(|_| {
                let watch = watch.clone();
                spawn(move || {
                    let first = *watch.get();
                    let second = *watch.get();
                    assert!(first <= second);
                    second
                })
            })
            .collect();
        publisher.publish(1);
        publisher.publish(2);
        let last = reading.into_iter().map(join).max();
        // What one of them has seen is news to none.
        assert_eq!(watch.has_changed(), last < Some(2));
    });
}

#[test]
fn one_publish_is_not_missed_under_each_schedule() {
    check_all(|| {
        let (publisher, watch) = watch::channel(0);
        let watching = spawn(move || block_on(watch.changed()).map(|value| *value));
        publisher.publish(1);
        assert_eq!(join(watching), Ok(1));
    });
}
