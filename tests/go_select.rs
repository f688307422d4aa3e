//! Go's behaviours of select, beyond the rows that greenroom-core's own tests prove one by one.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::channel::{Receiver, RecvError, SendError, Sender, TryRecvError};
use greenroom::error::ContextError;
use greenroom::prelude::*;
use greenroom::select::Select;
use support::{at_once, check, idle, paused};

/// What was evaluated, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn note<T>(&self, what: &'static str, value: T) -> T {
        self.0.lock().unwrap().push(what);
        value
    }

    fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn the_expressions_of_all_cases_are_evaluated_once_in_source_order() {
    check(|_| async {
        let log = Log::default();
        let (tx, rx) = channel::bounded::<u8>(1);
        let (out, outs) = channel::bounded::<u8>(1);
        for round in 0..20 {
            let which = round % 3;
            if which == 0 {
                tx.send(1).await?;
            }
            let fired = select! {
                _ = log.note("receiver", &rx).recv(), if log.note("guard 1", true) => 0,
                log.note("sender", &out).send(log.note("value", 2)), if which == 1 => 1,
                _ = log.note("never", &rx).recv(), if log.note("guard 3", false) => 9,
                default => 2,
            };
            assert_eq!(fired, which);
            let want: &[_] = match which {
                1 => &["guard 1", "receiver", "sender", "value", "guard 3"],
                _ => &["guard 1", "receiver", "guard 3"],
            };
            assert_eq!(log.take(), want);
            if fired == 1 {
                outs.recv().await?;
            }
        }
        // While it waits, nothing is evaluated again.
        let mut waits = Box::pin(async {
            select! {
                got = log.note("one", &rx).recv() => got.ok(),
                got = log.note("two", &outs).recv() => got.ok(),
            }
        });
        for _ in 0..3 {
            assert!(at_once(&mut waits).await.is_none());
        }
        tx.send(4).await?;
        assert_eq!(waits.await, Some(4));
        assert_eq!(log.take(), ["one", "two"]);
        Ok(())
    });
}

#[test]
fn a_value_of_a_losing_send_is_made_and_dropped() {
    check(|_| async {
        let made = Arc::new(());
        let (full, _rx) = channel::rendezvous::<Arc<()>>();
        let (tx, rx) = channel::bounded(1);
        tx.send(1).await?;
        select! {
            full.send(made.clone()) => unreachable!("nobody receives"),
            got = rx.recv() => assert_eq!(got?, 1),
        }
        assert_eq!(Arc::strong_count(&made), 1);
        Ok(())
    });
}

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
            let (mut queue, mut open) = (std::collections::VecDeque::new(), true);
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

#[test]
fn break_continue_return_and_question_mark_leave_a_select_in_a_loop() {
    async fn evens_until(rx: &Receiver<u32>, stop: u32) -> Result<u32> {
        let mut sum = 0;
        'outer: loop {
            for _ in 0..3 {
                select! {
                    got = rx.recv() => {
                        let n = got?;
                        if n == stop {
                            break 'outer;
                        }
                        if n % 2 == 1 {
                            continue 'outer;
                        }
                        if n == 100 {
                            return Ok(n);
                        }
                        sum += n;
                    }
                    after(1.secs()) => return Err(Failure::message("timed out")),
                }
            }
        }
        Ok(sum)
    }
    check(|_| async {
        let (tx, rx) = channel::unbounded();
        for n in [2, 3, 4, 6, 8, 5, 7, 2, 100, 1, 9] {
            tx.send(n).await?;
        }
        assert_eq!(evens_until(&rx, 7).await?, 20);
        assert_eq!(evens_until(&rx, 7).await?, 100);
        assert!(evens_until(&rx, 7).await.is_err());
        tx.close();
        assert!(evens_until(&rx, 7).await.is_err());
        Ok(())
    });
}

#[test]
fn a_channel_may_stand_in_several_cases_of_one_select() {
    check(|scope| async move {
        let (tc, rc) = channel::rendezvous::<u8>();
        let (td, rd) = channel::rendezvous::<u8>();
        let (te, re) = channel::rendezvous::<u8>();
        let waits = scope.go(async move {
            let first = select! {
                got = rc.recv() => got?,
                got = rd.recv() => got?,
                got = re.recv() => got?,
            };
            // Nothing of the earlier one is left in the queue of c.
            let second = select! {
                got = rc.recv() => got?,
                got = rc.recv() => got?,
            };
            Ok((first, second))
        });
        idle().await?;
        td.send(1).await?;
        idle().await?;
        tc.send(2).await?;
        assert_eq!(waits.await?, (1, 2));
        assert!(te.is_closed());
        Ok(())
    });
}

#[test]
fn what_blocks_and_what_does_not() {
    check(|_| async {
        let nil = channel::never::<u8>();
        let (ready, ready_rx) = channel::bounded::<u8>(1);
        let (_silent, silent) = channel::rendezvous::<u8>();
        let (busy, _busy_rx) = channel::rendezvous::<u8>();
        let (closed, closed_rx) = channel::bounded::<u8>(1);
        closed.close();

        // Alone, as the operation by itself.
        assert!(
            at_once(async {
                select! { _ = silent.recv() => () }
            })
            .await
            .is_none()
        );
        assert!(
            at_once(async {
                select! { busy.send(1) => () }
            })
            .await
            .is_none()
        );
        assert!(
            at_once(async {
                select! { _ = nil.recv() => () }
            })
            .await
            .is_none()
        );
        assert!(
            at_once(async {
                select! { ready.send(1) => () }
            })
            .await
            .is_some()
        );
        assert!(
            at_once(async {
                select! { _ = ready_rx.recv() => () }
            })
            .await
            .is_some()
        );
        assert!(
            at_once(async {
                select! { _ = closed_rx.recv() => () }
            })
            .await
            .is_some()
        );
        assert!(
            at_once(async {
                select! { closed.send(1) => () }
            })
            .await
            .is_some()
        );
        // One that can go on is enough.
        let fired = at_once(async {
            select! {
                _ = nil.recv() => "nil",
                _ = silent.recv() => "silent",
                busy.send(1) => "busy",
                _ = closed_rx.recv() => "closed",
            }
        });
        assert_eq!(fired.await, Some("closed"));
        // Without any.
        let fired = at_once(async {
            select! {
                _ = nil.recv() => (),
                _ = silent.recv() => (),
                busy.send(1) => (),
                ready.send(1), if false => (),
            }
        });
        assert!(fired.await.is_none());
        Ok(())
    });
}

#[test]
fn no_case_at_all_waits_until_the_context_ends() {
    check(|scope| async move {
        let context = scope.context().with_timeout(1.secs());
        let nothing = context.run(async {
            select! { std::future::pending::<()>() => () }
        });
        assert!(matches!(nothing.await, Err(ContextError::Deadline(_))));
        let context = scope.context().with_timeout(1.secs());
        let waited = context.run(async { Select::<()>::new().wait().await });
        assert!(matches!(waited.await?, Err(ContextError::Deadline(_))));
        let only_default = select! {
            default => 7,
        };
        assert_eq!(only_default, 7);
        Ok(())
    });
}

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
fn a_select_of_many_channels_made_at_run_time_gives_all_that_was_sent() {
    check(|scope| async move {
        let mut select = Select::new();
        for n in 0..100 {
            let (tx, rx) = channel::bounded(n % 3);
            select.recv(&rx, move |got| (n, got));
            scope.go(async move {
                for value in 0..n {
                    tx.send(value).await?;
                }
                Ok(())
            });
        }
        let mut next = vec![0; 100];
        while !select.is_empty() {
            match select.wait().await? {
                (_, (n, Ok(value))) => {
                    assert_eq!(value, next[n]);
                    next[n] += 1;
                }
                (case, (n, Err(_closed))) => {
                    assert_eq!(next[n], n);
                    select.remove(case);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn a_select_made_at_run_time_sends_receives_and_has_a_default() {
    #[derive(Debug, PartialEq)]
    enum Event {
        Got(Option<u32>),
        Sent(bool),
        Late,
        Stop,
    }
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous::<u32>();
        let (out, outs) = channel::bounded::<u32>(1);
        let (stop, stops) = scope.context().with_cancel();
        let mut select = Select::new();
        select.recv(&rx, |got| Event::Got(got.ok()));
        select.done(&stop, |_| Event::Stop);
        assert!(select.try_wait().is_none());
        select.send(&out, 1, |sent| Event::Sent(sent.is_ok()));
        assert_eq!(select.wait().await?.1, Event::Sent(true));
        // The buffer is full: the second send waits.
        let mut slot = Some(2);
        let mut other = Select::new();
        other.send_from(&out, &mut slot, |sent| Event::Sent(sent.is_ok()));
        other.after(5.millis(), |_| Event::Late);
        assert_eq!(other.wait().await?.1, Event::Late);
        drop(other);
        assert_eq!((slot, outs.recv().await?), (Some(2), 1));
        assert_eq!(outs.try_recv(), Err(TryRecvError::Empty));
        scope.go(async move { Ok(tx.send(9).await?) });
        assert_eq!(select.wait().await?.1, Event::Got(Some(9)));
        assert_eq!(select.wait().await?.1, Event::Got(None));
        stops.cancel();
        let mut seen = (false, false);
        while seen != (true, true) {
            match select.wait().await?.1 {
                Event::Got(None) => seen.0 = true,
                Event::Stop => seen.1 = true,
                event => panic!("{event:?}"),
            }
        }
        Ok(())
    });
}

#[test]
fn a_case_that_is_added_while_the_program_runs_takes_part() {
    check(|scope| async move {
        let (arrive, arrivals) = channel::rendezvous::<Receiver<u32>>();
        let sums = scope.go(async move {
            enum Event {
                Client(Receiver<u32>),
                Value(u32),
                Gone,
            }
            let mut select = Select::new();
            select.recv(&arrivals, |got| got.map_or(Event::Gone, Event::Client));
            let mut sum = 0;
            while !select.is_empty() {
                match select.wait().await? {
                    (_, Event::Client(rx)) => {
                        select.recv(&rx, |got| got.map_or(Event::Gone, Event::Value));
                    }
                    (_, Event::Value(value)) => sum += value,
                    (case, Event::Gone) => assert!(select.remove(case)),
                }
            }
            Ok(sum)
        });
        for n in 1..=10 {
            let (tx, rx) = channel::rendezvous();
            arrive.send(rx).await?;
            scope.go(async move {
                for value in 0..n {
                    tx.send(value).await?;
                }
                Ok(())
            });
        }
        drop(arrive);
        assert_eq!(
            sums.await?,
            (1..=10).map(|n| (0..n).sum::<u32>()).sum::<u32>()
        );
        Ok(())
    });
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

#[test]
fn a_panic_while_the_cases_are_made_leaves_the_channels_as_they_were() {
    support::quiet();
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        let inner = rx.clone();
        let body = scope.scope(|_| async move {
            fn nothing() -> Duration {
                panic!("while a case is made")
            }
            select! {
                got = inner.recv() => got?,
                after(nothing()) => 0,
            };
            Ok(())
        });
        assert!(body.await.is_err());
        assert!(tx.try_send(1).is_err());
        let (sent, got) = futures_util::future::join(tx.send(2), rx.recv()).await;
        assert!(sent.is_ok());
        assert_eq!(got?, 2);
        Ok(())
    });
}

#[test]
fn selects_nest_in_bodies_and_in_cases() {
    check(|_| async {
        let (tx, rx) = channel::bounded(2);
        tx.send(1).await?;
        tx.send(2).await?;
        let both = select! {
            first = rx.recv() => {
                let first = first?;
                select! {
                    second = rx.recv() => (first, second?),
                    after(1.secs()) => (first, 0),
                }
            }
            after(1.secs()) => (0, 0),
        };
        assert_eq!(both, (1, 2));
        let inner = async {
            select! {
                _ = rx.recv() => "value",
                after(2.millis()) => "inner",
            }
        };
        let outer = select! {
            what = inner => what,
            after(1.millis()) => "outer",
        };
        assert_eq!(outer, "outer");
        tx.send(3).await?;
        assert_eq!(rx.recv().await?, 3);
        Ok(())
    });
}

#[test]
fn a_failing_send_case_hands_the_value_back() {
    check(|_| async {
        let (tx, rx) = channel::bounded(1);
        drop(rx);
        let idle = channel::never::<u8>();
        let back = select! {
            sent = tx.send("kept") => match sent {
                Err(SendError::Closed(value)) => value,
                other => panic!("{other:?}"),
            },
            _ = idle.recv() => unreachable!("it is never ready"),
        };
        assert_eq!(back, "kept");
        Ok(())
    });
}
