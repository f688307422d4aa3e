//! What the documents and the own tests of `singleflight` promise beyond the rows.

use greenroom::patterns::single_flight::FlightError;
use greenroom::prelude::*;

use crate::support::{Boom, check, idle, quiet};
use crate::{Flights, Runs, held};

#[test]
fn callers_that_come_while_it_flies_share_and_one_that_comes_after_flies_again() {
    check(|scope| async move {
        let flights: Flights = SingleFlight::spawn(&scope).await?;
        let runs = Runs::default();
        let (open, gate) = channel::rendezvous::<()>();
        let calls: Vec<_> = (0..10)
            .map(|_| {
                let call = flights.call("key", held(&runs, "bar", &gate));
                scope.go(async move { Ok(call.await?) })
            })
            .collect();
        idle().await?;
        open.send(()).await?;
        for call in calls {
            let flown = call.await?;
            assert_eq!((flown.value, flown.is_shared), ("bar", true));
        }
        assert_eq!(runs.so_far(), 1);
        let again = flights.call("key", || async { Ok("again") }).await?;
        assert_eq!((again.value, again.is_shared), ("again", false));
        Ok(())
    });
}

#[test]
fn the_one_that_started_a_shared_flight_is_told_that_it_was_shared() {
    check(|scope| async move {
        let flights: Flights = SingleFlight::spawn(&scope).await?;
        let runs = Runs::default();
        let (open, gate) = channel::rendezvous::<()>();
        let first = flights.start("key", held(&runs, "func 1", &gate));
        let second = flights.start("key", held(&runs, "func 2", &gate));
        open.send(()).await?;
        let (first, second) = (first.wait().await?, second.wait().await?);
        assert_eq!((first.value, second.value), ("func 1", "func 1"));
        assert!(first.is_shared && second.is_shared);
        Ok(())
    });
}

#[test]
fn a_forgotten_flight_ends_by_itself_and_those_after_it_share_another() {
    check(|scope| async move {
        let flights: Flights = SingleFlight::spawn(&scope).await?;
        let runs = Runs::default();
        let (open_old, gate) = channel::rendezvous::<()>();
        let old = flights.start("key", held(&runs, "one", &gate));
        idle().await?;
        flights.forget("key");
        let (open_new, gate) = channel::rendezvous::<()>();
        let second = flights.start("key", held(&runs, "two", &gate));
        idle().await?;
        open_old.send(()).await?;
        assert_eq!(old.wait().await?.value, "one");
        let third = flights.start("key", held(&runs, "three", &gate));
        open_new.send(()).await?;
        assert_eq!(second.wait().await?.value, "two");
        assert_eq!(third.wait().await?.value, "two");
        assert_eq!(runs.so_far(), 2);
        Ok(())
    });
}

#[test]
fn a_failed_flight_frees_its_key_and_its_error_is_the_one_that_was_returned() {
    quiet();
    check(|scope| async move {
        let flights: Flights = SingleFlight::spawn(&scope).await?;
        let failed = flights.call("key", || async { Err(Boom("some error").into()) });
        let failure = Failure::from(failed.await.unwrap_err());
        assert_eq!(failure.downcast_ref::<Boom>(), Some(&Boom("some error")));
        let thrown = flights.call("key", || async {
            // A panic with an error inside is found by it.
            std::panic::panic_any(Boom("thrown"))
        });
        match thrown.await {
            Err(FlightError::Panicked(_)) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(
            flights.call("key", || async { Ok("well") }).await?.value,
            "well"
        );
        Ok(())
    });
}

#[test]
fn an_empty_key_and_a_number_are_keys_as_others() {
    check(|scope| async move {
        let texts: Flights = SingleFlight::spawn(&scope).await?;
        assert_eq!(
            texts.call("", || async { Ok("empty") }).await?.value,
            "empty"
        );
        let numbers = SingleFlight::spawn(&scope).await?;
        assert_eq!(
            numbers
                .call((7, 'a'), || async { Ok(vec![1]) })
                .await?
                .value,
            [1]
        );
        Ok(())
    });
}

#[test]
fn a_caller_gives_up_by_a_select_and_the_others_have_their_value() {
    check(|scope| async move {
        let flights: Flights = SingleFlight::spawn(&scope).await?;
        let runs = Runs::default();
        let (open, gate) = channel::rendezvous::<()>();
        let patient = flights.start("key", held(&runs, "late", &gate));
        let ticket = flights.start("key", held(&runs, "never", &gate));
        let got = select! {
            flown = ticket.wait() => Some(flown?.value),
            after(5.millis()) => None,
        };
        assert_eq!(got, None);
        drop(ticket);
        open.send(()).await?;
        assert_eq!(patient.wait().await?.value, "late");
        assert_eq!(runs.so_far(), 1);
        Ok(())
    });
}
