//! The ends of a pipeline: batches, `for_each`, `fold`, `collect`.

use greenroom_core::Context;
use greenroom_core::channel::{self, RecvError};
use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::prelude::*;

use crate::common::{Boom, Ledger, boom, check, idle};

#[test]
fn batches_are_full_but_the_last_and_a_cut_one_is_dropped() {
    check(|scope| async move {
        let batches = generate(&scope, 0..7).batches(&scope, 3).collect().await?;
        assert_eq!(batches, [vec![0, 1, 2], vec![3, 4, 5], vec![6]]);
        let none = generate(&scope, 0..0).batches(&scope, 3).collect().await?;
        assert!(none.is_empty());

        let ledger = Ledger::default();
        let tokens = ledger.clone();
        let (kept, rx) = channel::rendezvous();
        let batches = rx.batches(&scope, 3);
        kept.send(tokens.token(0)).await?;
        let keep = scope.context().without_cancel();
        scope.cancel("enough");
        keep.run(idle()).await??;
        assert!(batches.try_recv().is_err());
        assert_eq!(ledger.live(), 0);
        Ok(())
    });
}

#[test]
fn the_error_of_a_for_each_drops_the_input() {
    check(|scope| async move {
        let ended = generate(&scope, 0_u64..)
            .for_each(async |x| if x == 3 { boom() } else { Ok(()) })
            .await;
        assert!(ended.is_err_and(|failure| failure.downcast_ref::<Boom>().is_some()));
        idle().await?;
        assert_eq!(scope.len(), 0);
        Ok(())
    });
}

#[test]
fn the_ends_run_in_tasks_too() {
    check(|scope| async move {
        let (a, b) = (generate(&scope, 1..=3), generate(&scope, 1..=3));
        let c = generate(&scope, 1..=3);
        let sum = scope.go(async move { Ok(a.fold(0, |sum, x| sum + x).await?) });
        let all = scope.go(async move { Ok(b.collect().await?) });
        let each = scope.go(c.for_each(|x| async move {
            assert!(x > 0);
            Ok(())
        }));
        assert_eq!((sum.await?, all.await?), (6, vec![1, 2, 3]));
        each.await?;
        Ok(())
    });
}

#[test]
fn a_deadline_of_the_consumer_cuts_its_end_only() {
    check(|scope| async move {
        let slow = generate(&scope, 0_u64..).pipe(&scope, stage("slow"), |x| async move {
            sleep(1.secs()).await?;
            Ok(x)
        });
        let context = Context::current()
            .expect("in a task")
            .with_timeout(2500.millis());
        let cut = context.run(slow.clone().collect()).await?;
        assert!(matches!(cut, Err(RecvError::Deadline)));
        assert_eq!(slow.recv().await?, 2);
        drop(slow);
        Ok(())
    });
}
