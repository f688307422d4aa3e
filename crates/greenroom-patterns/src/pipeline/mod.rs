//! Stages behind one another, each working on what the one before it sends.
//!
//! Go counterpart: functions from a receiving channel to a receiving channel, each with a goroutine
//! inside. Use [`fan`](crate::fan) where each worker needs an output of its own.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! use greenroom_patterns::prelude::*;
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # let total = runtime.block_on(|scope| async move {
//! let total = generate(&scope, 1..=4)
//!     .pipe(&scope, stage("square").workers(4), |x| async move { Ok(x * x) })
//!     .pipe(&scope, stage("half").buffer(16), |x| async move { Ok(x / 2) })
//!     .fold(0, |sum, x| sum + x).await?;
//! # Ok(total)
//! # })?;
//! assert_eq!(total, 0 + 2 + 4 + 8);
//! # Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! Three stages with four workers each, a line each. The types come from the closures, and `?` takes any
//! error; what a stage raised is what the scope ends with:
//!
//! ```
//! # use greenroom_actor::{Runtime, Scope};
//! use greenroom_patterns::prelude::*;
//! async fn halves(scope: &Scope, texts: Vec<&'static str>) -> greenroom_core::Result<Vec<u32>> {
//!     let halves = generate(scope, texts)
//!         .pipe(scope, stage("trim").workers(4), |text| async move { Ok(text.trim()) })
//!         .pipe(scope, stage("parse").workers(4), |text| async move { Ok(text.parse::<u32>()?) })
//!         .pipe(scope, stage("halve").workers(4), |n| async move { Ok(n / 2) });
//!     Ok(halves.collect().await?)
//! }
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! let all = runtime.block_on(|scope| async move { halves(&scope, vec!["8", " 6"]).await })?;
//! assert_eq!(all, [4, 3]);
//!
//! let cut = runtime.block_on(|scope| async move { halves(&scope, vec!["8", "six"]).await });
//! let error = cut.unwrap_err();
//! assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
//! # Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. A value that entered a stage leaves it once, or is dropped with the stage, or by the stage's
//!    choice of what an error does.
//! 2. Nothing is unbounded. Beside the `buffer` results at its output, a stage holds at most `workers`
//!    values; an ordered one with several workers at most `workers` + `buffer`, in work or done and
//!    waiting for an earlier one. A full stage takes nothing, and so makes the one before it wait.
//! 3. A close travels downstream behind the data. The end of a consumer travels upstream: its stage
//!    ends quietly, and whoever feeds that.
//! 4. A cut stream does not look complete. A stage's output closes after the scope knows how the stage
//!    ended, and what takes values to the end ([`fold`](Pipeline::fold), [`collect`](Pipeline::collect),
//!    [`for_each`](Pipeline::for_each)) gives an error if its own context has ended. For this it must run
//!    in the scope of the stages, or in one inside it. Elsewhere, and in a scope that
//!    [collects](greenroom_actor::OnError::Collect) its errors, the result of the scope tells.
//!
//! # Ordering
//! Results come out in the order of the input, however many workers there are, unless the stage is
//! [`unordered`](Stage::unordered).
//!
//! # Differences from Go
//! - Go's stage that has several workers loses the order.
//! - Go's stages stay blocked when the consumer leaves, unless each selects on a context.
//! - An error has a way out: it ends the scope, is skipped, or becomes a dead letter.
//! - A panic ends the scope, whatever the stage does with errors; Go's ends the process.
//!
//! # Work that blocks
//! A closure runs on an arbiter and delays what else runs there. Wrap what blocks in
//! [`blocking`](greenroom_actor::blocking).

mod error;
mod ext;
mod ordered;
mod policy;
mod stage;

pub use error::PipelineError;
pub use ext::Pipeline;
pub use policy::{DeadLetter, DeadLetters, ErrorPolicy, Skip, Stop};
pub use stage::{Stage, stage};
