//! How the program ends: the message, and the exit status.

use std::process::ExitCode;
use std::time::Duration;

use greenroom::error::ContextError;
use greenroom::{Failure, Signal};

use super::output::{OutputError, complain, complaint};
use super::pipeline::Summary;
use super::unreadable::{Unreadable, reason};

/// How the program ends.
#[derive(Debug)]
pub(crate) enum End {
    /// The hashes were printed.
    Done(Summary),
    /// The directory cannot be entered.
    NoDirectory(Unreadable),
    /// A signal asked for it: Ctrl-C, or `kill`.
    Signalled(Signal),
    /// The time was up.
    TimedOut(Option<Duration>),
    /// Something failed: a file if one was to end it, the output, or the program itself.
    Failed(Failure),
}

impl End {
    /// Returns the end of which the context is the reason.
    pub(crate) fn stopped(ended: &ContextError, timeout: Option<Duration>) -> Self {
        if let Some(signal) = ended.cause().downcast_ref() {
            Self::Signalled(*signal)
        } else if ended.is_deadline() {
            Self::TimedOut(timeout)
        } else {
            Self::Failed(ended.clone().into())
        }
    }

    /// Tells the user what there is to tell, and returns the exit status.
    pub(crate) fn report(&self) -> ExitCode {
        if let Some(message) = self.message() {
            // There is nobody left to tell of a standard error that is gone.
            let _lost = complain(&complaint(&message));
        }
        ExitCode::from(self.status())
    }

    fn message(&self) -> Option<Vec<u8>> {
        match self {
            Self::Done(_) => None,
            Self::NoDirectory(error) => Some(error.message()),
            Self::Signalled(Signal::Interrupt) => Some(b"interrupted".into()),
            Self::Signalled(_) => Some(b"terminated".into()),
            Self::TimedOut(Some(timeout)) => Some(format!("timed out after {timeout:?}").into()),
            Self::TimedOut(None) => Some(b"timed out".into()),
            Self::Failed(failure) => {
                if let Some(unreadable) = failure.downcast_ref::<Unreadable>() {
                    return Some(unreadable.message());
                }
                match failure.downcast_ref::<OutputError>() {
                    Some(OutputError::Closed) => None,
                    Some(OutputError::Failed(error)) => {
                        Some(format!("write error: {}", reason(error)).into())
                    }
                    None => Some(failure.to_string().into_bytes()),
                }
            }
        }
    }

    fn status(&self) -> u8 {
        match self {
            Self::Done(summary) => u8::from(summary.unreadable > 0),
            Self::NoDirectory(_) => 2,
            Self::Signalled(signal) => u8::try_from(signal.exit_status()).unwrap_or(1),
            Self::TimedOut(_) => 124,
            // What the shell shows of a program that a closed pipe ended.
            Self::Failed(failure) => match failure.downcast_ref::<OutputError>() {
                Some(OutputError::Closed) => 141,
                _ => 1,
            },
        }
    }
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use greenroom::error::Cause;
    use std::io;

    fn check(end: &End, message: Option<&str>, status: u8) {
        let text = end
            .message()
            .map(|m| String::from_utf8_lossy(&m).into_owned());
        assert_eq!((text.as_deref(), end.status()), (message, status));
    }

    #[test]
    fn each_end_has_its_message_and_status() {
        let denied = || io::Error::from_raw_os_error(13);
        check(&End::Done(Summary { unreadable: 0 }), None, 0);
        check(&End::Done(Summary { unreadable: 2 }), None, 1);
        check(
            &End::NoDirectory(Unreadable::new("gone".into(), denied())),
            Some("gone: Permission denied"),
            2,
        );
        check(&Failure::from(OutputError::Closed).into(), None, 141);
        check(
            &Failure::from(OutputError::Failed(denied())).into(),
            Some("write error: Permission denied"),
            1,
        );
        check(
            &Failure::from(Unreadable::new("./x".into(), denied())).into(),
            Some("./x: Permission denied"),
            1,
        );
        check(&Failure::message("bad luck").into(), Some("bad luck"), 1);
    }

    #[test]
    fn the_cause_of_the_context_tells_the_end() {
        let timeout = Some(Duration::from_millis(1500));
        let interrupted = ContextError::Cancelled(Cause::new(Signal::Interrupt));
        check(
            &End::stopped(&interrupted, timeout),
            Some("interrupted"),
            130,
        );
        let late = ContextError::Deadline(Cause::Deadline);
        check(
            &End::stopped(&late, timeout),
            Some("timed out after 1.5s"),
            124,
        );
        let other = ContextError::Cancelled(Cause::Shutdown);
        check(
            &End::stopped(&other, timeout),
            Some("context cancelled: the runtime is shutting down"),
            1,
        );
    }
}
