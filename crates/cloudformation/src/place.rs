//! Where something was written: a file's text, a place in it, and the chain of places that a value
//! came through.

use std::fmt;
use std::sync::Arc;

/// The text of one file, kept so that a mistake can show the line it speaks of.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The name as the user gave it, `environments/prod.yaml` for instance.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// A stretch of one file.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    source: Arc<Source>,
    start: usize,
    end: usize,
    line: usize,
    column: usize,
}

impl Place {
    /// A place from byte offsets, with its line and column counted from 1.
    pub(crate) fn new(
        source: &Arc<Source>,
        start: usize,
        end: usize,
        line: usize,
        column: usize,
    ) -> Self {
        Self {
            source: Arc::clone(source),
            start,
            end: end.max(start),
            line,
            column,
        }
    }

    /// The start of a file, for what concerns the whole of it.
    #[must_use]
    pub fn start_of(source: &Arc<Source>) -> Self {
        Self::new(source, 0, 0, 1, 1)
    }

    /// A stretch of a file, by its bytes.
    #[must_use]
    pub fn within(source: &Arc<Source>, range: std::ops::Range<usize>) -> Self {
        let before = source.text.get(..range.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        Self::new(source, range.start, range.end, line, column)
    }

    /// The file's name as the user gave it.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.source.name
    }

    /// The line, counted from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, counted from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// The whole file that this place is in.
    #[must_use]
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The byte range in the file's text.
    #[must_use]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.start..self.end
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file(), self.line, self.column)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The places that a value came through, the one to change first: for a leaf that an environment
/// file decides, the environment file's line, then the template's.
///
/// Empty for what no file says (a value given on the command line).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin(Vec<Place>);

impl Origin {
    /// Each place, the most telling first.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.0.iter()
    }

    /// The place to point at first.
    #[must_use]
    pub fn first(&self) -> Option<&Place> {
        self.0.first()
    }

    /// The same chain, followed by the places of `other` that it lacks, up to a length that a
    /// person would read.
    #[must_use]
    pub fn then(mut self, other: &Self) -> Self {
        const LONGEST: usize = 16;
        for place in &other.0 {
            if self.0.len() < LONGEST && !self.0.contains(place) {
                self.0.push(place.clone());
            }
        }
        self
    }
}

impl From<Place> for Origin {
    fn from(place: Place) -> Self {
        Self(vec![place])
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, place) in self.0.iter().enumerate() {
            let between = if index == 0 { "" } else { ", through " };
            write!(f, "{between}{place}")?;
        }
        Ok(())
    }
}
