//! The forms of a function, `!Sub …` and `{ "Fn::Sub": … }`, become one thing here.

use granit_parser::Tag;

use super::read::Reader;
use super::{Call, Function, Kind, Map, Node, Place, Scalar, Syntax, Value};
use crate::diagnostic::{Mistake, nearest};

impl Reader<'_> {
    /// Turns `{ "Fn::Sub": … }` into what `!Sub …` is.
    pub(super) fn long_form(&mut self, mut map: Map) -> Value {
        if self.syntax == Syntax::Plain {
            return Value::Map(map);
        }
        // Both may stand among other keys: CloudFormation replaces them by what a macro returns.
        for (key, entry) in map
            .iter()
            .filter(|(key, _)| key.starts_with("Fn::") && !super::is_macro_key(key))
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

    pub(super) fn tagged(&mut self, node: Node, tag: &Tag, place: &Place) -> Node {
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
    let mistake = Mistake::at(place, format!("`{name}` is not a CloudFormation function"));
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
        // Nothing is the stack's own region, as an empty text is.
        (Function::GetAZs, Value::Scalar(scalar)) if scalar.kind == Kind::Null => {
            Node::new(Value::Scalar(Scalar::text("")), argument.origin.clone())
        }
        _ => argument,
    };
    Value::Call(Call {
        function,
        argument: Box::new(argument),
    })
}
