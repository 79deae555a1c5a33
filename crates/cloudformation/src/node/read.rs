//! Reads YAML, of which JSON is a part, into nodes.
//!
//! Refused are the parts of YAML that CloudFormation does not read either, so that nothing means
//! one thing here and another there: aliases, merges, several documents. Of a key that a template
//! gives twice CloudFormation takes the last, with a warning here; in other files it is a mistake.
//! Depth and size are bounded.

use std::sync::Arc;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use indexmap::IndexMap;

use super::{Entry, Map, Node, Place, Scalar, Source, Value};
use crate::diagnostic::{Mistake, Mistakes};

/// CloudFormation refuses a template of more than 1 MiB ("Understand CloudFormation quotas").
const MAX_BYTES: usize = 1024 * 1024;
/// Deeper than any template that makes sense, and far from the end of a thread's stack.
const MAX_DEPTH: usize = 100;

/// What tags and long function names mean in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// A template: tags and `Fn::` keys are intrinsic functions.
    Template,
    /// Plain data: a tag is a mistake.
    Plain,
}

/// Reads a text; `name` is what messages call it.
///
/// # Errors
/// Everything that is wrong with it, each mistake with its place.
pub fn read(name: &str, text: impl Into<String>, syntax: Syntax) -> Result<Node, Mistakes> {
    read_all(name, text, syntax).map(|(node, _)| node)
}

/// Reads a template's text, with what CloudFormation takes and a person would want to know.
///
/// # Errors
/// Everything that is wrong with it, each mistake with its place.
pub fn read_template(
    name: &str,
    text: impl Into<String>,
) -> Result<(Node, Vec<Mistake>), Mistakes> {
    read_all(name, text, Syntax::Template)
}

fn read_all(
    name: &str,
    text: impl Into<String>,
    syntax: Syntax,
) -> Result<(Node, Vec<Mistake>), Mistakes> {
    let source = Arc::new(Source {
        name: name.to_owned(),
        text: text.into(),
    });
    if source.text.len() > MAX_BYTES {
        let message = format!(
            "{name} has {} bytes: CloudFormation takes {MAX_BYTES} at most",
            source.text.len()
        );
        return Err(Mistake::nowhere(message).into());
    }
    let options =
        granit_parser::options! { flow_nesting_limit: MAX_DEPTH, block_nesting_limit: MAX_DEPTH };
    let mut reader = Reader {
        events: Parser::new_from_str_with_options(&source.text, options),
        source: &source,
        syntax,
        mistakes: Mistakes::default(),
        warnings: Vec::new(),
    };
    match reader.document() {
        Ok(node) => {
            let warnings = reader.warnings;
            reader.mistakes.or((node, warnings))
        }
        Err(Stop(mistake)) => {
            reader.mistakes.push(mistake);
            Err(reader.mistakes)
        }
    }
}

/// The mistake after which reading cannot go on.
struct Stop(Mistake);

fn too_deep(place: &Place) -> Mistake {
    Mistake::at(place, format!("nested deeper than {MAX_DEPTH} levels"))
}

pub(super) struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    source: &'a Arc<Source>,
    pub(super) syntax: Syntax,
    pub(super) mistakes: Mistakes,
    warnings: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Node, Stop> {
        let mut document = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::DocumentStart(..) if document.is_some() => {
                    return Err(Stop(Mistake::at(
                        &self.place(&span),
                        "a second document begins here; only one is read",
                    )));
                }
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event => document = Some(self.node(event, &span, 0)?),
            }
        }
        let nothing = || {
            Node::new(
                Value::Scalar(Scalar::plain("")),
                Place::start_of(self.source),
            )
        };
        Ok(document.unwrap_or_else(nothing))
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), Stop> {
        loop {
            return match self.events.next_event() {
                // Another crate of a build may switch the parser's comments on for all.
                Some(Ok((Event::Comment(..), _))) => continue,
                Some(Ok(event)) => Ok(event),
                Some(Err(error)) => Err(self.syntax_error(&error)),
                None => Err(Stop(Mistake::at(
                    &Place::start_of(self.source),
                    "the text ends unexpectedly",
                ))),
            };
        }
    }

    fn syntax_error(&self, error: &ScanError) -> Stop {
        let marker = error.marker();
        let start = marker.byte_offset().unwrap_or(self.source.text.len());
        let place = Place::new(self.source, start, start, marker.line(), marker.col() + 1);
        Stop(match error.kind() {
            ErrorKind::RecursionLimitExceeded => too_deep(&place),
            _ => Mistake::at(&place, format!("this is not YAML: {}", error.info())),
        })
    }

    fn place(&self, span: &Span) -> Place {
        let start = span.tag_start().unwrap_or(span.start);
        let offset = start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(offset);
        Place::new(self.source, offset, end, start.line(), start.col() + 1)
    }

    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Stop> {
        let place = self.place(span);
        if depth > MAX_DEPTH {
            return Err(Stop(too_deep(&place)));
        }
        let (value, tag) = match event {
            Event::Scalar(text, style, _, tag) => (self.scalar(&text, style, tag.as_deref()), tag),
            Event::SequenceStart(_, _, tag) => (Value::List(self.list(depth)?), tag),
            Event::MappingStart(_, _, tag) => (self.map(depth)?, tag),
            Event::Alias(_) => {
                self.mistakes.push(
                    Mistake::at(
                        &place,
                        "aliases are not supported: CloudFormation does not support them either",
                    )
                    .help("write the value out"),
                );
                (Value::Scalar(Scalar::plain("")), None)
            }
            _ => return Err(Stop(Mistake::at(&place, "a value is expected here"))),
        };
        let node = Node::new(value, place.clone());
        Ok(match tag {
            Some(tag) => self.tagged(node, &tag, &place),
            None => node,
        })
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
        let as_string =
            style != ScalarStyle::Plain || tag.is_some_and(|tag| tag.core_suffix() == Some("str"));
        Value::Scalar(match self.syntax {
            _ if as_string => Scalar::text(text),
            Syntax::Template => Scalar::plain_in_template(text),
            Syntax::Plain => Scalar::plain(text),
        })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Stop> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::SequenceEnd => return Ok(items),
                event => items.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, Stop> {
        let mut map: Map = IndexMap::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                return Ok(self.long_form(map));
            }
            let place = self.place(&span);
            // A key keeps its text: `Yes` may be a name.
            let key = match &event {
                Event::Scalar(text, _, _, None) => Some(text.to_string()),
                _ => None,
            };
            if key.is_none() {
                self.node(event, &span, depth + 1)?;
                self.mistakes.push(Mistake::at(
                    &place,
                    "a key must be a plain word or a string",
                ));
            }
            let (event, span) = self.next()?;
            let node = self.node(event, &span, depth + 1)?;
            let Some(text) = key else { continue };
            if text == "<<" {
                let mistake = Mistake::at(
                    &place,
                    "merge keys are not supported: CloudFormation does not support them either",
                );
                self.mistakes.push(mistake.help("write the entries out"));
                continue;
            }
            if let Some(first) = map.get(&text).map(|entry| entry.key.line()) {
                self.given_twice(&text, first, &place);
                if self.syntax == Syntax::Plain {
                    continue;
                }
            }
            map.insert(text, Entry { key: place, node });
        }
    }

    /// A key that stands in one mapping twice.
    fn given_twice(&mut self, key: &str, first: usize, place: &Place) {
        let message = format!("`{key}` is given twice; the first is at line {first}");
        let mistake = Mistake::at(place, message);
        match self.syntax {
            Syntax::Plain => self
                .mistakes
                .push(mistake.help("keep one of them: readers disagree about which one counts")),
            Syntax::Template => self
                .warnings
                .push(mistake.help("CloudFormation takes the last; keep one of them")),
        }
    }
}
