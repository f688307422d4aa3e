//! Go's behaviours of signals that a program waits for.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

mod support;

use greenroom::channel::TryRecvError;
use greenroom::prelude::*;
use support::check;

#[test]
fn sig_01_a_slow_reader_gets_one_of_five_and_the_sender_never_waits() {
    check(|_| async {
        // What `signal.Notify` does with a channel: a send that never waits.
        let (signals, reader) = channel::bounded(1);
        let kept = (0..5).filter(|_| signals.try_send(Signal::Interrupt).is_ok());
        assert_eq!(kept.count(), 1);
        assert_eq!(reader.try_recv(), Ok(Signal::Interrupt));
        assert_eq!(reader.try_recv(), Err(TryRecvError::Empty));
        Ok(())
    });
}

#[test]
fn a_context_of_signals_ends_with_its_parent_too_and_not_before() {
    let runtime = Runtime::new().unwrap();
    let ended = runtime.block_on(|scope| async move {
        let (parent, cancel) = scope.context().with_cancel();
        let stop = parent.with_signals(Signal::ALL)?;
        assert!(!stop.is_done());
        cancel.cancel();
        assert!(stop.is_done());
        let late = parent.with_signals([Signal::Terminate])?;
        Ok((late.is_done(), scope.context().is_done()))
    });
    assert_eq!(ended.unwrap(), (true, false));
}
