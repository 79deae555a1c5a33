//! What stands in front of the load balancer: CloudFront, a Network Load Balancer, a web ACL.

use timeouts::Setting::{CloudFrontTimeout, Domain, NlbIdleTimeout, WafRules};

use super::view::{View, mentions};
use cloudformation::node::Node;
use cloudformation::template::Resource;

/// The rules of AWS's core rule set that refuse what plugins send.
const REFUSING: [&str; 2] = ["NoUserAgent_HEADER", "SizeRestrictions_BODY"];

pub(super) fn read(view: &mut View<'_, '_>, balancer: Option<&Resource>) {
    let Some(balancer) = balancer else { return };
    cloudfront(view, balancer);
    network_balancer(view, balancer);
    web_acl(view, balancer);
    domain(view, balancer);
}

fn cloudfront(view: &mut View<'_, '_>, balancer: &Resource) {
    let distributions: Vec<_> = view
        .rendered
        .of_type("AWS::CloudFront::Distribution")
        .collect();
    if distributions.is_empty() {
        return view.none(CloudFrontTimeout, "CloudFront distribution");
    }
    let mut origins = distributions.iter().filter_map(|distribution| {
        let origins = distribution
            .properties
            .at("DistributionConfig.Origins")?
            .as_list()?;
        let origin = origins
            .iter()
            .find(|origin| mentions(origin, &balancer.logical_id))?;
        Some((*distribution, origin))
    });
    match origins.next_back() {
        Some((distribution, origin)) => view.node(
            CloudFrontTimeout,
            origin.at("CustomOriginConfig.OriginReadTimeout"),
            distribution,
        ),
        None => {
            _ = view.reading.hide(
                CloudFrontTimeout,
                "no distribution names the load balancer, but one may know it by another name",
            );
        }
    }
}

/// A Network Load Balancer in front has a target group of type `alb` with this load balancer in it.
fn network_balancer(view: &mut View<'_, '_>, balancer: &Resource) {
    let in_front = |group: &&Resource| {
        group.properties.get("TargetType").and_then(Node::as_text) == Some("alb")
            && group
                .properties
                .get("Targets")
                .is_some_and(|targets| mentions(targets, &balancer.logical_id))
    };
    let Some(group) = view.rendered.of_type(super::TARGET_GROUP).find(in_front) else {
        return view.none(NlbIdleTimeout, "Network Load Balancer in front");
    };
    let mut listeners = view
        .rendered
        .of_type("AWS::ElasticLoadBalancingV2::Listener");
    let Some(listener) =
        listeners.find(|listener| mentions(&listener.properties, &group.logical_id))
    else {
        return view.default(NlbIdleTimeout, group);
    };
    let attributes = listener
        .properties
        .get("ListenerAttributes")
        .and_then(Node::as_list)
        .unwrap_or_default();
    let idle = attributes
        .iter()
        .find(|item| item.get("Key").and_then(Node::as_text) == Some("tcp.idle_timeout.seconds"));
    view.node(
        NlbIdleTimeout,
        idle.and_then(|item| item.get("Value")),
        listener,
    );
}

fn web_acl(view: &mut View<'_, '_>, balancer: &Resource) {
    let mut associations = view.rendered.of_type("AWS::WAFv2::WebACLAssociation");
    let about = |association: &&Resource| {
        association
            .properties
            .get("ResourceArn")
            .is_some_and(|arn| mentions(arn, &balancer.logical_id))
    };
    let Some(association) = associations.find(about) else {
        return view.none(WafRules, "web ACL");
    };
    let acl = association
        .properties
        .get("WebACLArn")
        .and_then(|arn| view.rendered.referred(arn));
    let Some(rules) = acl.and_then(|acl| acl.properties.get("Rules")) else {
        view.reading
            .hide(WafRules, "a web ACL that is not in this template");
        return;
    };
    let names = rules
        .as_list()
        .unwrap_or_default()
        .iter()
        .flat_map(refusing)
        .collect::<Vec<_>>();
    view.see(WafRules, names, rules);
}

/// The rules of a managed group that refuse plugins: neither counted nor limited to other paths.
fn refusing(rule: &Node) -> Vec<String> {
    let Some(group) = rule.at("Statement.ManagedRuleGroupStatement") else {
        return Vec::new();
    };
    let common = group.get("Name").and_then(Node::as_text) == Some("AWSManagedRulesCommonRuleSet");
    if !common
        || rule.at("OverrideAction.Count").is_some()
        || group.get("ScopeDownStatement").is_some()
    {
        return Vec::new();
    }
    let excepted = |name: &str| {
        ["RuleActionOverrides", "ExcludedRules"].iter().any(|list| {
            let items = group.get(list).and_then(Node::as_list).unwrap_or_default();
            items.iter().any(|item| {
                item.get("Name").and_then(Node::as_text) == Some(name)
                    && item.at("ActionToUse.Block").is_none()
            })
        })
    };
    REFUSING
        .iter()
        .filter(|name| !excepted(name))
        .map(ToString::to_string)
        .collect()
}

/// The name that clients use: the parameter of our own template, or an alias of the load balancer.
fn domain(view: &mut View<'_, '_>, balancer: &Resource) {
    let alias = view
        .rendered
        .of_type("AWS::Route53::RecordSet")
        .find(|record| {
            record
                .properties
                .get("AliasTarget")
                .is_some_and(|target| mentions(target, &balancer.logical_id))
        });
    let name = alias
        .and_then(|record| record.properties.get("Name"))
        .or_else(|| view.rendered.parameters.get("Domain"));
    if let Some(node) = name
        && let Some(text) = node.as_text().filter(|text| !text.is_empty())
    {
        view.see(Domain, text.trim_end_matches('.'), node);
    }
}
