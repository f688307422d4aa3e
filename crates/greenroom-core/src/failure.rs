//! The one erasing error type, for code that users write.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::unwind;

/// The result of user code that runs in the framework: tasks, scopes, stages.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// Any error of user code, with the place where it was raised.
///
/// `?` makes one from every `std::error::Error + Send + Sync`, and loses nothing:
/// [`downcast_ref`](Self::downcast_ref) gives the original back, [`chain`](Self::chain) walks its
/// sources. An error whose `Display` panics is told with that panic in place of its text. It does not
/// itself implement `Error`, since the blanket conversion forbids that;
/// [`as_error`](Self::as_error) is the way to hand it on. Cloning shares the error, and failures are equal
/// if they share it.
///
/// # Examples
/// ```
/// use greenroom_core::Failure;
/// fn parse() -> greenroom_core::Result<u32> {
///     Ok("x".parse::<u32>()?)
/// }
/// let failure: Failure = parse().unwrap_err();
/// assert!(failure.downcast_ref::<std::num::ParseIntError>().is_some());
/// assert!(failure.location().file().ends_with(".rs"));
/// assert_eq!(failure, failure.clone());
/// assert_ne!(failure, parse().unwrap_err());
/// ```
#[derive(Clone)]
pub struct Failure(Arc<Raised>);

struct Raised {
    // Some until it is dropped.
    error: Option<Box<dyn Error + Send + Sync>>,
    location: &'static Location<'static>,
}

impl Failure {
    /// Makes a failure from a text.
    #[track_caller]
    #[must_use]
    pub fn message(text: impl Into<Cow<'static, str>>) -> Self {
        Self::from(Message(text.into()))
    }

    /// Returns the original error, or the nearest of its sources, that is an `E`.
    ///
    /// So an error that came back through a task's handle is found too.
    #[must_use]
    pub fn downcast_ref<E: Error + 'static>(&self) -> Option<&E> {
        self.chain().find_map(|error| error.downcast_ref())
    }

    /// Returns the original error as a trait object.
    #[must_use]
    pub fn as_error(&self) -> &(dyn Error + 'static) {
        match &self.0.error {
            Some(error) => &**error,
            None => unreachable!("the error is there until the drop"),
        }
    }

    /// Returns the place where the error became a failure, which is the `?` that raised it.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.0.location
    }

    /// Walks the original error and its sources, outermost first. A `source` that panics ends it.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn Error + 'static)> {
        std::iter::successors(Some(self.as_error()), |&error| {
            let source = unwind::catch(|| error.source());
            source.unwrap_or_else(|payload| {
                unwind::forget(payload);
                None
            })
        })
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        Self(Arc::new(Raised {
            error: Some(Box::new(error)),
            location: Location::caller(),
        }))
    }
}

impl PartialEq for Failure {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Failure {}

// Clones may end anywhere, also in an unwinding.
impl Drop for Raised {
    fn drop(&mut self) {
        unwind::drop_apart(self.error.take(), "drop of an error");
    }
}

/// An error of a user's, whose text may not be had.
struct Text<'a>(&'a (dyn Error + 'static));

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        unwind::format(f, |f| fmt::Display::fmt(self.0, f))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Text(self.as_error()), f)
    }
}

// What `main` prints when it returns a failure, so it is written for a person.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut above = Text(self.as_error()).to_string();
        write!(f, "{above} (raised at {})", self.0.location)?;
        for source in self.chain().skip(1) {
            let text = Text(source).to_string();
            // What the error above has passed on would be told twice.
            if !above.ends_with(&text) {
                write!(f, "\n  caused by: {text}")?;
            }
            above = text;
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Message(Cow<'static, str>);

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Message {}
