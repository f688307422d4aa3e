//! Errors that mean the same on both sides.

use actix::prelude::SendError;

use crate::address::TryTellError;

impl<M> From<SendError<M>> for TryTellError<M> {
    fn from(error: SendError<M>) -> Self {
        match error {
            SendError::Full(message) => Self::Full(message),
            SendError::Closed(message) => Self::Closed(message),
        }
    }
}

impl<M> From<TryTellError<M>> for SendError<M> {
    fn from(error: TryTellError<M>) -> Self {
        match error {
            TryTellError::Full(message) => Self::Full(message),
            TryTellError::Closed(message) => Self::Closed(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_was_not_accepted_goes_there_and_back() {
        for error in [TryTellError::Full(1), TryTellError::Closed(2)] {
            let before = format!("{error:?}");
            let back = TryTellError::from(SendError::from(error));
            assert_eq!(format!("{back:?}"), before);
        }
    }
}
