//! Actions of listeners and rules.

use std::collections::HashMap;

use alb_model::{Action, Config, Fixed, Forward, Listener, Redirect, Weighted};
use aws_model::{Does, Field, FixedResponse, Model, WeightedGroup};
use cloudformation::diagnostic::Mistake;
use cloudformation::node::Origin;

use super::mistake;

/// The action of a listener or rule: the last one in order, which decides.
pub(super) fn convert(
    model: &Model,
    actions: &Field<Vec<aws_model::Action>>,
    resource: &Origin,
    property: &str,
) -> Result<Action, Mistake> {
    let mut all = actions.items().iter();
    let order = |action: &&aws_model::Action| action.order.value().copied().unwrap_or(0);
    let Some(last) = all.clone().max_by_key(order) else {
        let message = format!("`{property}` has no action that is known before deploying");
        return Err(mistake(actions.place(), resource, message));
    };
    let authenticates = |action: &&aws_model::Action| match &action.does {
        Does::Other(kind) => kind
            .as_str()
            .is_some_and(|kind| kind.starts_with("authenticate")),
        _ => false,
    };
    if let Some(other) = all.find(authenticates) {
        let message = "authentication actions are not part of the load balancer model";
        return Err(mistake(Some(&other.place), resource, message));
    }
    match &last.does {
        Does::Forward(to) => forward(model, resource, to).map(Action::Forward),
        Does::Redirect(to) => Ok(Action::Redirect(redirect(to))),
        Does::FixedResponse(answer) => Ok(Action::Fixed(fixed(answer))),
        Does::Other(kind) => {
            let kind = kind.as_str().unwrap_or_default();
            let message = format!("the action type {kind:?} is not one of AWS's");
            Err(mistake(Some(&last.place), resource, message))
        }
    }
}

fn forward(
    model: &Model,
    resource: &Origin,
    forward: &aws_model::Forward,
) -> Result<Forward, Mistake> {
    let weighted = |to: &WeightedGroup| {
        let mut groups = model.target_groups.iter();
        let Some(group) = groups.find(|group| to.group.as_str() == Some(&group.id)) else {
            let message = "the action's target group is not part of this template";
            return Err(mistake(to.group.place(), resource, message));
        };
        let weight = to
            .weight
            .value()
            .and_then(|weight| u32::try_from(*weight).ok());
        Ok(Weighted {
            group: group.id.clone(),
            weight: weight.unwrap_or(1),
        })
    };
    let sticky = forward.sticky.value() == Some(&true);
    let duration = forward.sticky_duration.value().copied();
    Ok(Forward {
        groups: forward
            .groups
            .iter()
            .map(weighted)
            .collect::<Result<_, _>>()?,
        stickiness: duration.filter(|_| sticky),
    })
}

fn redirect(redirect: &aws_model::Redirect) -> Redirect {
    let defaults = Redirect::default();
    let part = |part: &Field<String>, default| part.value().cloned().unwrap_or(default);
    Redirect {
        permanent: redirect.status.as_str() == Some("HTTP_301"),
        protocol: part(&redirect.protocol, defaults.protocol),
        host: part(&redirect.host, defaults.host),
        port: part(&redirect.port, defaults.port),
        path: part(&redirect.path, defaults.path),
        query: part(&redirect.query, defaults.query),
    }
}

fn fixed(answer: &FixedResponse) -> Fixed {
    let status = answer
        .status
        .value()
        .and_then(|status| u16::try_from(*status).ok());
    Fixed {
        status: status.unwrap_or(200),
        content_type: answer
            .content_type
            .as_str()
            .unwrap_or("text/plain")
            .to_owned(),
        body: answer.body.as_str().unwrap_or_default().to_owned(),
    }
}

/// Whether the listener sends anything to the group.
pub(super) fn leads_to(listener: &Listener, group: &str) -> bool {
    let actions = listener
        .rules
        .iter()
        .map(|rule| &rule.action)
        .chain([&listener.default]);
    actions.into_iter().any(|action| match action {
        Action::Forward(forward) => forward
            .groups
            .iter()
            .any(|weighted| weighted.group == group),
        Action::Redirect(_) | Action::Fixed(_) => false,
    })
}

/// Points redirects to a declared port at the port that its listener has here.
pub(super) fn relocate(config: &mut Config, moved: &HashMap<String, u16>) {
    for listener in &mut config.listeners {
        let actions = listener
            .rules
            .iter_mut()
            .map(|rule| &mut rule.action)
            .chain([&mut listener.default]);
        for action in actions {
            if let Action::Redirect(redirect) = action
                && let Some(port) = moved.get(&redirect.port)
            {
                redirect.port = port.to_string();
                redirect.protocol = "HTTP".to_owned();
            }
        }
    }
}
