//! The kernel under a checker that owns the schedule of its threads.
//!
//! Built by `--cfg greenroom_model` only; TESTING.md says how. Each check is a small program of a few
//! threads. It runs some thousand times, and the checker decides at each lock and each atomic which
//! thread goes on: at random, or by priorities that change a few times (PCT). A thread that nobody wakes
//! is a deadlock, and fails the check. So does a wrong result at the end.
//!
//! The checker's atomics are sequentially consistent: an ordering that is too weak does not show here.

mod blocking;
mod channel;
mod check;
mod context;
mod cycle;
mod leave;
mod registry;
mod select;
mod signals;
pub(crate) mod sync;
mod table;
mod time;
mod watch;

pub(crate) use check::{check, check_all};
