//! Texts of which AWS alone knows parts, and whether two of them may be the same.

use cloudformation::node::{Call, Function, Node, Value};

use crate::properties::written;

/// A text, part by part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// This text.
    Text(String),
    /// What AWS makes of a function, as it is written.
    Hole(String),
}

/// Whether two texts are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Same {
    /// They are.
    Yes,
    /// They may be.
    Perhaps,
    /// They are not.
    No,
}

impl Pattern {
    /// The text of a node.
    #[must_use]
    pub fn of(node: &Node) -> Self {
        let mut parts = Vec::new();
        read(node, &mut parts);
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Part::Text(text)) if text.is_empty() => {}
                (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
                (_, part) => joined.push(part),
            }
        }
        Self(joined)
    }

    /// A text that is known.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self(vec![Part::Text(text.to_owned())])
    }

    /// A text of which nothing is known.
    #[must_use]
    pub fn unknown() -> Self {
        Self(vec![Part::Hole(String::new())])
    }

    /// Whether all of it is known.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// What follows the last `/` that is written.
    #[must_use]
    pub fn last_segment(&self) -> Option<Self> {
        let slash = |part: &Part| matches!(part, Part::Text(text) if text.contains('/'));
        let at = self.0.iter().rposition(slash)?;
        let mut parts = Vec::new();
        for part in self.0.get(at..)? {
            match part {
                Part::Text(text) if parts.is_empty() => {
                    let rest = text.rsplit('/').next().unwrap_or_default();
                    parts.push(Part::Text(rest.to_owned()));
                }
                part => parts.push(part.clone()),
            }
        }
        parts.retain(|part| *part != Part::Text(String::new()));
        Some(Self(parts))
    }

    /// Whether this and another text are the same.
    #[must_use]
    pub fn same(&self, other: &Self) -> Same {
        match () {
            () if self == other => Same::Yes,
            () if self.is_known() && other.is_known() => Same::No,
            () if self.may_begin_and_end_like(other) => Same::Perhaps,
            () => Same::No,
        }
    }

    /// Whether what is known of the beginnings and ends agrees.
    fn may_begin_and_end_like(&self, other: &Self) -> bool {
        let edge = |part: Option<&Part>| match part {
            Some(Part::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let begin = (edge(self.0.first()), edge(other.0.first()));
        let end = (edge(self.0.last()), edge(other.0.last()));
        let starts = begin.0.starts_with(&begin.1) || begin.1.starts_with(&begin.0);
        starts && (end.0.ends_with(&end.1) || end.1.ends_with(&end.0))
    }
}

fn read(node: &Node, parts: &mut Vec<Part>) {
    let hole = |node: &Node| Part::Hole(written(node));
    let Value::Call(Call { function, argument }) = &node.value else {
        return parts.push(match node.as_text() {
            Some(text) => Part::Text(text.to_owned()),
            None => hole(node),
        });
    };
    match function {
        Function::Join => {
            let between = argument.at("0").and_then(Node::as_text);
            let items = argument.at("1").and_then(Node::as_list);
            let (Some(between), Some(items)) = (between, items) else {
                return parts.push(hole(node));
            };
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    parts.push(Part::Text(between.to_owned()));
                }
                read(item, parts);
            }
        }
        Function::Sub => {
            let text = argument.as_text().or_else(|| argument.at("0")?.as_text());
            match text {
                Some(text) => variables(text, argument.at("1"), parts),
                None => parts.push(hole(node)),
            }
        }
        _ => parts.push(hole(node)),
    }
}

/// The parts of a `Sub` string. A variable is written as its long form is, so that `${X}` and
/// `!Ref X` are the same.
fn variables(mut text: &str, own: Option<&Node>, parts: &mut Vec<Part>) {
    while let Some((before, rest)) = text.split_once("${") {
        parts.push(Part::Text(before.to_owned()));
        let Some((name, after)) = rest.split_once('}') else {
            return parts.push(Part::Text(rest.to_owned()));
        };
        text = after;
        if let Some(literal) = name.strip_prefix('!') {
            parts.push(Part::Text(format!("${{{literal}}}")));
            continue;
        }
        match (own.and_then(|own| own.get(name)), name.split_once('.')) {
            (Some(own), _) => read(own, parts),
            (None, Some((resource, attribute))) => parts.push(Part::Hole(format!(
                r#"{{"Fn::GetAtt":["{resource}","{attribute}"]}}"#
            ))),
            (None, None) => parts.push(Part::Hole(format!(r#"{{"Ref":"{name}"}}"#))),
        }
    }
    parts.push(Part::Text(text.to_owned()));
}
