//! What becomes of an actor that fails.

mod apart;
mod back_off;
mod child;
mod decide;
mod job;
mod kept;
mod leash;
mod life;
mod serve;
mod spawn;
mod supervisor;

pub(crate) use apart::Apart;
pub(crate) use leash::Leash;

pub use back_off::BackOff;
pub use child::{Child, IntoChild, child, keeper, task};
pub use decide::{
    Action, AutoShutdown, Intensity, Member, Plan, Policy, Restart, Standing, Strategy, decide,
    plan,
};
pub use kept::Kept;
pub use spawn::{ActorBuilder, SpawnError};
pub use supervisor::{
    ChildCount, ChildError, ChildStatus, DynamicBuilder, DynamicSupervisor, GaveUp, Nested,
    RootPolicy, SpecError, StartError, Supervisor, SupervisorBuilder, supervisor,
};
