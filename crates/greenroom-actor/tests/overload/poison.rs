//! Messages that are tried again after a panic.

use std::time::Duration;

use greenroom_actor::supervision::child;
use greenroom_actor::{AskError, HandlerLater, Restart, Undelivered};
use greenroom_core::time::{Durations, sleep};

use crate::{Does, Job, Ledger, Worker, check, drain, occupy};

#[test]
fn a_message_is_tried_again_first_and_the_order_stays() {
    check(|scope, letters| async move {
        let ledger = Ledger::default();
        let factory = ledger.clone();
        let worker = scope.spawn(move || Worker(factory.clone())).await?;
        occupy(&worker, 10).await?;
        let again = worker.redelivered(3);
        again.tell(Job(1, Does::BoomUpTo(2))).await?;
        worker.tell(Job(2, Does::Return)).await?;
        assert_eq!(worker.ask(Job(3, Does::Return)).await?, 3);
        assert_eq!(ledger.returned(), [0, 1, 2, 3]);
        assert_eq!(ledger.tries(1), 3);
        assert_eq!(drain(&letters).len(), 0);
        let counts = worker.messages();
        assert_eq!((counts.accepted, counts.handled), (4, 4));
        Ok(())
    });
}

#[test]
fn an_asker_gets_the_answer_of_a_later_try() {
    check(|scope, _letters| async move {
        let worker = scope.spawn(|| Worker(Ledger::default())).await?;
        // Another ledger in each incarnation would begin anew: the factory shares this one.
        let ledger = Ledger::default();
        let factory = ledger.clone();
        let other = scope.spawn(move || Worker(factory.clone())).await?;
        assert_eq!(
            other.redelivered(2).ask(Job(1, Does::BoomUpTo(1))).await?,
            1
        );
        assert_eq!(ledger.tries(1), 2);
        let asked = worker.ask(Job(2, Does::Boom)).await;
        assert!(
            matches!(asked, Err(AskError::Panicked(_))),
            "others are tried once"
        );
        Ok(())
    });
}

#[test]
fn a_message_that_always_panics_is_set_aside() {
    check(|scope, letters| async move {
        let ledger = Ledger::default();
        let factory = ledger.clone();
        let worker = scope.spawn(move || Worker(factory.clone())).await?;
        let asked = worker.redelivered(3).ask(Job(1, Does::Boom)).await;
        let Err(AskError::Panicked(panic)) = asked else {
            unreachable!("{asked:?}")
        };
        assert!(panic.to_string().contains("boom 1"), "{panic}");
        assert_eq!(ledger.tries(1), 3);
        let letter = letters.recv().await?;
        assert!(
            matches!(letter.why, Undelivered::Poisoned { tries: 3, .. }),
            "{letter}"
        );
        assert_eq!(letter.take(), Some(Job(1, Does::Boom)));
        assert_eq!(letter.from, greenroom_core::current::task_id());
        assert_eq!(
            worker.ask(Job(2, Does::Return)).await?,
            2,
            "the actor goes on"
        );
        let counts = worker.messages();
        assert_eq!((counts.set_aside, counts.lost, counts.handled), (1, 0, 1));
        Ok(())
    });
}

#[test]
fn one_message_does_not_get_the_actor_given_up() {
    check(|scope, letters| async move {
        for restarts in [1, 2, 3] {
            let ledger = Ledger::default();
            let factory = ledger.clone();
            let worker = scope
                .spawn(move || Worker(factory.clone()))
                .intensity(restarts, 60.secs())
                .await?;
            worker.redelivered(50).tell(Job(1, Does::Boom)).await?;
            assert_eq!(worker.ask(Job(2, Does::Return)).await?, 2);
            assert_eq!(ledger.tries(1) as usize, restarts);
            let letter = letters.try_recv()?;
            assert!(matches!(letter.why, Undelivered::Poisoned { .. }));
        }
        Ok(())
    });
}

#[test]
fn a_supervisor_tries_again_after_its_back_off() {
    check(|scope, letters| async move {
        let top = scope.supervisor("top").intensity(10, 60.secs()).await?;
        let ledger = Ledger::default();
        let factory = ledger.clone();
        let spec = child("worker", move || Worker(factory.clone())).restart(Restart::Permanent);
        let worker = top.start(spec).await?;
        worker.redelivered(5).tell(Job(1, Does::Boom)).await?;
        assert_eq!(
            worker.redelivered(5).ask(Job(2, Does::BoomUpTo(1))).await?,
            2
        );
        assert_eq!((ledger.tries(1), ledger.tries(2)), (5, 2));
        assert!(matches!(
            letters.try_recv()?.why,
            Undelivered::Poisoned { tries: 5, .. }
        ));
        Ok(())
    });
}

#[test]
fn a_deadline_holds_between_two_tries() {
    check(|scope, letters| async move {
        let ledger = Ledger::default();
        let factory = ledger.clone();
        let worker = scope
            .spawn(move || Worker(factory.clone()))
            .intensity(100, 1.secs())
            .await?;
        let short = scope.context().with_timeout(Duration::from_millis(25));
        let asked = short
            .run(worker.redelivered(100).ask(Job(1, Does::BoomAfter(10))))
            .await?;
        assert!(
            matches!(asked, Err(AskError::DeadlineInHandler)),
            "{asked:?}"
        );
        sleep(Duration::from_millis(50)).await?;
        assert_eq!(ledger.tries(1), 3, "not for ever");
        let found = drain(&letters);
        assert_eq!(found.len(), 1, "{found:?}");
        Ok(())
    });
}

#[test]
fn a_message_between_two_tries_is_lost_with_its_actor() {
    check(|scope, letters| async move {
        let worker = scope
            .spawn(|| Worker(Ledger::default()))
            .restart(Restart::Temporary)
            .await?;
        let asked = worker.redelivered(3).ask(Job(1, Does::Boom)).await;
        assert!(matches!(asked, Err(AskError::Panicked(_))), "{asked:?}");
        let letter = letters.recv().await?;
        assert!(matches!(letter.why, Undelivered::Panicked(_)));
        assert_eq!(letter.take(), Some(Job(1, Does::Boom)));
        assert_eq!(worker.messages().lost, 1);
        Ok(())
    });
}

#[test]
fn a_message_whose_copy_panics_is_lost() {
    struct Uncopied;
    impl Clone for Uncopied {
        fn clone(&self) -> Self {
            panic!("no copy");
        }
    }
    impl HandlerLater<Uncopied> for Worker {
        type Reply = ();
        async fn handle(
            &mut self,
            _: Uncopied,
            _reply: greenroom_actor::ReplyTo<()>,
            _cx: &mut greenroom_actor::ActorContext<Self>,
        ) {
        }
    }
    check(|scope, _letters| async move {
        let worker = scope.spawn(|| Worker(Ledger::default())).await?;
        let asked = worker.redelivered(3).ask(Uncopied).await;
        assert!(matches!(asked, Err(AskError::Panicked(_))), "{asked:?}");
        assert_eq!(worker.ask(Job(1, Does::Return)).await?, 1);
        assert_eq!(worker.messages().lost, 1);
        Ok(())
    });
}
