//! Web ACLs in front of the load balancer, and of the distributions before it: which of their rules
//! refuse what plugins send.
//!
//! Rules are tried in their order, and one that allows a request ends it. A rule counts as sparing
//! the Socket.IO path only where that is proven.

use timeouts::Setting::{SocketPath, WafRules};
use timeouts::Value;

use aws_model::{
    Challenges, Field, Id, NotSeen, Part, Same, Source, Statement, WebAcl, WebAction, WebRule,
};

use super::view::View;

/// The rules of AWS's core rule set that refuse what plugins send.
const REFUSING: [&str; 2] = ["NoUserAgent_HEADER", "SizeRestrictions_BODY"];
const CORE: &str = "AWSManagedRulesCommonRuleSet";

/// Why it is not known whether a web ACL refuses plugins.
type Unclear = &'static str;

pub(super) fn read(view: &mut View<'_, '_>, balancer: &Id) {
    let model = view.model;
    let mut acls = model.web_acls.iter();
    let own = acls.find(|acl| acl.protects.contains(balancer));
    // A distribution may know the load balancer by another name.
    let any_leads = model.distributions.iter().any(|one| one.leads_to(balancer));
    let in_front: Vec<_> = model
        .distributions
        .iter()
        .filter(|one| !one.rules.is_not_stated())
        .filter(|one| one.leads_to(balancer) || !any_leads)
        .collect();
    if own.is_none() && in_front.is_empty() {
        return none(view);
    }
    if own.is_none() && model.web_acls.iter().any(|acl| acl.protects_unknown) {
        let why = "what a web ACL protects is not known";
        view.reading.hide(WafRules, why);
        return;
    }
    let path = view.reading.text(SocketPath).ok();
    let path = path.map(|path| format!("{}/", path.value.trim_end_matches('/')));
    let ids = own.map(|acl| &acl.id).into_iter();
    let ids = ids.chain(in_front.iter().map(|one| &one.id));
    let rules = own.map(|acl: &WebAcl| &acl.rules).into_iter();
    let rules = rules.chain(in_front.iter().map(|one| &one.rules));
    let mark = view.mark();
    let mut refused = Field::NotSeen(NotSeen::Because(""));
    let not_read = model.not_read.get(&Part::Distributions);
    let mut unclear = not_read.cloned();
    for rules in rules {
        match judge(rules, path.as_deref()) {
            Err(why) => unclear = Some(why.to_owned()),
            Ok(Field::NotSeen(why)) => unclear = Some(view.reason(WafRules, &why)),
            Ok(found) if refused.items().is_empty() => refused = found,
            Ok(_) => {}
        }
    }
    match unclear {
        Some(why) if refused.items().is_empty() => _ = view.reading.hide(WafRules, why),
        _ => view.field(WafRules, &refused),
    }
    for id in ids {
        view.doubt_of(id, mark);
    }
}

fn none(view: &mut View<'_, '_>) {
    if view.model.web_acls.iter().any(|acl| acl.protects_unknown) {
        let why = "what a web ACL protects is not known";
        view.reading.hide(WafRules, why);
        return;
    }
    let not_read = &view.model.not_read;
    let not_read = not_read
        .get(&Part::WebAcls)
        .or(not_read.get(&Part::Distributions));
    match (view.model.source, not_read) {
        (Source::Live, Some(why)) => _ = view.reading.hide(WafRules, why),
        (Source::Live, None) => {
            let place = "AWS, where the load balancer has no web ACL";
            view.see_at(WafRules, Value::Unset, place);
        }
        _ => view.none(WafRules, "web ACL"),
    }
}

/// The names of the rules that refuse plugins.
///
/// # Errors
/// A rule may or may not refuse them.
fn judge(rules: &Field<Vec<WebRule>>, path: Option<&str>) -> Result<Field<Vec<String>>, Unclear> {
    let mut in_order: Vec<_> = rules.items().iter().collect();
    let known = in_order.iter().all(|rule| rule.priority.is_some());
    in_order.sort_by_key(|rule| rule.priority);
    let mut refused = Vec::new();
    let mut unclear = None;
    // Whether each request of the Socket.IO path comes as far as the rule.
    let allows = |rule: &&WebRule| rule.action == WebAction::Allow && rule.name != DEFAULT;
    let mut comes = known || !in_order.iter().any(allows);
    for rule in in_order {
        let matches = rule.statement.matches(path);
        if matches == Same::No && !rule.unknown {
            continue;
        }
        match effect(rule, matches) {
            Effect::Refuses(names) if comes => refused.extend(names),
            Effect::Refuses(_) => unclear = Some("a rule that allows some requests before others"),
            Effect::MayRefuse(why) => unclear = Some(why),
            Effect::Allows if known => break,
            Effect::Allows | Effect::MayAllow => comes = false,
            Effect::None => {}
        }
        comes &= !rule.unknown;
    }
    match unclear {
        Some(why) if refused.is_empty() => Err(why),
        _ => Ok(rules.clone().map(|_| refused)),
    }
}

/// The name of what stands for a web ACL's default action.
const DEFAULT: &str = "default action";

/// Why a challenge is not known to meet handshakes.
const SPARES: Unclear = "a rule that challenges may spare the Socket.IO path";

/// What a rule does to requests of the Socket.IO path that come to it.
enum Effect {
    None,
    Allows,
    MayAllow,
    Refuses(Vec<String>),
    MayRefuse(Unclear),
}

fn effect(rule: &WebRule, matches: Same) -> Effect {
    let own = || Effect::Refuses(vec![rule.name.clone()]);
    let is_rate = matches!(rule.statement, Statement::Rate(_));
    if rule.unknown {
        return Effect::MayRefuse("a rule of the web ACL that only AWS knows");
    }
    if rule.managed_group.is_some() {
        return of_group(rule, matches);
    }
    match rule.action {
        WebAction::Allow if matches == Same::Yes && !is_rate => Effect::Allows,
        WebAction::Allow => Effect::MayAllow,
        WebAction::Challenge if matches == Same::Yes => own(),
        WebAction::Challenge => Effect::MayRefuse(SPARES),
        // A rate that no plugin reaches, and who may connect at all, are for the operator to say.
        WebAction::Block if is_rate => Effect::None,
        WebAction::Block if matches == Same::Yes => own(),
        WebAction::Block if rule.statement.sees_content() => {
            Effect::MayRefuse("a rule that blocks by body or User-Agent")
        }
        WebAction::Block | WebAction::Continue => Effect::None,
    }
}

fn of_group(rule: &WebRule, matches: Same) -> Effect {
    let spared = |name: &str| rule.exceptions.iter().any(|one| one == name);
    let names = match (rule.managed_group.as_deref(), rule.challenges) {
        (_, Challenges::All) => vec![Challenges::RULE],
        (Some(CORE), _) => REFUSING.to_vec(),
        _ => Vec::new(),
    };
    let names: Vec<_> = names.into_iter().filter(|name| !spared(name)).collect();
    match matches {
        _ if rule.counts => Effect::None,
        _ if names.is_empty() && rule.challenges == Challenges::Some => Effect::MayRefuse(SPARES),
        _ if names.is_empty() => Effect::None,
        Same::Yes => Effect::Refuses(names.into_iter().map(str::to_owned).collect()),
        _ => Effect::MayRefuse("a managed group that may not look at the Socket.IO path"),
    }
}
