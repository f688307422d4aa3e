//! The workers: each takes names from the queue and hashes the files.

use std::path::{Path, PathBuf};

use greenroom::channel::{Receiver, RecvError, Sender};
use greenroom::prelude::*;

use super::hash::{self, HashError, Hasher};
use super::queue::{Batch, LARGE, Outcome};
use super::unreadable::Unreadable;
use super::walk::unless_closed;

/// How many outcomes a worker keeps while the collector is behind, before it waits.
const KEPT: usize = 256;

/// Hashes files until the queue is closed and drained.
///
/// Small files come in batches. A large one found in a batch goes to a channel of its own, from which
/// whoever is free takes it, before anything else.
pub(crate) struct Worker {
    batches: Receiver<Batch>,
    large: Receiver<PathBuf>,
    // Given up when no batch can come any more, so that the channel closes after the last of them.
    put_large: Option<Sender<PathBuf>>,
    outcomes: Sender<Vec<Outcome>>,
    kept: Vec<Outcome>,
    hasher: Hasher,
}

/// What a worker does next.
enum Job {
    Batch(Batch),
    Large(PathBuf),
}

impl Worker {
    pub(crate) fn new(
        batches: Receiver<Batch>,
        (put_large, large): (Sender<PathBuf>, Receiver<PathBuf>),
        outcomes: Sender<Vec<Outcome>>,
        hasher: Hasher,
    ) -> Self {
        Self {
            batches,
            large,
            put_large: Some(put_large),
            outcomes,
            kept: Vec::new(),
            hasher,
        }
    }

    /// Works to the end. The work is done where it may block, the waiting is done here: a worker comes
    /// back only when there is nothing to do, or nobody takes what it has done.
    pub(crate) async fn run(mut self) -> Result<()> {
        while let Some(job) = self.wait().await? {
            self = blocking(move || self.work(job)).await?;
            if !self.kept.is_empty() {
                let kept = std::mem::take(&mut self.kept);
                if let Err(error) = self.outcomes.send(kept).await {
                    return unless_closed(error);
                }
            }
        }
        Ok(())
    }

    /// Waits for the next job; `None` when there will be none.
    async fn wait(&mut self) -> Result<Option<Job>> {
        if self.put_large.is_some() {
            let first = select! {
                biased;
                path = self.large.recv() => path.map(Job::Large),
                batch = self.batches.recv() => batch.map(Job::Batch),
            };
            match first {
                // This worker holds the large channel open: it is the other that is closed.
                Err(RecvError::Closed) => self.put_large = None,
                job => return Ok(Some(job?)),
            }
        }
        match self.large.recv().await {
            Ok(path) => Ok(Some(Job::Large(path))),
            Err(RecvError::Closed) => Ok(None),
            Err(ended) => Err(ended.into()),
        }
    }

    /// Works as long as there is something to do.
    fn work(mut self, first: Job) -> Result<Self> {
        let Some(context) = Context::current() else {
            return Ok(self);
        };
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Batch(paths) => {
                    for path in paths {
                        self.one(path, true, &context)?;
                    }
                }
                Job::Large(path) => self.one(path, false, &context)?,
            }
            self.hand_over();
            next = if self.kept.len() < KEPT {
                self.take()
            } else {
                None
            };
        }
        Ok(self)
    }

    fn take(&self) -> Option<Job> {
        let large = self.large.try_recv().map(Job::Large);
        large
            .or_else(|_| self.batches.try_recv().map(Job::Batch))
            .ok()
    }

    /// Hashes a file, or leaves it to whoever is free.
    fn one(&mut self, path: PathBuf, may_leave: bool, context: &Context) -> Result<()> {
        let hash = match hash::open(&path) {
            Ok(Some((_, len))) if may_leave && len >= LARGE && self.leave(&path) => return Ok(()),
            Ok(Some((file, _))) => self.hasher.hash(file, context),
            Ok(None) => return Ok(()),
            Err(error) => Err(HashError::Read(error)),
        };
        self.kept.push(match hash {
            Ok(hash) => Outcome::Hashed(path, hash),
            Err(HashError::Read(error)) => Outcome::Unreadable(Unreadable::new(path, error)),
            Err(HashError::Ended(failure)) => return Err(failure),
        });
        Ok(())
    }

    /// Puts a large file where any worker finds it. Without room there, everybody is busy with such.
    fn leave(&self, path: &Path) -> bool {
        self.put_large
            .as_ref()
            .is_some_and(|put| put.try_send(path.to_owned()).is_ok())
    }

    /// Gives the outcomes to the collector if there is room.
    fn hand_over(&mut self) {
        if !self.kept.is_empty() {
            let kept = std::mem::take(&mut self.kept);
            if let Err(error) = self.outcomes.try_send(kept) {
                self.kept = error.into_inner();
            }
        }
    }
}
