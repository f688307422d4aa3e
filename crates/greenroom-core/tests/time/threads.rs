//! One ticker on many threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use greenroom_core::channel;
use greenroom_core::current::{self, Handle};
use greenroom_core::doc_support::Manual;
use greenroom_core::select;
use greenroom_core::time::{Durations, tick};

use crate::common::poll;

#[test]
fn waits_drops_stops_and_resets_of_many_threads_lose_no_tick_and_never_hang() {
    const ROUNDS: usize = 3_000;
    let clock = Manual::new();
    let ticker = {
        let _entered = current::enter_driver(Handle::new(clock.clone(), false));
        tick(1.millis()).unwrap()
    };
    let (over, taken) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicUsize::new(0)),
    );
    let threads: Vec<_> = (0..4_u64)
        .map(|n| {
            let (ticker, taken) = (ticker.clone(), taken.clone());
            thread::spawn(move || {
                let mut random = fastrand::Rng::with_seed(n);
                let idle = channel::never::<u8>();
                for _ in 0..ROUNDS {
                    let mut wait = Box::pin(async {
                        if n % 2 == 0 {
                            return ticker.tick().await.is_ok();
                        }
                        select! {
                            at = ticker.tick() => at.is_ok(),
                            _ = idle.recv() => false,
                        }
                    });
                    for _ in 0..random.usize(1..6) {
                        if poll(&mut wait).is_ready() {
                            taken.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                        thread::yield_now();
                    }
                    drop(wait);
                    match random.usize(..64) {
                        0 => ticker.stop(),
                        1..4 => ticker.reset(1.millis()).unwrap(),
                        _ => {}
                    }
                }
            })
        })
        .collect();
    let mover = {
        let (clock, over) = (clock.clone(), over.clone());
        thread::spawn(move || {
            let mut ms = 0_usize;
            while !over.load(Ordering::Relaxed) {
                clock.advance(1.millis());
                ms += 1;
                thread::yield_now();
            }
            ms
        })
    };
    for thread in threads {
        thread.join().unwrap();
    }
    over.store(true, Ordering::Relaxed);
    let ms = mover.join().unwrap();
    let taken = taken.load(Ordering::Relaxed);
    assert!(taken > 0 && taken <= ms, "{taken} ticks in {ms} ms");
    ticker.reset(1.millis()).unwrap();
    let mut last = ticker.tick();
    assert!(poll(&mut last).is_pending());
    clock.advance(1.millis());
    assert!(poll(&mut last).is_ready());
    drop((last, ticker));
    assert_eq!(clock.timers(), 0);
}
