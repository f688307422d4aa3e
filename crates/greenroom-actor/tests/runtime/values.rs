//! Values at the edge: no arbiters, no capacity, bad names, a deadline in the past.

use std::time::Duration;

use greenroom_actor::{AskError, Runtime, RuntimeError, SpawnError};
use greenroom_core::channel;
use greenroom_core::error::NameError;
use greenroom_core::time::{Durations, sleep};

use crate::{Echo, Say, single, within_time};

#[test]
fn zero_arbiters_are_refused() {
    let error = Runtime::builder().arbiters(0).build();
    assert!(matches!(error, Err(RuntimeError::NoArbiters)));
}

#[test]
fn a_capacity_of_zero_is_a_rendezvous_for_channels_and_mailboxes() {
    within_time("a capacity of 0", || {
        single()
            .block_on(|scope| async move {
                let (tx, rx) = channel::bounded::<u32>(0);
                assert!(tx.try_send(1).is_err());
                let sent = scope.go(async move { Ok(tx.send(5).await?) });
                assert_eq!(rx.recv().await?, 5);
                sent.await?;
                let echo = scope.spawn(|| Echo).mailbox(0).await?;
                assert_eq!(echo.ask(Say(7)).await?, 7);
                Ok(())
            })
            .expect("nothing fails");
    });
}

#[test]
fn names_that_are_taken_or_invalid_are_refused() {
    single()
        .block_on(|scope| async move {
            let first = scope.spawn(|| Echo).name("echo").await?;
            let taken = scope.spawn(|| Echo).name("echo").await;
            assert!(
                matches!(taken, Err(SpawnError::NameTaken { name, holder }) if name == "echo" && holder == *first.id())
            );
            let empty = scope.spawn(|| Echo).name("").await;
            assert!(matches!(empty, Err(SpawnError::Name(NameError::Empty))));
            let slash = scope.spawn(|| Echo).name("a/b").await;
            assert!(matches!(slash, Err(SpawnError::Name(NameError::Slash(_)))));
            let group = scope.spawn(|| Echo).group("").await;
            assert!(matches!(group, Err(SpawnError::Name(NameError::Empty))));
            assert_eq!(scope.len(), 1, "what was refused has left the scope");
            Ok(())
        })
        .expect("the scope is not affected");
}

#[test]
fn a_deadline_in_the_past_has_ended_already() {
    single()
        .block_on(|scope| async move {
            let now = scope.context().now();
            let past = scope.context().with_deadline(now - Duration::from_secs(1));
            assert!(past.err().is_some_and(|error| error.is_deadline()));
            let echo = scope.spawn(|| Echo).await?;
            let asked = past.run(echo.ask(Say(1))).await?;
            assert!(matches!(asked, Err(AskError::DeadlineInMailbox)));
            assert!(past.run(sleep(1.secs())).await?.is_err());
            Ok(())
        })
        .expect("nothing fails");
}
