//! The names of CloudFormation's intrinsic functions: `!Sub` and `Fn::Sub` are one thing.

use std::fmt;

/// An intrinsic function of CloudFormation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are CloudFormation's own")]
pub enum Function {
    And,
    Base64,
    Cidr,
    Condition,
    Contains,
    EachMemberEquals,
    EachMemberIn,
    Equals,
    FindInMap,
    GetAZs,
    GetAtt,
    GetStackOutput,
    If,
    ImportValue,
    Join,
    Length,
    Not,
    Or,
    Ref,
    RefAll,
    Select,
    Split,
    Sub,
    ToJsonString,
    Transform,
    ValueOf,
    ValueOfAll,
}

/// Every function with its name, which is also its short tag.
const NAMES: [(Function, &str); 27] = [
    (Function::And, "And"),
    (Function::Base64, "Base64"),
    (Function::Cidr, "Cidr"),
    (Function::Condition, "Condition"),
    (Function::Contains, "Contains"),
    (Function::EachMemberEquals, "EachMemberEquals"),
    (Function::EachMemberIn, "EachMemberIn"),
    (Function::Equals, "Equals"),
    (Function::FindInMap, "FindInMap"),
    (Function::GetAZs, "GetAZs"),
    (Function::GetAtt, "GetAtt"),
    (Function::GetStackOutput, "GetStackOutput"),
    (Function::If, "If"),
    (Function::ImportValue, "ImportValue"),
    (Function::Join, "Join"),
    (Function::Length, "Length"),
    (Function::Not, "Not"),
    (Function::Or, "Or"),
    (Function::Ref, "Ref"),
    (Function::RefAll, "RefAll"),
    (Function::Select, "Select"),
    (Function::Split, "Split"),
    (Function::Sub, "Sub"),
    (Function::ToJsonString, "ToJsonString"),
    (Function::Transform, "Transform"),
    (Function::ValueOf, "ValueOf"),
    (Function::ValueOfAll, "ValueOfAll"),
];

impl Function {
    /// The function behind a short tag without its `!`.
    pub(crate) fn from_tag(tag: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(_, name)| *name == tag)
            .map(|(function, _)| *function)
    }

    /// The function behind the only key of a mapping: `Ref` or `Fn::…`.
    /// `Condition` is not among them, since other mappings have such a key too.
    pub(crate) fn from_long_name(key: &str) -> Option<Self> {
        match key.strip_prefix("Fn::") {
            Some("Ref" | "Condition") => None,
            Some(name) => Self::from_tag(name),
            None => (key == "Ref").then_some(Self::Ref),
        }
    }

    /// Every short tag, for naming the nearest one.
    pub(crate) fn tags() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(_, name)| *name)
    }

    /// The name without prefix: `GetAtt`.
    #[must_use]
    pub fn name(self) -> &'static str {
        NAMES
            .iter()
            .find(|(function, _)| *function == self)
            .map_or("", |(_, name)| name)
    }

    /// The key of the long form: `Fn::GetAtt`, `Ref`.
    #[must_use]
    pub fn long_name(self) -> String {
        match self {
            Self::Ref | Self::Condition => self.name().to_owned(),
            _ => format!("Fn::{}", self.name()),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "!{}", self.name())
    }
}
