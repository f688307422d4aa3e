//! A file or directory that could not be read, as a value.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::line;

/// What could not be read, and why.
#[derive(Debug)]
pub(crate) struct Unreadable {
    path: PathBuf,
    error: io::Error,
}

impl Unreadable {
    pub(crate) fn new(path: PathBuf, error: io::Error) -> Self {
        Self { path, error }
    }

    /// Returns `PATH: REASON` as bytes, which keep a path that is not text; always one line.
    pub(crate) fn message(&self) -> Vec<u8> {
        let mut message = Vec::new();
        line::push_escaped(&mut message, self.path.as_os_str().as_encoded_bytes());
        message.extend(format!(": {}", reason(&self.error)).bytes());
        message
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.message()))
    }
}

impl std::error::Error for Unreadable {}

/// Returns the system's text for an error, without its number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_one_line_without_the_error_number() {
        let denied = io::Error::from_raw_os_error(13);
        let unreadable = Unreadable::new(PathBuf::from("./a\nb"), denied);
        assert_eq!(unreadable.to_string(), "./a\\nb: Permission denied");
        assert_eq!(reason(&io::Error::other("disk gone")), "disk gone");
    }
}
