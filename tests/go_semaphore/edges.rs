//! What the documents and the own tests of the weighted semaphore promise beyond the rows.

use greenroom::patterns::semaphore::{AcquireError, TryAcquireError};
use greenroom::prelude::*;

use crate::support::{check, idle};

#[test]
fn tries_succeed_and_fail_with_what_is_free() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let first = semaphore.acquire().await?;
        let second = semaphore.try_acquire().await?;
        assert_eq!(
            semaphore.try_acquire().await.err(),
            Some(TryAcquireError::NoPermits)
        );
        drop((first, second));
        let _third = semaphore.try_acquire().await?;
        let _fourth = semaphore.acquire().await?;
        assert_eq!(
            semaphore.try_acquire().await.err(),
            Some(TryAcquireError::NoPermits)
        );
        Ok(())
    });
}

#[test]
fn an_acquire_with_a_time_out_is_a_try_that_waits() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 2).await?;
        let get = |permits| {
            let context = scope.context().with_timeout(10.millis());
            let semaphore = semaphore.clone();
            async move {
                context
                    .run(async { semaphore.acquire_many(permits).await })
                    .await
            }
        };
        let _one = semaphore.acquire().await?;
        let two = get(1).await??;
        assert_eq!(get(1).await?.err(), Some(AcquireError::Deadline));
        drop(two);
        assert_eq!(get(2).await?.err(), Some(AcquireError::Deadline));
        assert_eq!(semaphore.waiting().await?, 0);
        assert_eq!(get(1).await??.permits(), 1);
        Ok(())
    });
}

#[test]
fn a_request_for_all_waits_until_every_reader_has_gone_and_later_ones_wait_for_it() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 10).await?;
        let held = semaphore.acquire().await?;
        let (context, cancel) = scope.context().with_cancel();
        let (all, one) = (semaphore.clone(), semaphore.clone());
        let big = scope.go(async move { Ok(context.run(all.acquire_many(10)).await?.err()) });
        idle().await?;
        assert!(
            semaphore.try_acquire().await.is_err(),
            "it is not overtaken"
        );
        let small = scope.go(async move { Ok(one.acquire().await?.permits()) });
        idle().await?;
        assert!(!small.is_finished());
        cancel.cancel();
        assert_eq!(small.await?, 1);
        assert!(matches!(big.await?, Some(AcquireError::Cancelled(_))));
        drop(held);
        assert_eq!(semaphore.try_acquire_many(10).await?.permits(), 10);
        Ok(())
    });
}

#[test]
fn one_release_lets_in_as_many_as_fit_in_order() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 6).await?;
        let held = semaphore.acquire_many(6).await?;
        let (entered, order) = channel::unbounded();
        for permits in [1, 2, 3, 1] {
            let (semaphore, entered) = (semaphore.clone(), entered.clone());
            scope.go(async move {
                let permit = semaphore.acquire_many(permits).await?;
                entered.send(permits).await?;
                sleep(10.millis()).await?;
                drop(permit);
                Ok(())
            });
            idle().await?;
        }
        drop(held);
        idle().await?;
        assert_eq!((order.len(), semaphore.waiting().await?), (3, 1));
        let mut first = Vec::new();
        for _ in 0..3 {
            first.push(order.recv().await?);
        }
        first.sort_unstable(); // They were let in at once, and run in any order.
        assert_eq!((first, order.recv().await?), (vec![1, 2, 3], 1));
        Ok(())
    });
}

#[test]
fn a_part_is_released_by_a_split_and_more_than_is_held_is_refused() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 4).await?;
        let mut held = semaphore.acquire_many(4).await?;
        drop(held.split(3)?);
        assert_eq!(semaphore.available().await?, 3);
        assert!(held.split(2).is_err());
        drop(held.split(1)?);
        assert_eq!((held.permits(), semaphore.available().await?), (0, 4));
        drop(held);
        assert_eq!(semaphore.available().await?, 4);
        Ok(())
    });
}

#[test]
fn workers_are_limited_and_a_request_for_all_is_the_wait_for_their_end() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 4).await?;
        let (done, results) = channel::unbounded();
        for n in 0..20_u64 {
            let permit = semaphore.acquire().await?;
            let done = done.clone();
            scope.go(async move {
                sleep((n % 3).millis()).await?;
                done.send(n).await?;
                drop(permit);
                Ok(())
            });
        }
        let _all = semaphore.acquire_many(4).await?;
        assert_eq!(results.len(), 20);
        Ok(())
    });
}

#[test]
fn a_semaphore_of_none_has_room_for_nothing_but_requests_for_nothing() {
    check(|scope| async move {
        let none = Semaphore::spawn(&scope, 0).await?;
        assert_eq!(none.acquire_many(0).await?.permits(), 0);
        assert_eq!(none.try_acquire_many(0).await?.permits(), 0);
        let refused = none.acquire().await.err();
        assert_eq!(refused, Some(AcquireError::TooLarge { asked: 1, size: 0 }));
        Ok(())
    });
}

#[test]
fn a_cancelled_context_takes_nothing_even_when_nothing_is_asked_for() {
    check(|scope| async move {
        let semaphore = Semaphore::spawn(&scope, 1).await?;
        let (context, cancel) = scope.context().with_cancel_cause();
        cancel.cancel("boom");
        for permits in [0, 1] {
            let refused = context.run(semaphore.acquire_many(permits)).await?.err();
            assert_eq!(refused, Some(AcquireError::Cancelled("boom".into())));
        }
        assert_eq!(semaphore.available().await?, 1);
        Ok(())
    });
}
