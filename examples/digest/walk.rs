//! The walker: finds the files, and feeds their names into the pipeline.

use std::io;

use greenroom::channel::{SendError, Sender};
use greenroom::prelude::*;
use walkdir::{DirEntry, WalkDir};

use super::queue::{BATCH, Batch, Outcome};
use super::unreadable::Unreadable;

/// How many batches are found ahead before the walk waits for room.
const AHEAD: usize = 16;

/// Walks the current directory and sends the names of its regular files.
pub(crate) struct Walker {
    entries: walkdir::IntoIter,
    batch: Batch,
    // Found while the channel had no room. In order.
    ahead: Vec<Batch>,
    unreadable: Vec<Outcome>,
    batches: Sender<Batch>,
    outcomes: Sender<Vec<Outcome>>,
    is_done: bool,
}

impl Walker {
    pub(crate) fn new(batches: Sender<Batch>, outcomes: Sender<Vec<Outcome>>) -> Self {
        Self {
            // The kind of an entry comes with its name: nothing is asked twice, nothing is opened.
            entries: WalkDir::new(".").into_iter(),
            batch: Batch::new(),
            ahead: Vec::new(),
            unreadable: Vec::new(),
            batches,
            outcomes,
            is_done: false,
        }
    }

    /// Walks to the end. The walk is done where it may block, the waiting is done here.
    pub(crate) async fn run(mut self) -> Result<()> {
        while !self.is_done {
            self = blocking(move || self.walk()).await?;
            if !self.unreadable.is_empty() {
                let unreadable = std::mem::take(&mut self.unreadable);
                if let Err(error) = self.outcomes.send(unreadable).await {
                    return unless_closed(error);
                }
            }
            for batch in self.ahead.drain(..) {
                if let Err(error) = self.batches.send(batch).await {
                    return unless_closed(error);
                }
            }
        }
        Ok(())
    }

    /// Walks until there is enough to wait with.
    fn walk(mut self) -> Result<Self> {
        let context = Context::current();
        while self.ahead.len() < AHEAD && self.unreadable.is_empty() {
            if let Some(ended) = context.as_ref().and_then(Context::err) {
                return Err(ended.into());
            }
            match self.entries.next() {
                Some(Ok(entry)) => self.found(entry),
                Some(Err(error)) => self.failed(error),
                None => {
                    self.is_done = true;
                    self.pass_on();
                    break;
                }
            }
        }
        Ok(self)
    }

    fn found(&mut self, entry: DirEntry) {
        if entry.file_type().is_file() {
            self.batch.push(entry.into_path());
            if self.batch.len() >= BATCH {
                self.pass_on();
            }
        }
    }

    fn failed(&mut self, error: walkdir::Error) {
        let path = error.path().map(Into::into).unwrap_or_default();
        let error = error
            .into_io_error()
            .unwrap_or_else(|| io::ErrorKind::Other.into());
        let unreadable = Unreadable::new(path, error);
        self.unreadable.push(Outcome::Unreadable(unreadable));
    }

    /// Sends the batch at once if there is room, else keeps it. None overtakes another.
    fn pass_on(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Batch::with_capacity(BATCH));
        if batch.is_empty() {
            return;
        }
        if !self.ahead.is_empty() {
            self.ahead.push(batch);
        } else if let Err(error) = self.batches.try_send(batch) {
            self.ahead.push(error.into_inner());
        }
    }
}

/// A channel that nobody receives from any more belongs to tasks that have failed: that failure is the
/// one to report.
pub(crate) fn unless_closed<T>(error: SendError<T>) -> Result<()> {
    match error.without_value() {
        SendError::Closed(()) => Ok(()),
        ended => Err(ended.into()),
    }
}
