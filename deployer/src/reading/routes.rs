//! Which listeners and rules send requests to a target group, and of which load balancer they are.

use timeouts::Setting::{ForwardGroups, GroupStickiness, ListenerProtocols, RoutedPaths};

use aws_model::{
    Action, Condition, Does, Field, Id, Listener, ListenerRule, LoadBalancer, Matches, Model,
};
use cloudformation::node::Origin;

use super::view::View;

/// How requests reach a target group.
pub(super) struct Route<'a> {
    /// The load balancer, where the source has it.
    pub(super) balancer: Option<&'a LoadBalancer>,
    /// The listeners and listener rules that forward to the group.
    pub(super) forwards: Vec<Forward<'a>>,
}

/// A listener or a listener rule with its action that forwards.
pub(super) struct Forward<'a> {
    pub(super) id: &'a Id,
    place: &'a Origin,
    action: &'a Action,
    conditions: &'a [Condition],
    listener: Option<&'a Listener>,
}

impl<'a> Route<'a> {
    pub(super) fn to(model: &'a Model, group: &str) -> Self {
        let leads = |actions: &'a Field<Vec<Action>>| {
            let mut actions = actions.items().iter();
            actions.find(|action| action.leads_to(group))
        };
        let by_default = |listener: &'a Listener| {
            Some(Forward {
                id: &listener.id,
                place: &listener.place,
                action: leads(&listener.actions)?,
                conditions: &[],
                listener: Some(listener),
            })
        };
        let by_rule = |rule: &'a ListenerRule| {
            Some(Forward {
                id: &rule.id,
                place: &rule.place,
                action: leads(&rule.actions)?,
                conditions: &rule.conditions,
                listener: model.listener(&rule.listener),
            })
        };
        let listeners = model.listeners.iter().filter_map(by_default);
        let forwards: Vec<_> = listeners
            .chain(model.rules.iter().filter_map(by_rule))
            .collect();
        let balancer = forwards.iter().find_map(|forward| {
            let id = forward.listener?.load_balancer.as_str()?;
            model
                .load_balancers
                .iter()
                .find(|balancer| balancer.id == id)
        });
        Self { balancer, forwards }
    }
}

pub(super) fn read(view: &mut View<'_, '_>, route: &Route<'_>) {
    let Some(first) = route.forwards.first() else {
        return;
    };
    protocols(view, route);
    match route.forwards.iter().map(paths).collect::<Option<Vec<_>>>() {
        Some(paths) => view.see(RoutedPaths, paths.concat(), first.place),
        None => {
            _ = view
                .reading
                .hide(RoutedPaths, "a path pattern that only AWS knows");
        }
    }
    let actions = route.forwards.iter().map(|forward| forward.action);
    let widest = actions.max_by_key(|action| action.targets().count());
    if let Some(action) = widest
        && let Does::Forward(forward) = &action.does
    {
        let groups = u64::try_from(action.targets().count()).unwrap_or(u64::MAX);
        view.see(ForwardGroups, groups, &action.place);
        match &forward.sticky {
            Field::NotStated(_) => view.see(GroupStickiness, false, &action.place),
            sticky => view.field(GroupStickiness, sticky),
        }
    }
}

/// The protocols of the listeners, at the place of an unencrypted one where there is one.
fn protocols(view: &mut View<'_, '_>, route: &Route<'_>) {
    let protocols: Vec<_> = route
        .forwards
        .iter()
        .filter_map(|forward| Some(&forward.listener?.protocol))
        .filter(|protocol| !protocol.is_not_stated())
        .collect();
    let plain = protocols
        .iter()
        .find(|protocol| protocol.as_str() == Some("HTTP"));
    match plain.or(protocols.first()) {
        Some(Field::Stated(_, place)) => {
            let names = protocols
                .iter()
                .filter_map(|protocol| protocol.value().cloned());
            let mut names: Vec<_> = names.collect();
            names.sort();
            names.dedup();
            view.see(ListenerProtocols, names, place);
        }
        Some(unseen) => view.field(ListenerProtocols, &(*unseen).clone().map(|name| vec![name])),
        None => {}
    }
}

/// The path patterns of a forward; `*` for a listener's default, and for a rule that looks at other
/// things. None where one is not known.
fn paths(forward: &Forward<'_>) -> Option<Vec<String>> {
    let mut patterns = forward
        .conditions
        .iter()
        .filter_map(|condition| match &condition.matches {
            Matches::Path(patterns) => Some(patterns),
            _ => None,
        });
    let Some(patterns) = patterns.next() else {
        return Some(vec!["*".to_owned()]);
    };
    let patterns: Option<Vec<_>> = patterns
        .iter()
        .map(|pattern| pattern.value().cloned())
        .collect();
    patterns.filter(|patterns| !patterns.is_empty())
}
