//! The web ACL of a live load balancer. A role that may not ask leaves it unknown.

use aws_model::{Challenges, Field, Part, WebAcl, WebRule};
use aws_sdk_wafv2::types;

use super::live::Live;
use super::{Clients, Error, failed};

const ACTIONS: &str = "wafv2:GetWebACLForResource and wafv2:GetWebACL";

/// Reads the web ACL that protects a load balancer, where there is one.
pub(super) async fn read(clients: &Clients, balancer: &str, live: &mut Live) {
    let request = clients.firewalls.get_web_acl_for_resource();
    let answer = request.resource_arn(balancer).send().await;
    let answer = match answer.map_err(failed("read the load balancer's web ACL")) {
        Ok(answer) => answer,
        // The load balancer was just read, so it is the web ACL that is not there.
        Err(Error::Call {
            code: Some(code), ..
        }) if code == "WAFNonexistentItemException" => return,
        Err(error) => return live.not_read(Part::WebAcls, ACTIONS, &error),
    };
    let Some(acl) = answer.web_acl() else {
        return;
    };
    let (id, place) = live.identity(acl.arn());
    let mut rules: Vec<_> = acl.rules().iter().map(rule).collect();
    let before = acl.pre_process_firewall_manager_rule_groups();
    let after = acl.post_process_firewall_manager_rule_groups();
    // What Firewall Manager adds is not in the rules.
    if !before.is_empty() || !after.is_empty() {
        rules.push(WebRule {
            unknown: true,
            ..other()
        });
    }
    live.model.web_acls.push(WebAcl {
        id,
        protects: vec![live.stack.name(balancer)],
        protects_unknown: false,
        rules: Field::Stated(rules, place),
    });
}

/// A rule that uses no managed group.
fn other() -> WebRule {
    WebRule {
        managed_group: None,
        unknown: false,
        limited: false,
        exceptions: Vec::new(),
        challenges: Challenges::None,
    }
}

fn rule(rule: &types::Rule) -> WebRule {
    let statement = rule.statement();
    let group = statement.and_then(|statement| statement.managed_rule_group_statement());
    let Some(group) = group else {
        return other();
    };
    let counts = rule
        .override_action()
        .is_some_and(|to| to.count().is_some());
    let blocks = |one: &types::RuleActionOverride| {
        let action = one.action_to_use();
        action.is_some_and(|action| action.block().is_some())
    };
    let overrides = group.rule_action_overrides().iter();
    let overrides = overrides.filter(|one| !blocks(one)).map(|one| one.name());
    let excluded = group.excluded_rules().iter().map(|one| one.name());
    WebRule {
        managed_group: Some(group.name().to_owned()),
        unknown: false,
        limited: counts || group.scope_down_statement().is_some(),
        exceptions: overrides.chain(excluded).map(str::to_owned).collect(),
        challenges: challenges(group),
    }
}

fn challenges(group: &types::ManagedRuleGroupStatement) -> Challenges {
    if group.name() != Challenges::GROUP {
        return Challenges::None;
    }
    let mut configs = group.managed_rule_group_configs().iter();
    let challenge = configs.find_map(|config| {
        let set = config.aws_managed_rules_anti_d_do_s_rule_set()?;
        set.client_side_action_config()?.challenge()
    });
    let Some(challenge) = challenge else {
        return Challenges::Some;
    };
    let exempt = challenge.exempt_uri_regular_expressions();
    match challenge.usage_of_action() {
        types::UsageOfAction::Disabled => Challenges::None,
        types::UsageOfAction::Enabled if exempt.is_empty() => Challenges::All,
        _ => Challenges::Some,
    }
}
