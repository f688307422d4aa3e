//! What lies between the walker, the workers and the collector.

use std::path::PathBuf;

use super::line::Hash;
use super::unreadable::Unreadable;

/// Names that travel together: a wake-up costs as much as a small file does.
pub(crate) type Batch = Vec<PathBuf>;

/// How many names a full batch has.
pub(crate) const BATCH: usize = 32;

/// A file of this length is worth a wake-up, so any worker may take it. In a batch it would make the
/// files behind it wait, and ten of them would keep one worker busy while the others are idle.
pub(crate) const LARGE: u64 = 512 * 1024;

/// What became of one name.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The file was hashed.
    Hashed(PathBuf, Hash),
    /// The file or directory could not be read.
    Unreadable(Unreadable),
}
