//! What becomes of an actor that fails.

mod apart;
mod back_off;
mod decide;
mod kept;
mod leash;
mod life;
mod serve;
mod spawn;

pub(crate) use apart::forget;
pub(crate) use leash::Leash;

pub use back_off::BackOff;
pub use decide::{
    Action, AutoShutdown, Intensity, Member, Plan, Policy, Restart, Standing, Strategy, decide, plan,
};
pub use kept::Kept;
pub use spawn::{ActorBuilder, SpawnError};
