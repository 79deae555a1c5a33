//! Conditions: true, false, or not known before deploying.

use super::resolve::{Resolver, State};
use super::{Truth, suggest};
use crate::diagnostic::Mistake;
use crate::node::{Call, Function, Leaf, Node, Origin, Place, Value};

impl Truth {
    fn of(holds: bool) -> Self {
        if holds { Self::True } else { Self::False }
    }

    fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }
}

impl Resolver<'_> {
    /// A condition that is named at `place`; a mistake where the template has none of that name.
    pub(super) fn named_condition(&mut self, name: &str, place: &Place) -> Truth {
        if self.template.entry("Conditions", name).is_none() {
            if self.template.may_have_more("Conditions") {
                return Truth::Unknown;
            }
            let mistake = Mistake::at(
                place,
                format!("`{name}` is not a condition of this template"),
            );
            self.mistakes
                .push(suggest(mistake, name, self.template.names("Conditions")));
            return Truth::Unknown;
        }
        self.condition(name)
    }

    /// How a condition comes out. It is worked out once.
    pub(super) fn condition(&mut self, name: &str) -> Truth {
        let template = self.template;
        let Some(section) = template.text("Conditions").and_then(Node::as_map) else {
            return Truth::Unknown;
        };
        let Some((name, entry)) = section.get_key_value(name) else {
            return Truth::Unknown;
        };
        match self.conditions.get(name.as_str()) {
            Some(State::Done(truth, deciders)) => {
                let truth = *truth;
                self.deciders = std::mem::take(&mut self.deciders).then(deciders);
                return truth;
            }
            Some(State::Begun) => {
                let from = self
                    .open_conditions
                    .iter()
                    .position(|open| open == name)
                    .unwrap_or(0);
                let chain = [&self.open_conditions[from..], std::slice::from_ref(name)]
                    .concat()
                    .join(" → ");
                self.mistakes.push(Mistake::at(
                    &entry.key,
                    format!("these conditions depend on each other: {chain}"),
                ));
                return Truth::Unknown;
            }
            None => {}
        }
        self.conditions.insert(name, State::Begun);
        self.open_conditions.push(name.clone());
        let outer = std::mem::replace(&mut self.in_condition, true);
        let outer_deciders = std::mem::take(&mut self.deciders);
        let truth = self.truth(&entry.node);
        let deciders = std::mem::replace(&mut self.deciders, outer_deciders);
        self.deciders = std::mem::take(&mut self.deciders).then(&deciders);
        self.in_condition = outer;
        self.open_conditions.pop();
        self.conditions.insert(name, State::Done(truth, deciders));
        truth
    }

    /// A value that a condition chose: what decided the condition also decided the value, and comes
    /// first for what the template itself says.
    pub(super) fn chosen(&mut self, condition: &str, branch: &Node) -> Option<Node> {
        let mut node = self.node(branch)?;
        if let Some(State::Done(_, deciders)) = self.conditions.get(condition) {
            decide(&mut node, deciders);
        }
        Some(node)
    }

    /// How an expression comes out.
    fn truth(&mut self, node: &Node) -> Truth {
        match &node.value {
            Value::Call(call) => self.logic(node, call),
            // The long form of `!Condition`, which only here is a function.
            Value::Map(map) if map.len() == 1 && map.contains_key("Condition") => {
                self.other(node, node.get("Condition"))
            }
            Value::Scalar(scalar) if matches!(scalar.text.as_str(), "true" | "false") => {
                Truth::of(scalar.text == "true")
            }
            _ => {
                self.mistake(
                    node,
                    format!(
                        "a condition is one of !And, !Or, !Not, !Equals, !Condition, not {}",
                        node.kind_name()
                    ),
                );
                Truth::Unknown
            }
        }
    }

    fn logic(&mut self, node: &Node, call: &Call) -> Truth {
        let parts = call.argument.as_list();
        match (call.function, parts) {
            (Function::Condition, _) => self.other(node, Some(&call.argument)),
            (Function::Equals, Some([left, right])) => {
                let (left, right) = (self.node(left), self.node(right));
                match (left, right) {
                    (Some(left), Some(right)) => equal(&left, &right),
                    (left, right) => Truth::of(left.is_none() && right.is_none()),
                }
            }
            (Function::Not, Some([part])) => self.truth(part).not(),
            (Function::And | Function::Or, Some(parts @ [_, _, ..])) if parts.len() <= 10 => {
                let decisive = if call.function == Function::And {
                    Truth::False
                } else {
                    Truth::True
                };
                let outcomes: Vec<_> = parts.iter().map(|part| self.truth(part)).collect();
                match () {
                    () if outcomes.contains(&decisive) => decisive,
                    () if outcomes.contains(&Truth::Unknown) => Truth::Unknown,
                    () => decisive.not(),
                }
            }
            (Function::And | Function::Or, _) => {
                self.form(node, call, "takes a list of 2 to 10 conditions")
            }
            (Function::Equals, _) => self.form(node, call, "takes a list of two values"),
            (Function::Not, _) => self.form(node, call, "takes a list with one condition"),
            // A value that comes out as `true` or `false`: a mapping's, or a parameter's.
            _ => match self.node(node) {
                Some(node)
                    if node
                        .leaf()
                        .is_some_and(|leaf| matches!(leaf, Leaf::Literal(_))) =>
                {
                    self.truth(&node)
                }
                _ => Truth::Unknown,
            },
        }
    }

    fn form(&mut self, node: &Node, call: &Call, expected: &str) -> Truth {
        self.mistake(node, format!("`{}` {expected}", call.function));
        Truth::Unknown
    }

    fn other(&mut self, node: &Node, name: Option<&Node>) -> Truth {
        match (name.and_then(Node::as_text), node.place()) {
            (Some(name), Some(place)) => self.named_condition(name, place),
            _ => {
                self.mistake(node, "`!Condition` takes the name of a condition");
                Truth::Unknown
            }
        }
    }
}

fn decide(node: &mut Node, deciders: &Origin) {
    let own = std::mem::take(&mut node.origin);
    node.origin = match own.places().count() {
        0 | 1 => deciders.clone().then(&own),
        _ => own.then(deciders),
    };
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| decide(item, deciders)),
        Value::Map(map) => map
            .values_mut()
            .for_each(|entry| decide(&mut entry.node, deciders)),
        Value::Scalar(_) | Value::Call(_) => {}
    }
}

/// Whether two values are equal. CloudFormation compares them as strings: `1` equals `"1"`.
fn equal(left: &Node, right: &Node) -> Truth {
    match (&left.value, &right.value) {
        (Value::List(left), Value::List(right)) if left.len() == right.len() => {
            let outcomes: Vec<_> = left
                .iter()
                .zip(right)
                .map(|(left, right)| equal(left, right))
                .collect();
            match () {
                () if outcomes.contains(&Truth::False) => Truth::False,
                () if outcomes.contains(&Truth::Unknown) => Truth::Unknown,
                () => Truth::True,
            }
        }
        (Value::Map(_), Value::Map(_)) => {
            Truth::of(crate::node::json(left) == crate::node::json(right))
        }
        _ => match (left.leaf(), right.leaf()) {
            (Some(Leaf::Literal(left)), Some(Leaf::Literal(right))) => {
                Truth::of(left.text == right.text)
            }
            (Some(Leaf::Symbolic(left)), Some(Leaf::Symbolic(right)))
                if crate::node::json(left) == crate::node::json(right) =>
            {
                Truth::True
            }
            (Some(Leaf::Symbolic(_)), _) | (_, Some(Leaf::Symbolic(_))) => Truth::Unknown,
            _ => Truth::False,
        },
    }
}
