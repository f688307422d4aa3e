//! Calls that end with their context, and the items that they would have had.

use greenroom_core::time::{Durations, sleep};
use greenroom_patterns::pool::{GetError, Pool, TryGetError, pool_from};

use crate::common::{check, idle};

#[test]
fn a_try_that_is_cut_in_its_check_costs_the_one_item_that_was_checked() {
    check(|scope| async move {
        let slow = pool_from([1, 2, 3]).check(async |_| sleep(10.secs()).await.is_ok());
        let pool = Pool::spawn(&scope, slow).await?;
        let hurried = scope.context().with_timeout(1.secs());
        let tried = hurried.run(pool.try_get()).await?;
        assert!(matches!(tried, Err(TryGetError::Deadline)));
        idle().await?;
        assert_eq!(pool.counts().await?.idle, 2);
        Ok(())
    });
}

#[test]
fn no_check_is_begun_for_a_caller_whose_context_has_ended() {
    check(|scope| async move {
        let slow = pool_from([1]).check(async |_| sleep(10.millis()).await.is_ok());
        let pool = Pool::spawn(&scope, slow).await?;
        let item = pool.get().await?;
        let (context, cancel) = scope.context().with_cancel_cause();
        let asked = pool.clone();
        let waiter = scope.go(async move { Ok(context.run(asked.get()).await) });
        idle().await?;
        // In one step, so that the caller has no time to take back what it asked for.
        cancel.cancel("enough");
        drop(item);
        let waited = waiter.await?;
        assert!(
            matches!(waited, Ok(Err(GetError::Cancelled(_))) | Err(_)),
            "{waited:?}"
        );
        idle().await?;
        assert_eq!(pool.counts().await?.idle, 1);
        Ok(())
    });
}
