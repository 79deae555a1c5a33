//! Live resources as they are found, and values of answers. The place of each value is the ARN of
//! its resource.

use std::time::Duration;

use aws_model::{Field, Id, Model, Part, live_place};
use cloudformation::node::Origin;

use super::stack::Stack;
use super::{Error, Kind};

/// The resources found so far.
pub(super) struct Live {
    pub(super) stack: Stack,
    pub(super) model: Model,
}

impl Live {
    /// What a resource is called, and its place.
    pub(super) fn identity(&self, arn: &str) -> (Id, Origin) {
        (self.stack.name(arn), live_place(arn))
    }

    /// Records that a part was not read: the role lacks the permission for it, or AWS failed.
    pub(super) fn not_read(&mut self, part: Part, actions: &str, error: &Error) {
        let why = match error.kind() {
            Kind::Denied => format!("the role may not call {actions}"),
            _ => error.to_string(),
        };
        self.model.not_read.insert(part, why);
    }

    /// A reference to a resource, in what is live at `place`.
    pub(super) fn reference(&self, arn: Option<&str>, place: &Origin) -> Field<Id> {
        Field::live(arn.map(|arn| self.stack.name(arn)), place)
    }
}

/// A text of an answer.
pub(super) fn text(answer: Option<&str>, place: &Origin) -> Field<String> {
    Field::live(answer.map(str::to_owned), place)
}

/// A number of an answer; one below zero is none.
pub(super) fn number(answer: Option<i32>, place: &Origin) -> Field<u64> {
    Field::live(answer.and_then(|number| u64::try_from(number).ok()), place)
}

/// A number of seconds of an answer.
pub(super) fn seconds(answer: Option<i32>, place: &Origin) -> Field<Duration> {
    number(answer, place).map(Duration::from_secs)
}
