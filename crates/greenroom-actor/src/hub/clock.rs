//! The clock of a hub: the machine's, or a virtual one that stands still until nothing else can happen.

use std::time::Instant;

/// Where a hub reads the time.
#[derive(Clone, Debug)]
pub(crate) enum Clock {
    /// The machine's monotonic clock.
    Machine,
    /// The paused clock of a tokio runtime, which moves only when that runtime is idle.
    Paused(tokio::runtime::Handle),
}

impl Clock {
    pub(crate) fn now(&self) -> Instant {
        match self {
            Self::Machine => Instant::now(),
            Self::Paused(runtime) => {
                // The paused clock is that of the runtime which is entered.
                let _entered = runtime.enter();
                tokio::time::Instant::now().into_std()
            }
        }
    }
}
