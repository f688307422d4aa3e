//! Errors of fan-out.

/// Why a fan-out was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FanError {
    /// Without workers nothing would read the input.
    #[error("a fan-out to 0 workers would leave the input unread")]
    ZeroWorkers,
}
