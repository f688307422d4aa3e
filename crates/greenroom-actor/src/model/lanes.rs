//! The control lane.

use std::sync::Arc;

use super::{block_on, check, join, spawn};
use crate::mailbox::{Control, Interrupt, Order, Signal, Urgent};

async fn order(control: &Control) -> Order {
    match std::future::poll_fn(|cx| control.poll_urgent(0, cx)).await {
        Urgent::Order(order) => order,
        _ => unreachable!("nothing else was pushed"),
    }
}

#[test]
fn an_order_wakes_who_waits_and_a_stop_goes_first() {
    check(|| {
        let control = Arc::new(Control::default());
        let pushing: Vec<_> = [Order::Drain, Order::Stop]
            .into_iter()
            .map(|order| {
                let control = control.clone();
                spawn(move || control.push(Signal::Order(order)))
            })
            .collect();
        let first = block_on(order(&control));
        pushing.into_iter().for_each(join);
        // Both are there: whichever was not taken is taken next, each once.
        let second = block_on(order(&control));
        assert_ne!(first, second);
        assert_eq!(control.order(), None);
    });
}

#[test]
fn each_timer_is_taken_once() {
    check(|| {
        let control = Arc::new(Control::default());
        let pushing: Vec<_> = [1, 2]
            .into_iter()
            .map(|number| {
                let control = control.clone();
                spawn(move || control.push(Signal::Timer(number)))
            })
            .collect();
        let mut taken = Vec::new();
        for _ in 0..2 {
            taken.push(block_on(std::future::poll_fn(|cx| control.poll_timer(cx))));
        }
        pushing.into_iter().for_each(join);
        taken.sort_unstable();
        assert_eq!(taken, [1, 2]);
    });
}

#[test]
fn a_halt_ends_its_incarnation_and_no_other() {
    check(|| {
        let control = Arc::new(Control::default());
        control.begin(1);
        let halting = {
            let control = control.clone();
            spawn(move || control.push(Signal::Halt(1)))
        };
        control.begin(2);
        let stopping = {
            let control = control.clone();
            spawn(move || control.push(Signal::Halt(2)))
        };
        let interrupt = block_on(std::future::poll_fn(|cx| control.poll_interrupt(true, cx)));
        assert!(matches!(interrupt, Interrupt::Stop));
        join(halting);
        join(stopping);
        control.begin(3);
        assert_eq!(control.order(), None);
    });
}
