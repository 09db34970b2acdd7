//! What handlers keep with a socket.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Exception, extract::Extract, occasion::OfSocket};

/// The values that are kept with one socket, one of each type. For platforms, which keep one for each socket.
#[derive(Default)]
pub struct SocketValues(
    // A socket without values, as most are, pays for a pointer.
    Mutex<Option<Box<Values>>>,
);

#[derive(Default)]
struct Values {
    of_type: HashMap<TypeId, Box<dyn Any + Send>>,
    /// What other nodes see.
    shared: serde_json::Map<String, serde_json::Value>,
}

/// A clone of the value of type `T` that [`Socket::set_data`](crate::Socket::set_data) has put with the socket.
///
/// A handler that asks for one that is not there does not run, and the client is told `Internal server error`: give each
/// socket its value in a hook, or take `Option<SocketData<T>>`.
///
/// ```
/// use roomcast_gateway::{Ack, Gateway, Socket, SocketData};
///
/// #[derive(Clone)]
/// struct Name(String);
///
/// async fn welcome(socket: Socket) {
///     let name = socket.handshake().query("name").unwrap_or("nobody");
///     socket.set_data(Name(name.to_owned()));
/// }
///
/// async fn who_am_i(SocketData(Name(name)): SocketData<Name>) -> Ack<String> {
///     Ack(name)
/// }
///
/// let gateway = Gateway::new("/").on_connection(welcome).on("whoAmI", who_am_i);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketData<T>(pub T);

/// A handler asks for a value that its socket does not have.
#[derive(Debug, thiserror::Error)]
#[error("the socket has no data of type `{0}`")]
struct Missing(&'static str);

impl SocketValues {
    pub(crate) fn set<T: Send + 'static>(&self, value: T) {
        let mut values = self.lock();
        let values = values.get_or_insert_default();
        values.of_type.insert(TypeId::of::<T>(), Box::new(value));
    }

    pub(crate) fn find<T: Clone + 'static>(&self) -> Option<T> {
        let values = self.lock();
        let found = values.as_ref()?.of_type.get(&TypeId::of::<T>())?;
        found.downcast_ref::<T>().cloned()
    }

    pub(crate) fn share(&self, name: &str, value: serde_json::Value) {
        let mut values = self.lock();
        let values = values.get_or_insert_default();
        values.shared.insert(name.to_owned(), value);
    }

    /// What other nodes are told of it: an object.
    pub fn shared(&self) -> serde_json::Value {
        let values = self.lock();
        let shared = values.as_ref().map(|values| values.shared.clone());
        serde_json::Value::Object(shared.unwrap_or_default())
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Values>>> {
        // Values stand for themselves, so a clone that panicked leaves them usable.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<O: OfSocket, T: Clone + Send + 'static> Extract<O> for SocketData<T> {
    fn extract(occasion: &O) -> Result<Self, Exception> {
        let found = occasion.socket().data().map(Self);
        found.ok_or_else(|| Exception::internal(Missing(std::any::type_name::<T>())))
    }
}

impl<O: OfSocket, T: Clone + Send + 'static> Extract<O> for Option<SocketData<T>> {
    fn extract(occasion: &O) -> Result<Self, Exception> {
        Ok(occasion.socket().data().map(SocketData))
    }
}

impl fmt::Debug for SocketValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self
            .lock()
            .as_ref()
            .map_or(0, |values| values.of_type.len());
        f.debug_struct("SocketValues")
            .field("count", &count)
            .finish()
    }
}
