//! One value that is made once, when it is first asked for, however many ask.
//!
//! Go counterpart: `sync.Once`, `sync.OnceFunc` and `sync.OnceValue`; in Go's guides, the singleton. One
//! actor owns the value, and handles ask it for it; when the value is there, a handle reads it without
//! a message. It is no static: it lives as long as its handles, in its scope.
//!
//! Use [`State`](crate::state::State) for a value that changes.
//!
//! ```
//! # use greenroom_actor::Runtime;
//! # use greenroom_core::Result;
//! use greenroom_patterns::once::Once;
//! # struct Pool;
//! # impl Pool { async fn connect() -> Result<Self> { Ok(Self) } }
//! # let runtime = Runtime::builder().single_thread().paused().build()?;
//! # runtime.block_on(|scope| async move {
//! let pool = Once::spawn(&scope, || async { Pool::connect().await }).await?;
//! let again = pool.clone();
//! let other = scope.go(async move { Ok(again.get().await?) });
//! let (mine, theirs) = (pool.get().await?, other.await?);
//! assert!(std::ptr::eq(&*mine, &*theirs));
//! # Ok(())
//! # })?; Ok::<(), greenroom_core::Failure>(())
//! ```
//!
//! # Invariants
//! 1. At most one run is going on. Everyone who asks meanwhile is answered by it.
//! 2. After a run that gave a value there is no other.
//! 3. A run is a task of the owner's scope, beside all who ask: none of them ends it by giving up. The
//!    wrong version lets the first caller run it; cancelled half-way, that one takes the value of all
//!    others with it, or each of them must look who goes on.
//! 4. A read of a value that is there sends no message.
//!
//! # Ordering
//! What the run did is seen by everyone who has its value.
//!
//! # Context
//! The run's context, and its values, are those of the scope: not those of who asked first. It ends
//! with the scope only. The scope's end waits for a run that is going on, whether or not anybody still
//! wants the value.
//!
//! # Differences from Go
//! - The run may fail. Its error, or panic, is every caller's; it is kept, as Go does, or the next call
//!   tries again, as chosen by [`spawn`](Once::spawn) or [`spawn_retrying`](Once::spawn_retrying).
//! - A call ends with its context. The run goes on.
//! - A run that asks for its own value gets [`OnceError::Recursive`]; Go deadlocks. This is known of the
//!   task of the run itself. Through another task or actor, or two onces that need each other, it waits
//!   until its context ends.
//!
//! # Work that blocks
//! The run is a task: it delays what else is on its arbiter. Wrap what blocks, such as the read of a file,
//! in [`blocking`](greenroom_actor::blocking).

mod actor;
mod error;
mod handle;
mod message;
mod state;

pub use error::OnceError;
pub use handle::Once;
