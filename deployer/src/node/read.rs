//! Reads YAML, of which JSON is a part, into nodes.
//!
//! Refused are the parts of YAML that CloudFormation does not read either, so that nothing means one thing here and
//! another there: aliases, merges, several documents, and keys given twice. Depth and size are bounded.

use std::path::Path;
use std::sync::Arc;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use indexmap::IndexMap;

use super::{Call, Entry, Function, Kind, Map, Node, Place, Scalar, Source, Value};
use crate::diagnostic::{Mistake, Mistakes, nearest};

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

/// Reads the file at `path`; the name in messages is the path as given.
///
/// # Errors
/// Everything that is wrong with it, or that it cannot be opened.
pub fn read_file(path: &Path, syntax: Syntax) -> Result<Node, Mistakes> {
    let name = path.display().to_string();
    let bytes = std::fs::read(path)
        .map_err(|error| Mistake::nowhere(format!("cannot read {name}: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        Mistake::nowhere(format!(
            "{name} is not UTF-8: byte {} is not",
            error.utf8_error().valid_up_to()
        ))
    })?;
    read(&name, text, syntax)
}

/// Reads a text; `name` is what messages call it.
///
/// # Errors
/// Everything that is wrong with it, each mistake with its place.
pub fn read(name: &str, text: impl Into<String>, syntax: Syntax) -> Result<Node, Mistakes> {
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
    };
    match reader.document() {
        Ok(node) => reader.mistakes.or(node),
        Err(Stop(mistake)) => {
            reader.mistakes.push(mistake);
            Err(reader.mistakes)
        }
    }
}

/// The mistake after which reading cannot go on.
struct Stop(Mistake);

struct Reader<'a> {
    events: Parser<'a, StrInput<'a>>,
    source: &'a Arc<Source>,
    syntax: Syntax,
    mistakes: Mistakes,
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
                        "a second document begins here: one is read",
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
        match self.events.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(self.syntax_error(&error)),
            None => Err(Stop(Mistake::at(
                &Place::start_of(self.source),
                "the text ends too early",
            ))),
        }
    }

    fn syntax_error(&self, error: &ScanError) -> Stop {
        let marker = error.marker();
        let start = marker.byte_offset().unwrap_or(self.source.text.len());
        let place = Place::new(self.source, start, start, marker.line(), marker.col() + 1);
        Stop(Mistake::at(
            &place,
            format!("this is not YAML: {}", error.info()),
        ))
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
            return Err(Stop(Mistake::at(
                &place,
                format!("nested deeper than {MAX_DEPTH} levels"),
            )));
        }
        let (value, tag) = match event {
            Event::Scalar(text, style, _, tag) => (self.scalar(&text, style, tag.as_deref()), tag),
            Event::SequenceStart(_, _, tag) => (Value::List(self.list(depth)?), tag),
            Event::MappingStart(_, _, tag) => (self.map(depth)?, tag),
            Event::Alias(_) => {
                self.mistakes.push(
                    Mistake::at(
                        &place,
                        "aliases are not read: CloudFormation does not read them either",
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
        Value::Scalar(if as_string {
            Scalar::text(text)
        } else {
            Scalar::plain(text)
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
            let key = self.node(event, &span, depth + 1)?;
            let (event, span) = self.next()?;
            let node = self.node(event, &span, depth + 1)?;
            let Some(place) = key.place().cloned() else {
                continue;
            };
            let Value::Scalar(Scalar { text, .. }) = key.value else {
                self.mistakes.push(Mistake::at(
                    &place,
                    "a key must be a plain word or a string",
                ));
                continue;
            };
            if text == "<<" {
                let mistake = Mistake::at(
                    &place,
                    "merges are not read: CloudFormation does not read them either",
                );
                self.mistakes.push(mistake.help("write the entries out"));
            } else if let Some(first) = map.get(&text) {
                let message = format!(
                    "`{text}` is given twice, first at line {}",
                    first.key.line()
                );
                self.mistakes.push(
                    Mistake::at(&place, message)
                        .help("keep one of them: readers differ in which counts"),
                );
            } else {
                map.insert(text, Entry { key: place, node });
            }
        }
    }

    /// Turns `{ "Fn::Sub": … }` into what `!Sub …` is.
    fn long_form(&mut self, mut map: Map) -> Value {
        if self.syntax == Syntax::Plain {
            return Value::Map(map);
        }
        // Both may stand among other keys: CloudFormation replaces them by what a macro returns.
        let macro_key = |key: &str| key == "Fn::Transform" || key.starts_with("Fn::ForEach::");
        for (key, entry) in map
            .iter()
            .filter(|(key, _)| key.starts_with("Fn::") && !macro_key(key))
        {
            if Function::from_long_name(key).is_none() {
                let names = Function::tags()
                    .map(|tag| format!("Fn::{tag}"))
                    .collect::<Vec<_>>();
                self.mistakes.push(unknown_function(
                    key,
                    &entry.key,
                    names.iter().map(String::as_str),
                ));
            } else if map.len() > 1 {
                let message = format!(
                    "`{key}` must be the only key of its mapping, since it stands for a value"
                );
                self.mistakes.push(Mistake::at(&entry.key, message));
            }
        }
        let function = match map.first() {
            Some((key, _)) if map.len() == 1 => Function::from_long_name(key),
            _ => None,
        };
        match (function, map.pop()) {
            (Some(function), Some((_, entry))) => call(function, entry.node),
            (_, last) => {
                map.extend(last);
                Value::Map(map)
            }
        }
    }

    fn tagged(&mut self, node: Node, tag: &Tag, place: &Place) -> Node {
        if let Some(core) = tag.core_suffix() {
            if core == "str" || node.kind_name() == core_kind(core) {
                return node;
            }
            let message = format!(
                "`{}` says otherwise than the value, which is {}",
                tag.original(),
                node.kind_name()
            );
            self.mistakes.push(Mistake::at(place, message));
            return node;
        }
        match (self.syntax, Function::from_tag(tag.suffix())) {
            (Syntax::Template, Some(function)) if tag.handle() == "!" => {
                Node::new(call(function, node), place.clone())
            }
            (Syntax::Template, _) => {
                self.mistakes
                    .push(unknown_function(&tag.original(), place, Function::tags()));
                node
            }
            (Syntax::Plain, _) => {
                self.mistakes.push(Mistake::at(
                    place,
                    format!("`{}`: tags have no meaning here", tag.original()),
                ));
                node
            }
        }
    }
}

fn unknown_function<'n>(
    name: &str,
    place: &Place,
    known: impl Iterator<Item = &'n str>,
) -> Mistake {
    let mistake = Mistake::at(place, format!("`{name}` is no function of CloudFormation"));
    match nearest(name.trim_start_matches('!'), known) {
        Some(near) if name.starts_with('!') => mistake.help(format!("did you mean `!{near}`?")),
        Some(near) => mistake.help(format!("did you mean `{near}`?")),
        None => mistake,
    }
}

/// What [`Node::kind_name`] says of a value that a tag of YAML's core schema fits.
fn core_kind(core: &str) -> &'static str {
    match core {
        "int" | "float" => Kind::Number.name(),
        "bool" => Kind::Bool.name(),
        "null" => Kind::Null.name(),
        "seq" => "a list",
        _ => "a mapping",
    }
}

/// A call; `GetAtt`'s `A.B` becomes the list that its long form has.
fn call(function: Function, argument: Node) -> Value {
    let argument = match (function, &argument.value) {
        (Function::GetAtt, Value::Scalar(scalar)) => {
            let part =
                |text: &str| Node::new(Value::Scalar(Scalar::text(text)), argument.origin.clone());
            let (resource, attribute) = scalar.text.split_once('.').unwrap_or((&scalar.text, ""));
            let parts = if attribute.is_empty() {
                vec![part(resource)]
            } else {
                vec![part(resource), part(attribute)]
            };
            Node::new(Value::List(parts), argument.origin.clone())
        }
        _ => argument,
    };
    Value::Call(Call {
        function,
        argument: Box::new(argument),
    })
}
