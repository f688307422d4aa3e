//! Selects whose cases are made at run time: `reflect.Select`.

use greenroom::channel::{Receiver, TryRecvError};
use greenroom::prelude::*;
use greenroom::select::Select;

use crate::support::check;

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
