//! Presence of a node alone: it knows everybody, and nobody else has to.

use std::{
    collections::HashMap,
    future::{Future, pending, ready},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{Doing, Joined, Listener, PresenceStore, User, roster::Roster};

/// Users in memory.
#[derive(Debug)]
pub(crate) struct Memory {
    node: String,
    users: Mutex<Users>,
}

#[derive(Debug)]
struct Users {
    names: HashMap<Arc<str>, Arc<str>>,
    newest: Roster,
    number: u64,
}

impl Memory {
    /// Nobody yet, at this node; `listed` is how many are listed.
    pub(crate) fn new(node: &str, listed: usize) -> Self {
        Self {
            node: node.to_owned(),
            users: Mutex::new(Users {
                names: HashMap::new(),
                newest: Roster::of_all(listed),
                number: 0,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Users> {
        // Names and their list: one that is off by one user after a panic is no reason to stop.
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Users {
    fn next(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

impl PresenceStore for Memory {
    fn join<'a>(&'a self, client_id: &'a str, username: &'a Arc<str>) -> Doing<'a, Joined> {
        let mut users = self.lock();
        let id: Arc<str> = client_id.into();
        let joined = match users.names.insert(id.clone(), username.clone()) {
            None => Joined::New,
            Some(old) if old == *username => Joined::Same,
            Some(old) => Joined::Renamed { old },
        };
        if joined != Joined::Same {
            let number = users.next();
            users.newest.came(id, username.clone(), number);
        }
        Box::pin(ready(Ok(joined)))
    }

    fn leave<'a>(&'a self, client_id: &'a str) -> Doing<'a, Option<Arc<str>>> {
        let mut users = self.lock();
        let left = users.names.remove(client_id);
        let number = users.next();
        users.newest.left(client_id, number);
        Box::pin(ready(Ok(left)))
    }

    /// There is no other node that it could be back on.
    fn depart<'a>(&'a self, client_id: &'a str) -> Doing<'a, Option<Arc<str>>> {
        self.leave(client_id)
    }

    fn online(&self) -> Vec<(Arc<str>, Arc<str>)> {
        self.lock().newest.list()
    }

    fn everyone(&self) -> Doing<'_, Vec<User>> {
        let users = self.lock();
        let everyone = users.newest.everyone().map(|(client_id, username)| User {
            client_id: client_id.clone(),
            username: username.clone(),
            node: self.node.clone(),
        });
        Box::pin(ready(Ok(everyone.collect())))
    }

    /// A node alone finds out nothing that it was not told.
    fn listen(&self, _: Listener) {}

    fn run(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(pending())
    }

    fn end(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}
