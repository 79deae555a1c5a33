//! What of a model runs on this machine: a balancer's configuration, and tasks of a service.

mod action;
mod backends;
mod balancer;
mod condition;
mod task;

use std::collections::HashMap;

use alb_model::Config;
use aws_model::Model;
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::Origin;
use cloudformation::template::Rendered;

use backends::Side;
pub use task::{Store, Task};

/// A template's load balancer and service, ready to run.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The balancer's configuration; its groups have the logical ids of the template's target
    /// groups as names.
    pub balancer: Config,
    /// For each listener of the configuration, the port that the template declares.
    pub ports: Vec<u16>,
    /// The listener whose rules or default lead to the service: what clients use.
    pub main: usize,
    /// The listener of a load balancer that backends have for themselves, where there is one.
    pub backends: Option<usize>,
    /// The service's tasks.
    pub task: Task,
}

impl Setup {
    /// Reads a template.
    ///
    /// # Errors
    /// All that is missing, unknown before deploying, or not part of the model.
    pub fn read(rendered: &Rendered) -> Result<Self, Mistakes> {
        let model = Model::from(rendered);
        let mut mistakes = Mistakes::default();
        let side = Side::of(&model);
        let balancer = mistakes.keep(balancer::convert(&model, &side));
        let task = mistakes.keep(task::convert(&model));
        let (Some((mut balancer, ports)), Some(task)) = (balancer, task) else {
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
        let backends = side.move_to(&mut balancer, &task.group);
        Ok(Self {
            balancer,
            ports,
            main,
            backends,
            task,
        })
    }

    /// Sets the ports that the listeners really have, and HTTP for HTTPS, in the redirects that
    /// lead to them.
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

/// A mistake at a place, or where the resource stands.
fn mistake(place: Option<&Origin>, resource: &Origin, message: impl Into<String>) -> Mistake {
    match place.unwrap_or(resource).first() {
        Some(place) => Mistake::at(place, message),
        None => Mistake::nowhere(message),
    }
}
