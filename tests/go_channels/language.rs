//! What the language says of channels: make, send, receive, range, close, len and cap.

use std::any::Any;
use std::collections::BTreeMap;

use greenroom::channel::{Receiver, RecvError, SendError, Sender, TryRecvError, TrySendError};
use greenroom::prelude::*;

use crate::support::{Boom, at_once, check, idle};

#[test]
fn every_capacity_from_none_on_waits_when_empty_and_when_full_and_keeps_a_thousand_in_order() {
    check(|scope| async move {
        for capacity in 0..20 {
            let (tx, rx) = channel::bounded(capacity);
            assert_eq!((tx.len(), tx.capacity()), (0, Some(capacity)));
            assert_eq!((rx.len(), rx.capacity()), (0, Some(capacity)));
            let (a, b) = (rx.clone(), rx.clone());
            let first = scope.go(async move { Ok(a.recv().await?) });
            let second = scope.go(async move { Ok(b.recv().await?) });
            idle().await?;
            assert!(!first.is_finished() && !second.is_finished());
            tx.send(0).await?;
            tx.send(0).await?;
            assert_eq!(first.await? + second.await?, 0);
            for n in 0..capacity {
                tx.send(n).await?;
            }
            let late = tx.clone();
            let waits = scope.go(async move { Ok(late.send(0).await?) });
            idle().await?;
            assert!(!waits.is_finished());
            assert_eq!(tx.try_send(7), Err(TrySendError::Full(7)));
            for _ in 0..=capacity {
                rx.recv().await?;
            }
            waits.await?;
            let feed = scope.go(async move {
                for n in 0..1000 {
                    tx.send(n).await?;
                }
                Ok(())
            });
            for n in 0..1000 {
                assert_eq!(rx.recv().await?, n);
            }
            feed.await?;
        }
        Ok(())
    });
}

#[test]
fn four_senders_and_four_receivers_see_each_number_four_times() {
    check(|scope| async move {
        for capacity in [0, 1, 8] {
            let (tx, rx) = channel::bounded(capacity);
            let (counted, counts) = channel::rendezvous();
            for _ in 0..4 {
                let (tx, rx, counted) = (tx.clone(), rx.clone(), counted.clone());
                scope.go(async move {
                    for n in 0..100_u32 {
                        tx.send(n).await?;
                    }
                    Ok(())
                });
                scope.go(async move {
                    let mut seen = BTreeMap::new();
                    for _ in 0..100 {
                        *seen.entry(rx.recv().await?).or_insert(0) += 1;
                    }
                    Ok(counted.send(seen).await?)
                });
            }
            let mut all = BTreeMap::new();
            for _ in 0..4 {
                for (n, times) in counts.recv().await? {
                    *all.entry(n).or_insert(0) += times;
                }
            }
            assert_eq!(all, (0..100).map(|n| (n, 4)).collect());
        }
        Ok(())
    });
}

#[test]
fn a_receive_from_a_closed_channel_is_an_error_each_time_and_never_waits() {
    check(|_| async {
        for capacity in [0, 1, 5] {
            let (tx, rx) = channel::bounded::<u8>(capacity);
            tx.close();
            for _ in 0..3 {
                assert_eq!(at_once(rx.recv()).await, Some(Err(RecvError::Closed)));
                assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
            }
            assert_eq!((rx.len(), rx.capacity()), (0, Some(capacity)));
        }
        Ok(())
    });
}

#[test]
fn a_send_on_a_closed_channel_is_an_error_with_and_without_a_wait_and_in_a_select() {
    check(|_| async {
        let (tx, _rx) = channel::rendezvous();
        tx.close();
        assert_eq!(tx.send(1).await, Err(SendError::Closed(1)));
        assert_eq!(tx.try_send(2), Err(TrySendError::Closed(2)));
        let sent = select! {
            sent = tx.send(3) => sent,
            default => Ok(()),
        };
        assert_eq!(sent, Err(SendError::Closed(3)));
        Ok(())
    });
}

#[test]
fn ranges_of_several_receivers_share_the_values_and_all_end_with_the_close() {
    check(|scope| async move {
        let (tx, rx) = channel::bounded(3);
        let sums: Vec<_> = (0..3)
            .map(|_| {
                let rx = rx.clone();
                scope.go(async move {
                    let mut sum = 0;
                    while let Ok(value) = rx.recv().await {
                        sum += value;
                    }
                    Ok(sum)
                })
            })
            .collect();
        for n in 1..=100 {
            tx.send(n).await?;
        }
        tx.close();
        let mut total = 0;
        for sum in sums {
            total += sum.await?;
        }
        assert_eq!(total, 5050);
        Ok(())
    });
}

#[test]
fn a_range_that_is_left_early_leaves_the_rest_to_the_next() {
    check(|_| async {
        let (tx, rx) = channel::bounded(10);
        for n in 0..10 {
            tx.send(n).await?;
        }
        tx.close();
        let mut first = Vec::new();
        while let Ok(n) = rx.recv().await {
            first.push(n);
            if n == 3 {
                break;
            }
        }
        let mut rest = Vec::new();
        while let Ok(n) = rx.recv().await {
            rest.push(n);
        }
        assert_eq!((first, rest), ((0..4).collect(), (4..10).collect()));
        Ok(())
    });
}

#[test]
fn a_range_over_a_nil_channel_waits_for_the_end_of_its_context() {
    check(|scope| async move {
        let nil = channel::never::<u8>();
        let context = scope.context().with_timeout(1.secs());
        let ended = context.run(async {
            let mut rounds = 0;
            let end = loop {
                match nil.recv().await {
                    Ok(_) => rounds += 1,
                    Err(end) => break end,
                }
            };
            (rounds, end)
        });
        assert_eq!(ended.await?, (0, RecvError::Deadline));
        Ok(())
    });
}

#[test]
fn values_of_one_interface_travel_in_boxes() {
    check(|scope| async move {
        let (tx, rx) = channel::bounded::<Box<dyn Any + Send>>(1);
        scope.go(async move {
            // A value that several threads may not look at has no place in an error.
            tx.send(Box::new(7_u32))
                .await
                .map_err(SendError::without_value)?;
            tx.send(Box::new("text"))
                .await
                .map_err(SendError::without_value)?;
            Ok(())
        });
        assert_eq!(rx.recv().await?.downcast_ref::<u32>(), Some(&7));
        assert_eq!(rx.recv().await?.downcast_ref::<&str>(), Some(&"text"));
        let (errors, all) = channel::bounded::<Box<dyn std::error::Error + Send + Sync>>(1);
        errors.send(Box::new(Boom("kept"))).await?;
        assert!(all.recv().await?.downcast_ref::<Boom>().is_some());
        Ok(())
    });
}

#[test]
fn functions_travel_through_a_channel_and_run_where_they_arrive() {
    check(|scope| async move {
        type Job = Box<dyn FnOnce() -> u32 + Send + Sync>;
        let (jobs, work) = channel::rendezvous::<Job>();
        let worker = scope.go(async move {
            let mut sum = 0;
            while let Ok(job) = work.recv().await {
                sum += job();
            }
            Ok(sum)
        });
        for n in 1..=4 {
            jobs.send(Box::new(move || n * n)).await?;
        }
        drop(jobs);
        assert_eq!(worker.await?, 30);
        Ok(())
    });
}

#[test]
fn a_channel_of_results_carries_errors_as_values() {
    check(|scope| async move {
        let (tx, rx) = channel::bounded::<Result<u32, Boom>>(2);
        scope.go(async move {
            tx.send(Ok(1)).await?;
            tx.send(Err(Boom("two"))).await?;
            Ok(())
        });
        assert_eq!(rx.recv().await?, Ok(1));
        assert_eq!(rx.recv().await?, Err(Boom("two")));
        assert_eq!(rx.recv().await, Err(RecvError::Closed));
        Ok(())
    });
}

#[test]
fn the_ends_of_a_channel_are_values_that_are_kept_in_structures_and_compared() {
    struct Client {
        tx: Sender<u8>,
        rx: Receiver<u8>,
    }
    check(|_| async {
        let clients: Vec<Client> = (0..3)
            .map(|n| {
                let (tx, rx) = channel::bounded(n);
                Client { tx, rx }
            })
            .collect();
        let twin = clients[1].tx.clone();
        let same = clients.iter().map(|client| client.tx.same_channel(&twin));
        assert_eq!(same.collect::<Vec<_>>(), [false, true, false]);
        twin.send(5).await?;
        assert_eq!(clients[1].rx.recv().await?, 5);
        assert_eq!(
            format!("{}", SendError::Closed(1)),
            "send on a closed channel"
        );
        Ok(())
    });
}

#[test]
fn dropping_the_last_receiver_fails_who_waits_to_send_and_every_later_send() {
    check(|scope| async move {
        for capacity in [0, 1] {
            let (tx, rx) = channel::bounded(capacity);
            if capacity == 1 {
                tx.send(0).await?;
            }
            let late = tx.clone();
            let waits = scope.go(async move { Ok(late.send(7).await) });
            idle().await?;
            let other = rx.clone();
            drop(rx);
            idle().await?;
            assert!(!waits.is_finished(), "one receiver is left");
            drop(other);
            assert_eq!(waits.await?, Err(SendError::Closed(7)));
            assert!(tx.is_closed());
            assert_eq!(tx.try_send(8), Err(TrySendError::Closed(8)));
        }
        Ok(())
    });
}

#[test]
fn a_close_in_one_task_ends_the_select_loop_of_another() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        let (done, is_done) = channel::rendezvous::<()>();
        let worker = scope.go(async move {
            let mut got = Vec::new();
            loop {
                select! {
                    value = rx.recv() => got.push(value?),
                    _ = is_done.recv() => break,
                }
            }
            Ok(got)
        });
        for n in 0..3 {
            tx.send(n).await?;
        }
        done.close();
        assert_eq!(worker.await?, [0, 1, 2]);
        assert_eq!(tx.send(3).await, Err(SendError::Closed(3)));
        Ok(())
    });
}
