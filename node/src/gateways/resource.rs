//! A resource: records that clients create, find, change, remove and watch by events.

use std::{any::TypeId, fmt, marker::PhantomData, sync::Arc};

use roomcast_gateway::{Ack, Exception, Gateway, Raw, Server, Socket};
use serde::{Serialize, de::DeserializeOwned};

use crate::store::{Fields, MAX_FIELDS, Record, RecordId, Store, StoreError};

/// Events on the records of a [`Store`], to be mounted on any gateway under any name.
///
/// For the name `Note` these are `createNote`, `findAllNote`, `findOneNote`, `updateNote`, `removeNote`, `watchNote`
/// and `unwatchNote`. Everyone who watches, on all nodes, receives `NoteCreated`, `NoteUpdated` or `NoteRemoved` with
/// the record. Two changes of one record at the same time are merged in one order, and may be told in the other.
///
/// `T` is what a record looks like without its id. Fields that it does not know are dropped, and a body that does not
/// fit it is an exception that says which field. An update is checked as what it would make of the record, so that it
/// may hold any part of `T`; a rule about several fields at once can be broken by two updates at the same time. Without
/// a `T`, as `Resource::<Fields>`, any object will do.
///
/// ```
/// use std::sync::Arc;
///
/// use roomcast_node::{gateway::Gateway, gateways::Resource, store::MemoryStore};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Note {
///     text: String,
///     #[serde(default)]
///     done: bool,
/// }
///
/// let store = Arc::new(MemoryStore::default());
/// let notes = Resource::<Note>::named("Note", store).mount(Gateway::new("/notes"));
/// assert!(notes.handles("createNote"));
/// ```
///
/// [`store::connect`](crate::store::connect) gives the store that the configuration asks for, shared by all nodes.
pub struct Resource<T = Fields> {
    name: Arc<str>,
    /// Of those who watch. No id of a socket has a slash, and clients cannot join what begins with `~`.
    room: Arc<str>,
    store: Arc<dyn Store>,
    body: PhantomData<fn() -> T>,
}

/// The answer to a watch or an unwatch.
#[derive(Debug, Serialize)]
struct Watching {
    watching: bool,
}

type Answer<T> = Result<Ack<T>, Exception>;

impl<T: Serialize + DeserializeOwned + 'static> Resource<T> {
    /// The resource of that name, whose records are in `store`.
    ///
    /// # Panics
    ///
    /// If the name is empty or holds anything but ASCII letters, digits, `_` and `-`.
    #[track_caller]
    pub fn named(name: impl Into<Arc<str>>, store: Arc<dyn Store>) -> Self {
        let name = name.into();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        assert!(
            !name.is_empty() && name.chars().all(is_plain),
            "`{name}` cannot be the name of a resource, which has only ASCII letters, digits, _ and -"
        );
        Self {
            room: format!("~watch/{name}").into(),
            name,
            store,
            body: PhantomData,
        }
    }

    /// Adds the resource's handlers to `gateway`.
    ///
    /// # Panics
    ///
    /// If one of the events has a handler there.
    #[must_use]
    #[track_caller]
    pub fn mount(self, gateway: Gateway) -> Gateway {
        let name = Arc::clone(&self.name);
        let find_all = self.clone();
        let (watch, unwatch) = (Arc::clone(&self.room), Arc::clone(&self.room));
        gateway
            .on(format!("create{name}"), self.handler(Self::create))
            .on(format!("findAll{name}"), move || {
                find_all.clone().find_all()
            })
            .on(format!("findOne{name}"), self.handler(Self::find_one))
            .on(format!("update{name}"), self.handler(Self::update))
            .on(format!("remove{name}"), self.handler(Self::remove))
            .on(format!("watch{name}"), move |socket: Socket| {
                let joined = socket.join(&*watch);
                async move {
                    joined.await?;
                    Ok::<_, Exception>(Ack(Watching { watching: true }))
                }
            })
            .on(format!("unwatch{name}"), move |socket: Socket| {
                socket.leave(&*unwatch);
                std::future::ready(Ack(Watching { watching: false }))
            })
            .emits(["Created", "Updated", "Removed"].map(|what| format!("{name}{what}")))
            .emits(["exception"])
    }

    /// `call` with this resource in front, as a handler.
    fn handler<F, R>(&self, call: F) -> impl Fn(Server, Raw) -> R + Send + Sync + use<F, R, T>
    where
        F: Fn(Self, Server, Raw) -> R + Send + Sync,
    {
        let resource = self.clone();
        move |server, body| call(resource.clone(), server, body)
    }

    async fn create(self, server: Server, body: Raw) -> Answer<Record> {
        let mut fields = fields(&body)?;
        if fields.take_id().is_some() {
            return Err(Exception::new(
                "id: expected none, a new record is given one",
            ));
        }
        if !Self::takes_any_object() {
            fields = Self::normal(&body)?;
        }
        let record = self.store.create(&self.name, fields).await;
        self.answer(&server, "Created", record)
    }

    async fn find_all(self) -> Answer<Vec<Record>> {
        let records = self.store.find_all(&self.name).await;
        records.map(Ack).map_err(|error| self.exception(error))
    }

    async fn find_one(self, _: Server, body: Raw) -> Answer<Record> {
        let record = self.store.find_one(&self.name, id(&body)?).await;
        record.map(Ack).map_err(|error| self.exception(error))
    }

    async fn update(self, server: Server, body: Raw) -> Answer<Record> {
        let mut changes = fields(&body)?;
        let id = changes
            .take_id()
            .ok_or_else(|| Exception::new("id: missing"))?;
        let id = RecordId::from_json(&id)
            .ok_or_else(|| Exception::new("id: expected a positive integer"))?;
        if !Self::takes_any_object() {
            let kept = self.store.find_one(&self.name, id).await;
            let mut whole = kept.map_err(|error| self.exception(error))?.fields;
            whole.merge(changes.clone());
            let mut normal = Self::normal(&Raw::new(&whole)?)?;
            normal.retain(|name| changes.get(name).is_some());
            changes = normal;
        }
        let record = self.store.update(&self.name, id, changes).await;
        self.answer(&server, "Updated", record)
    }

    async fn remove(self, server: Server, body: Raw) -> Answer<Record> {
        let record = self.store.remove(&self.name, id(&body)?).await;
        self.answer(&server, "Removed", record)
    }

    /// True if a body need not be looked at as a `T`.
    fn takes_any_object() -> bool {
        TypeId::of::<T>() == TypeId::of::<Fields>()
    }

    /// The fields of `body` as a `T` writes them, without an id.
    fn normal(body: &Raw) -> Result<Fields, Exception> {
        let mut fields = Fields::of(&body.parse::<T>()?)?;
        fields.take_id();
        Ok(fields)
    }

    /// Tells those who watch what has happened to the record, and the sender what it is now.
    fn answer(
        &self,
        server: &Server,
        what: &str,
        record: Result<Record, StoreError>,
    ) -> Answer<Record> {
        let record = record.map_err(|error| self.exception(error))?;
        let event = format!("{}{what}", self.name);
        if let Err(error) = server.to(&*self.room).emit(&event, &record) {
            // It has happened: an exception would have the client do it again.
            tracing::warn!(%error, event, "those who watch a record were not told of its change");
        }
        Ok(Ack(record))
    }

    fn exception(&self, error: StoreError) -> Exception {
        match error {
            StoreError::NotFound(id) => Exception::new(format!("{} #{id} not found", self.name)),
            StoreError::TooManyFields => Exception::new(format!(
                "body: expected no more than {MAX_FIELDS} fields in a record"
            )),
            StoreError::Unavailable(_) | StoreError::Malformed => Exception::internal(error),
        }
    }
}

/// The body as an object of any fields.
fn fields(body: &Raw) -> Result<Fields, Exception> {
    if !body.attachments().is_empty() {
        return Err(Exception::new("body: expected no binary data in a record"));
    }
    body.parse()
}

/// The body as an id.
fn id(body: &Raw) -> Result<RecordId, Exception> {
    RecordId::from_json(body.get())
        .ok_or_else(|| Exception::new("body: expected a positive integer"))
}

// By hand, since a clone needs no clone of `T`.
impl<T> Clone for Resource<T> {
    fn clone(&self) -> Self {
        Self {
            name: Arc::clone(&self.name),
            room: Arc::clone(&self.room),
            store: Arc::clone(&self.store),
            body: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Resource<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resource")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
