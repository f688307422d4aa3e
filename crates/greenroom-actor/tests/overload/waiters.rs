//! Very many askers that wait for one actor.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use greenroom_actor::AskError;
use greenroom_core::time::sleep;

use crate::{Does, Job, Ledger, Worker, paused};

const MANY: u32 = if cfg!(debug_assertions) {
    20_000
} else {
    100_000
};

fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split_whitespace()
        .nth(1)
        .and_then(|n| n.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// Lets very many ask a busy actor, then ends the wait. Returns how many were answered and ended, in which
/// order they asked, and in which they were handled.
fn wait(does: Does, is_cancelled: bool) -> (u32, u32, Vec<u32>, Vec<u32>) {
    let runtime = paused();
    let (answered, ended) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (ok, failed) = (answered.clone(), ended.clone());
    let came = Arc::new(Mutex::new(vec![0]));
    let coming = came.clone();
    let ledger = Ledger::default();
    let factory = ledger.clone();
    let start = Instant::now();
    runtime
        .block_on(move |scope| async move {
            let worker = scope.spawn(move || Worker(factory.clone())).await?;
            worker.tell(Job(0, does)).await?;
            let (context, cancel) = scope.context().with_cancel();
            let before = resident();
            let mut askers = Vec::new();
            for token in 1..=MANY {
                let (worker, context) = (worker.clone(), context.clone());
                let (ok, failed, coming) = (ok.clone(), failed.clone(), coming.clone());
                askers.push(scope.go(async move {
                    coming.lock().expect("no panic holds it").push(token);
                    match context.run(worker.ask(Job(token, Does::Return))).await {
                        Ok(Ok(answer)) => {
                            assert_eq!(answer, token);
                            ok.fetch_add(1, SeqCst);
                        }
                        Ok(Err(AskError::Cancelled(_))) | Err(_) => {
                            failed.fetch_add(1, SeqCst);
                        }
                        Ok(Err(error)) => unreachable!("{error:?}"),
                    }
                    Ok(())
                }));
            }
            sleep(Duration::from_millis(1)).await?;
            let each = resident().saturating_sub(before) / u64::from(MANY);
            eprintln!(
                "{MANY} waiting askers: {each} bytes each, in {:?}",
                start.elapsed()
            );
            assert!(worker.queued() <= 64, "the others wait in line");
            if is_cancelled {
                cancel.cancel();
            }
            for asker in askers {
                asker.await?;
            }
            if is_cancelled {
                worker.stop();
            }
            Ok(())
        })
        .expect("the body succeeds");
    assert_eq!(runtime.messages().pending(), 0);
    // Far above what it takes, far below what a quadratic would.
    assert!(start.elapsed() < Duration::from_secs(60));
    runtime.assert_no_leaks();
    let came = came.lock().expect("no panic holds it").clone();
    (
        answered.load(SeqCst),
        ended.load(SeqCst),
        came,
        ledger.returned(),
    )
}

#[test]
fn very_many_askers_are_answered_in_the_order_in_which_they_came() {
    let (answered, ended, came, handled) = wait(Does::Wait(10), false);
    assert_eq!((answered, ended), (MANY, 0));
    assert!(came == handled, "the order");
}

#[test]
fn very_many_askers_are_ended_by_one_cancel() {
    let (answered, ended, _came, handled) = wait(Does::Wait(1_000), true);
    assert_eq!((answered, ended), (0, MANY));
    assert_eq!(handled, [0], "an ask that was given up is not handled");
}
