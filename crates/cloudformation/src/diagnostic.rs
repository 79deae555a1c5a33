//! Mistakes in what the user wrote: what is wrong, where, and what to do, with the line shown and
//! the place marked.
//!
//! Readers collect mistakes and go on, so that all of them are reported at once.

use std::borrow::Cow;
use std::fmt;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Value, json};

use crate::place::Place;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where; none for what was given on the command line.
    pub place: Option<Place>,
    /// What to do about it.
    pub help: Option<String>,
}

impl Mistake {
    /// A mistake at a place.
    pub fn at(place: &Place, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: Some(place.clone()),
            help: None,
        }
    }

    /// A mistake in what no file says.
    pub fn nowhere(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            place: None,
            help: None,
        }
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The mistake as JSON, with `file`, `line` and `column` where it has a place.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut object = json!({ "message": self.message });
        if let Some(place) = &self.place {
            object["file"] = json!(place.file());
            object["line"] = json!(place.line());
            object["column"] = json!(place.column());
        }
        if let Some(help) = &self.help {
            object["help"] = json!(help);
        }
        object
    }

    /// The mistake as text for a person, the line shown and the place marked.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        self.titled(&Level::ERROR, colour)
    }

    /// The same for what is no mistake, and worth knowing.
    #[must_use]
    pub fn warning(&self, colour: bool) -> String {
        self.titled(&Level::WARNING, colour)
    }

    fn titled(&self, level: &Level<'_>, colour: bool) -> String {
        let title = level.clone().primary_title(printable(&self.message));
        let mut group = match &self.place {
            None => Group::with_title(title),
            Some(place) => {
                let excerpt = Excerpt::of([place]);
                title.element(
                    Snippet::source(excerpt.text)
                        .line_start(excerpt.line)
                        .path(printable(place.file()))
                        .annotation(AnnotationKind::Primary.span(excerpt.marked(place))),
                )
            }
        };
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(printable(help)));
        }
        let renderer = if colour {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        renderer.render(&[group])
    }
}

/// The text with its control characters written as escapes: what someone else wrote cannot steer a
/// terminal, nor begin a line of its own in a log that takes lines for commands.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    // Line separators, and the characters that turn the direction of writing.
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(steers) {
        return Cow::Borrowed(text);
    }
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match steers(c) {
            true => printable.extend(c.escape_default()),
            false => printable.push(c),
        }
    }
    Cow::Owned(printable)
}

/// The lines of a file that some places are in. A renderer looks at these alone: to look at the
/// whole file for each of many mistakes takes time that grows with the square of its length.
#[derive(Clone, Copy, Debug)]
pub struct Excerpt<'a> {
    /// The text of the lines.
    pub text: &'a str,
    /// The number of the first line, counted from 1.
    pub line: usize,
    start: usize,
}

impl<'a> Excerpt<'a> {
    /// The lines from the first place's to the last one's; all places are in one file.
    pub fn of(places: impl IntoIterator<Item = &'a Place>) -> Self {
        let mut lines: Option<Self> = None;
        for place in places {
            let text = place.source().text.as_str();
            let range = place.range();
            let at = range.start.min(text.len());
            let before = text.get(..at).unwrap_or_default();
            let mut start = before.rfind('\n').map_or(0, |feed| feed + 1);
            let after = text.get(at..).unwrap_or_default();
            let mut end = after.find('\n').map_or(text.len(), |feed| at + feed);
            let mut line = place.line();
            if let Some(known) = lines {
                if known.start < start {
                    (start, line) = (known.start, known.line);
                }
                end = end.max(known.start + known.text.len());
            }
            let text = text.get(start..end).unwrap_or_default();
            lines = Some(Self { text, line, start });
        }
        lines.unwrap_or(Self {
            text: "",
            line: 1,
            start: 0,
        })
    }

    /// The part of a place to mark, within the lines: the end of its first line at most, so that a
    /// long block shows one line.
    #[must_use]
    pub fn marked(&self, place: &Place) -> std::ops::Range<usize> {
        let range = place.range();
        let start = range.start.saturating_sub(self.start).min(self.text.len());
        let rest = self.text.get(start..).unwrap_or_default();
        let line_end = rest.find('\n').map_or(self.text.len(), |feed| start + feed);
        start..range.end.saturating_sub(self.start).clamp(start, line_end)
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(false))
    }
}

/// How a mistake about a value begins while nobody has said yet which setting the value is for.
pub const EXPECTED: &str = "expected ";

/// All mistakes found in one go; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl Mistakes {
    /// Adds one.
    pub fn push(&mut self, mistake: Mistake) {
        self.0.push(mistake);
    }

    /// Whether there are so many that a suggestion for each would take longer than it saves: each
    /// is compared with all names of the template.
    #[must_use]
    pub fn are_many(&self) -> bool {
        const MANY: usize = 50;
        self.0.len() > MANY
    }

    /// Each mistake, in the order found.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }

    /// `value` if nothing is wrong.
    ///
    /// # Errors
    /// The mistakes, if there are any, in the order in which a reader of the file meets them.
    pub fn or<T>(mut self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            return Ok(value);
        }
        let key = |mistake: &Mistake| {
            let place = mistake.place.as_ref()?;
            Some((place.file().to_owned(), place.line(), place.column()))
        };
        self.0.sort_by_cached_key(key);
        Err(self)
    }

    /// Reads one entry of a mapping: what it finds wrong with the value itself names the `key`.
    pub fn about<T>(&mut self, key: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.0.len();
        let value = read(self);
        for mistake in self.0.iter_mut().skip(before) {
            if mistake.message.starts_with(EXPECTED) {
                mistake.message = format!("`{key}`: {}", mistake.message);
            }
        }
        value
    }

    /// Takes the mistakes out of a result and keeps its value, if it has one.
    pub fn keep<T>(&mut self, result: Result<T, impl Into<Self>>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(mistakes) => {
                self.0.extend(mistakes.into().0);
                None
            }
        }
    }

    /// The text of all, a blank line between.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        self.0
            .iter()
            .map(|mistake| mistake.text(colour))
            .collect::<Vec<_>>()
            .join("\n\n")
    }
}

impl From<Mistake> for Mistakes {
    fn from(mistake: Mistake) -> Self {
        Self(vec![mistake])
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text(false))
    }
}

impl std::error::Error for Mistakes {}

/// The known name nearest to an unknown one, if any is near enough to be a slip.
#[must_use]
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Two slips of the finger, or a third of a long word; Jaro-Winkler alone calls `cpu` near
    // `prefix`.
    let slips = (unknown.chars().count() / 3).max(2);
    known
        .into_iter()
        .map(|name| {
            (
                strsim::osa_distance(&unknown.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, name)| *distance <= slips && *distance < name.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
