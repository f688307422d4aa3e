//! A channel as a queue: order, capacity, close, and what becomes of each value.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use crate::support::{at_once, check, idle, paused};
use greenroom::channel::{
    Receiver, RecvError, SendError, SendFromError, Sender, TryRecvError, TrySendError,
};
use greenroom::prelude::*;

#[test]
fn a_channel_of_each_capacity_keeps_the_order_and_tells_full_from_empty_from_closed() {
    check(|_| async {
        for capacity in [1, 2, 7, 100] {
            let (tx, rx) = channel::bounded(capacity);
            assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
            assert!(at_once(rx.recv()).await.is_none());
            for n in 0..capacity {
                tx.send(n).await?;
            }
            assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
            assert!(at_once(tx.send(9)).await.is_none());
            assert_eq!((tx.len(), tx.capacity()), (capacity, Some(capacity)));
            for n in 0..capacity {
                assert_eq!(rx.recv().await?, n);
            }
            tx.close();
            assert!(matches!(rx.recv().await, Err(RecvError::Closed)));
            assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
        }
        Ok(())
    });
}

#[test]
fn an_unbuffered_send_ends_when_its_value_is_taken_and_not_before() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        let (done, dones) = channel::bounded(2);
        scope.go(async move {
            for n in 0..2 {
                tx.send(n).await?;
                done.send(n).await?;
            }
            Ok(())
        });
        for n in 0..2 {
            idle().await?;
            assert_eq!(dones.try_recv(), Err(TryRecvError::Empty));
            assert_eq!(rx.recv().await?, n);
            assert_eq!(dones.recv().await?, n);
        }
        Ok(())
    });
}

#[test]
fn waiting_senders_are_served_in_the_order_in_which_they_began() {
    check(|scope| async move {
        for capacity in [0, 1, 3] {
            let (tx, rx) = channel::bounded(capacity);
            for n in 0..20 {
                let tx = tx.clone();
                scope.go(async move {
                    sleep(n.millis()).await?;
                    Ok(tx.send(n).await?)
                });
            }
            sleep(50.millis()).await?;
            assert_eq!(tx.len(), capacity);
            for n in 0..20 {
                assert_eq!(rx.recv().await?, n);
            }
        }
        Ok(())
    });
}

#[test]
fn nil_channels_are_empty_and_a_wait_on_one_ends_with_the_context() {
    check(|scope| async move {
        let nil = channel::never::<u8>();
        assert_eq!(
            (nil.len(), nil.capacity(), nil.is_closed()),
            (0, Some(0), false)
        );
        assert_eq!(nil.try_recv(), Err(TryRecvError::Empty));
        let context = scope.context().with_timeout(1.secs());
        assert!(context.run(nil.recv()).await?.is_err());
        // To send into a nil channel: the disabled case of a select.
        let (tx, _rx) = channel::bounded(1);
        let sent = select! {
            tx.send(1), if false => true,
            after(1.secs()) => false,
        };
        assert!(!sent && tx.is_empty());
        Ok(())
    });
}

#[test]
fn a_second_close_is_no_more_than_false() {
    check(|_| async {
        let (tx, rx) = channel::bounded::<u8>(1);
        let other = tx.clone();
        assert!(tx.close());
        assert!(!other.close() && !tx.close());
        drop((tx, other));
        assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
        Ok(())
    });
}

#[test]
fn a_range_over_a_channel_ends_when_it_is_closed_meanwhile() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        let sum = scope.go(async move {
            let mut sum = 0;
            while let Ok(value) = rx.recv().await {
                sum += value;
            }
            Ok(sum)
        });
        for n in 1..=10 {
            tx.send(n).await?;
        }
        tx.close();
        assert_eq!(sum.await?, 55);
        Ok(())
    });
}

#[test]
fn a_close_is_a_broadcast() {
    check(|scope| async move {
        let (quit, quits) = channel::rendezvous::<()>();
        let (left, lefts) = channel::unbounded();
        for n in 0..20 {
            let (quits, left, idle) = (quits.clone(), left.clone(), channel::never::<u8>());
            scope.go(async move {
                select! {
                    quit = quits.recv() => assert!(matches!(quit, Err(RecvError::Closed))),
                    _ = idle.recv() => unreachable!("nobody sends"),
                }
                Ok(left.send(n).await?)
            });
        }
        idle().await?;
        assert!(lefts.is_empty());
        quit.close();
        let mut seen = Vec::new();
        for _ in 0..20 {
            seen.push(lefts.recv().await?);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..20).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn values_without_a_size_are_counted_like_others() {
    check(|_| async {
        let (tx, rx) = channel::bounded(2);
        tx.send(()).await?;
        tx.send(()).await?;
        assert_eq!(tx.try_send(()), Err(TrySendError::Full(())));
        tx.close();
        assert_eq!(rx.len(), 2);
        rx.recv().await?;
        rx.recv().await?;
        assert!(matches!(rx.recv().await, Err(RecvError::Closed)));
        let (tx, rx) = channel::rendezvous::<[u64; 0]>();
        let (sent, got) = futures_util::future::join(tx.send([]), rx.recv()).await;
        assert!(sent.is_ok() && got.is_ok());
        Ok(())
    });
}

#[test]
fn large_values_come_out_as_they_went_in() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous::<Box<[u64; 4096]>>();
        scope.go(async move { Ok(tx.send(Box::new([7; 4096])).await?) });
        assert!(rx.recv().await?.iter().all(|&v| v == 7));
        Ok(())
    });
}

#[test]
fn a_prime_sieve_is_a_chain_of_filters() {
    check(|scope| async move {
        let (tx, mut numbers) = channel::rendezvous();
        scope.go(async move {
            for n in 2_u32.. {
                if tx.send(n).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        let mut primes = Vec::new();
        for _ in 0..25 {
            let prime = numbers.recv().await?;
            primes.push(prime);
            let (tx, rx) = channel::rendezvous();
            let upstream = std::mem::replace(&mut numbers, rx);
            scope.go(async move {
                while let Ok(n) = upstream.recv().await {
                    if n % prime != 0 && tx.send(n).await.is_err() {
                        break;
                    }
                }
                Ok(())
            });
        }
        assert_eq!(primes[..6], [2, 3, 5, 7, 11, 13]);
        assert_eq!(primes.last(), Some(&97));
        // Dropping the last receiver ends the chain up to its start.
        Ok(())
    });
}

#[test]
fn a_value_passes_through_a_chain_of_a_thousand_tasks() {
    let runtime = paused(1);
    let passed = runtime.block_on(|scope| async move {
        let (first, mut rx) = channel::rendezvous();
        for _ in 0..1000 {
            let (tx, next) = channel::rendezvous();
            let from: Receiver<u32> = std::mem::replace(&mut rx, next);
            scope.go(async move { Ok(tx.send(from.recv().await? + 1).await?) });
        }
        first.send(0).await?;
        Ok(rx.recv().await?)
    });
    assert_eq!(passed.unwrap(), 1000);
}

#[test]
fn channels_travel_through_channels() {
    check(|scope| async move {
        let (requests, queue) = channel::rendezvous::<(u32, Sender<u32>)>();
        scope.go(async move {
            while let Ok((n, reply)) = queue.recv().await {
                reply.send(n * n).await?;
            }
            Ok(())
        });
        for n in 1..5 {
            let (reply, answer) = channel::bounded(1);
            requests.send((n, reply)).await?;
            assert_eq!(answer.recv().await?, n * n);
            assert!(matches!(answer.recv().await, Err(RecvError::Closed)));
        }
        Ok(())
    });
}

#[test]
fn a_buffered_channel_serves_as_a_semaphore() {
    check(|scope| async move {
        let (acquire, release) = channel::bounded(3);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for n in 0..12 {
            let (acquire, release) = (acquire.clone(), release.clone());
            let (now, most) = (now.clone(), most.clone());
            scope.go(async move {
                acquire.send(()).await?;
                most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                sleep((n % 4).millis()).await?;
                now.fetch_sub(1, Relaxed);
                Ok(release.recv().await?)
            });
        }
        scope.join().await?;
        assert_eq!(most.load(Relaxed), 3);
        Ok(())
    });
}

#[test]
fn two_tasks_play_ping_pong_and_each_sees_what_the_other_wrote() {
    check(|scope| async move {
        let (ping, pings) = channel::rendezvous::<Vec<u32>>();
        let (pong, pongs) = channel::rendezvous::<Vec<u32>>();
        scope.go(async move {
            while let Ok(mut ball) = pings.recv().await {
                ball.push(1);
                pong.send(ball).await?;
            }
            Ok(())
        });
        let mut ball = Vec::new();
        for round in 1..=50 {
            ball.push(0);
            ping.send(ball).await?;
            ball = pongs.recv().await?;
            assert_eq!(ball.len(), 2 * round);
        }
        Ok(())
    });
}

#[test]
fn each_value_is_dropped_once_whatever_becomes_of_it() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Relaxed);
        }
    }
    check(|_| async {
        let dropped = Arc::new(AtomicUsize::new(0));
        let one = || Counted(dropped.clone());
        let (tx, rx) = channel::bounded(2);
        tx.send(one()).await?; // received
        tx.send(one()).await?; // stored at the end
        assert!(at_once(tx.send(one())).await.is_none()); // given up
        assert_eq!(dropped.load(Relaxed), 1);
        assert!(tx.try_send(one()).is_err()); // refused
        assert_eq!(dropped.load(Relaxed), 2);
        drop(rx.recv().await?);
        assert_eq!(dropped.load(Relaxed), 3);
        drop(rx);
        assert_eq!(dropped.load(Relaxed), 4);
        let mut slot = Some(one());
        assert!(matches!(
            tx.send_from(&mut slot).await,
            Err(SendFromError::Closed)
        ));
        assert!(matches!(tx.send(one()).await, Err(SendError::Closed(_))));
        assert_eq!((dropped.load(Relaxed), slot.is_some()), (5, true));
        Ok(())
    });
}

#[test]
fn a_send_that_waits_with_its_channel_closed_by_another_gets_its_value_back() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        let closer = tx.clone();
        scope.go(async move {
            idle().await?;
            closer.close();
            Ok(())
        });
        assert!(matches!(tx.send(5).await, Err(SendError::Closed(5))));
        assert!(matches!(rx.recv().await, Err(RecvError::Closed)));
        Ok(())
    });
}

#[test]
fn the_length_is_that_of_the_buffer_at_each_step() {
    check(|_| async {
        let (tx, rx) = channel::bounded(3);
        let mut lengths = Vec::new();
        for n in 0..3 {
            tx.send(n).await?;
            lengths.push(rx.len());
        }
        for _ in 0..3 {
            rx.recv().await?;
            lengths.push(tx.len());
        }
        assert_eq!(lengths, [1, 2, 3, 2, 1, 0]);
        assert_eq!(
            (rx.is_empty(), tx.is_full(), tx.capacity()),
            (true, false, Some(3))
        );
        Ok(())
    });
}

#[test]
fn the_two_ends_of_one_channel_are_equal_to_it_and_not_to_another() {
    check(|_| async {
        let (tx, rx) = channel::rendezvous::<u8>();
        let (other, others) = channel::rendezvous::<u8>();
        assert!(tx.same_channel(&tx.clone()) && rx.same_channel(&rx.clone()));
        assert!(!tx.same_channel(&other) && !rx.same_channel(&others));
        Ok(())
    });
}
