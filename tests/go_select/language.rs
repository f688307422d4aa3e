//! What the language says of one select.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use greenroom::channel::{Receiver, SendError};
use greenroom::error::ContextError;
use greenroom::prelude::*;
use greenroom::select::Select;

use crate::support::{at_once, check, idle, quiet};

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
fn a_panic_while_the_cases_are_made_leaves_the_channels_as_they_were() {
    quiet();
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
