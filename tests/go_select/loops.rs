//! Selects in loops, and many at once.

use std::collections::{BTreeMap, VecDeque};

use greenroom::channel::{Receiver, RecvError, Sender};
use greenroom::prelude::*;
use greenroom::select::Select;

use crate::support::check;

#[test]
fn closed_inputs_are_switched_off_until_none_is_left() {
    check(|scope| async move {
        let (ta, ra) = channel::rendezvous();
        let (tb, rb) = channel::bounded(3);
        for (tx, values) in [(ta, 0..5), (tb, 10..18)] {
            scope.go(async move {
                for n in values {
                    tx.send(n).await?;
                }
                Ok(())
            });
        }
        let (mut a, mut b) = (Some(ra), Some(rb));
        let mut merged = Vec::new();
        while a.is_some() || b.is_some() {
            select! {
                got = a.as_ref().unwrap().recv(), if a.is_some() => match got {
                    Ok(value) => merged.push(value),
                    Err(_closed) => a = None,
                },
                got = b.as_ref().unwrap().recv(), if b.is_some() => match got {
                    Ok(value) => merged.push(value),
                    Err(_closed) => b = None,
                },
            }
        }
        merged.sort_unstable();
        assert_eq!(merged, (0..5).chain(10..18).collect::<Vec<_>>());
        Ok(())
    });
}

#[test]
fn a_queue_between_two_channels_sends_only_while_it_holds_something() {
    check(|scope| async move {
        let (tx, input) = channel::rendezvous();
        let (output, rx) = channel::rendezvous();
        scope.go(async move {
            let (mut queue, mut open) = (VecDeque::new(), true);
            while open || !queue.is_empty() {
                let mut head = queue.pop_front();
                let has_head = head.is_some();
                select! {
                    got = input.recv(), if open => match got {
                        Ok(value) => {
                            queue.extend(head.take());
                            queue.rotate_right(usize::from(has_head));
                            queue.push_back(value);
                        }
                        Err(_closed) => {
                            open = false;
                            queue.extend(head.take());
                            queue.rotate_right(usize::from(has_head));
                        }
                    },
                    sent = output.send_from(&mut head), if has_head => sent?,
                }
            }
            Ok(())
        });
        for n in 0..50 {
            tx.send(n).await?; // The queue takes them all, though nobody receives.
        }
        drop(tx);
        for n in 0..50 {
            assert_eq!(rx.recv().await?, n);
        }
        assert!(matches!(rx.recv().await, Err(RecvError::Closed)));
        Ok(())
    });
}

const ROUNDS: usize = 300;

async fn all_at_once(scope: Scope) -> Result<()> {
    let ends: Vec<_> = [0, 0, 2, 3].map(channel::bounded::<usize>).into();
    let scope = scope.on(Placement::Spread);
    for (n, (tx, rx)) in ends.iter().enumerate() {
        let (tx, rx) = (tx.clone(), rx.clone());
        scope.go(async move {
            for i in 0..ROUNDS {
                tx.send(n * ROUNDS + i).await?;
            }
            Ok(())
        });
        scope.go(async move {
            for _ in 0..ROUNDS {
                rx.recv().await?;
            }
            Ok(())
        });
    }
    let senders: Vec<Sender<usize>> = ends.iter().map(|(tx, _)| tx.clone()).collect();
    scope.go(async move {
        let mut left = [ROUNDS; 4];
        while left.iter().any(|&left| left > 0) {
            let n = select! {
                sent = senders[0].send(0), if left[0] > 0 => { sent?; 0 }
                sent = senders[1].send(0), if left[1] > 0 => { sent?; 1 }
                sent = senders[2].send(0), if left[2] > 0 => { sent?; 2 }
                sent = senders[3].send(0), if left[3] > 0 => { sent?; 3 }
            };
            left[n] -= 1;
        }
        Ok(())
    });
    let receivers: Vec<Receiver<usize>> = ends.iter().map(|(_, rx)| rx.clone()).collect();
    scope.go(async move {
        let mut select = Select::new();
        let mut left = BTreeMap::new();
        for rx in &receivers {
            left.insert(select.recv(rx, |got| got), ROUNDS);
        }
        while !select.is_empty() {
            let (case, got) = select.wait().await?;
            got?;
            let left = left.get_mut(&case).unwrap();
            *left -= 1;
            if *left == 0 {
                select.remove(case);
            }
        }
        Ok(())
    });
    scope.join().await?;
    assert!(ends.iter().all(|(tx, _)| tx.is_empty()));
    Ok(())
}

#[test]
fn senders_receivers_and_selects_on_the_same_channels_come_to_an_end() {
    check(all_at_once);
    let runtime = Runtime::builder().arbiters(2).build().unwrap();
    for _ in 0..5 {
        runtime.block_on(all_at_once).unwrap();
    }
}

#[test]
fn fibonacci_until_quit() {
    check(|scope| async move {
        let (numbers, values) = channel::rendezvous();
        let (quit, quits) = channel::rendezvous::<()>();
        let printed = scope.go(async move {
            let mut printed = Vec::new();
            for _ in 0..10 {
                printed.push(values.recv().await?);
            }
            quit.send(()).await?;
            Ok(printed)
        });
        let (mut x, mut y) = (0_u64, 1);
        loop {
            select! {
                sent = numbers.send(x) => {
                    if sent.is_err() {
                        // The reader has gone, and is about to say so.
                        quits.recv().await?;
                        break;
                    }
                    (x, y) = (y, x + y);
                }
                _ = quits.recv() => break,
            }
        }
        assert_eq!(printed.await?, [0, 1, 1, 2, 3, 5, 8, 13, 21, 34]);
        Ok(())
    });
}

#[test]
fn a_time_out_in_a_loop_takes_nothing_and_leaves_nothing() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        scope.go(async move {
            for n in 0..20 {
                sleep(7.millis()).await?;
                tx.send(n).await?;
            }
            Ok(())
        });
        let (mut got, mut late) = (Vec::new(), 0);
        loop {
            select! {
                value = rx.recv() => match value {
                    Ok(value) => got.push(value),
                    Err(_closed) => break,
                },
                after(3.millis()) => late += 1,
                after(1000.secs()) => unreachable!("it is made anew each time"),
            }
        }
        assert_eq!((got, late), ((0..20).collect(), 40));
        Ok(())
    });
}
