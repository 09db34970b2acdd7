//! A file of keys that is read again when it changes, so that an issuer can rotate its keys without a restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::jwks;
use super::key::{self, Key};
use super::key_error::KeyFileError;
use crate::watched::Watched;

/// A JWKS file. It is looked at when its keys are asked for.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    keys: Watched<Arc<[Key]>>,
}

impl KeyFile {
    /// Reads the file at `path` for the first time.
    pub(super) fn open(path: PathBuf) -> Result<Self, KeyFileError> {
        let keys = Watched::open([path.clone()], || load(&path))?;
        Ok(Self { path, keys })
    }

    /// The keys as of `now`: those of the last version of the file that could be read.
    pub(super) fn keys(&self, now: SystemTime) -> Arc<[Key]> {
        self.keys.current(now, || self.changed())
    }

    fn changed(&self) -> Option<Arc<[Key]>> {
        match load(&self.path) {
            Ok(keys) => {
                tracing::info!(path = %self.path.display(), keys = keys.len(), "the keys of tokens have changed");
                Some(keys)
            }
            Err(error) => {
                tracing::warn!(
                    path = %self.path.display(),
                    %error,
                    "the new keys of tokens cannot be used, the old ones stay in force"
                );
                None
            }
        }
    }
}

fn load(path: &Path) -> Result<Arc<[Key]>, KeyFileError> {
    jwks::public_keys(&key::read(path)?).map(Arc::from)
}

#[cfg(test)]
mod tests {
    use std::{fs, sync::Mutex, time::Duration};

    use serde_json::{Value, json};
    use tempfile::TempDir;

    use super::*;

    const START: SystemTime = SystemTime::UNIX_EPOCH;

    /// A set with the key at `index` of the set for tests.
    fn only(index: usize) -> String {
        let set: Value = serde_json::from_str(include_str!("testdata/jwks.json")).unwrap();
        json!({ "keys": [set["keys"][index]] }).to_string()
    }

    /// Writes the file as if `minute` minutes after the start.
    fn write(folder: &TempDir, text: &str, minute: u64) -> PathBuf {
        let path = folder.path().join("jwks.json");
        fs::write(&path, text).unwrap();
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(START + Duration::from_secs(60 * minute))
            .unwrap();
        path
    }

    fn id(file: &KeyFile, milliseconds: u64) -> Option<String> {
        let keys = file.keys(START + Duration::from_millis(milliseconds));
        assert_eq!(keys.len(), 1);
        keys[0].id.clone()
    }

    #[test]
    fn a_change_is_seen_at_the_first_look_after_a_second() {
        let folder = TempDir::new().unwrap();
        let file = KeyFile::open(write(&folder, &only(0), 1)).unwrap();
        assert_eq!(id(&file, 0).as_deref(), Some("rsa-1"));

        write(&folder, &only(1), 2);

        assert_eq!(id(&file, 999).as_deref(), Some("rsa-1"));
        assert_eq!(id(&file, 1000).as_deref(), Some("rsa-2"));
    }

    #[test]
    fn another_length_is_a_change_within_the_same_moment() {
        let folder = TempDir::new().unwrap();
        let file = KeyFile::open(write(&folder, &only(0), 1)).unwrap();

        write(&folder, &only(3), 1);

        assert_eq!(id(&file, 0).as_deref(), Some("ed"));
    }

    #[test]
    fn a_broken_or_missing_file_leaves_the_old_keys_until_it_is_right_again() {
        let folder = TempDir::new().unwrap();
        let path = write(&folder, &only(0), 1);
        let file = KeyFile::open(path.clone()).unwrap();

        write(&folder, "{", 2);
        assert_eq!(id(&file, 1000).as_deref(), Some("rsa-1"));
        fs::remove_file(path).unwrap();
        assert_eq!(id(&file, 2000).as_deref(), Some("rsa-1"));
        write(&folder, &only(1), 3);
        assert_eq!(id(&file, 3000).as_deref(), Some("rsa-2"));
    }

    #[test]
    fn a_broken_version_is_warned_of_once() {
        let folder = TempDir::new().unwrap();
        let file = KeyFile::open(write(&folder, &only(0), 1)).unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || Line(writer.clone()))
            .finish();

        tracing::subscriber::with_default(subscriber, || {
            write(&folder, "{", 2);
            for second in 1..10 {
                assert_eq!(id(&file, second * 1000).as_deref(), Some("rsa-1"));
            }
        });

        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert_eq!(log.matches("cannot be used").count(), 1, "{log}");
    }

    /// What writes to a log that a test reads.
    struct Line(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Line {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_stop_the_looking() {
        let folder = TempDir::new().unwrap();
        let file = KeyFile::open(write(&folder, &only(0), 1)).unwrap();
        assert_eq!(id(&file, 9_000_000).as_deref(), Some("rsa-1"));

        write(&folder, &only(1), 2);

        assert_eq!(id(&file, 5).as_deref(), Some("rsa-2"));
    }
}
