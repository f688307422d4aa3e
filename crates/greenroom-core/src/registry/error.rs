//! Why an actor could not be entered.

use crate::id::{Id, Name};

/// Why [`Registry::enter_actor`](super::Registry::enter_actor) refused. Nothing was entered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Another living actor has the name. It is free again as soon as that one has left.
    #[error("the name {name} is taken by {holder}")]
    NameTaken {
        /// The name.
        name: Name,
        /// Who has it.
        holder: Id,
    },
    /// An actor of this id is entered already.
    #[error("the id {0} is entered already")]
    IdTaken(Id),
}
