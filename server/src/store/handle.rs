//! The open database. After its disk has failed once, redb refuses everything until it is opened
//! anew: that is done here, by whoever asks next, as soon as those who still use the old one have
//! let go of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use redb::backends::InMemoryBackend;
use redb::{Database, DatabaseError};

/// Bytes of the database that are kept in memory beside a file; redb's own default is a GiB.
const FILE_CACHE: usize = 128 << 20;
/// The same where all of it is in memory anyway.
const MEMORY_CACHE: usize = 4 << 20;

/// See the module.
pub(super) struct Handle {
    db: RwLock<Option<Arc<Database>>>,
    /// None for a database in memory, whose disk cannot fail.
    file: Option<PathBuf>,
}

impl Handle {
    pub(super) fn in_memory() -> Result<Self, DatabaseError> {
        let db = Database::builder()
            .set_cache_size(MEMORY_CACHE)
            .create_with_backend(InMemoryBackend::new())?;
        Ok(Self {
            db: RwLock::new(Some(Arc::new(db))),
            file: None,
        })
    }

    pub(super) fn file(file: PathBuf) -> Result<Self, DatabaseError> {
        let db = open(&file)?;
        Ok(Self {
            db: RwLock::new(Some(Arc::new(db))),
            file: Some(file),
        })
    }

    /// The database, opened anew if it was given up. Blocks for the disk then.
    pub(super) fn get(&self) -> Result<Arc<Database>, redb::Error> {
        if let Some(db) = &*self.db.read().unwrap_or_else(PoisonError::into_inner) {
            return Ok(db.clone());
        }
        let mut slot = self.db.write().unwrap_or_else(PoisonError::into_inner);
        match (&*slot, &self.file) {
            (Some(db), _) => Ok(db.clone()),
            (None, None) => Err(redb::Error::PreviousIo),
            (None, Some(file)) => {
                let db = Arc::new(open(file)?);
                tracing::info!(file = %file.display(), "reopened the database");
                *slot = Some(db.clone());
                Ok(db)
            }
        }
    }

    /// Gives the database up if this error means that it refuses everything from now on.
    pub(super) fn failed(&self, error: &redb::Error) {
        if self.file.is_some() && matches!(error, redb::Error::Io(_) | redb::Error::PreviousIo) {
            *self.db.write().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

fn open(file: &Path) -> Result<Database, DatabaseError> {
    Database::builder().set_cache_size(FILE_CACHE).create(file)
}

#[cfg(test)]
mod tests {
    use redb::{ReadableDatabase, TableDefinition};

    use super::*;

    const TABLE: TableDefinition<'_, u8, u8> = TableDefinition::new("t");

    #[test]
    fn a_database_that_failed_is_opened_anew_once_nobody_uses_it() {
        let directory = tempfile::tempdir().unwrap();
        let handle = Handle::file(directory.path().join("db")).unwrap();
        let old = handle.get().unwrap();
        let write = old.begin_write().unwrap();
        write.open_table(TABLE).unwrap().insert(1, 2).unwrap();
        write.commit().unwrap();

        handle.failed(&redb::Error::ValueTooLarge(1));
        assert!(
            Arc::ptr_eq(&old, &handle.get().unwrap()),
            "no reason to give it up"
        );
        handle.failed(&redb::Error::PreviousIo);
        assert!(handle.get().is_err(), "it is still used");
        drop(old);
        let read = handle.get().unwrap().begin_read().unwrap();
        assert_eq!(
            read.open_table(TABLE)
                .unwrap()
                .get(1)
                .unwrap()
                .unwrap()
                .value(),
            2
        );
    }

    #[test]
    fn a_database_in_memory_is_never_given_up() {
        let handle = Handle::in_memory().unwrap();
        handle.failed(&redb::Error::PreviousIo);
        assert!(handle.get().is_ok());
    }
}
