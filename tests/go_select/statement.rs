//! How a select is written, and what its bodies may do.

use std::time::Duration;

use greenroom::channel::{Receiver, RecvError, SendError, Sender};
use greenroom::error::ContextError;
use greenroom::prelude::*;

use crate::support::{at_once, check, idle};

#[test]
fn the_default_may_stand_anywhere_and_the_order_of_the_cases_means_nothing() {
    check(|_| async {
        let (tx, rx) = channel::bounded(1);
        for is_there in [false, true] {
            if is_there {
                tx.send(1).await?;
            }
            let got = select! {
                default => None,
                got = rx.recv() => Some(got?),
            };
            assert_eq!(got, is_there.then_some(1));
        }
        let second = channel::never::<u8>();
        let nothing = select! {
            _ = rx.recv() => 1,
            default => 2,
            _ = second.recv() => 3,
        };
        assert_eq!(nothing, 2);
        Ok(())
    });
}

#[test]
fn a_labelled_block_is_left_as_go_leaves_a_select_by_break() {
    check(|_| async {
        let (tx, rx) = channel::unbounded();
        for n in 0..6 {
            tx.send(n).await?;
        }
        let (mut seen, mut small) = (Vec::new(), 0);
        for _ in 0..6 {
            'select: {
                select! {
                    got = rx.recv() => {
                        let n = got?;
                        if n % 2 == 0 {
                            break 'select;
                        }
                        seen.push(n);
                    }
                }
                small += 1;
            }
        }
        assert_eq!((&seen, small), (&vec![1, 3, 5], 3));
        // Without a label it leaves the loop.
        tx.send(6).await?;
        let mut rounds = 0;
        loop {
            rounds += 1;
            select! {
                got = rx.recv() => seen.push(got?),
                default => break,
            }
        }
        assert_eq!((rounds, seen), (2, vec![1, 3, 5, 6]));
        Ok(())
    });
}

#[test]
fn every_form_of_a_body_and_of_a_case_is_taken() {
    async fn first(a: &Receiver<u8>, b: &Receiver<u8>, list: &[Sender<u8>]) -> Result<u8> {
        let got = select! {
            got = a.recv() => match got {
                Ok(value) => value,
                Err(RecvError::Closed) => return Ok(0),
                Err(other) => return Err(other.into()),
            },
            Ok(value) | Err(value) = async {
                match b.recv().await {
                    Ok(value) => Ok(value),
                    Err(_) => Err(255_u8),
                }
            } => { value }
            list[0].send(9) => { 9 }
            list.last().unwrap().send(8), if list.len() > 1 => 8,
        };
        Ok(got)
    }
    check(|_| async {
        let (ta, a) = channel::bounded(1);
        let (tb, b) = channel::bounded(1);
        let (full, _keep) = channel::rendezvous();
        let only_full = [full.clone()];
        ta.send(1).await?;
        assert_eq!(first(&a, &b, &only_full).await?, 1);
        tb.send(2).await?;
        assert_eq!(first(&a, &b, &only_full).await?, 2);
        drop(ta);
        assert_eq!(first(&a, &b, &only_full).await?, 0);
        drop(tb);
        let (room, out) = channel::bounded(1);
        let idle = channel::never();
        for _ in 0..20 {
            let n = first(&idle, &channel::never(), &[full.clone(), room.clone()]).await?;
            assert_eq!((n, out.recv().await?), (8, 8));
        }
        Ok(())
    });
}

#[test]
fn a_received_value_is_taken_apart_in_the_case() {
    struct Request {
        number: u32,
        reply: Sender<u32>,
    }
    check(|scope| async move {
        let (requests, queue) = channel::rendezvous::<Request>();
        let (stop, stops) = channel::rendezvous::<()>();
        let server = scope.go(async move {
            let mut served = 0;
            loop {
                select! {
                    request = queue.recv() => {
                        let Request { number, reply } = request?;
                        reply.send(number * 2).await?;
                        served += 1;
                    }
                    _ = stops.recv() => return Ok(served),
                }
            }
        });
        for number in 0..5 {
            let (reply, answer) = channel::bounded(1);
            requests.send(Request { number, reply }).await?;
            assert_eq!(answer.recv().await?, number * 2);
        }
        stop.send(()).await?;
        assert_eq!(server.await?, 5);
        Ok(())
    });
}

#[test]
fn a_nil_channel_is_an_option_that_is_none() {
    check(|_| async {
        let (tx, rx) = channel::bounded(2);
        tx.send(1).await?;
        tx.send(2).await?;
        tx.close();
        // Go sets the variable to nil when its channel is closed.
        let mut input = Some(rx);
        let mut got = Vec::new();
        let mut idle_rounds = 0;
        while idle_rounds < 3 {
            let nil = channel::never();
            select! {
                value = input.as_ref().unwrap_or(&nil).recv() => match value {
                    Ok(value) => got.push(value),
                    Err(_closed) => input = None,
                },
                default => idle_rounds += 1,
            }
        }
        assert_eq!((got, input.is_none()), (vec![1, 2], true));
        Ok(())
    });
}

#[test]
fn a_guard_may_look_at_what_a_body_changes() {
    check(|_| async {
        let (tx, rx) = channel::unbounded();
        for n in 0..10 {
            tx.send(n).await?;
        }
        let (out, outs) = channel::unbounded();
        let mut batch: Vec<u32> = Vec::new();
        while outs.len() < 3 {
            select! {
                got = rx.recv(), if batch.len() < 3 => batch.push(got?),
                sent = out.send(std::mem::take(&mut batch)), if batch.len() == 3 => sent?,
            }
        }
        assert_eq!(outs.recv().await?, [0, 1, 2]);
        assert_eq!(outs.recv().await?, [3, 4, 5]);
        Ok(())
    });
}

#[test]
fn one_case_alone_is_the_operation_itself() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        scope.go(async move {
            select! {
                sent = tx.send(5) => sent?,
            }
            Ok(())
        });
        let got = select! { got = rx.recv() => got };
        assert_eq!(got, Ok(5));
        let got = select! { got = rx.recv() => got };
        assert_eq!(got, Err(RecvError::Closed));
        Ok(())
    });
}

#[test]
fn a_select_in_a_handler_uses_the_fields_of_its_actor() {
    struct Mixer {
        a: Receiver<u32>,
        b: Receiver<u32>,
        sum: u32,
    }
    struct Mix;
    impl Actor for Mixer {}
    impl Handler<Mix> for Mixer {
        type Reply = Result<u32>;

        async fn handle(&mut self, _: Mix, _cx: &mut ActorContext<Self>) -> Result<u32> {
            select! {
                got = self.a.recv() => self.sum += got?,
                got = self.b.recv() => self.sum += 10 * got?,
                after(1.secs()) => return Err(Failure::message("nothing came")),
            }
            Ok(self.sum)
        }
    }
    check(|scope| async move {
        let (ta, a) = channel::bounded(1);
        let (tb, b) = channel::bounded(1);
        let mixer = scope.spawn(move || {
            let (a, b) = (a.clone(), b.clone());
            Mixer { a, b, sum: 0 }
        });
        let mixer = mixer.await?;
        ta.send(1).await?;
        assert_eq!(mixer.ask(Mix).await??, 1);
        tb.send(2).await?;
        assert_eq!(mixer.ask(Mix).await??, 21);
        assert!(mixer.ask(Mix).await?.is_err());
        Ok(())
    });
}

#[test]
fn a_time_out_is_a_case_or_a_context_and_both_leave_the_value() {
    async fn get(rx: &Receiver<u8>, patience: Duration) -> Option<u8> {
        select! {
            got = rx.recv() => got.ok(),
            after(patience) => None,
        }
    }
    check(|scope| async move {
        let (tx, rx) = channel::bounded(1);
        let start = scope.context().now();
        assert_eq!(get(&rx, 5.millis()).await, None);
        assert_eq!(scope.context().now() - start, 5.millis());
        let hurried = scope.context().with_timeout(5.millis());
        assert_eq!(hurried.run(rx.recv()).await?, Err(RecvError::Deadline));
        assert_eq!(
            hurried.err(),
            Some(ContextError::Deadline(greenroom::error::Cause::Deadline))
        );
        tx.send(7).await?;
        assert_eq!(get(&rx, 0.millis()).await.is_none(), rx.len() == 1);
        Ok(())
    });
}

#[test]
fn one_timer_over_a_loop_bounds_all_of_it_and_one_in_each_round_bounds_that() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous();
        scope.go(async move {
            for n in 0..100 {
                sleep(3.millis()).await?;
                if tx.send(n).await.is_err() {
                    break;
                }
            }
            Ok(())
        });
        let mut whole = after(20.millis());
        let mut got = 0;
        loop {
            select! {
                value = rx.recv() => { value?; got += 1 }
                &mut whole => break,
                after(10.millis()) => unreachable!("values come every 3 ms"),
            }
        }
        assert_eq!(got, 6);
        Ok(())
    });
}

#[test]
fn a_priority_is_a_select_with_a_default_before_the_select() {
    check(|_| async {
        let (high, highs) = channel::unbounded();
        let (low, lows) = channel::unbounded();
        for n in 0..20 {
            high.send(n).await?;
            low.send(100 + n).await?;
        }
        let mut order = Vec::new();
        while order.len() < 40 {
            let got = select! {
                got = highs.recv() => got?,
                default => select! {
                    got = highs.recv() => got?,
                    got = lows.recv() => got?,
                },
            };
            order.push(got);
        }
        assert!(order[..20].iter().all(|&n| n < 100));
        // The same in one.
        high.send(1).await?;
        low.send(2).await?;
        let first = select! {
            biased;
            got = highs.recv() => got?,
            got = lows.recv() => got?,
        };
        assert_eq!(first, 1);
        Ok(())
    });
}

#[test]
fn a_send_and_a_receive_stand_in_one_select_and_two_tasks_swap() {
    check(|scope| async move {
        let (ta, ra) = channel::rendezvous();
        let (tb, rb) = channel::rendezvous();
        let other = scope.go(async move {
            select! {
                got = ra.recv() => got.map_err(Into::into),
                sent = tb.send("b") => sent.map(|()| "sent b").map_err(Into::into),
            }
        });
        let own = select! {
            got = rb.recv() => got?,
            sent = ta.send("a") => { sent?; "sent a" }
        };
        let other = other.await?;
        assert!(
            [("b", "sent b"), ("sent a", "a")].contains(&(own, other)),
            "{own} {other}"
        );
        Ok(())
    });
}

#[test]
fn a_pseudo_random_send_fills_a_channel_with_both_values() {
    check(|_| async {
        for capacity in [1, 50, 100] {
            let (tx, rx) = channel::bounded(capacity);
            let mut ones = 0;
            for _ in 0..100 / capacity {
                for _ in 0..capacity {
                    select! {
                        sent = tx.send(0) => sent?,
                        sent = tx.send(1) => sent?,
                    }
                }
                for _ in 0..capacity {
                    ones += rx.recv().await?;
                }
            }
            assert!((20..=80).contains(&ones), "{ones}");
        }
        Ok(())
    });
}

#[test]
fn who_waits_in_a_select_is_no_partner_of_its_own_task() {
    check(|_| async {
        for capacity in [0, 1] {
            let (tx, rx) = channel::bounded(capacity);
            let done = at_once(async {
                select! {
                    sent = tx.send(1) => sent.is_ok(),
                    got = rx.recv() => got.is_err(),
                }
            });
            // With room the send goes into the buffer; without, nothing can go on.
            assert_eq!(done.await, (capacity == 1).then_some(true));
            assert_eq!(rx.len(), capacity);
        }
        Ok(())
    });
}

#[test]
fn a_select_ends_with_the_context_of_its_task_through_its_own_cases() {
    check(|scope| async move {
        let (tx, rx) = channel::rendezvous::<u8>();
        let context = scope.context().with_timeout(1.secs());
        let ended = context.run(async {
            select! {
                got = rx.recv() => got.map(|_| ()),
                sent = tx.send(1), if false => sent.map_err(|_| RecvError::Closed),
            }
        });
        assert_eq!(ended.await?, Err(RecvError::Deadline));
        let (context, cancel) = scope.context().with_cancel_cause();
        let waits = scope.go(async move {
            let ended = context.run(async {
                select! {
                    sent = tx.send(3) => sent,
                }
            });
            Ok(ended.await?)
        });
        idle().await?;
        cancel.cancel("enough");
        assert_eq!(waits.await?, Err(SendError::Cancelled(3, "enough".into())));
        Ok(())
    });
}
