//! Under a limit, and `TryGo`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use greenroom::JoinError;
use greenroom::patterns::task_group::{GoError, LimitError, TryGoError, WaitError};
use greenroom::prelude::*;

use crate::support::{Boom, at_once, check, idle, quiet};
use crate::told;

#[test]
fn eg_06_a_refused_task_does_not_run_and_leaves_the_result() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let (free, freed) = channel::bounded::<()>(1);
        let ran = Arc::new(AtomicBool::new(false));
        let busy = group.try_go(async move { Ok(freed.recv().await?) });
        assert!(busy.is_ok());
        let failing = {
            let ran = ran.clone();
            async move {
                ran.store(true, SeqCst);
                Err::<(), _>(Boom("refused").into())
            }
        };
        let Err(TryGoError::Full(failing)) = group.try_go(failing) else {
            unreachable!("the limit is reached");
        };
        let submitted = {
            let group = group.clone();
            scope.go(async move { Ok(group.go(async { Ok(()) }).await?) })
        };
        idle().await?;
        assert!(!submitted.is_finished(), "go waits while the group is full");
        free.send(()).await?;
        submitted.await?.await?;
        assert!(!ran.load(SeqCst));
        assert_eq!(told(group.wait().await), "nil");
        assert!(group.try_go(async { Ok(()) }).is_ok(), "free again");
        drop(failing);
        Ok(())
    });
}

#[test]
fn eg_12_a_task_starts_another_of_its_group_under_a_limit_and_without() {
    for limit in [None, Some(1), Some(2)] {
        check(move |scope| async move {
            let group = TaskGroup::new(&scope);
            group.set_limit(limit)?;
            let inner_ran = Arc::new(AtomicBool::new(false));
            let (nested, ran) = (group.clone(), inner_ran.clone());
            group
                .go(async move {
                    let inner = async move {
                        sleep(1.millis()).await?;
                        ran.store(true, SeqCst);
                        Ok(())
                    };
                    nested.go(inner).await?;
                    Ok(())
                })
                .await?;
            group.wait().await?;
            assert!(inner_ran.load(SeqCst), "limit {limit:?}");
            Ok(())
        });
    }
}

#[test]
fn eg_13_a_task_that_is_aborted_frees_its_place_and_is_no_error() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let stuck = group.go(std::future::pending::<Result<()>>()).await?;
        idle().await?;
        assert!(group.try_go(async { Ok(()) }).is_err());
        stuck.cancel("not wanted");
        // This one waits for the place.
        group.go(async { Ok(()) }).await?;
        assert_eq!(told(group.wait().await), "nil");
        assert!(matches!(stuck.await, Err(JoinError::Cancelled(_))));
        Ok(())
    });
}

#[test]
fn go_never_lets_more_run_than_the_limit() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(10)?;
        let (active, peak) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for n in 0..100_u64 {
            let (active, peak) = (active.clone(), peak.clone());
            group
                .go(async move {
                    peak.fetch_max(active.fetch_add(1, SeqCst) + 1, SeqCst);
                    sleep((n % 7).millis()).await?;
                    active.fetch_sub(1, SeqCst);
                    Ok(())
                })
                .await?;
        }
        group.wait().await?;
        assert_eq!(peak.load(SeqCst), 10);
        Ok(())
    });
}

#[test]
fn try_go_fills_the_group_to_its_limit_and_works_without_one() {
    check(|scope| async move {
        let group = TaskGroup::keep_going(&scope);
        let (free, freed) = channel::bounded::<()>(100);
        let work = |freed: &channel::Receiver<()>| {
            let freed = freed.clone();
            async move { Ok(freed.recv().await?) }
        };
        group.set_limit(42)?;
        for _ in 0..42 {
            assert!(group.try_go(work(&freed)).is_ok());
        }
        assert!(
            group
                .try_go(work(&freed))
                .is_err_and(|error| error.is_full())
        );
        for _ in 0..42 {
            free.send(()).await?;
        }
        group.wait().await?;

        group.set_limit(1)?;
        assert!(group.try_go(work(&freed)).is_ok());
        assert!(group.try_go(work(&freed)).is_err());
        free.send(()).await?;
        group.wait().await?;

        group.set_limit(None)?;
        for _ in 0..100 {
            assert!(group.try_go(work(&freed)).is_ok());
            free.send(()).await?;
        }
        group.wait().await?;
        Ok(())
    });
}

#[test]
fn try_go_does_not_overtake_those_that_wait() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let first = group.go(async { Ok(sleep(5.millis()).await?) }).await?;
        let waits = {
            let group = group.clone();
            scope.go(async move { Ok(group.go(async { Ok(sleep(5.millis()).await?) }).await?) })
        };
        idle().await?;
        first.await?;
        // The place is the waiting one's, whether or not it has looked.
        assert!(group.try_go(async { Ok(()) }).is_err());
        waits.await?.await?;
        idle().await?;
        assert!(group.try_go(async { Ok(()) }).is_ok());
        Ok(())
    });
}

#[test]
fn a_limit_change_while_tasks_are_active_is_refused() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(3)?;
        for _ in 0..2 {
            group.go(async { Ok(sleep(5.millis()).await?) }).await?;
        }
        assert_eq!(group.set_limit(5), Err(LimitError::Active(2)));
        assert_eq!(group.set_limit(None), Err(LimitError::Active(2)));
        group.wait().await?;
        assert_eq!(group.set_limit(5), Ok(()));
        assert_eq!(group.set_limit(0), Err(LimitError::Zero));
        Ok(())
    });
}

#[test]
fn a_panic_leaves_no_place_taken() {
    quiet();
    check(|scope| async move {
        let group = TaskGroup::keep_going(&scope);
        group.set_limit(1)?;
        for _ in 0..20 {
            group.go::<(), _>(async { panic!("boom") }).await?;
        }
        assert_eq!(group.go(async { Ok(3) }).await?.await?, 3);
        assert!(matches!(group.wait().await, Err(WaitError::Panicked(_))));
        Ok(())
    });
}

#[test]
fn a_go_that_is_given_up_runs_nothing_and_keeps_no_place() {
    check(|scope| async move {
        let group = TaskGroup::new(&scope);
        group.set_limit(1)?;
        let ran = Arc::new(AtomicBool::new(false));
        let work = |ran: &Arc<AtomicBool>| {
            let ran = ran.clone();
            async move {
                ran.store(true, SeqCst);
                Ok(())
            }
        };
        let busy = group.go(async { Ok(sleep(10.millis()).await?) }).await?;
        assert!(at_once(group.go(work(&ran))).await.is_none());
        let hurried = scope.context().with_timeout(1.millis());
        let refused = hurried.run(group.go(work(&ran))).await?;
        assert!(matches!(refused, Err(GoError::Deadline)));
        let (gone, cancel) = scope.context().with_cancel();
        cancel.cancel();
        let refused = gone.run(group.go(work(&ran))).await?;
        assert!(matches!(refused, Err(GoError::Cancelled(_))));
        drop(group.go(work(&ran)));
        busy.await?;
        idle().await?;
        assert!(!ran.load(SeqCst));
        assert!(group.try_go(async { Ok(()) }).is_ok());
        group.wait().await?;
        Ok(())
    });
}
