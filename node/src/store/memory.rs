//! Records in this process: gone when it ends, and unknown to other nodes.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, MutexGuard, PoisonError},
};

use futures_util::{FutureExt, future::ready};

use super::{Answer, Fields, MAX_FIELDS, Record, RecordId, Store, StoreError};

/// Keeps records in memory.
#[derive(Debug, Default)]
pub struct MemoryStore {
    /// By the name of their resource. Locked for one operation at a time.
    tables: Mutex<HashMap<String, Table>>,
}

#[derive(Debug, Default)]
struct Table {
    last: u64,
    records: BTreeMap<RecordId, Fields>,
}

impl Table {
    fn create(&mut self, fields: Fields) -> Result<Record, StoreError> {
        if fields.len() > MAX_FIELDS {
            return Err(StoreError::TooManyFields);
        }
        self.last += 1;
        let id = RecordId::new(self.last).ok_or(StoreError::Malformed)?;
        self.records.insert(id, fields.clone());
        Ok(Record { id, fields })
    }

    fn find_one(&self, id: RecordId) -> Result<Record, StoreError> {
        let fields = self.records.get(&id).cloned();
        record(id, fields)
    }

    fn update(&mut self, id: RecordId, changes: Fields) -> Result<Record, StoreError> {
        let kept = self.records.get_mut(&id).ok_or(StoreError::NotFound(id))?;
        let added = changes
            .iter()
            .filter(|(name, _)| kept.get(name).is_none())
            .count();
        if kept.len() + added > MAX_FIELDS {
            return Err(StoreError::TooManyFields);
        }
        kept.merge(changes);
        record(id, Some(kept.clone()))
    }

    fn remove(&mut self, id: RecordId) -> Result<Record, StoreError> {
        let fields = self.records.remove(&id);
        record(id, fields)
    }
}

fn record(id: RecordId, fields: Option<Fields>) -> Result<Record, StoreError> {
    let fields = fields.ok_or(StoreError::NotFound(id))?;
    Ok(Record { id, fields })
}

impl MemoryStore {
    fn on<T: Send + 'static>(
        &self,
        resource: &str,
        operation: impl FnOnce(&mut Table) -> Result<T, StoreError>,
    ) -> Answer<'static, T> {
        let mut tables = self.lock();
        // Every node has few resources, so that their names are few, too.
        let table = tables.entry(resource.to_owned()).or_default();
        ready(operation(table)).boxed()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Table>> {
        // No operation leaves a table half changed.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn create<'a>(&'a self, resource: &'a str, fields: Fields) -> Answer<'a, Record> {
        self.on(resource, |table| table.create(fields))
    }

    fn find_all<'a>(&'a self, resource: &'a str) -> Answer<'a, Vec<Record>> {
        self.on(resource, |table| {
            let records = table.records.iter();
            Ok(records
                .map(|(id, fields)| Record {
                    id: *id,
                    fields: fields.clone(),
                })
                .collect())
        })
    }

    fn find_one<'a>(&'a self, resource: &'a str, id: RecordId) -> Answer<'a, Record> {
        self.on(resource, |table| table.find_one(id))
    }

    fn update<'a>(&'a self, resource: &'a str, id: RecordId, fields: Fields) -> Answer<'a, Record> {
        self.on(resource, |table| table.update(id, fields))
    }

    fn remove<'a>(&'a self, resource: &'a str, id: RecordId) -> Answer<'a, Record> {
        self.on(resource, |table| table.remove(id))
    }
}
