//! Who lives in a runtime, and which deadlines are due.
//!
//! It is a value of the runtime, never a `static`.
//!
//! # Invariants
//! 1. No guard of a map is held across a call to user code, a wake or an await.
//! 2. The order in which a map iterates decides nothing: whatever leaves here is sorted.

mod deadlines;

use std::fmt;
use std::sync::Arc;

pub(crate) use deadlines::DeadlineKey;

/// The registry of one runtime. Cloning shares it.
#[derive(Clone, Default)]
pub struct Registry(Arc<Tables>);

#[derive(Default)]
struct Tables {
    deadlines: deadlines::Deadlines,
}

impl Registry {
    /// Makes an empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Registry")
    }
}
