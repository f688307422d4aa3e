//! Panics in the texts of users' errors, wherever the kernel makes one.

use std::error::Error;
use std::fmt;

use greenroom_actor::{Actor, ActorContext, SpawnError};
use greenroom_core::error::{Cause, ContextError};
use greenroom_core::{ExitReason, Failure, Result};

use crate::{none, survived};

/// An error of which nothing can be had.
struct Mute;

impl fmt::Display for Mute {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in Display")
    }
}

impl fmt::Debug for Mute {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("in Debug")
    }
}

impl Error for Mute {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        panic!("in source")
    }
}

fn shows(shown: impl fmt::Display + fmt::Debug) {
    for text in [
        format!("{shown}"),
        format!("{shown:?}"),
        format!("{shown:#?}"),
    ] {
        assert!(text.contains("panicked: in D"), "{text}");
    }
}

#[test]
fn in_the_text_of_an_error() {
    survived(
        |scope| async move {
            let failure = Failure::from(Mute);
            shows(failure.clone());
            assert!(failure.downcast_ref::<Mute>().is_some());
            assert!(failure.downcast_ref::<fmt::Error>().is_none());
            assert_eq!(failure.chain().count(), 1);
            shows(ExitReason::Failed(failure.clone()));
            shows(Cause::new(Mute));
            shows(Cause::SiblingFailed(failure.clone()));
            shows(ContextError::Cancelled(Cause::new(Mute)));
            shows(SpawnError::Failed(failure));
            let failed = scope.scope(|inner| async move {
                inner.go::<(), _>(async { Err(Mute.into()) }).await?;
                Ok(())
            });
            let failure = failed.await.expect_err("it failed");
            shows(failure);
            Ok(())
        },
        none,
    );
}

/// Fails with an error that cannot be shown, or is cancelled by one.
struct Subject(bool);

impl Actor for Subject {
    async fn started(&mut self, _cx: &mut ActorContext<Self>) -> Result<()> {
        match self.0 {
            true => Err(Mute.into()),
            false => Ok(()),
        }
    }
}

#[test]
fn in_the_text_of_an_exit_reason() {
    survived(
        |scope| async move {
            let spawned = scope.spawn(|| Subject(true)).await;
            let Err(error) = spawned else {
                panic!("it started");
            };
            shows(error);
            let actor = scope.spawn(|| Subject(false)).await?;
            let registry = scope.context().registry().clone();
            assert!(registry.cancel_actor(actor.id(), Cause::new(Mute)));
            shows(actor.closed().await?);
            Ok(())
        },
        none,
    );
}
