//! What would be deployed, as far as it is looked at beforehand: the template's parameters.

use std::time::SystemTime;

use cloudformation::node::{Node, Place};
use cloudformation::template::Rendered;

use crate::aws::StackState;

/// What would be deployed, where and by whom.
pub(super) struct Wanted<'a> {
    pub(super) rendered: &'a Rendered,
    pub(super) region: &'a str,
    /// The account that deploys.
    pub(super) account: &'a str,
    /// The stack that is there.
    pub(super) old: Option<&'a StackState>,
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

    /// Whether there is no stack yet.
    pub(super) fn creates(&self) -> bool {
        self.old.is_none()
    }

    /// Whether backends have a load balancer of their own.
    pub(super) fn has_internal_api(&self) -> bool {
        self.text("Api").is_some_and(|api| api != "public")
    }

    /// Load balancers that would be made, each with its target group.
    pub(super) fn new_balancers(&self) -> u64 {
        let had = self.old.and_then(|old| old.parameters.get("Api"));
        let had = had.is_some_and(|api| api != "public");
        u64::from(self.creates()) + u64::from(self.has_internal_api() && !had)
    }

    /// The nodes of the stack's own Valkey: none where it has none.
    pub(super) fn store_nodes(&self) -> u64 {
        let own = self.text("StoreNodeType").map(|_| {
            self.number("StoreShards").unwrap_or(1) * self.number("StoreNodes").unwrap_or(1)
        });
        own.unwrap_or_default()
    }

    /// Those of them that would be made.
    pub(super) fn new_store_nodes(&self) -> u64 {
        let before = |name: &str| self.old?.parameters.get(name)?.parse::<u64>().ok();
        let had = self.old.and_then(|old| old.parameters.get("StoreNodeType"));
        let had = had
            .filter(|kind| !kind.is_empty())
            .map(|_| before("StoreShards").unwrap_or(1) * before("StoreNodes").unwrap_or(1));
        self.store_nodes().saturating_sub(had.unwrap_or_default())
    }

    /// The least tasks that run.
    pub(super) fn least_tasks(&self) -> u64 {
        self.number("MinTasks").unwrap_or(1)
    }

    /// The most tasks that run at once: during a deployment, where old and new ones overlap.
    pub(super) fn most_tasks(&self) -> u64 {
        let most = self.number("MaxTasks").unwrap_or(1);
        let percent = self.number("MaximumPercent").unwrap_or(200);
        (most * percent / 100).max(1)
    }
}
