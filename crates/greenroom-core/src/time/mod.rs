//! Time of the runtime: [`sleep`], [`after`], [`tick`], [`timer`], and durations that read well.
//!
//! All of it is virtual on a paused clock. A deadline for work is no matter of timers: see
//! [`Context::with_timeout`](crate::Context::with_timeout).
//!
//! | Go | Here |
//! | --- | --- |
//! | `time.Sleep` | [`sleep`] |
//! | `time.After` | [`after`] |
//! | `time.NewTicker`, `time.Tick` | [`tick`] |
//! | `time.NewTimer`, `Stop`, `Reset` | [`timer`] |
//! | `time.AfterFunc(d, f)` | a task that sleeps first: `scope.go(async { sleep(d).await?; f().await })` |
//!
//! A task in place of `AfterFunc` has an owner: its handle's `cancel` is Go's `Stop`, its scope waits
//! for it or ends it, and a panic in it is told. What is to run when a *context* ends is
//! [`Context::after_func`](crate::Context::after_func).
//!
//! # Invariants
//! 1. Nothing fires early.
//! 2. A timer or a ticker is a value: no task and no thread is behind it. With its last handle its alarm
//!    is forgotten.
//! 3. After a stop or a reset no tick of before is taken, except by who had it already.
//! 4. A tick is taken once. One that was handed to a wait that is dropped is not lost.
//!
//! # Ordering
//! Alarms fire in the order of their instants; of two at one instant, the one that was set first does.
//! Who waits for one ticker or timer is served in the order in which they began to wait.

mod after;
mod bell;
mod durations;
mod schedule;
mod sleep;
mod tick;
mod ticker;
mod timer;

pub use after::{After, after};
pub use durations::Durations;
pub use sleep::{SleepError, sleep, sleep_on};
pub use tick::{Tick, TickError};
pub use ticker::{Ticker, TickerError, TickerStream, tick};
pub use timer::{Timer, timer};
