//! Where the value is while nobody has it, and what its holders get.

use std::convert::Infallible;
use std::sync::Arc;

/// What is lent of a value.
///
/// Without any bound on the value: the compiler forgets the lifetimes in what a task holds across an
/// await, and with a bound of `'static` here it would not find a lease on a `&'static str` to be `Send`.
pub(crate) trait Lend {
    /// What a holder of the exclusive lease has.
    type Exclusive;
    /// What a holder of a shared lease has.
    type Shared;
}

/// Keeps a value, and lends it.
pub(crate) trait Vault:
    Lend<Exclusive: Send + 'static, Shared: Send + 'static> + Send + 'static
{
    /// Lends the value. No lease is out.
    fn take(&mut self) -> Self::Exclusive;

    /// Takes the value back.
    fn put(&mut self, value: Self::Exclusive);

    /// Lends a share. No exclusive lease is out.
    fn share(&mut self) -> Self::Shared;

    /// Takes a share back.
    fn unshare(&mut self, share: Self::Shared);
}

/// A value that is lent to one at a time.
pub(crate) struct Sole<T>(Option<T>);

impl<T> Sole<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T> Lend for Sole<T> {
    type Exclusive = T;
    type Shared = Infallible;
}

impl<T: Send + 'static> Vault for Sole<T> {
    fn take(&mut self) -> T {
        match self.0.take() {
            Some(value) => value,
            None => unreachable!("it is lent when no lease is out"),
        }
    }

    fn put(&mut self, value: T) {
        self.0 = Some(value);
    }

    fn share(&mut self) -> Infallible {
        unreachable!("nobody asks a mutex for a share")
    }

    fn unshare(&mut self, share: Infallible) {
        match share {}
    }
}

/// A value that is lent to one who changes it, or to many who read it.
pub(crate) enum Common<T> {
    Here(T),
    Shared(Arc<T>),
    Out,
}

impl<T> Lend for Common<T> {
    type Exclusive = T;
    type Shared = Arc<T>;
}

impl<T: Send + Sync + 'static> Vault for Common<T> {
    fn take(&mut self) -> T {
        let value = match std::mem::replace(self, Self::Out) {
            Self::Here(value) => Some(value),
            Self::Shared(value) => Arc::into_inner(value),
            Self::Out => None,
        };
        match value {
            Some(value) => value,
            None => unreachable!("it is lent alone when no lease is out"),
        }
    }

    fn put(&mut self, value: T) {
        *self = Self::Here(value);
    }

    fn share(&mut self) -> Arc<T> {
        let value = match std::mem::replace(self, Self::Out) {
            Self::Here(value) => Arc::new(value),
            Self::Shared(value) => value,
            Self::Out => unreachable!("it is shared when no exclusive lease is out"),
        };
        *self = Self::Shared(value.clone());
        value
    }

    fn unshare(&mut self, share: Arc<T>) {
        // The owner's own keeps the value: no destructor of the user's runs here.
        drop(share);
    }
}
