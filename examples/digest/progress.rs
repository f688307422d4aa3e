//! A line on the terminal that tells how far the work is.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows progress on standard error if that is a terminal, else does nothing. Cloning shares it.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Shows itself, if there is a terminal to do so.
    pub(crate) fn on_terminal() -> Self {
        use std::io::IsTerminal;
        if !std::io::stderr().is_terminal() {
            return Self::hidden();
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let template = "{spinner} {binary_bytes} ({binary_bytes_per_sec}) {msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self { bar: Some(bar) }
    }

    /// Never shows.
    pub(crate) fn hidden() -> Self {
        Self { bar: None }
    }

    /// Counts bytes that were hashed.
    pub(crate) fn add_bytes(&self, bytes: usize) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes as u64);
        }
    }

    /// Tells how many files are done.
    pub(crate) fn set_files(&self, files: usize) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{files} files"));
        }
    }

    /// Does something else to the terminal, with the line out of the way.
    pub(crate) fn aside<R>(&self, f: impl FnOnce() -> R) -> R {
        match &self.bar {
            Some(bar) => bar.suspend(f),
            None => f(),
        }
    }

    /// Takes the line away for good.
    pub(crate) fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
