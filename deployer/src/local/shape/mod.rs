//! What a rendered template says that can be run here: a balancer's configuration, and tasks of a service.

mod action;
mod balancer;
mod condition;
mod task;

use std::collections::HashMap;
use std::time::Duration;

use alb_model::Config;
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::Node;
use cloudformation::template::{Rendered, Resource};

pub use task::{Store, Task};

/// A template's load balancer and service, ready to run.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The balancer's configuration; its groups have the logical ids of the template's target groups as names.
    pub balancer: Config,
    /// For each listener of the configuration, the port that the template declares.
    pub ports: Vec<u16>,
    /// The listener whose rules or default lead to the service: what clients use.
    pub main: usize,
    /// The service's tasks.
    pub task: Task,
}

impl Shape {
    /// Reads a template.
    ///
    /// # Errors
    /// All that is missing, unknown before deploying, or not part of the model.
    pub fn read(rendered: &Rendered) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::default();
        let balancer = mistakes.keep(balancer::read(rendered));
        let task = mistakes.keep(task::read(rendered));
        let (Some((balancer, ports)), Some(task)) = (balancer, task) else {
            return Err(mistakes);
        };
        let leads = |listener: &alb_model::Listener| action::leads_to(listener, &task.group);
        let Some(main) = balancer.listeners.iter().position(leads) else {
            let message = format!(
                "no listener forwards to the service's target group {}",
                task.group
            );
            return Err(Mistake::nowhere(message).into());
        };
        Ok(Self {
            balancer,
            ports,
            main,
            task,
        })
    }

    /// Sets the ports that the listeners really have, and HTTP for HTTPS, in the redirects that lead to them.
    pub fn relocate(&mut self, actual: &[u16]) {
        let moved: HashMap<String, u16> = self
            .ports
            .iter()
            .zip(actual)
            .map(|(declared, actual)| (declared.to_string(), *actual))
            .collect();
        action::relocate(&mut self.balancer, &moved);
    }
}

/// A property's text.
fn text<'a>(node: &'a Node, path: &str) -> Option<&'a str> {
    node.at(path)?.as_text()
}

/// A property in whole seconds.
fn seconds(node: &Node, path: &str) -> Option<Duration> {
    node.at(path)?.as_u64().map(Duration::from_secs)
}

/// The items of a list property; none where it is absent.
fn list<'a>(node: &'a Node, path: &str) -> &'a [Node] {
    node.at(path).and_then(Node::as_list).unwrap_or_default()
}

/// The texts of a list property.
fn texts(node: &Node, path: &str) -> Vec<String> {
    list(node, path)
        .iter()
        .filter_map(|item| Some(item.as_text()?.to_owned()))
        .collect()
}

/// `Key`/`Value` pairs, as load balancers and target groups have their attributes.
fn attributes(resource: &Resource, property: &str) -> HashMap<String, Node> {
    let pairs = list(&resource.properties, property).iter();
    pairs
        .filter_map(|pair| Some((text(pair, "Key")?.to_owned(), pair.get("Value")?.clone())))
        .collect()
}

/// A mistake where `node` stands, or where the resource does.
fn mistake(resource: &Resource, node: Option<&Node>, message: impl Into<String>) -> Mistake {
    Mistake::at(
        node.and_then(Node::place).unwrap_or(&resource.place),
        message,
    )
}
