//! Which case is chosen.

use greenroom::prelude::*;

use crate::support::{check, paused};

#[test]
fn no_default_while_a_value_is_there_or_another_channel_is_closed() {
    let runtime = Runtime::builder().arbiters(2).build().unwrap();
    let defaults = runtime.block_on(|scope| async move {
        let mut defaults = 0;
        for _ in 0..500 {
            let (t1, c1) = channel::bounded(1);
            let (t2, c2) = channel::bounded::<u8>(1);
            t1.send(1).await?;
            let (a1, a2) = (c1.clone(), c2.clone());
            let asks = scope.on(Placement::Spread).go(async move {
                Ok(select! {
                    _ = a1.recv() => 0,
                    _ = a2.recv() => 0,
                    default => 1,
                })
            });
            t2.close();
            let _ = c1.try_recv();
            defaults += asks.await?;
        }
        Ok(defaults)
    });
    assert_eq!(defaults.unwrap(), 0);
}

#[test]
fn sends_of_one_select_have_equal_chances() {
    let runtime = paused(5);
    let ones = runtime.block_on(|_| async {
        let (tx, rx) = channel::bounded(1);
        let mut ones = 0;
        for _ in 0..4000 {
            select! {
                tx.send(0) => {}
                tx.send(1) => {}
            }
            ones += rx.recv().await?;
        }
        Ok(ones)
    });
    let ones = ones.unwrap();
    assert!((1800..2200).contains(&ones), "{ones} of 4000");
}

#[test]
fn a_send_and_a_receive_of_a_half_full_channel_have_equal_chances() {
    let runtime = paused(6);
    let sends = runtime.block_on(|_| async {
        let (tx, rx) = channel::bounded(100_000);
        for _ in 0..50_000 {
            tx.send(()).await?;
        }
        let mut sends = 0;
        for _ in 0..4000 {
            select! {
                tx.send(()) => sends += 1,
                _ = rx.recv() => {}
            }
        }
        Ok(sends)
    });
    let sends = sends.unwrap();
    assert!((1800..2200).contains(&sends), "{sends} of 4000");
}

#[test]
fn of_two_senders_in_a_loop_neither_starves() {
    check(|scope| async move {
        let (ta, ra) = channel::rendezvous();
        let (tb, rb) = channel::rendezvous();
        for (name, tx) in [(0, ta), (1, tb)] {
            scope.go(async move {
                while tx.send(name).await.is_ok() {}
                Ok(())
            });
        }
        let mut got = [0_usize; 2];
        for _ in 0..1000 {
            let name: usize = select! {
                name = ra.recv() => name?,
                name = rb.recv() => name?,
            };
            got[name] += 1;
        }
        drop((ra, rb));
        assert!(got.iter().all(|&n| n > 300), "{got:?}");
        Ok(())
    });
}

#[test]
fn one_select_over_four_channels_sends_each_value_once() {
    check(|scope| async move {
        const VALUES: usize = 300;
        let ends: Vec<_> = (0..4).map(|_| channel::rendezvous::<usize>()).collect();
        let (all, merged) = channel::unbounded();
        for (_, rx) in &ends {
            let (rx, all) = (rx.clone(), all.clone());
            scope.go(async move {
                while let Ok(n) = rx.recv().await {
                    all.send(n).await?;
                }
                Ok(())
            });
        }
        drop(all);
        let [a, b, c, d] = [0, 1, 2, 3].map(|n: usize| ends[n].0.clone());
        drop(ends);
        scope.go(async move {
            for n in 0..VALUES {
                select! {
                    sent = a.send(n) => sent?,
                    sent = b.send(n) => sent?,
                    sent = c.send(n) => sent?,
                    sent = d.send(n) => sent?,
                }
            }
            Ok(())
        });
        let mut seen = Vec::new();
        while let Ok(n) = merged.recv().await {
            seen.push(n);
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..VALUES).collect::<Vec<_>>());
        Ok(())
    });
}
