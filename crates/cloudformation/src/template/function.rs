//! The intrinsic functions that give a value. Each takes its argument filled in, and gives back a
//! call of itself where a part of it is known to AWS alone. Those that put strings and lists
//! together are in `text`.

use super::resolve::Resolver;
use super::{Truth, suggest};
use crate::diagnostic::Mistake;
use crate::node::{Call, Function, Map, Node, Origin, Scalar, Value};

/// An argument that a function cannot take: what it takes instead.
pub(super) struct Expected(pub(super) &'static str);

pub(super) type Outcome = Result<Option<Node>, Expected>;

impl Resolver<'_> {
    /// The value of a call; none for `AWS::NoValue`.
    pub(super) fn call(&mut self, node: &Node, call: &Call) -> Option<Node> {
        let argument = &call.argument;
        let outcome = match call.function {
            Function::Ref => match argument.as_text() {
                Some(name) => return self.reference(name, node),
                None => Err(Expected("the name of a parameter or resource")),
            },
            Function::Sub => return self.sub(node, call),
            Function::If => self.choose(node, argument),
            Function::GetAtt => self.attribute(node, argument),
            Function::FindInMap => self.find_in_map(node, argument),
            Function::Join => self.join(node, argument),
            Function::Select => self.select(node, argument),
            Function::Split => self.split(node, argument),
            Function::Base64 => self.base64(node, call),
            Function::Cidr => self.cidr(node, argument),
            Function::Length => self.length(node, call),
            Function::ToJsonString => self.json_string(node, call),
            Function::GetAZs
            | Function::GetStackOutput
            | Function::ImportValue
            | Function::Transform => Ok(self.symbolic(node, call.function, argument)),
            _ => Err(Expected("a place in `Conditions` or `Rules`, not here")),
        };
        outcome.unwrap_or_else(|Expected(expected)| {
            self.mistake(node, format!("`{}` takes {expected}", call.function));
            Some(node.clone())
        })
    }

    /// A call that only AWS can make, its argument filled in as far as possible.
    pub(super) fn symbolic(
        &mut self,
        node: &Node,
        function: Function,
        argument: &Node,
    ) -> Option<Node> {
        let argument = self.node(argument).unwrap_or_else(|| no_value(argument));
        let call = Call {
            function,
            argument: Box::new(argument),
        };
        Some(Node {
            value: Value::Call(call),
            origin: node.origin.clone(),
        })
    }

    fn choose(&mut self, node: &Node, argument: &Node) -> Outcome {
        let Some([name, yes, no]) = argument.as_list() else {
            return Err(Expected(
                "a list: a condition's name, the value where it is true, the value where it is \
                 false",
            ));
        };
        let (Some(condition), Some(place)) = (name.as_text(), name.place()) else {
            return Err(Expected("the name of a condition first"));
        };
        Ok(match self.named_condition(condition, place) {
            Truth::True => self.chosen(condition, yes),
            Truth::False => self.chosen(condition, no),
            Truth::Unknown => {
                let branch =
                    |branch: &Node, value: Option<Node>| value.unwrap_or_else(|| no_value(branch));
                let (chosen, other) = (self.node(yes), self.node(no));
                let parts = vec![name.clone(), branch(yes, chosen), branch(no, other)];
                Some(again(node, Function::If, parts))
            }
        })
    }

    fn attribute(&mut self, node: &Node, argument: &Node) -> Outcome {
        let Some([resource, _]) = argument.as_list() else {
            return Err(Expected(
                "a resource and its attribute: `Resource.Attribute`",
            ));
        };
        match (resource.as_text(), resource.place()) {
            (Some(name), Some(place)) => self.live_resource(name, place),
            _ => return Err(Expected("the name of a resource first")),
        }
        Ok(self.symbolic(node, Function::GetAtt, argument))
    }

    fn find_in_map(&mut self, node: &Node, argument: &Node) -> Outcome {
        let parts = self.parts(argument).unwrap_or_default();
        let ([name, top, second] | [name, top, second, _]) = parts.as_slice() else {
            return Err(Expected(
                "a list: a mapping's name, its first key, its second key",
            ));
        };
        let (Some(map), Some(first), Some(last)) =
            (name.as_text(), top.as_text(), second.as_text())
        else {
            return Ok(Some(again(node, Function::FindInMap, parts)));
        };
        let template = self.template;
        let found = template.entry("Mappings", map).map(|entry| &entry.node);
        let row = found.and_then(|map| map.get(first));
        if let Some(value) = row.and_then(|row| row.get(last)) {
            let Some(value) = self.used(value, node) else {
                return Ok(None);
            };
            return Ok(Some(Node {
                origin: first_origin(&parts, &node.origin).then(&value.origin),
                ..value
            }));
        }
        if let Some(default) = parts.get(3).and_then(|options| options.get("DefaultValue")) {
            return Ok(Some(default.clone()));
        }
        if template.may_have_more("Mappings") {
            return Ok(Some(again(node, Function::FindInMap, parts)));
        }
        let keys = |map: Option<&Node>| {
            map.and_then(Node::as_map)
                .into_iter()
                .flat_map(Map::keys)
                .cloned()
                .collect::<Vec<_>>()
        };
        let (what, unknown, known) = match (found, row) {
            (None, _) => (
                "mapping",
                map,
                template.names("Mappings").map(str::to_owned).collect(),
            ),
            (map, None) => ("first key", first, keys(map)),
            (_, row) => ("second key", last, keys(row)),
        };
        let place = name.place().into_iter().chain(node.place()).next();
        let message = format!("`!FindInMap`: there is no {what} `{unknown}`");
        let mistake = place.map_or_else(
            || Mistake::nowhere(&message),
            |place| Mistake::at(place, &message),
        );
        self.mistakes
            .push(suggest(mistake, unknown, known.iter().map(String::as_str)));
        Ok(Some(node.clone()))
    }

    /// The parts of a list argument, filled in.
    pub(super) fn parts(&mut self, argument: &Node) -> Option<Vec<Node>> {
        Some(
            argument
                .as_list()?
                .iter()
                .filter_map(|part| self.node(part))
                .collect(),
        )
    }
}

/// The same call over parts that are filled in as far as possible.
pub(super) fn again(node: &Node, function: Function, parts: Vec<Node>) -> Node {
    let argument = Node {
        value: Value::List(parts),
        origin: node.origin.clone(),
    };
    let call = Call {
        function,
        argument: Box::new(argument),
    };
    Node {
        value: Value::Call(call),
        origin: node.origin.clone(),
    }
}

/// `!Ref AWS::NoValue`, for a branch that may yet be chosen.
fn no_value(node: &Node) -> Node {
    let argument = Node {
        value: Value::Scalar(Scalar::text("AWS::NoValue")),
        origin: node.origin.clone(),
    };
    let call = Call {
        function: Function::Ref,
        argument: Box::new(argument),
    };
    Node {
        value: Value::Call(call),
        origin: node.origin.clone(),
    }
}

/// Where the keys of a lookup came from, without the places that are the lookup's own.
fn first_origin(parts: &[Node], own: &Origin) -> Origin {
    let chained = parts.iter().filter(|part| part.origin.places().count() > 1);
    chained
        .fold(Origin::default(), |origin, part| origin.then(&part.origin))
        .then(own)
}
