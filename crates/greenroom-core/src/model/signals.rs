//! Selects that wait for a context's end or a timer beside a channel.

use std::time::Duration;

use super::check;
use super::table::{Table, block_on, join, poll_once, spawn};
use crate::channel;
use crate::time::after;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn after_a_cancel_no_select_of_that_context_takes_a_value() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let (tx, rx) = channel::rendezvous();
        let selecting = table.spawn(move || {
            block_on(async {
                crate::select! {
                    _ = context.done() => None,
                    got = rx.recv() => got.ok(),
                }
            })
        });
        let before = tx.try_send(1).is_ok();
        cancel.cancel();
        let after = tx.try_send(2).is_ok();
        let got = join(selecting);
        assert!(!after, "it took a value after the cancel");
        assert_eq!(got, before.then_some(1));
    });
}

#[test]
fn a_cancel_and_a_send_race_for_a_select() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let (tx, rx) = channel::rendezvous();
        let selecting = table.spawn(move || {
            block_on(async {
                crate::select! {
                    _ = context.done() => None,
                    got = rx.recv() => got.ok(),
                }
            })
        });
        let sending = spawn(move || block_on(tx.send(1)).is_ok());
        cancel.cancel();
        let got = join(selecting);
        assert_eq!(join(sending), got.is_some());
    });
}

#[test]
fn a_select_ends_with_the_current_context() {
    check(|| {
        let table = Table::new();
        let (context, cancel) = table.root().with_cancel();
        let (tx, rx) = channel::rendezvous::<u32>();
        let selecting = table.spawn(move || {
            let _entered = crate::current::enter_context(context);
            block_on(async {
                crate::select! {
                    got = rx.recv() => got,
                }
            })
        });
        let sending = spawn(move || tx.try_send(1).is_ok());
        cancel.cancel();
        let got = join(selecting).is_ok();
        assert_eq!(join(sending), got);
    });
}

#[test]
fn a_timer_and_a_send_race_for_a_select() {
    check(|| {
        let table = Table::new();
        let _entered = crate::current::enter_driver(table.handle());
        let (tx, rx) = channel::rendezvous();
        let after = after(SECOND);
        let selecting = table.spawn(move || {
            block_on(async {
                crate::select! {
                    _ = after => None,
                    got = rx.recv() => got.ok(),
                }
            })
        });
        let sending = spawn(move || tx.try_send(1).is_ok());
        table.advance(SECOND);
        let sent = join(sending);
        assert_eq!(join(selecting).is_some(), sent);
        assert_eq!(table.timers(), 0);
    });
}

#[test]
fn a_timer_that_is_polled_by_itself_is_not_missed() {
    check(|| {
        let table = Table::new();
        let _entered = crate::current::enter_driver(table.handle());
        let after = after(SECOND);
        let waiting = spawn(move || block_on(after));
        table.advance(SECOND);
        join(waiting);
        assert_eq!(table.timers(), 0);
    });
}

#[test]
fn a_timer_that_changes_hands_as_it_fires_is_not_missed() {
    check(|| {
        let table = Table::new();
        let _entered = crate::current::enter_driver(table.handle());
        let mut after = after(SECOND);
        assert!(poll_once(&mut after).is_pending());
        let waiting = spawn(move || block_on(after));
        table.advance(SECOND);
        join(waiting);
    });
}
