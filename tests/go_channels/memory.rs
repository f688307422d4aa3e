//! What the memory model says: who sees what was written before.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use greenroom::prelude::*;

/// The tests write without an order of their own: the channel must bring it.
fn on_threads<F, Fut>(body: F)
where
    F: Fn(Scope, Arc<AtomicU32>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let runtime = Runtime::builder().arbiters(2).build().unwrap();
    for _ in 0..200 {
        let body = body.clone();
        let run = move |scope: Scope| async move {
            let scope = scope.on(Placement::Spread);
            body(scope, Arc::new(AtomicU32::new(0))).await
        };
        runtime.block_on(run).unwrap();
    }
}

#[test]
fn a_write_before_a_send_is_seen_after_its_receive() {
    on_threads(|scope, written| async move {
        let (tx, rx) = channel::bounded(10);
        let a = written.clone();
        scope.go(async move {
            a.store(1, Relaxed);
            Ok(tx.send(()).await?)
        });
        rx.recv().await?;
        assert_eq!(written.load(Relaxed), 1);
        Ok(())
    });
}

#[test]
fn a_write_before_a_close_is_seen_by_who_learns_of_it() {
    on_threads(|scope, written| async move {
        let (tx, rx) = channel::bounded::<()>(10);
        let a = written.clone();
        scope.go(async move {
            a.store(1, Relaxed);
            tx.close();
            Ok(())
        });
        assert!(rx.recv().await.is_err());
        assert_eq!(written.load(Relaxed), 1);
        Ok(())
    });
}

#[test]
fn a_write_before_an_unbuffered_receive_is_seen_after_the_send() {
    on_threads(|scope, written| async move {
        let (tx, rx) = channel::rendezvous();
        let a = written.clone();
        scope.go(async move {
            a.store(1, Relaxed);
            Ok(rx.recv().await?)
        });
        tx.send(()).await?;
        assert_eq!(written.load(Relaxed), 1);
        Ok(())
    });
}

#[test]
fn a_write_before_the_first_receive_is_seen_after_the_send_that_it_made_room_for() {
    on_threads(|scope, written| async move {
        let (tx, rx) = channel::bounded(3);
        for _ in 0..3 {
            tx.send(()).await?;
        }
        let a = written.clone();
        let receiver = scope.go(async move {
            a.store(1, Relaxed);
            rx.recv().await?;
            Ok(rx)
        });
        tx.send(()).await?;
        assert_eq!(written.load(Relaxed), 1);
        receiver.await?;
        Ok(())
    });
}

#[test]
fn what_a_parent_wrote_is_seen_by_its_task_and_what_that_wrote_by_who_awaits_it() {
    on_threads(|scope, written| async move {
        written.store(1, Relaxed);
        let a = written.clone();
        let task = scope.go(async move {
            assert_eq!(a.load(Relaxed), 1);
            a.store(2, Relaxed);
            Ok(())
        });
        task.await?;
        assert_eq!(written.load(Relaxed), 2);
        Ok(())
    });
}

#[test]
fn a_channel_of_one_is_a_lock_around_what_is_written() {
    on_threads(|scope, written| async move {
        let (lock, unlock) = channel::bounded(1);
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (lock, unlock, written) = (lock.clone(), unlock.clone(), written.clone());
                scope.go(async move {
                    for _ in 0..10 {
                        lock.send(()).await?;
                        let before = written.load(Relaxed);
                        written.store(before + 1, Relaxed);
                        unlock.recv().await?;
                    }
                    Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await?;
        }
        assert_eq!(written.load(Relaxed), 40);
        Ok(())
    });
}
