//! Typed values: a chain from the newest to the oldest, shared by everything derived from it.

use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::unwind;

#[derive(Clone, Default)]
pub(super) struct Values(Option<Arc<Link>>);

struct Link {
    key: TypeId,
    // Some until it is dropped.
    value: Option<Box<dyn Any + Send + Sync>>,
    next: Values,
}

impl Values {
    pub(super) fn with<T: Send + Sync + 'static>(&self, value: T) -> Self {
        Self(Some(Arc::new(Link {
            key: TypeId::of::<T>(),
            value: Some(Box::new(value)),
            next: self.clone(),
        })))
    }

    pub(super) fn get<T: 'static>(&self) -> Option<&T> {
        let mut at = self.0.as_deref();
        while let Some(link) = at {
            if link.key == TypeId::of::<T>() {
                return link.value.as_ref()?.downcast_ref();
            }
            at = link.next.0.as_deref();
        }
        None
    }
}

// Taken apart link by link: a long chain dropped by the compiler would recurse once a link.
impl Drop for Link {
    fn drop(&mut self) {
        // A context ends anywhere, also in an unwinding.
        unwind::drop_apart(self.value.take(), "drop of a context value");
        let mut next = self.next.0.take();
        while let Some(link) = next {
            next = Arc::into_inner(link).and_then(|mut link| link.next.0.take());
        }
    }
}
