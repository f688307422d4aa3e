//! What tasks share state with: locks, atomics, threads that park.
//!
//! The kernel takes them from here, so that the checks in `model` can put those of a checker in their
//! place. Otherwise they are what their names say, and cost nothing more.

#[cfg(not(all(test, greenroom_model)))]
pub(crate) use parking_lot::Mutex;
#[cfg(not(all(test, greenroom_model)))]
pub(crate) use std::sync::{OnceLock, atomic};
#[cfg(not(all(test, greenroom_model)))]
pub(crate) use std::thread;

#[cfg(all(test, greenroom_model))]
pub(crate) use crate::model::sync::{Mutex, OnceLock};
#[cfg(all(test, greenroom_model))]
pub(crate) use shuttle::{sync::atomic, thread};
