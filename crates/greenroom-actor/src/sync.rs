//! What threads share state with, where it is small enough for a checker.
//!
//! It is taken from here so that the checks in `model` can put a checker's in its place. Otherwise it is
//! what its name says, and costs nothing more.

#[cfg(not(all(test, greenroom_model)))]
pub(crate) use parking_lot::Mutex;
#[cfg(not(all(test, greenroom_model)))]
pub(crate) use std::sync::atomic;

#[cfg(all(test, greenroom_model))]
pub(crate) use crate::model::sync::Mutex;
#[cfg(all(test, greenroom_model))]
pub(crate) use shuttle::sync::atomic;
