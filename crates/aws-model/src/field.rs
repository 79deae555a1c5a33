//! What a source says about one property of a resource, and where.

use std::sync::Arc;
use std::time::Duration;

use cloudformation::node::{Leaf, Node, Origin, Place, Source};
use cloudformation::template::mentioned;

/// One property of a resource.
#[derive(Clone, Debug, PartialEq)]
pub enum Field<T> {
    /// The source states this value at this place.
    Stated(T, Origin),
    /// The resource at this place does not state it: AWS takes its default.
    NotStated(Origin),
    /// The source does not show it. A reader must not take it for a default.
    NotSeen(NotSeen),
}

/// Why a property is not seen.
#[derive(Clone, Debug, PartialEq)]
pub enum NotSeen {
    /// Only AWS knows the value at this place: a function that is left, or a `{{resolve:…}}`
    /// reference. The names are those that it speaks of: a parameter without a value may be one.
    OnlyAwsKnows(Origin, Vec<String>),
    /// The text at this place is not a value of the property.
    Malformed(String, Origin),
    /// A list or a mapping stands where one value belongs.
    WrongKind(&'static str),
    /// A macro at this place may set it.
    Macro(Origin),
    /// Another reason, in a few words.
    Because(&'static str),
}

/// AWS's answer leaves a property out.
pub const NOT_IN_ANSWER: &str = "AWS does not say";

/// The place of a live resource: its ARN.
#[must_use]
pub fn live_place(arn: &str) -> Origin {
    let source = Source {
        name: arn.to_owned(),
        text: String::new(),
    };
    Place::start_of(&Arc::new(source)).into()
}

impl<T> Field<T> {
    /// The stated value.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Stated(value, _) => Some(value),
            Self::NotStated(_) | Self::NotSeen(_) => None,
        }
    }

    /// The place of what the source says, even where only AWS knows the value.
    pub fn place(&self) -> Option<&Origin> {
        match self {
            Self::Stated(_, place)
            | Self::NotSeen(NotSeen::OnlyAwsKnows(place, _) | NotSeen::Malformed(_, place)) => {
                Some(place)
            }
            Self::NotStated(_) | Self::NotSeen(_) => None,
        }
    }

    /// Whether the source says nothing about it.
    pub fn is_not_stated(&self) -> bool {
        matches!(self, Self::NotStated(_))
    }

    /// What AWS answers about the live resource at `place`. A property that the answer leaves out
    /// is not seen.
    pub fn live(answer: Option<T>, place: &Origin) -> Self {
        match answer {
            Some(value) => Self::Stated(value, place.clone()),
            None => Self::NotSeen(NotSeen::Because(NOT_IN_ANSWER)),
        }
    }

    /// The same for a property that AWS leaves out of its answer where it is not set.
    pub fn live_or_unset(answer: Option<T>, place: &Origin) -> Self {
        match answer {
            Some(value) => Self::Stated(value, place.clone()),
            None => Self::NotStated(place.clone()),
        }
    }

    /// The field with its stated value turned into another.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Field<U> {
        self.and_then(|value, place| Field::Stated(change(value), place))
    }

    /// The field that a stated value and its place lead to.
    pub fn and_then<U>(self, next: impl FnOnce(T, Origin) -> Field<U>) -> Field<U> {
        match self {
            Self::Stated(value, place) => next(value, place),
            Self::NotStated(resource) => Field::NotStated(resource),
            Self::NotSeen(why) => Field::NotSeen(why),
        }
    }
}

impl<T> Field<Vec<T>> {
    /// The items; none where the list is not stated or not seen.
    pub fn items(&self) -> &[T] {
        self.value().map_or(&[], Vec::as_slice)
    }
}

impl Field<String> {
    /// The text at a node.
    pub(crate) fn text(node: &Node) -> Self {
        match node.leaf() {
            Some(Leaf::Literal(scalar)) => Self::Stated(scalar.text.clone(), node.origin.clone()),
            Some(Leaf::Symbolic(_)) => only_aws_knows(node),
            None => Self::NotSeen(NotSeen::WrongKind(node.kind_name())),
        }
    }

    /// The stated text.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        self.value().map(String::as_str)
    }

    /// The text as a value, as CloudFormation writes it: a duration is a number of seconds.
    #[must_use]
    pub fn parse<T: FromText>(self) -> Field<T> {
        self.and_then(|text, place| match T::from_text(&text) {
            Some(value) => Field::Stated(value, place),
            None => Field::NotSeen(NotSeen::Malformed(text, place)),
        })
    }
}

/// A field whose value only AWS knows.
pub(crate) fn only_aws_knows<T>(node: &Node) -> Field<T> {
    Field::NotSeen(NotSeen::OnlyAwsKnows(node.origin.clone(), mentioned(node)))
}

/// A value that CloudFormation writes as a text.
pub trait FromText: Sized {
    /// The value of a text; none where the text is not one.
    fn from_text(text: &str) -> Option<Self>;
}

impl FromText for String {
    fn from_text(text: &str) -> Option<Self> {
        Some(text.to_owned())
    }
}

impl FromText for u64 {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl FromText for bool {
    fn from_text(text: &str) -> Option<Self> {
        text.to_lowercase().parse().ok()
    }
}

impl FromText for Duration {
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::from_secs)
    }
}
