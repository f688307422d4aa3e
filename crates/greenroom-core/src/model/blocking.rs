//! Threads that block.

use super::check;
use super::table::{join, spawn};
use crate::channel;

#[test]
fn blocked_threads_meet() {
    check(|| {
        let (tx, rx) = channel::rendezvous();
        let other = tx.clone();
        let sending = [
            spawn(move || assert!(tx.send_blocking(1).is_ok())),
            spawn(move || assert!(other.send_blocking(2).is_ok())),
        ];
        let mut sum = 0;
        while let Ok(value) = rx.recv_blocking() {
            sum += value;
        }
        sending.into_iter().for_each(join);
        assert_eq!(sum, 3);
    });
}
