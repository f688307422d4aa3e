//! What the documents and the own tests of `Once`, `OnceFunc` and `OnceValue` promise beyond the rows.

use std::sync::Arc;

use greenroom::patterns::once::OnceError;
use greenroom::prelude::*;

use crate::Runs;
use crate::support::{Boom, check, quiet};

#[test]
fn ten_callers_at_once_count_one_and_see_what_the_run_wrote() {
    check(|scope| async move {
        let runs = Runs::default();
        let counted = runs.clone();
        let once = Once::spawn(&scope, move || async move {
            counted.count();
            Ok(())
        })
        .await?;
        let (done, dones) = channel::rendezvous();
        for _ in 0..10 {
            let (once, runs, done) = (once.clone(), runs.clone(), done.clone());
            scope.go(async move {
                once.get().await?;
                Ok(done.send(runs.so_far()).await?)
            });
        }
        for _ in 0..10 {
            assert_eq!(dones.recv().await?, 1);
        }
        Ok(())
    });
}

#[test]
fn the_closure_of_a_second_once_runs_beside_the_first() {
    check(|scope| async move {
        let runs = Runs::default();
        let spawn = |name: &'static str| {
            let runs = runs.clone();
            Once::spawn(&scope, move || async move { Ok((name, runs.count())) })
        };
        let (first, second) = (spawn("first").await?, spawn("second").await?);
        assert_eq!(*second.get().await?, ("second", 1));
        assert_eq!(*first.get().await?, ("first", 2));
        assert_eq!(*second.get().await?, ("second", 1));
        Ok(())
    });
}

#[test]
fn two_values_of_one_run_are_a_pair() {
    check(|scope| async move {
        let once = Once::spawn(&scope, || async { Ok((1, "two")) }).await?;
        for _ in 0..10 {
            let pair = once.get().await?;
            assert_eq!((pair.0, pair.1), (1, "two"));
        }
        assert!(Arc::ptr_eq(&once.get().await?, &once.get().await?));
        Ok(())
    });
}

#[test]
fn a_panic_is_told_to_every_later_caller_with_what_was_thrown() {
    quiet();
    check(|scope| async move {
        let runs = Runs::default();
        let counted = runs.clone();
        let once = Once::<u8>::spawn(&scope, move || async move {
            counted.count();
            panic!("x")
        })
        .await?;
        for _ in 0..4 {
            match once.get().await {
                Err(OnceError::Panicked(panic)) => assert_eq!(panic.message(), Some("x")),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}

#[test]
fn an_error_is_the_value_where_it_is_to_be_one() {
    check(|scope| async move {
        // Go's OnceValues: a value and an error, both kept.
        let once = Once::spawn(&scope, || async { Ok(Err::<u8, _>(Boom("kept"))) }).await?;
        for _ in 0..2 {
            assert_eq!(*once.get().await?, Err(Boom("kept")));
        }
        assert!(once.try_get().is_some_and(|made| made.is_ok()));
        Ok(())
    });
}

#[test]
fn a_config_is_read_by_whoever_comes_first_in_any_handler() {
    struct Page(Once<String>);
    struct Show;
    impl Actor for Page {}
    impl Handler<Show> for Page {
        type Reply = Result<usize>;

        async fn handle(&mut self, _: Show, _cx: &mut ActorContext<Self>) -> Result<usize> {
            Ok(self.0.get().await?.len())
        }
    }
    check(|scope| async move {
        let runs = Runs::default();
        let counted = runs.clone();
        let config = Once::spawn(&scope, move || async move {
            counted.count();
            sleep(5.millis()).await?;
            Ok(String::from("config"))
        })
        .await?;
        let mut asks = Vec::new();
        for _ in 0..5 {
            let config = config.clone();
            let page = scope.spawn(move || Page(config.clone())).await?;
            asks.push(scope.go(async move { page.ask(Show).await? }));
        }
        for ask in asks {
            assert_eq!(ask.await?, 6);
        }
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}

#[test]
fn in_a_context_that_has_ended_no_run_is_started_and_a_made_value_is_given() {
    check(|scope| async move {
        let runs = Runs::default();
        let counted = runs.clone();
        let once = Once::spawn(&scope, move || async move { Ok(counted.count()) }).await?;
        let over = scope.context().with_timeout(0.millis());
        assert!(matches!(
            over.run(once.get()).await?,
            Err(OnceError::Deadline)
        ));
        assert_eq!((runs.so_far(), *once.get().await?), (0, 1));
        assert_eq!(*over.run(once.get()).await??, 1);
        Ok(())
    });
}
