//! What the handlers of a gateway share.

use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
    fmt,
    sync::Arc,
};

/// The values that a gateway was given with [`state`](crate::Gateway::state), one of each type.
#[derive(Clone, Default)]
pub struct States(HashMap<TypeId, Value>);

#[derive(Clone)]
struct Value {
    value: Arc<dyn Any + Send + Sync>,
    type_name: &'static str,
}

impl States {
    /// Whether there is one of type `T`.
    pub fn contains<T: 'static>(&self) -> bool {
        self.0.contains_key(&TypeId::of::<T>())
    }

    /// A clone of the one of type `T`.
    pub fn find<T: Clone + 'static>(&self) -> Option<T> {
        let found = self.0.get(&TypeId::of::<T>())?;
        found.value.downcast_ref::<T>().cloned()
    }

    /// Adds `value`; false if there is one of its type.
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> bool {
        let value = Value {
            value: Arc::new(value),
            type_name: type_name::<T>(),
        };
        self.0.insert(TypeId::of::<T>(), value).is_none()
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set()
            .entries(self.0.values().map(|value| value.type_name))
            .finish()
    }
}

/// A handler asks for state of a type that the gateway was not given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no state of type `{type_name}`: give it with .state(…) before the handlers")]
pub struct MissingState {
    type_name: &'static str,
}

impl MissingState {
    /// The state of type `T` is missing.
    pub fn of<T>() -> Self {
        Self {
            type_name: type_name::<T>(),
        }
    }
}
