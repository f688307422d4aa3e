//! What becomes of an actor that fails.

mod decide;
mod kept;
mod life;
mod spawn;

pub(crate) use life::forget;

pub use decide::{Action, Affected, Intensity, Restart, Strategy, decide};
pub use kept::Kept;
pub use spawn::{ActorBuilder, SpawnError};
