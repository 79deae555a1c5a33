//! The web ACL of a live load balancer. A role that may not ask leaves it unknown.

use aws_model::{Challenges, Field, Part, WebAcl, WebAction, WebRule};
use aws_sdk_wafv2::types;

use super::live::Live;
use super::{Clients, Error, failed, statement};

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
            priority: Some(0),
            ..WebRule::default_action(WebAction::Continue)
        });
    }
    let default = acl.default_action();
    let blocks = default.is_some_and(|action| action.block().is_some());
    rules.push(WebRule::default_action(match blocks {
        true => WebAction::Block,
        false => WebAction::Allow,
    }));
    live.model.web_acls.push(WebAcl {
        id,
        protects: vec![live.stack.name(balancer)],
        protects_unknown: false,
        rules: Field::Stated(rules, place),
    });
}

fn action(action: &types::RuleAction) -> WebAction {
    match action {
        action if action.allow().is_some() => WebAction::Allow,
        action if action.block().is_some() => WebAction::Block,
        action if challenges_by(action) => WebAction::Challenge,
        _ => WebAction::Continue,
    }
}

/// Whether an action asks for a proof that a browser, or a person, is there.
fn challenges_by(action: &types::RuleAction) -> bool {
    action.challenge().is_some() || action.captcha().is_some()
}

fn rule(rule: &types::Rule) -> WebRule {
    let statement = rule.statement();
    let group = statement.and_then(|statement| statement.managed_rule_group_statement());
    let own = WebRule {
        name: rule.name().to_owned(),
        priority: u64::try_from(rule.priority()).ok(),
        statement: statement::read(statement),
        action: rule.action().map_or(WebAction::Continue, action),
        ..WebRule::default_action(WebAction::Continue)
    };
    let Some(group) = group else {
        let named = statement.and_then(|statement| statement.rule_group_reference_statement());
        return WebRule {
            // What another rule group does is not read.
            unknown: named.is_some(),
            ..own
        };
    };
    let lets_through = |one: &&types::RuleActionOverride| {
        let action = one.action_to_use();
        action.is_some_and(|action| action.count().is_some() || action.allow().is_some())
    };
    let overrides = group.rule_action_overrides().iter();
    let overrides = overrides.filter(lets_through).map(|one| one.name());
    let excluded = group.excluded_rules().iter().map(|one| one.name());
    WebRule {
        managed_group: Some(group.name().to_owned()),
        unknown: WebRule::is_foreign(Some(group.vendor_name()), group.name()),
        statement: statement::scope(group.scope_down_statement()),
        counts: rule
            .override_action()
            .is_some_and(|to| to.count().is_some()),
        exceptions: overrides.chain(excluded).map(str::to_owned).collect(),
        challenges: challenges(group),
        ..own
    }
}

fn challenges(group: &types::ManagedRuleGroupStatement) -> Challenges {
    let mut overrides = group.rule_action_overrides().iter();
    let by_override = |one: &types::RuleActionOverride| {
        let action = one.action_to_use();
        action.is_some_and(challenges_by)
    };
    if overrides.any(by_override) || Challenges::MORE_GROUPS.contains(&group.name()) {
        return Challenges::Some;
    }
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
