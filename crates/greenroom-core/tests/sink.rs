//! A sender as a sink.

use futures_util::{FutureExt as _, SinkExt as _};
use greenroom_core::channel::{self, SendError, SenderSink};
use greenroom_core::doc_support::{block_on, root};

fn bounded(capacity: usize) -> (SenderSink<u32>, channel::Receiver<u32>) {
    let (tx, rx) = channel::bounded(capacity);
    (tx.sink(), rx)
}

#[test]
fn flushed_means_that_the_channel_has_the_item() {
    let (mut sink, rx) = bounded(1);
    assert!(sink.feed(1).now_or_never().is_some());
    assert_eq!(rx.len(), 0, "fed, and not flushed");
    assert!(sink.flush().now_or_never().is_some());
    assert_eq!(rx.len(), 1);
    assert!(sink.feed(2).now_or_never().is_some(), "it holds one");
    assert!(sink.flush().now_or_never().is_none(), "there is no room");
    assert!(sink.feed(3).now_or_never().is_none(), "nor here");
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(sink.flush().now_or_never().is_some());
    assert_eq!(rx.try_recv(), Ok(2));
    assert!(
        rx.try_recv().is_err(),
        "a feed that was dropped left nothing"
    );
}

#[test]
fn a_rendezvous_takes_the_item_with_its_receiver() {
    let (mut sink, rx) = bounded(0);
    let sender = std::thread::spawn(move || block_on(sink.send(5)).is_ok());
    assert_eq!(block_on(rx.recv()).ok(), Some(5));
    assert!(sender.join().expect("no panic"));
}

#[test]
fn a_closed_channel_gives_the_item_back() {
    let (mut sink, rx) = bounded(1);
    assert!(sink.send(1).now_or_never().is_some());
    assert!(sink.feed(2).now_or_never().is_some());
    assert!(
        sink.flush().now_or_never().is_none(),
        "it waits in the line"
    );
    drop(rx);
    assert!(matches!(block_on(sink.flush()), Err(SendError::Closed(2))));
    assert!(matches!(block_on(sink.send(3)), Err(SendError::Closed(3))));
    assert!(block_on(sink.close()).is_ok(), "nothing is left");
}

#[test]
fn close_flushes_and_gives_up_one_sender_of_several() {
    let (tx, rx) = channel::bounded(1);
    let mut sink = tx.clone().sink();
    assert!(sink.feed(1).now_or_never().is_some());
    assert!(block_on(sink.close()).is_ok());
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(!rx.is_closed());
    assert!(matches!(block_on(sink.send(2)), Err(SendError::Closed(2))));
    drop(tx);
    assert!(rx.is_closed(), "the sink keeps it open no more");
}

#[test]
fn an_item_that_waits_goes_with_its_sink() {
    let (mut sink, rx) = bounded(0);
    assert!(sink.feed(1).now_or_never().is_some());
    assert!(sink.flush().now_or_never().is_none());
    drop(sink);
    assert!(rx.try_recv().is_err() && rx.is_closed());
}

#[test]
fn the_end_of_the_context_gives_the_item_back_and_leaves_the_sink_usable() {
    let (mut sink, rx) = bounded(0);
    let (context, cancel) = root().with_cancel_cause();
    assert!(sink.feed(1).now_or_never().is_some());
    let mut flush = Box::pin(context.run(sink.flush()));
    assert!(flush.as_mut().now_or_never().is_none());
    cancel.cancel("enough");
    let flushed = block_on(flush);
    assert!(
        matches!(flushed, Ok(Err(SendError::Cancelled(1, _)))),
        "{flushed:?}"
    );
    let sender = std::thread::spawn(move || block_on(sink.send(2)).is_ok());
    assert_eq!(block_on(rx.recv()).ok(), Some(2));
    assert!(sender.join().expect("no panic"));
}

#[test]
fn start_send_without_readiness_says_what_to_do() {
    use futures_util::Sink as _;
    let (mut sink, _rx) = bounded(1);
    assert!(sink.feed(1).now_or_never().is_some());
    let sent = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        std::pin::Pin::new(&mut sink).start_send(2)
    }));
    let payload = sent.expect_err("it is the caller's defect");
    let text = payload.downcast_ref::<&str>().copied().unwrap_or_default();
    assert!(text.contains("poll_ready"), "{text}");
}
