//! What becomes of an actor that fails.

mod apart;
mod decide;
mod kept;
mod life;
mod serve;
mod spawn;

pub(crate) use apart::forget;

pub use decide::{Action, Affected, Intensity, Restart, Strategy, decide};
pub use kept::Kept;
pub use spawn::{ActorBuilder, SpawnError};
