//! Hashing one file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::Path;

use greenroom::prelude::*;
use sha2::{Digest, Sha256};

use super::line::Hash;
use super::progress::Progress;

/// How much is read at a time; between two reads the context is asked.
const CHUNK: usize = 256 * 1024;

/// The kernel copies into a buffer that begins with a page up to four times as fast as into one that
/// begins 16 bytes later, as a large allocation does.
const PAGE: usize = 4096;

/// Why a file was not hashed.
#[derive(Debug)]
pub(crate) enum HashError {
    /// It could not be read.
    Read(io::Error),
    /// The context ended in the middle of it.
    Ended(Failure),
}

/// Hashes files one after the other, with one buffer.
#[derive(Debug)]
pub(crate) struct Hasher {
    buffer: Vec<u8>,
    sha: Sha256,
    progress: Progress,
}

impl Hasher {
    pub(crate) fn new(progress: Progress) -> Self {
        Self {
            buffer: vec![0; CHUNK + PAGE],
            sha: Sha256::new(),
            progress,
        }
    }

    /// Reads to the end and returns the hash of all that came, unless the context ends meanwhile.
    pub(crate) fn hash(
        &mut self,
        mut source: impl Read,
        context: &Context,
    ) -> Result<Hash, HashError> {
        self.sha.reset();
        let start = self.buffer.as_ptr().align_offset(PAGE).min(PAGE);
        let buffer = &mut self.buffer[start..start + CHUNK];
        loop {
            if let Some(ended) = context.err() {
                return Err(HashError::Ended(ended.into()));
            }
            match source.read(buffer) {
                Ok(0) => return Ok(self.sha.finalize_reset().into()),
                Ok(read) => {
                    self.sha.update(&buffer[..read]);
                    self.progress.add_bytes(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(HashError::Read(error)),
            }
        }
    }
}

/// Opens a file, and returns it with its length; `None` if something else has taken its place since
/// the walk: a link is not followed, and a pipe is not waited for.
pub(crate) fn open(path: &Path) -> io::Result<Option<(File, u64)>> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(flags.bits().cast_signed());
    }
    let file = options.open(path)?;
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata.len())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom::error::ContextError;

    /// Gives its parts one by one, then fails if it is to.
    struct Parts(Vec<io::Result<&'static [u8]>>);

    impl Read for Parts {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let part = self.0.remove(0)?;
            into[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    fn with_context(check: impl FnOnce(Context, Hasher) + Send + 'static) {
        let runtime = Runtime::builder().arbiters(1).build().expect("a thread");
        check(runtime.context().clone(), Hasher::new(Progress::hidden()));
    }

    #[test]
    fn parts_are_hashed_as_one() {
        with_context(|context, mut hasher| {
            let parts = Parts(vec![
                Ok(b"a"),
                Err(io::ErrorKind::Interrupted.into()),
                Ok(b"bc"),
            ]);
            let hash = hasher.hash(parts, &context).expect("nothing fails");
            let expected: Hash = Sha256::digest(b"abc").into();
            assert_eq!(hash, expected);
        });
    }

    #[test]
    fn a_read_that_fails_leaves_nothing_in_the_hasher() {
        with_context(|context, mut hasher| {
            let parts = Parts(vec![Ok(b"a"), Err(io::Error::other("disk gone"))]);
            let error = hasher.hash(parts, &context);
            assert!(matches!(error, Err(HashError::Read(e)) if e.to_string() == "disk gone"));
            let hash = hasher.hash(&b""[..], &context).expect("nothing fails");
            let expected: Hash = Sha256::digest(b"").into();
            assert_eq!(hash, expected);
        });
    }

    #[test]
    fn an_endless_file_ends_with_the_context() {
        with_context(|context, mut hasher| {
            let (context, cancel) = context.with_cancel_cause();
            let canceller = std::thread::spawn(move || cancel.cancel("enough"));
            let error = hasher.hash(io::repeat(7), &context);
            canceller.join().expect("nothing panics");
            let Err(HashError::Ended(failure)) = error else {
                panic!("{error:?}");
            };
            let ended: Option<&ContextError> = failure.downcast_ref();
            assert_eq!(ended.map(|e| e.cause().to_string()), Some("enough".into()));
        });
    }
}
