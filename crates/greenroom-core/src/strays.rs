//! Panics that no scope, supervisor or handle is there to take.

use crate::sync::Mutex;

use crate::exit::Panic;

/// Panics kept at most, so that a long life does not pile them up.
const KEPT: usize = 1024;

/// Keeps the first 1024 panics that nobody is there to take: of destructors, mostly. The panic hook has
/// told of the later ones too.
#[derive(Debug, Default)]
pub struct Strays(Mutex<Vec<Panic>>);

impl Strays {
    /// Keeps a panic, unless there are too many.
    pub fn push(&self, panic: Panic) {
        let lost = {
            let mut kept = self.0.lock();
            match kept.len() < KEPT {
                true => {
                    kept.push(panic);
                    None
                }
                false => Some(panic),
            }
        };
        // Its payload goes outside the lock.
        drop(lost);
    }

    /// Takes those that are kept.
    #[must_use]
    pub fn take(&self) -> Vec<Panic> {
        std::mem::take(&mut *self.0.lock())
    }
}
