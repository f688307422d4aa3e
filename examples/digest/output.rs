//! Writing to standard output and standard error.

use std::fs::File;
use std::io::{self, Write};

use greenroom::prelude::*;

use super::descriptor;
use super::digests::Digests;
use super::line;

/// A pipe that is ready takes this much at once (POSIX's `PIPE_BUF` on Linux). So no write blocks, and
/// the context can be asked while a reader makes the writer wait.
const PIECE: usize = 4096;

/// Why the lines were not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The reader has gone away, which is how `head` says that it has enough.
    #[error("the output was closed")]
    Closed,
    /// The system refused.
    #[error("write error")]
    Failed(#[source] io::Error),
}

/// Writes the lines to standard output, in order.
pub(crate) fn print(digests: &Digests) -> Result<()> {
    let output = descriptor::stdout().map_err(OutputError::Failed)?;
    let mut buffer = Vec::new();
    for (path, hash) in digests.iter() {
        line::push(&mut buffer, hash, path);
        if buffer.len() >= 16 * PIECE {
            write_all(&output, &buffer)?;
            buffer.clear();
        }
    }
    write_all(&output, &buffer)
}

/// Returns a message as a line of this program's.
pub(crate) fn complaint(message: &[u8]) -> Vec<u8> {
    [b"digest: ", message, b"\n"].concat()
}

/// Writes lines to standard error. If that is closed they are lost, which is no reason to stop.
pub(crate) fn complain(lines: &[u8]) -> Result<()> {
    let Ok(errors) = descriptor::stderr() else {
        return Ok(());
    };
    match write_all(&errors, lines) {
        Err(failure) if failure.downcast_ref::<OutputError>().is_none() => Err(failure),
        _ => Ok(()),
    }
}

/// Writes bytes, unless the current context ends meanwhile.
fn write_all(mut to: &File, bytes: &[u8]) -> Result<()> {
    let context = Context::current();
    let mut rest = bytes;
    while !rest.is_empty() {
        if let Some(ended) = context.as_ref().and_then(Context::err) {
            return Err(ended.into());
        }
        let piece = &rest[..rest.len().min(PIECE)];
        let written = match descriptor::is_ready(to) {
            Ok(false) => continue,
            Ok(true) => to.write(piece),
            Err(error) => Err(error),
        };
        match written {
            Ok(0) => return Err(OutputError::Failed(io::ErrorKind::WriteZero.into()).into()),
            Ok(written) => rest = &rest[written..],
            Err(error) => match error.kind() {
                io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock => {}
                io::ErrorKind::BrokenPipe => return Err(OutputError::Closed.into()),
                _ => return Err(OutputError::Failed(error).into()),
            },
        }
    }
    Ok(())
}
