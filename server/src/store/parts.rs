//! The parts of a store that may be away by themselves: those of a cluster. Any other store is one
//! part.

use std::collections::BTreeMap;

/// The number of a part, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part(pub u8);

impl Part {
    /// The first of them, and the only one of a store that is no cluster.
    pub const FIRST: Self = Self(0);

    /// Its place in a list of all.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Some parts of a store; 32 at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Parts(u32);

impl Parts {
    /// No part.
    pub const NONE: Self = Self(0);
    /// Every part that a store may have.
    pub const ALL: Self = Self(u32::MAX);

    /// The parts of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Without those of the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether a part is among them.
    #[must_use]
    pub fn contains(self, part: Part) -> bool {
        self.0 & Self::from(part).0 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each of them, in order.
    pub fn iter(self) -> impl Iterator<Item = Part> + Clone {
        (0..32).map(Part).filter(move |part| self.contains(*part))
    }
}

/// The places of things in a list, by the part that each is of.
#[must_use]
pub fn places_by_part(parts: impl Iterator<Item = Part>) -> BTreeMap<Part, Vec<usize>> {
    let mut places: BTreeMap<Part, Vec<usize>> = BTreeMap::new();
    for (place, part) in parts.enumerate() {
        places.entry(part).or_default().push(place);
    }
    places
}

impl From<Part> for Parts {
    fn from(part: Part) -> Self {
        Self(1_u32.checked_shl(part.0.into()).unwrap_or(0))
    }
}

impl FromIterator<Part> for Parts {
    fn from_iter<T: IntoIterator<Item = Part>>(parts: T) -> Self {
        parts
            .into_iter()
            .map(Self::from)
            .fold(Self::NONE, Self::and)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_a_set() {
        let some: Parts = [Part(3), Part(0), Part(31)].into_iter().collect();
        assert!(some.contains(Part(31)) && !some.contains(Part(1)));
        assert!(!some.contains(Part(32)));
        let rest = some.without(Part(0).into());
        assert_eq!(rest.iter().collect::<Vec<_>>(), [Part(3), Part(31)]);
        assert!(some.without(Parts::ALL).is_empty());
    }
}
