//! What each policy keeps and drops, and what senders and askers learn of it.

use std::time::Duration;

use greenroom_actor::{AskError, Overflow, TryTellError, Undelivered};
use greenroom_core::current;
use greenroom_core::time::sleep;

use crate::{Does, Job, Ledger, Other, Worker, check, drain, occupy, short};

fn job(token: u32) -> Job {
    Job(token, Does::Return)
}

fn overflows(overflow: Overflow, kept: &'static [u32], dropped: &'static [u32]) {
    check(move |scope, letters| async move {
        let ledger = Ledger::default();
        let factory = ledger.clone();
        let worker = scope
            .spawn(move || Worker(factory.clone()))
            .mailbox(2)
            .overflow(overflow)
            .await?;
        occupy(&worker, 10).await?;
        for token in 1..=5 {
            worker.tell(job(token)).await?;
            assert!(worker.queued() <= 2, "the bound holds");
        }
        let found: Vec<u32> = drain(&letters)
            .iter()
            .map(|letter| {
                assert!(matches!(letter.why, Undelivered::Dropped(by) if by == overflow));
                assert_eq!(&letter.to, worker.id());
                letter.take::<Job>().map_or(0, |Job(token, _)| token)
            })
            .collect();
        assert_eq!(found, dropped);
        sleep(Duration::from_millis(20)).await?;
        assert_eq!(ledger.returned(), kept);
        let all = 1 + 5;
        let lost = dropped.len() as u64;
        assert_eq!(short(worker.messages()), (all, all - lost, lost));
        Ok(())
    });
}

#[test]
fn drop_newest_keeps_those_that_were_first() {
    overflows(Overflow::DropNewest, &[0, 1, 2], &[3, 4, 5]);
}

#[test]
fn drop_oldest_keeps_those_that_were_last() {
    overflows(Overflow::DropOldest, &[0, 4, 5], &[1, 2, 3]);
}

#[test]
fn keep_latest_keeps_one_of_a_type() {
    overflows(Overflow::KeepLatest, &[0, 5], &[1, 2, 3, 4]);
}

#[test]
fn keep_latest_spares_other_types_and_keeps_the_order() {
    check(|scope, letters| async move {
        let ledger = Ledger::default();
        let factory = ledger.clone();
        let worker = scope
            .spawn(move || Worker(factory.clone()))
            .overflow(Overflow::KeepLatest)
            .await?;
        occupy(&worker, 10).await?;
        worker.tell(job(1)).await?;
        worker.tell(Other(2)).await?;
        worker.tell(job(3)).await?;
        let answer = worker.ask(Other(4)).await?;
        assert_eq!(answer, 4);
        assert_eq!(ledger.returned(), [0, 3, 4]);
        let names: Vec<_> = drain(&letters)
            .iter()
            .map(|letter| letter.message_type.rsplit("::").next().unwrap_or_default())
            .collect();
        assert_eq!(names, ["Job", "Other"]);
        Ok(())
    });
}

#[test]
fn an_asker_whose_message_was_dropped_is_told_at_once() {
    check(|scope, letters| async move {
        for overflow in [Overflow::DropNewest, Overflow::DropOldest] {
            let worker = scope
                .spawn(|| Worker(Ledger::default()))
                .mailbox(1)
                .overflow(overflow)
                .await?;
            occupy(&worker, 10).await?;
            let start = scope.context().now();
            let asker = worker.clone();
            let first = scope.go(async move { Ok((asker.ask(job(1)).await, current::task_id())) });
            sleep(Duration::from_millis(1)).await?;
            let asker = worker.clone();
            let second = scope.go(async move { Ok((asker.ask(job(2)).await, current::task_id())) });
            let (dropped, served) = match overflow {
                Overflow::DropNewest => (second, first),
                _ => (first, second),
            };
            let (answer, id) = dropped.await?;
            assert!(matches!(answer, Err(AskError::Overflow)), "{answer:?}");
            assert!(scope.context().now() - start < Duration::from_millis(9));
            let letter = letters.try_recv()?;
            assert_eq!(letter.from, id, "an asker is known");
            assert!(served.await?.0.is_ok());
        }
        Ok(())
    });
}

#[test]
fn try_tell_gives_back_what_drop_newest_would_drop() {
    check(|scope, letters| async move {
        let worker = scope
            .spawn(|| Worker(Ledger::default()))
            .mailbox(1)
            .overflow(Overflow::DropNewest)
            .await?;
        occupy(&worker, 10).await?;
        worker.try_tell(job(1))?;
        assert!(matches!(
            worker.try_tell(job(2)),
            Err(TryTellError::Full(Job(2, _)))
        ));
        assert_eq!(drain(&letters).len(), 0);
        assert_eq!(worker.messages().accepted, 2);
        Ok(())
    });
}

#[test]
fn try_tell_makes_room_by_the_other_policies() {
    check(|scope, letters| async move {
        for overflow in [Overflow::DropOldest, Overflow::KeepLatest] {
            let worker = scope
                .spawn(|| Worker(Ledger::default()))
                .mailbox(1)
                .overflow(overflow)
                .await?;
            occupy(&worker, 10).await?;
            worker.try_tell(job(1))?;
            worker.try_tell(job(2))?;
            assert_eq!(letters.try_recv()?.take(), Some(job(1)));
        }
        Ok(())
    });
}

#[test]
fn a_mailbox_that_holds_nothing_drops_the_new_message() {
    check(|scope, letters| async move {
        for overflow in [
            Overflow::DropNewest,
            Overflow::DropOldest,
            Overflow::KeepLatest,
        ] {
            let worker = scope
                .spawn(|| Worker(Ledger::default()))
                .mailbox(0)
                .overflow(overflow)
                .await?;
            sleep(Duration::from_millis(1)).await?;
            occupy(&worker, 10).await?;
            worker.tell(job(1)).await?;
            assert_eq!(letters.try_recv()?.take(), Some(job(1)), "{overflow:?}");
            sleep(Duration::from_millis(20)).await?;
            assert_eq!(worker.ask(job(2)).await?, 2);
        }
        Ok(())
    });
}
