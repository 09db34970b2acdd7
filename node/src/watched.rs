//! What is read from files, and read again when they change: no restart is needed, and no task has to run.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

/// How often the files are looked at, at most; a look is one `stat` of each.
const PAUSE: Duration = Duration::from_secs(1);

/// What stands in some files. They are looked at when it is asked for.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    paths: Box<[PathBuf]>,
    /// Guards what is known of the files. It is not held while they are read: others go on with what was known.
    known: Mutex<Known<T>>,
}

#[derive(Debug)]
struct Known<T> {
    value: T,
    /// The versions of the files that were read last, also where they were no good.
    stamps: Stamps,
    looked: Option<SystemTime>,
}

/// What tells two versions of a file apart: when it was written, and its length. `None` is a file that is away.
type Stamps = Box<[Option<(SystemTime, u64)>]>;

impl<T: Clone> Watched<T> {
    /// Reads the files at `paths` for the first time.
    ///
    /// # Errors
    ///
    /// What `read` fails with.
    pub(crate) fn open<E>(
        paths: impl Into<Box<[PathBuf]>>,
        read: impl FnOnce() -> Result<T, E>,
    ) -> Result<Self, E> {
        let paths = paths.into();
        // Before the files are read: what is written in between is seen as a change later.
        let stamps = stamps(&paths);
        let known = Known {
            value: read()?,
            stamps,
            looked: None,
        };
        Ok(Self {
            paths,
            known: Mutex::new(known),
        })
    }

    /// What the files say as of `now`. Where they have changed, `read` reads them, and says why to the log where they
    /// are no good: `None` leaves in force what was known.
    pub(crate) fn current(&self, now: SystemTime, read: impl FnOnce() -> Option<T>) -> T {
        let mut known = self.known();
        if !known.is_due(now) {
            return known.value.clone();
        }
        known.looked = Some(now);
        drop(known);

        let stamps = stamps(&self.paths);
        let known = self.known();
        if stamps == known.stamps {
            return known.value.clone();
        }
        drop(known);

        let value = read();
        let mut known = self.known();
        known.stamps = stamps;
        if let Some(value) = value {
            known.value = value;
        }
        known.value.clone()
    }

    fn known(&self) -> MutexGuard<'_, Known<T>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Known<T> {
    fn is_due(&self, now: SystemTime) -> bool {
        // A clock that was set back must not stop the looking until it has caught up.
        let is_over = |looked| {
            now.duration_since(looked)
                .map_or(true, |past| past >= PAUSE)
        };
        self.looked.is_none_or(is_over)
    }
}

fn stamps(paths: &[PathBuf]) -> Stamps {
    let stamp = |path: &Path| {
        let metadata = fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.iter().map(|path| stamp(path)).collect()
}
