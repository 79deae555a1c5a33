//! What stands in front of the load balancer: CloudFront, a Network Load Balancer, a web ACL, a
//! name.

use timeouts::Setting::{CloudFrontTimeout, Domain, NlbIdleTimeout, WafRules};
use timeouts::Value;

use aws_model::{Challenges, Field, Id, Part, Source, TargetGroup, WebRule};

use super::view::View;

/// The rules of AWS's core rule set that refuse what plugins send.
const REFUSING: [&str; 2] = ["NoUserAgent_HEADER", "SizeRestrictions_BODY"];

pub(super) fn read(view: &mut View<'_, '_>, balancer: &Id) {
    cloudfront(view, balancer);
    network_balancer(view, balancer);
    web_acl(view, balancer);
    domain(view, balancer);
}

fn cloudfront(view: &mut View<'_, '_>, balancer: &Id) {
    let distributions = &view.model.distributions;
    if distributions.is_empty() {
        return view.none(CloudFrontTimeout, "CloudFront distribution");
    }
    let mut origins = distributions.iter().filter_map(|distribution| {
        let mut origins = distribution.origins.iter();
        origins.find(|origin| origin.refers_to.contains(balancer))
    });
    match origins.next_back() {
        Some(_)
            if distributions
                .iter()
                .any(|one| view.uncertain(&one.id).is_some()) =>
        {
            view.reading
                .hide(CloudFrontTimeout, "a distribution that may not exist");
        }
        Some(origin) => view.field(CloudFrontTimeout, &origin.read_timeout),
        None => {
            _ = view.reading.hide(
                CloudFrontTimeout,
                "no distribution names the load balancer, but one may know it by another name",
            );
        }
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

fn web_acl(view: &mut View<'_, '_>, balancer: &Id) {
    let mut acls = view.model.web_acls.iter();
    let Some(acl) = acls.find(|acl| acl.protects.contains(balancer)) else {
        if view.model.web_acls.iter().any(|acl| acl.protects_unknown) {
            let why = "what a web ACL protects is not known";
            view.reading.hide(WafRules, why);
        } else {
            no_web_acl(view);
        }
        return;
    };
    if acl.rules.items().iter().any(|rule| rule.unknown) {
        let why = "a rule of the web ACL that only AWS knows";
        view.reading.hide(WafRules, why);
        return;
    }
    let all_refusing = |rules: Vec<WebRule>| rules.iter().flat_map(refusing).collect::<Vec<_>>();
    let found = acl.rules.clone().map(all_refusing);
    let may_challenge = |rule: &WebRule| rule.challenges == Challenges::Some && !rule.limited;
    if found.items().is_empty() && acl.rules.items().iter().any(may_challenge) {
        let why = "a rule that challenges may spare the Socket.IO path";
        view.reading.hide(WafRules, why);
        return;
    }
    let mark = view.mark();
    view.field(WafRules, &found);
    view.doubt_of(&acl.id, mark);
}

fn no_web_acl(view: &mut View<'_, '_>) {
    match (view.model.source, view.model.not_read.get(&Part::WebAcls)) {
        (Source::Live, Some(why)) => _ = view.reading.hide(WafRules, why),
        (Source::Live, None) => {
            let place = "AWS, where the load balancer has no web ACL";
            view.see_at(WafRules, Value::Unset, place);
        }
        _ => view.none(WafRules, "web ACL"),
    }
}

/// The names of the rules that refuse plugins, neither counted nor limited to other paths: those of
/// a managed group, or the rule itself.
fn refusing(rule: &WebRule) -> Vec<String> {
    let is_spared = rule.exceptions.iter().any(|name| name == Challenges::RULE);
    if rule.challenges == Challenges::All && !rule.limited && !is_spared {
        return vec![match rule.managed_group {
            Some(_) => Challenges::RULE.to_owned(),
            None => rule.name.clone(),
        }];
    }
    if rule.managed_group.as_deref() != Some("AWSManagedRulesCommonRuleSet") || rule.limited {
        return Vec::new();
    }
    let names = REFUSING.map(str::to_owned).into_iter();
    names
        .filter(|name| !rule.exceptions.contains(name))
        .collect()
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
