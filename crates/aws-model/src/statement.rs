//! Statements of a web ACL's rules: which requests they match, as far as the path tells it.

use cloudformation::node::{Node, Value, is_macro_key};

use crate::pattern::Same;

/// What a statement looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// Nothing: it matches each request.
    All,
    /// The path.
    Path(Path),
    /// What the requests of a client are like: the body, or the `User-Agent`.
    Content,
    /// Something else, such as where a request is from.
    Other,
    /// What is not known, or new to this program.
    Unknown,
    /// All of these must match.
    And(Vec<Self>),
    /// One of these must match.
    Or(Vec<Self>),
    /// This must not match.
    Not(Box<Self>),
    /// How many requests match this in a while.
    Rate(Box<Self>),
}

/// A comparison of a request's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// How: `EXACTLY`, `STARTS_WITH`, `ENDS_WITH`, `CONTAINS` or another word.
    pub how: String,
    /// With what.
    pub text: String,
    /// Whether the path is made lower-case before.
    pub lower_case: bool,
}

impl Path {
    fn matches(&self, path: &str) -> Same {
        let path = match self.lower_case {
            true => path.to_lowercase(),
            false => path.to_owned(),
        };
        let matches = match self.how.as_str() {
            "EXACTLY" => path == self.text,
            "STARTS_WITH" => path.starts_with(&self.text),
            "ENDS_WITH" => path.ends_with(&self.text),
            "CONTAINS" => path.contains(&self.text),
            _ => return Same::Perhaps,
        };
        if matches { Same::Yes } else { Same::No }
    }

    /// Whether it matches whatever the path is.
    fn matches_any(&self) -> bool {
        self.text == "/" && ["STARTS_WITH", "CONTAINS"].contains(&self.how.as_str())
    }

    /// The part of the request, the comparison and the transformations of a byte match.
    fn read(bytes: &Node) -> Option<Self> {
        let text = |name| bytes.get(name).and_then(Node::as_text);
        let mut lower_case = false;
        let transformations = bytes.get("TextTransformations").and_then(Node::as_list);
        for one in transformations.unwrap_or_default() {
            lower_case |= lowers(one.get("Type")?.as_text()?)?;
        }
        Some(Self {
            how: text("PositionalConstraint")?.to_owned(),
            text: text("SearchString")?.to_owned(),
            lower_case,
        })
    }
}

/// Whether a transformation makes a path lower-case. None for one that may change a plain path in
/// another way.
#[must_use]
pub fn lowers(transformation: &str) -> Option<bool> {
    match transformation {
        "LOWERCASE" => Some(true),
        "NONE" | "URL_DECODE" | "NORMALIZE_PATH" => Some(false),
        _ => None,
    }
}

impl Statement {
    /// Whether it matches the requests of a path; it may, where the path is not known.
    #[must_use]
    pub fn matches(&self, path: Option<&str>) -> Same {
        match self {
            Self::All => Same::Yes,
            Self::Path(compared) => match path {
                Some(path) => compared.matches(path),
                None if compared.matches_any() => Same::Yes,
                None => Same::Perhaps,
            },
            Self::Content | Self::Other | Self::Unknown => Same::Perhaps,
            Self::And(all) => all_of(all.iter().map(|one| one.matches(path))),
            Self::Or(any) => not(all_of(any.iter().map(|one| not(one.matches(path))))),
            Self::Not(one) => not(one.matches(path)),
            Self::Rate(counted) => counted.matches(path),
        }
    }

    /// Whether it may look at what the requests of a client are like.
    #[must_use]
    pub fn sees_content(&self) -> bool {
        match self {
            Self::Content | Self::Unknown => true,
            Self::All | Self::Path(_) | Self::Other => false,
            Self::And(several) | Self::Or(several) => several.iter().any(Self::sees_content),
            Self::Not(one) | Self::Rate(one) => one.sees_content(),
        }
    }

    /// The statement of a rule, or its scope-down.
    pub(crate) fn read(node: &Node) -> Self {
        let Some((name, inner)) = only_entry(node) else {
            return Self::Unknown;
        };
        let several = || {
            let list = inner.get("Statements").and_then(Node::as_list);
            list.map(|list| list.iter().map(Self::read).collect::<Vec<_>>())
        };
        match name {
            "AndStatement" => several().map_or(Self::Unknown, Self::And),
            "OrStatement" => several().map_or(Self::Unknown, Self::Or),
            "NotStatement" => inner
                .get("Statement")
                .map_or(Self::Unknown, |one| Self::Not(Box::new(Self::read(one)))),
            "RateBasedStatement" => Self::Rate(Box::new(Self::scope(inner))),
            "ByteMatchStatement" => match part(inner) {
                Part::Path => Path::read(inner).map_or(Self::Other, Self::Path),
                part => part.statement(),
            },
            "SizeConstraintStatement"
            | "RegexMatchStatement"
            | "RegexPatternSetReferenceStatement" => part(inner).statement(),
            "GeoMatchStatement"
            | "IPSetReferenceStatement"
            | "LabelMatchStatement"
            | "AsnMatchStatement"
            | "SqliMatchStatement"
            | "XssMatchStatement" => Self::Other,
            _ => Self::Unknown,
        }
    }

    /// What limits a rate or a managed group.
    pub(crate) fn scope(node: &Node) -> Self {
        node.get("ScopeDownStatement").map_or(Self::All, Self::read)
    }
}

/// The part of a request that a statement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its path.
    Path,
    /// Its body, or its `User-Agent`.
    Content,
    /// Another.
    Other,
    /// Not known.
    Unknown,
}

impl Part {
    /// A statement that compares it in a way which is not looked at.
    #[must_use]
    pub fn statement(self) -> Statement {
        match self {
            Self::Path | Self::Other => Statement::Other,
            Self::Content => Statement::Content,
            Self::Unknown => Statement::Unknown,
        }
    }

    /// A header of this name.
    #[must_use]
    pub fn header(name: &str) -> Self {
        match name.eq_ignore_ascii_case("user-agent") {
            true => Self::Content,
            false => Self::Other,
        }
    }
}

fn part(statement: &Node) -> Part {
    let field = statement.get("FieldToMatch").and_then(only_entry);
    let Some((name, field)) = field else {
        return Part::Unknown;
    };
    match name {
        "UriPath" => Part::Path,
        "Body" | "JsonBody" | "Headers" | "HeaderOrder" => Part::Content,
        "SingleHeader" => match field.get("Name").and_then(Node::as_text) {
            Some(name) => Part::header(name),
            None => Part::Unknown,
        },
        "AllQueryArguments"
        | "SingleQueryArgument"
        | "QueryString"
        | "Method"
        | "Cookies"
        | "UriFragment"
        | "JA3Fingerprint"
        | "JA4Fingerprint" => Part::Other,
        _ => Part::Unknown,
    }
}

/// The one entry of a mapping; none where there are more, or a function.
fn only_entry(node: &Node) -> Option<(&str, &Node)> {
    let Value::Map(map) = &node.value else {
        return None;
    };
    let mut entries = map.iter();
    let (key, entry) = entries.next()?;
    let alone = entries.next().is_none() && !is_macro_key(key);
    alone.then_some((key.as_str(), &entry.node))
}

fn all_of(each: impl Iterator<Item = Same>) -> Same {
    each.fold(Same::Yes, |all, one| match (all, one) {
        (Same::No, _) | (_, Same::No) => Same::No,
        (Same::Yes, Same::Yes) => Same::Yes,
        _ => Same::Perhaps,
    })
}

fn not(one: Same) -> Same {
    match one {
        Same::Yes => Same::No,
        Same::No => Same::Yes,
        Same::Perhaps => Same::Perhaps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(how: &str, text: &str, lower_case: bool) -> Statement {
        Statement::Path(Path {
            how: how.to_owned(),
            text: text.to_owned(),
            lower_case,
        })
    }

    #[test]
    fn a_path_matches_as_it_is_compared() {
        let socket = Some("/Chat/");
        for (how, text, lower_case, matches) in [
            ("EXACTLY", "/Chat/", false, Same::Yes),
            ("EXACTLY", "/Chat", false, Same::No),
            ("STARTS_WITH", "/Chat", false, Same::Yes),
            ("STARTS_WITH", "/chat", false, Same::No),
            ("STARTS_WITH", "/chat", true, Same::Yes),
            ("ENDS_WITH", "at/", false, Same::Yes),
            ("CONTAINS", "hat", false, Same::Yes),
            ("CONTAINS_WORD", "Chat", false, Same::Perhaps),
        ] {
            assert_eq!(
                path(how, text, lower_case).matches(socket),
                matches,
                "{how} {text}"
            );
        }
        assert_eq!(
            path("EXACTLY", "/Chat/", false).matches(None),
            Same::Perhaps
        );
    }

    #[test]
    fn statements_are_joined_as_logic_does() {
        let yes = || path("STARTS_WITH", "/", false);
        let no = || path("STARTS_WITH", "/admin", false);
        let perhaps = || Statement::Other;
        let of = |statement: Statement| statement.matches(Some("/socket.io/"));
        assert_eq!(of(Statement::And(vec![yes(), perhaps()])), Same::Perhaps);
        assert_eq!(of(Statement::And(vec![no(), perhaps()])), Same::No);
        assert_eq!(of(Statement::Or(vec![yes(), perhaps()])), Same::Yes);
        assert_eq!(of(Statement::Or(vec![no(), perhaps()])), Same::Perhaps);
        assert_eq!(of(Statement::Not(Box::new(no()))), Same::Yes);
        assert_eq!(of(Statement::Not(Box::new(perhaps()))), Same::Perhaps);
    }
}
