//! A mailbox's messages by id: places alone, since the texts of the ids are with the messages. No
//! I/O.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use crate::message::Position;

/// Places by the id of the message there, which callers look up.
#[derive(Debug, Default)]
pub(super) struct Ids {
    places: HashTable<Position>,
    hasher: RandomState,
}

impl Ids {
    /// The place of the message with this id.
    pub(super) fn get<'a>(
        &self,
        id: &str,
        id_at: impl Fn(Position) -> &'a str,
    ) -> Option<Position> {
        let hash = self.hasher.hash_one(id);
        self.places.find(hash, |at| id_at(*at) == id).copied()
    }

    /// Adds a message whose id is not there.
    pub(super) fn insert<'a>(
        &mut self,
        id: &str,
        at: Position,
        id_at: impl Fn(Position) -> &'a str,
    ) {
        let hasher = &self.hasher;
        let hash_at = |at: &Position| hasher.hash_one(id_at(*at));
        self.places.insert_unique(hasher.hash_one(id), at, hash_at);
    }

    /// Removes a message.
    pub(super) fn remove(&mut self, id: &str, at: Position) {
        let hash = self.hasher.hash_one(id);
        if let Ok(place) = self.places.find_entry(hash, |known| *known == at) {
            place.remove();
        }
    }
}
