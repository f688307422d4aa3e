//! What the first mistakes say: the mistake, and the way out.

use greenroom::prelude::*;
use greenroom::{RuntimeError, SpawnError};

use super::{Add, Counter, threads, within_time};

fn says(error: &dyn std::fmt::Display, mistake: &str, way_out: &str) {
    let text = error.to_string();
    assert!(text.contains(mistake) && text.contains(way_out), "{text}");
}

#[tokio::test]
async fn a_use_outside_a_runtime() {
    let slept = sleep(1.secs()).await;
    let error = slept.expect_err("there is no clock");
    says(&error, "outside a runtime", "`sleep_on(&context, ..)`");

    let caught = std::panic::catch_unwind(|| drop(after(1.secs())));
    let payload = caught.expect_err("there is no clock");
    let text = payload.downcast_ref::<&str>().copied().unwrap_or_default();
    says(&text, "outside a runtime", "in a task of a scope");

    let single = Runtime::builder().single_thread().build();
    let error = single.expect_err("its thread is taken");
    says(&error, "inside asynchronous code", "use a `Runtime`");
}

#[test]
fn a_name_that_is_taken() {
    within_time("a taken name", || {
        let taken = threads(1).block_on(|scope| async move {
            let _first = scope.spawn(|| Counter(0)).name("counter").await?;
            Ok(scope.spawn(|| Counter(0)).name("counter").await)
        });
        let error: SpawnError = taken.expect("it runs").expect_err("it is taken");
        says(&error, "\"counter\" is taken by ", "`whereis`");
        says(&error, "/counter#", "choose another");
    });
}

#[test]
fn a_blocking_call_on_an_arbiter() {
    within_time("a blocking call", || {
        let runtime = threads(1);
        let inside = runtime.clone();
        let said = runtime.block_on(|scope| async move {
            let counter = scope.spawn(|| Counter(0)).await?;
            let (_tx, rx) = channel::bounded::<u8>(1);
            let asked = counter.ask_blocking(Add(1)).expect_err("it would block");
            says(&asked, "on an arbiter", "await `ask(..)`");
            let told = counter.tell_blocking(Add(1)).expect_err("it would block");
            says(&told, "on an arbiter", "await `tell(..)`");
            let received = rx.recv_blocking().expect_err("it would block");
            says(&received, "on an arbiter", "await `recv()`");
            let blocked = inside.block_on(|_scope| async { Ok(()) });
            says(
                &blocked.expect_err("it would block"),
                "on an arbiter",
                "await `runtime.scope(..)`",
            );
            Ok(())
        });
        said.expect("nothing fails");
    });
}

#[test]
fn a_single_thread_without_its_thread() {
    let single = Runtime::builder().single_thread().build().expect("starts");
    let runtime: Runtime = (*single).clone();
    let failure = runtime.block_on(|_scope| async { Ok(()) });
    let failure = failure.expect_err("it cannot run");
    assert!(matches!(
        failure.downcast_ref(),
        Some(RuntimeError::NeedsItsThread)
    ));
    says(
        &failure,
        "runs on its own thread",
        "`block_on` of the `SingleThread`",
    );
}
