//! A number of places, some of which are reserved.

use std::sync::atomic::{AtomicU32, Ordering};

/// A number of places, some of which are reserved.
#[derive(Debug)]
pub(super) struct Places {
    most: u32,
    reserved: u32,
    taken: AtomicU32,
}

/// A place that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Common,
    /// One of the last.
    Reserved,
}

impl Places {
    /// `most` places, the last `reserved` of which are told apart.
    pub(super) fn new(most: u32, reserved: u32) -> Self {
        Self {
            most,
            reserved: reserved.min(most),
            taken: AtomicU32::new(0),
        }
    }

    /// Takes a place, if there is one.
    pub(super) fn take(&self) -> Option<Place> {
        let taken = self
            .taken
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |taken| {
                (taken < self.most).then_some(taken + 1)
            })
            .ok()?;
        Some(match taken < self.most - self.reserved {
            true => Place::Common,
            false => Place::Reserved,
        })
    }

    pub(super) fn release(&self) {
        self.taken.fetch_sub(1, Ordering::AcqRel);
    }

    pub(super) fn free(&self) -> u32 {
        self.most.saturating_sub(self.taken.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_places_are_reserved() {
        let places = Places::new(3, 1);
        assert_eq!(places.take(), Some(Place::Common));
        assert_eq!(places.take(), Some(Place::Common));
        assert_eq!(places.take(), Some(Place::Reserved));
        assert_eq!(places.take(), None);
        places.release();
        assert_eq!(places.free(), 1);
        assert_eq!(places.take(), Some(Place::Reserved));
    }
}
