//! Channels, selects and timers where tasks run on several threads at once.

use std::collections::BTreeMap;

use greenroom::channel::{SendBlockingError, SendError};
use greenroom::prelude::*;
use greenroom::time::{tick, timer};

/// Runs a body whose tasks are spread over four arbiters.
fn on_threads<F, Fut>(body: F)
where
    F: FnOnce(Scope) -> Fut + Send + 'static,
    Fut: Future<Output = Result<()>> + 'static,
{
    let runtime = Runtime::builder().arbiters(4).build().unwrap();
    let run = |scope: Scope| async move { body(scope.on(Placement::Spread)).await };
    runtime.block_on(run).unwrap();
    runtime.assert_no_leaks();
}

#[test]
fn selects_that_send_and_receive_on_one_channel_neither_hang_nor_meet_themselves() {
    on_threads(|scope| async move {
        for capacity in [0, 10] {
            let (tx, rx) = channel::bounded(capacity);
            let tasks: Vec<_> = (0..2)
                .map(|own| {
                    let (tx, rx) = (tx.clone(), rx.clone());
                    scope.go(async move {
                        for _ in 0..1000 {
                            select! {
                                sent = tx.send(own) => sent?,
                                got = rx.recv() => assert!(capacity > 0 || got? != own),
                            }
                        }
                        Ok(())
                    })
                })
                .collect();
            for task in tasks {
                task.await?;
            }
        }
        Ok(())
    });
}

#[test]
fn every_value_of_four_threads_is_received_once_for_each_capacity() {
    on_threads(|scope| async move {
        for capacity in [0, 1, 7] {
            let (tx, rx) = channel::bounded(capacity);
            let mut counts = Vec::new();
            for sender in 0..4 {
                let (tx, rx) = (tx.clone(), rx.clone());
                scope.go(async move {
                    for n in 0..500 {
                        tx.send((sender, n)).await?;
                    }
                    Ok(())
                });
                counts.push(scope.go(async move {
                    let (mut last, mut count) = (BTreeMap::new(), 0);
                    while let Ok((sender, n)) = rx.recv().await {
                        // The values of one sender keep their order for each receiver.
                        assert!(last.insert(sender, n) < Some(n));
                        count += 1;
                    }
                    Ok(count)
                }));
            }
            drop((tx, rx));
            let mut all = 0;
            for count in counts {
                all += count.await?;
            }
            assert_eq!(all, 2000);
        }
        Ok(())
    });
}

#[test]
fn a_try_never_finds_nothing_while_a_value_or_the_close_is_there() {
    on_threads(|scope| async move {
        for _ in 0..300 {
            let (tx, rx) = channel::bounded(1);
            tx.send(1).await?;
            let other = rx.clone();
            let task = scope.go(async move {
                Ok(select! {
                    _ = other.recv() => true,
                    default => false,
                })
            });
            tx.close();
            let _taken = rx.recv().await;
            assert!(task.await?, "it was never empty and open");
        }
        Ok(())
    });
}

#[test]
fn a_ticker_and_a_timer_that_threads_share_neither_hang_nor_double() {
    on_threads(|scope| async move {
        let (ticker, once) = (tick(100.micros())?, timer(1.micros()));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (ticker, once) = (ticker.clone(), once.clone());
                scope.go(async move {
                    for _ in 0..100 {
                        select! {
                            ticker.tick() => {}
                            after(1.millis()) => {}
                        }
                        select! {
                            once.fired() => {}
                            default => {}
                        }
                        once.reset(1.micros());
                    }
                    Ok(())
                })
            })
            .collect();
        for task in tasks {
            task.await?;
        }
        Ok(())
    });
}

#[test]
fn a_tree_of_contexts_is_cancelled_from_everywhere_at_once() {
    on_threads(|scope| async move {
        for _ in 0..20 {
            let mut tree = vec![scope.context().with_cancel()];
            for parent in 0..25 {
                for _ in 0..4 {
                    let child = tree[parent].0.with_cancel();
                    tree.push(child);
                }
            }
            let (contexts, cancels): (Vec<_>, Vec<_>) = tree.into_iter().unzip();
            for cancel in cancels.into_iter().rev() {
                scope.go(async move {
                    cancel.cancel();
                    Ok(())
                });
            }
            for context in contexts {
                context.done().await;
            }
        }
        Ok(())
    });
}

#[test]
fn threads_that_are_no_tasks_send_and_receive_by_blocking() {
    on_threads(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        let (back, answers) = channel::bounded(1);
        // On this thread it would hold up the tasks.
        assert_eq!(tx.send_blocking(0), Err(SendBlockingError::OnArbiter(0)));
        let plain = std::thread::spawn(move || {
            for n in 1..=10 {
                tx.send_blocking(n).unwrap();
            }
        });
        let pooled = scope.go_blocking(move || {
            let mut sum = 0;
            while let Ok(n) = rx.recv_blocking() {
                sum += n;
            }
            back.send_blocking(sum)?;
            Ok(back)
        });
        assert_eq!(answers.recv().await?, 55);
        drop(answers);
        let closed = pooled.await?.send_blocking(1);
        assert_eq!(closed, Err(SendBlockingError::OnArbiter(1)));
        assert!(plain.join().is_ok());
        Ok(())
    });
    let (tx, rx) = channel::bounded(1);
    assert_eq!(tx.send_blocking(1), Ok(()));
    drop(rx);
    assert_eq!(
        tx.send_blocking(2),
        Err(SendBlockingError::Send(SendError::Closed(2)))
    );
    assert_eq!(tx.send_blocking(3).unwrap_err().into_inner(), 3);
}
