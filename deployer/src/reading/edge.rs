//! What stands in front of the load balancer: CloudFront, a Network Load Balancer, a name. Web ACLs
//! are read by `firewall`.

use timeouts::Setting::{CloudFrontTimeout, Domain, NlbIdleTimeout};
use timeouts::Value;

use aws_model::{Distribution, Field, Id, Part, Source, TargetGroup};

use super::view::View;

pub(super) fn read(view: &mut View<'_, '_>, balancer: &Id) {
    cloudfront(view, balancer);
    network_balancer(view, balancer);
    domain(view, balancer);
}

fn cloudfront(view: &mut View<'_, '_>, balancer: &Id) {
    let distributions = &view.model.distributions;
    if distributions.is_empty() {
        return no_distribution(view);
    }
    let leading = |one: &&Distribution| one.leads_to(balancer);
    let in_front: Vec<_> = distributions.iter().filter(leading).collect();
    let uncertain = |one: &&Distribution| view.uncertain(&one.id).is_some();
    let origins = in_front.iter().flat_map(|one| &one.origins);
    let mut origins = origins.filter(|origin| origin.refers_to.contains(balancer));
    let why = match origins.next() {
        Some(_) if distributions.iter().any(|one| uncertain(&one)) => {
            "a distribution that may not exist"
        }
        // Requests take the way of one of them, by a behaviour that is not looked at.
        Some(one)
            if origins.any(|other| other.read_timeout.value() != one.read_timeout.value()) =>
        {
            "several origins with other timeouts lead to the load balancer"
        }
        Some(origin) => return view.field(CloudFrontTimeout, &origin.read_timeout),
        None => "no distribution names the load balancer, but one may know it by another name",
    };
    view.reading.hide(CloudFrontTimeout, why);
}

fn no_distribution(view: &mut View<'_, '_>) {
    let not_read = view.model.not_read.get(&Part::Distributions);
    match (view.model.source, not_read) {
        (Source::Live, Some(why)) => _ = view.reading.hide(CloudFrontTimeout, why),
        (Source::Live, None) => {
            let place = "AWS, where no distribution of this account has it as its origin";
            view.see_at(CloudFrontTimeout, Value::Unset, place);
        }
        _ => view.none(CloudFrontTimeout, "CloudFront distribution"),
    }
}

/// A Network Load Balancer in front has a target group of type `alb` with this load balancer in it.
fn network_balancer(view: &mut View<'_, '_>, balancer: &Id) {
    let model = view.model;
    let in_front = |group: &&TargetGroup| {
        group.target_type.as_str() == Some("alb") && group.targets.contains(balancer)
    };
    let Some(group) = model.target_groups.iter().find(in_front) else {
        return view.none(NlbIdleTimeout, "Network Load Balancer in front");
    };
    let listener = model.listeners.iter().find(|listener| {
        let mut actions = listener.actions.items().iter();
        actions.any(|action| action.leads_to(&group.id))
    });
    let mark = view.mark();
    match listener {
        Some(listener) => view.field(NlbIdleTimeout, &listener.tcp_idle_timeout),
        None => view.default(NlbIdleTimeout, &group.place),
    }
    view.doubt_of(&group.id, mark);
}

/// The name that clients use: the parameter of our own template, or an alias of the load balancer.
fn domain(view: &mut View<'_, '_>, balancer: &Id) {
    let mut aliases = view.model.aliases.iter();
    let alias = aliases.find(|alias| alias.refers_to.contains(balancer));
    let name = alias
        .map(|alias| &alias.name)
        .filter(|name| !name.is_not_stated())
        .or(view.model.domain.as_ref());
    if let Some(Field::Stated(name, place)) = name
        && !name.is_empty()
    {
        view.see(Domain, name.trim_end_matches('.'), place);
    }
}
