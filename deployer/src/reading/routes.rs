//! Which listeners and rules send requests to a target group, and of which load balancer they are.

use timeouts::Setting::{
    AllowOrigin, ForwardGroups, GroupStickiness, GroupStickinessDuration, ListenerProtocols,
    PostedPaths, RoutedPaths,
};

use aws_model::{
    Action, Does, Field, Id, Listener, ListenerRule, LoadBalancer, Matches, Model, NotSeen,
    Service, WeightedGroup,
};
use cloudformation::node::Origin;

use super::certificates;
use super::view::View;

/// How requests reach a target group.
pub(super) struct Route<'a> {
    /// The load balancer, where the source has it.
    pub(super) balancer: Option<&'a LoadBalancer>,
    /// The listeners and listener rules that forward to the group.
    pub(super) forwards: Vec<Forward<'a>>,
    /// The groups that ECS moves the traffic between, where it does: it rewrites their weights.
    managed: Vec<&'a Id>,
    /// A listener or a rule that may forward to the group too.
    unclear: Option<&'a Origin>,
}

/// A listener or a listener rule with its action that forwards.
pub(super) struct Forward<'a> {
    pub(super) id: &'a Id,
    place: &'a Origin,
    action: &'a Action,
    rule: Option<&'a ListenerRule>,
    listener: Option<&'a Listener>,
}

impl<'a> Route<'a> {
    /// No way that the source shows.
    pub(super) fn none() -> Self {
        Self {
            balancer: None,
            forwards: Vec::new(),
            managed: Vec::new(),
            unclear: None,
        }
    }

    /// A load balancer of which nothing more is known.
    pub(super) fn of(balancer: &'a LoadBalancer) -> Self {
        Self {
            balancer: Some(balancer),
            ..Self::none()
        }
    }

    pub(super) fn to(model: &'a Model, group: &str, service: Option<&'a Service>) -> Self {
        let managed = managed(service, group);
        let leads_to = |action: &&Action| {
            let named = |to: &WeightedGroup| managed.iter().any(|id| to.group.value() == Some(id));
            action.leads_to(group) || action.groups().any(named)
        };
        let leads = |actions: &'a Field<Vec<Action>>| actions.items().iter().find(leads_to);
        let by_default = |listener: &'a Listener| {
            Some(Forward {
                id: &listener.id,
                place: &listener.place,
                action: leads(&listener.actions)?,
                rule: None,
                listener: Some(listener),
            })
        };
        let by_rule = |rule: &'a ListenerRule| {
            Some(Forward {
                id: &rule.id,
                place: &rule.place,
                action: leads(&rule.actions)?,
                rule: Some(rule),
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
        Self {
            balancer,
            unclear: unclear(model, balancer),
            forwards,
            managed,
        }
    }
}

/// The target groups that ECS moves a service's traffic between, this one among them.
fn managed<'a>(service: Option<&'a Service>, group: &str) -> Vec<&'a Id> {
    let Some(target) = service.and_then(|service| service.target(group)) else {
        return Vec::new();
    };
    if target.alternates.is_empty() {
        return Vec::new();
    }
    target.groups.iter().chain(&target.alternates).collect()
}

/// A listener or a rule of which it is not known where it sends to.
fn unclear<'a>(model: &'a Model, balancer: Option<&LoadBalancer>) -> Option<&'a Origin> {
    let unseen = |actions: &Field<Vec<Action>>| {
        let open = |action: &Action| match &action.does {
            Does::Other(kind) => matches!(kind, Field::NotSeen(_)),
            Does::Forward(forward) => {
                let mut groups = forward.groups.iter();
                groups.any(|to| {
                    matches!(&to.group, Field::NotSeen(NotSeen::OnlyAwsKnows(_, names))
                    if names.iter().any(|name| is_group(model, name)))
                })
            }
            Does::Redirect(_) | Does::FixedResponse(_) => false,
        };
        matches!(actions, Field::NotSeen(_)) || actions.items().iter().any(open)
    };
    let of_this = |listener: &&Listener| {
        let id = listener.load_balancer.as_str();
        id.is_none() || id == balancer.map(|balancer| balancer.id.as_str())
    };
    let listeners = || model.listeners.iter().filter(of_this);
    let by_default = listeners().find(|listener| unseen(&listener.actions));
    let by_rule = model.rules.iter().find(|rule| {
        let ours = listeners().any(|listener| rule.listener.value() == Some(&listener.id));
        ours && unseen(&rule.actions)
    });
    let by_default = by_default.map(|listener| &listener.place);
    by_default.or(by_rule.map(|rule| &rule.place))
}

fn is_group(model: &Model, name: &str) -> bool {
    model.target_groups.iter().any(|group| group.id == name)
}

pub(super) fn read(view: &mut View<'_, '_>, route: &Route<'_>) {
    let mark = view.mark();
    shown(view, route);
    if let Some(place) = route.unclear {
        let place = view.place(place);
        return view.doubt(mark, &format!("where {place} sends to is not known"));
    }
    for forward in &route.forwards {
        view.doubt_of(forward.id, mark);
        if let Some(listener) = forward.listener {
            view.doubt_of(&listener.id, mark);
        }
    }
}

fn shown(view: &mut View<'_, '_>, route: &Route<'_>) {
    let Some(first) = route.forwards.first() else {
        return;
    };
    protocols(view, route);
    let listeners = route.forwards.iter().filter_map(|forward| forward.listener);
    certificates::read(view, &listeners.clone().collect::<Vec<_>>());
    let stated = |listener: &&Listener| !listener.allow_origin.is_not_stated();
    if let Some(listener) = listeners.clone().find(stated).or(listeners.clone().next()) {
        view.field(AllowOrigin, &listener.allow_origin);
    }
    for (setting, method) in [(RoutedPaths, "GET"), (PostedPaths, "POST")] {
        let paths = route.forwards.iter().map(|forward| paths(forward, method));
        match paths.collect::<Result<Vec<_>, _>>() {
            Ok(paths) => view.see(setting, paths.concat(), first.place),
            Err(why) => _ = view.reading.hide(setting, why),
        }
    }
    let sharing = |action: &Action| {
        let is_managed =
            |to: &&WeightedGroup| route.managed.iter().any(|id| to.group.value() == Some(id));
        let others = action.targets().filter(|to| !is_managed(to)).count();
        others + usize::from(action.groups().any(|to| is_managed(&to)))
    };
    let actions = route.forwards.iter().map(|forward| forward.action);
    let widest = actions.max_by_key(|action| (sharing(action), action.groups().count()));
    if let Some(action) = widest
        && let Does::Forward(forward) = &action.does
    {
        let groups = u64::try_from(sharing(action)).unwrap_or(u64::MAX);
        view.see(ForwardGroups, groups, &action.place);
        match &forward.sticky {
            Field::NotStated(_) => view.see(GroupStickiness, false, &action.place),
            sticky => view.field(GroupStickiness, sticky),
        }
        view.field(GroupStickinessDuration, &forward.sticky_duration);
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

/// The path patterns of a forward, for the requests of one method; `*` where it looks at no path.
///
/// # Errors
/// Why they are not known.
fn paths(forward: &Forward<'_>, method: &str) -> Result<Vec<String>, &'static str> {
    const UNKNOWN: &str = "a condition of a listener rule that only AWS knows";
    let everything = vec!["*".to_owned()];
    let Some(rule) = forward.rule else {
        return Ok(everything);
    };
    if rule.rewrites {
        return Err("a listener rule that rewrites paths");
    }
    let mut patterns = None;
    for condition in &rule.conditions {
        match &condition.matches {
            Matches::Path(values) => patterns = Some(known(values).ok_or(UNKNOWN)?),
            // Clients are taken to use the right name.
            Matches::Host(_) => {}
            Matches::Method(values) => {
                let methods = known(values).ok_or(UNKNOWN)?;
                // They are compared with their case, and take no wildcard.
                if !methods.iter().any(|one| one == method) {
                    return Ok(Vec::new());
                }
            }
            Matches::Header(..) | Matches::Query(_) | Matches::SourceIp(_) => {
                return Err("a listener rule that looks at headers, queries or addresses");
            }
            Matches::Other(_) => return Err(UNKNOWN),
        }
    }
    Ok(patterns.unwrap_or(everything))
}

/// The values of a condition, where all of them are known.
fn known(values: &[Field<String>]) -> Option<Vec<String>> {
    let values: Option<Vec<_>> = values.iter().map(|value| value.value().cloned()).collect();
    values.filter(|values| !values.is_empty())
}
