//! `block_on` where it would block a thread that others need.

use std::time::Duration;

use greenroom_actor::{Runtime, RuntimeError};

use crate::{is, single, threads, tokio_block_on, within_time};

#[test]
fn block_on_inside_a_task_is_an_error() {
    within_time("block_on inside a task", || {
        let runtime = threads();
        let inner = runtime.clone();
        runtime
            .block_on(|_scope| async move {
                let failure = inner
                    .block_on(|_scope| async { Ok(()) })
                    .expect_err("it would block the arbiter");
                assert!(is(&failure, |e| matches!(e, RuntimeError::OnArbiter)));
                let another = threads();
                assert!(another.block_on(|_scope| async { Ok(()) }).is_err());
                assert!(matches!(
                    Runtime::builder().single_thread().build(),
                    Err(RuntimeError::InsideAsync)
                ));
                Ok(())
            })
            .expect("nothing fails");
    });
}

#[test]
fn block_on_inside_tokio_works_on_threads_and_is_an_error_on_one() {
    within_time("block_on inside tokio", || {
        let one = single();
        tokio_block_on(async {
            assert_eq!(threads().block_on(|_scope| async { Ok(5) }).ok(), Some(5));
            let failure = one
                .block_on(|_scope| async { Ok(()) })
                .expect_err("it would block the thread");
            assert!(is(&failure, |e| matches!(e, RuntimeError::InsideAsync)));
            assert!(one.shutdown(Duration::ZERO).is_clean());
        });
        assert!(one.block_on(|_scope| async { Ok(()) }).is_err());
    });
}

#[test]
fn the_handle_of_a_single_thread_says_that_it_needs_its_thread() {
    let one = single();
    let runtime: Runtime = (*one).clone();
    let failure = runtime
        .block_on(|_scope| async { Ok(()) })
        .expect_err("it cannot run");
    assert!(is(&failure, |e| matches!(e, RuntimeError::NeedsItsThread)));
}
