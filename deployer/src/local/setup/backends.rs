//! A load balancer that backends have for themselves, in front of the same tasks. Here both are one
//! balancer with a port each.

use alb_model::{Action, Config, Listener};
use aws_model::{Action as Stated, Field, LoadBalancer, Model};

use super::action::leads_to;

/// The load balancer beside the one that clients use, as far as there is one.
pub(super) struct Side<'a> {
    balancer: Option<&'a str>,
    /// The service's target groups but for the first, which are this one's.
    groups: Vec<&'a str>,
}

impl<'a> Side<'a> {
    /// The balancer whose listeners lead to none but the other target groups of the only service.
    pub(super) fn of(model: &'a Model) -> Self {
        let targets = model.services.iter().flat_map(|one| one.targets.items());
        let groups = targets.skip(1).flat_map(|target| &target.groups);
        let groups: Vec<_> = groups.map(String::as_str).collect();
        let leads = |actions: &Field<Vec<Stated>>| {
            let mut actions = actions.items().iter();
            actions.any(|action| groups.iter().any(|group| action.leads_to(group)))
        };
        let rules = model.rules.iter().filter(|rule| leads(&rule.actions));
        let by_rule = rules.filter_map(|rule| model.listener(&rule.listener));
        let by_default = model.listeners.iter().filter(|one| leads(&one.actions));
        let mut found = by_rule.chain(by_default);
        let balancer = found.find_map(|listener| listener.load_balancer.as_str());
        Self { balancer, groups }
    }

    pub(super) fn is_of(&self, balancer: &LoadBalancer) -> bool {
        self.balancer == Some(balancer.id.as_str())
    }

    pub(super) fn has(&self, listener: &aws_model::Listener) -> bool {
        self.balancer.is_some() && listener.load_balancer.as_str() == self.balancer
    }

    /// Lets the side's listeners lead to the target group of the tasks: they are the same ones. Says
    /// which of them leads there.
    pub(super) fn move_to(&self, config: &mut Config, group: &str) -> Option<usize> {
        let leads = |listener: &Listener| self.groups.iter().any(|own| leads_to(listener, own));
        let found = config.listeners.iter().position(leads);
        for listener in &mut config.listeners {
            let rules = listener.rules.iter_mut().map(|rule| &mut rule.action);
            for action in rules.chain([&mut listener.default]) {
                if let Action::Forward(forward) = action {
                    let theirs = forward.groups.iter_mut();
                    for to in theirs.filter(|to| self.groups.contains(&to.group.as_str())) {
                        group.clone_into(&mut to.group);
                    }
                }
            }
        }
        config
            .groups
            .retain(|one| !self.groups.contains(&one.name.as_str()));
        found
    }
}
