//! What would be deployed, as far as it is looked at beforehand: the template's parameters.

use std::time::SystemTime;

use cloudformation::node::{Node, Place};
use cloudformation::template::Rendered;

/// What would be deployed, where and by whom.
pub(super) struct Wanted<'a> {
    pub(super) rendered: &'a Rendered,
    pub(super) region: &'a str,
    /// The account that deploys.
    pub(super) account: &'a str,
    /// Whether there is no stack yet.
    pub(super) creates: bool,
    pub(super) now: SystemTime,
}

impl<'a> Wanted<'a> {
    fn parameter(&self, name: &str) -> Option<&'a Node> {
        self.rendered.parameters.get(name)
    }

    /// A parameter's text; none where it is empty or not there.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let text = self.parameter(name)?.as_text()?;
        (!text.is_empty()).then_some(text)
    }

    /// A parameter's number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// The items of a parameter that is a list.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let items = self.parameter(name).and_then(|node| node.as_list());
        let items = items.into_iter().flatten();
        items
            .filter_map(|item| item.as_text().map(str::to_owned))
            .collect()
    }

    /// The line that says a parameter.
    pub(super) fn place(&self, name: &str) -> Option<&'a Place> {
        self.parameter(name)?.place()
    }
}

/// The tasks of a deployment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tasks {
    /// Those that run already.
    running: u64,
    /// As many as run afterwards at least.
    least: u64,
    /// As many as ever run at once: while old and new ones overlap, where the most run.
    most: u64,
}

impl Tasks {
    /// `running` is how many run already, where that is known: a stack that is there has its least
    /// ones otherwise.
    pub(super) fn new(wanted: &Wanted<'_>, running: Option<u64>) -> Self {
        let number = |name: &str, otherwise| wanted.number(name).unwrap_or(otherwise);
        let (least, most) = (number("MinTasks", 1), number("MaxTasks", 1));
        let overlapping = most * number("MaximumPercent", 200) / 100;
        let running = match wanted.creates {
            true => 0,
            false => running.unwrap_or(least),
        };
        Self::of(running, least, overlapping)
    }

    pub(super) fn of(running: u64, least: u64, most: u64) -> Self {
        let least = least.max(running);
        Self {
            running,
            least,
            most: most.max(least).max(1),
        }
    }

    /// Those that certainly start beside the ones that run.
    pub(super) fn starting(self) -> u64 {
        self.least - self.running
    }

    /// Those that may start beside the ones that run.
    pub(super) fn at_most_starting(self) -> u64 {
        self.most - self.running
    }

    /// As many as run afterwards at least.
    pub(super) fn least(self) -> u64 {
        self.least
    }

    /// As many as ever run at once.
    pub(super) fn most(self) -> u64 {
        self.most
    }
}

/// So many tasks, in words.
pub(super) fn counted(tasks: u64) -> String {
    match tasks {
        1 => "1 task".to_owned(),
        _ => format!("{tasks} tasks"),
    }
}
