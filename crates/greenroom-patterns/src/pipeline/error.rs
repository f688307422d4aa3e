//! Errors of pipelines.

/// Why a stage was refused. It is an error of the stage's scope, since a chain of stages has no place
/// for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// Without workers the stage of this name would leave its input unread.
    #[error("a stage of 0 workers would leave its input unread: {stage}")]
    ZeroWorkers {
        /// The name of the stage.
        stage: &'static str,
    },
    /// Batches of no values would never use up their input.
    #[error("batches of 0 values would never use up their input")]
    ZeroBatch,
}
