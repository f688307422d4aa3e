//! The actix actor that hosts one of ours.

use crate::actor::Actor;
use crate::address::Address;
pub use crate::engine::{Shell, Stop};

/// Returns the actix address under which an actor lives in its arbiter.
///
/// It takes [`Stop`] only. It does not keep the actor alive, and sending to one that has ended fails as
/// actix says. `None` before the actor has begun.
#[must_use]
pub fn actix_address<A: Actor>(address: &Address<A>) -> Option<actix::Addr<Shell>> {
    address
        .station()
        .hosted
        .get()
        .map(|hosted| hosted.0.clone())
}
