//! What the owner is sent.

use greenroom_core::Id;

use super::error::LoadError;

/// Writes an entry.
pub(super) struct Set<K, V>(pub(super) K, pub(super) V);

/// Takes an entry out.
pub(super) struct Remove<K>(pub(super) K);

/// Takes every entry out.
pub(super) struct Clear;

/// Asks for the entry of a key, or else for a load of it.
pub(super) struct Load<K, F> {
    pub(super) key: K,
    pub(super) loader: F,
    /// The task that asks, which may be a load itself.
    pub(super) asker: Option<Id>,
}

/// Tells how a load ended.
pub(super) struct Loaded<V> {
    pub(super) number: u64,
    pub(super) outcome: Result<V, LoadError>,
}

/// Takes out the entries whose time is over.
pub(super) struct Sweep;
