//! Where a value was seen: a chain of origins, the one that a person would edit first.

use std::fmt;

/// One link of a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A position in a file; line and column count from 1.
    File {
        /// The path, as the user named it.
        path: String,
        /// The line.
        line: u32,
        /// The column.
        column: u32,
    },
    /// Anything else that identifies it: `environment variable PING_INTERVAL`, an ARN, `default of
    /// AWS`.
    Named(String),
}

/// Where a value was seen, and what that in turn came from.
///
/// ```
/// use timeouts::Place;
/// let place = Place::file("environments/prod.yaml", 14, 17).through(Place::file("cloudformation/service.yaml", 80, 18));
/// assert_eq!(place.to_string(), "environments/prod.yaml:14:17 (through cloudformation/service.yaml:80:18)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    first: Origin,
    rest: Vec<Origin>,
}

impl Place {
    /// A position in a file; line and column count from 1.
    pub fn file(path: impl Into<String>, line: u32, column: u32) -> Self {
        Self::from(Origin::File {
            path: path.into(),
            line,
            column,
        })
    }

    /// A place that has a name rather than a position.
    pub fn named(name: impl Into<String>) -> Self {
        Self::from(Origin::Named(name.into()))
    }

    /// The place that a person would edit.
    #[must_use]
    pub fn first(&self) -> &Origin {
        &self.first
    }

    /// All links, the one that a person would edit first.
    pub fn links(&self) -> impl Iterator<Item = &Origin> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    /// The same place, which took effect through another: an environment file's line through a
    /// template's.
    #[must_use]
    pub fn through(mut self, next: Self) -> Self {
        self.rest.push(next.first);
        self.rest.extend(next.rest);
        self
    }
}

impl From<Origin> for Place {
    fn from(first: Origin) -> Self {
        Self {
            first,
            rest: Vec::new(),
        }
    }
}

impl From<&str> for Place {
    fn from(name: &str) -> Self {
        Self::named(name)
    }
}

impl From<String> for Place {
    fn from(name: String) -> Self {
        Self::named(name)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first.fmt(f)?;
        for link in &self.rest {
            write!(f, " (through {link})")?;
        }
        Ok(())
    }
}
