//! Selects on many threads.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use greenroom_core::channel::{self};
use greenroom_core::select;

use crate::common::poll;

#[test]
fn nothing_is_lost_between_selects_on_many_threads_that_give_up_at_random() {
    const ROUNDS: usize = 10_000;
    let (t1, r1) = channel::rendezvous::<usize>();
    let (t2, r2) = channel::bounded::<usize>(2);
    let sent = Arc::new(AtomicUsize::new(0));
    let got = Arc::new(AtomicUsize::new(0));
    let threads: Vec<_> = (0..8)
        .map(|n| {
            let (t1, r1, t2, r2) = (t1.clone(), r1.clone(), t2.clone(), r2.clone());
            let (sent, got) = (sent.clone(), got.clone());
            thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(n);
                for _ in 0..ROUNDS {
                    let (mut a, mut b) = (Some(1), Some(1));
                    let polls = random.usize(1..5);
                    {
                        let mut select = pin!(async {
                            let mut spin = pin!(pending::<()>());
                            if n % 2 == 0 {
                                select! {
                                    t1.send_from(&mut a) => (),
                                    t2.send_from(&mut b) => (),
                                    _ = &mut spin, if n % 4 == 0 => (),
                                }
                            } else {
                                let value = select! {
                                    v = r1.recv() => v,
                                    v = r2.recv() => v,
                                    _ = &mut spin, if n % 4 == 1 => return,
                                };
                                got.fetch_add(value.unwrap(), Ordering::Relaxed);
                            }
                        });
                        for _ in 0..polls {
                            if poll(&mut select).is_ready() {
                                break;
                            }
                            thread::yield_now();
                        }
                    }
                    if n % 2 == 0 {
                        let accepted = usize::from(a.is_none()) + usize::from(b.is_none());
                        assert!(accepted <= 1);
                        sent.fetch_add(accepted, Ordering::Relaxed);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let stored = std::iter::from_fn(|| r1.try_recv().or_else(|_| r2.try_recv()).ok()).count();
    let (sent, got) = (sent.load(Ordering::Relaxed), got.load(Ordering::Relaxed));
    assert_eq!(sent, got + stored);
    assert!(got > 0);
}
