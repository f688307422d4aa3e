//! Selects whose cases are made at run time, on many threads.

use std::task::Poll;
use std::thread;

use greenroom_core::channel;
use greenroom_core::doc_support::block_on;
use greenroom_core::select::Select;

use crate::common::poll;
use crate::task;

#[test]
fn many_of_them_on_the_same_channels_lose_and_double_nothing() {
    const ROUNDS: usize = 4_000;
    let ends: Vec<_> = [0, 1, 0, 3]
        .iter()
        .map(|&capacity| channel::bounded::<usize>(capacity))
        .collect();
    let senders: Vec<_> = (0..2)
        .map(|n| {
            let ends: Vec<_> = ends.iter().map(|(tx, _)| tx.clone()).collect();
            thread::spawn(move || {
                block_on(async {
                    for round in 0..ROUNDS {
                        let mut select = Select::new();
                        for tx in &ends {
                            select.send(tx, round * 2 + n, |sent| sent.is_ok());
                        }
                        assert!(select.wait().await.unwrap().1);
                    }
                });
            })
        })
        .collect();
    let receivers: Vec<_> = (0..2)
        .map(|_| {
            let ends: Vec<_> = ends.iter().map(|(_, rx)| rx.clone()).collect();
            thread::spawn(move || {
                block_on(async {
                    let mut select = Select::new();
                    for rx in &ends {
                        select.recv(rx, |got| got.ok());
                    }
                    drop(ends);
                    let mut got = Vec::new();
                    while !select.is_empty() {
                        match select.wait().await.unwrap() {
                            (_, Some(value)) => got.push(value),
                            (case, None) => assert!(select.remove(case)),
                        }
                    }
                    got
                })
            })
        })
        .collect();
    drop(ends);
    for sender in senders {
        sender.join().unwrap();
    }
    let mut got: Vec<_> = receivers
        .into_iter()
        .flat_map(|receiver| receiver.join().unwrap())
        .collect();
    got.sort_unstable();
    assert_eq!(got, (0..2 * ROUNDS).collect::<Vec<_>>());
}

#[test]
fn waits_that_give_up_at_random_on_many_threads_lose_nothing() {
    const ROUNDS: usize = 5_000;
    let ends: Vec<_> = [0, 2, 0]
        .map(channel::bounded::<usize>)
        .into_iter()
        .collect();
    let threads: Vec<_> = (0..6_u64)
        .map(|n| {
            let ends = ends.clone();
            thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(n);
                let (mut accepted, mut got) = (0, 0);
                let mut receiver = Select::new();
                for (_, rx) in &ends {
                    receiver.recv(rx, |got| got.unwrap());
                }
                for _ in 0..ROUNDS {
                    let polls = random.usize(1..5);
                    let give_up = |waits: &mut dyn FnMut() -> bool| {
                        for _ in 0..polls {
                            if waits() {
                                return true;
                            }
                            thread::yield_now();
                        }
                        false
                    };
                    if n % 2 == 0 {
                        let mut slots = [Some(1); 3];
                        let mut sender = Select::new();
                        for ((tx, _), slot) in ends.iter().zip(&mut slots) {
                            sender.send_from(tx, slot, |sent| sent.unwrap());
                        }
                        let mut waits = task(sender.wait());
                        let fired = give_up(&mut || poll(&mut waits).is_ready());
                        drop(waits);
                        drop(sender);
                        let gone = slots.iter().filter(|slot| slot.is_none()).count();
                        assert!(gone <= 1 && (gone == 1 || !fired));
                        accepted += gone;
                    } else {
                        let mut waits = task(receiver.wait());
                        give_up(&mut || match poll(&mut waits) {
                            Poll::Ready(received) => {
                                got += received.unwrap().1;
                                true
                            }
                            Poll::Pending => false,
                        });
                    }
                }
                (accepted, got)
            })
        })
        .collect();
    let (mut accepted, mut got) = (0, 0);
    for thread in threads {
        let (a, g) = thread.join().unwrap();
        accepted += a;
        got += g;
    }
    let stored = ends
        .iter()
        .map(|(_, rx)| std::iter::from_fn(|| rx.try_recv().ok()).count());
    assert_eq!(accepted, got + stored.sum::<usize>());
    assert!(got > 0);
}
