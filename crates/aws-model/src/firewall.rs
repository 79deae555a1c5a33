//! Web ACLs: their rules in order, as far as these may refuse what plugins send.

use cloudformation::node::{Node, Value, is_macro_key};
use cloudformation::template::Resource;

use crate::field::{Field, NotSeen};
use crate::properties::{Id, Properties};
use crate::statement::Statement;

const ELSEWHERE: &str = "a web ACL that is not in this template";

/// A web ACL that is associated with a resource.
#[derive(Clone, Debug)]
pub struct WebAcl {
    /// The association's logical id.
    pub id: Id,
    /// The resources that it protects.
    pub protects: Vec<Id>,
    /// Whether what it protects is not known, so that it may be anything.
    pub protects_unknown: bool,
    /// Its rules; the last one stands for its default action.
    pub rules: Field<Vec<WebRule>>,
}

/// A rule of a web ACL.
#[derive(Clone, Debug)]
pub struct WebRule {
    /// Its name.
    pub name: String,
    /// The lowest is tried first; none where it is not known.
    pub priority: Option<u64>,
    /// The managed rule group's name: `AWSManagedRulesCommonRuleSet`.
    pub managed_group: Option<String>,
    /// Whether it is not known what it does.
    pub unknown: bool,
    /// Which requests it looks at.
    pub statement: Statement,
    /// What its own action does to them.
    pub action: WebAction,
    /// Whether what its managed group does is only counted.
    pub counts: bool,
    /// Rules of the group that let requests through: they count or allow.
    pub exceptions: Vec<String>,
    /// Whether its group challenges requests that are to prove a browser behind them.
    pub challenges: Challenges,
}

/// What a rule does to the requests that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebAction {
    /// It lets them through, and no rule after it sees them.
    Allow,
    /// It refuses them.
    Block,
    /// It asks for a proof that a browser, or a person, is there.
    Challenge,
    /// It counts them, or its group decides.
    Continue,
}

/// Which requests a managed group challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenges {
    /// None.
    None,
    /// All that it looks at.
    All,
    /// Some of them. Those of Socket.IO may or may not be among them.
    Some,
}

impl Challenges {
    /// The managed group that challenges while a flood goes on.
    pub const GROUP: &str = "AWSManagedRulesAntiDDoSRuleSet";
    /// Those that challenge clients which they take for bots, in some of their rules ("AWS Managed
    /// Rules rule groups list").
    pub const MORE_GROUPS: [&str; 3] = [
        "AWSManagedRulesBotControlRuleSet",
        "AWSManagedRulesATPRuleSet",
        "AWSManagedRulesACFPRuleSet",
    ];
    /// The rule of the group against floods that challenges.
    pub const RULE: &str = "ChallengeAllDuringEvent";
}

/// The managed groups of AWS that look for attacks and for addresses (same list). The first refuses a
/// missing `User-Agent` and a long body too.
const KNOWN_GROUPS: [&str; 11] = [
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesAdminProtectionRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
    "AWSManagedRulesLinuxRuleSet",
    "AWSManagedRulesUnixRuleSet",
    "AWSManagedRulesWindowsRuleSet",
    "AWSManagedRulesPHPRuleSet",
    "AWSManagedRulesWordPressRuleSet",
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesAnonymousIpList",
];

impl WebAcl {
    /// Reads an association, and the web ACL that it names.
    pub(crate) fn read(association: Properties<'_>) -> Self {
        let arn = association.at("ResourceArn");
        let protects = association.mentioned("ResourceArn");
        let acl = association.at("WebACLArn");
        let acl = acl.and_then(|arn| association.rendered.referred(arn));
        Self {
            id: association.id(),
            protects_unknown: protects.is_empty() && arn.and_then(Node::as_text).is_none(),
            protects,
            rules: match acl {
                Some(acl) => rules(association, acl),
                None => Field::NotSeen(NotSeen::Because(ELSEWHERE)),
            },
        }
    }
}

/// The rules of the web ACL that a distribution names; not stated where it names none.
pub(crate) fn of_distribution(properties: Properties<'_>) -> Field<Vec<WebRule>> {
    properties.read("DistributionConfig.WebACLId", |arn| {
        match properties.rendered.referred(arn) {
            Some(acl) => rules(properties, acl),
            None if arn.as_text() == Some("") => Field::NotStated(properties.place()),
            None => Field::NotSeen(NotSeen::Because(ELSEWHERE)),
        }
    })
}

fn rules(from: Properties<'_>, acl: &Resource) -> Field<Vec<WebRule>> {
    if acl.kind != "AWS::WAFv2::WebACL" {
        return Field::NotSeen(NotSeen::Because(ELSEWHERE));
    }
    let acl = Properties::of(from.rendered, acl);
    let rules = acl.each("Rules", |rule| WebRule::read(rule.node));
    let default = acl.at("DefaultAction");
    let last = WebRule {
        unknown: default.is_some_and(|default| !is_known(default)),
        ..WebRule::default_action(default.map_or(WebAction::Continue, action))
    };
    match rules {
        Field::NotStated(place) => Field::Stated(vec![last], place),
        rules => rules.map(|mut rules| {
            rules.push(last);
            rules
        }),
    }
}

impl WebRule {
    /// A rule that does this to requests which no rule before it lets through.
    #[must_use]
    pub fn default_action(action: WebAction) -> Self {
        Self {
            name: "default action".to_owned(),
            priority: Some(u64::MAX),
            managed_group: None,
            unknown: false,
            statement: Statement::All,
            action,
            counts: false,
            exceptions: Vec::new(),
            challenges: Challenges::None,
        }
    }

    /// Whether what a group of this name and vendor does is not read.
    #[must_use]
    pub fn is_foreign(vendor: Option<&str>, group: &str) -> bool {
        let of_aws = vendor.is_none_or(|vendor| vendor == "AWS");
        let known = KNOWN_GROUPS.contains(&group)
            || Challenges::MORE_GROUPS.contains(&group)
            || group == Challenges::GROUP;
        !(of_aws && known)
    }

    fn read(rule: &Node) -> Self {
        let text = |name| rule.get(name).and_then(Node::as_text);
        let statement = rule.get("Statement");
        let group = statement.and_then(|statement| statement.get("ManagedRuleGroupStatement"));
        let own = Self {
            name: text("Name").unwrap_or_default().to_owned(),
            priority: text("Priority").and_then(|priority| priority.parse().ok()),
            statement: statement.map_or(Statement::Unknown, Statement::read),
            action: rule.get("Action").map_or(WebAction::Continue, action),
            ..Self::default_action(WebAction::Continue)
        };
        match group {
            Some(group) => own.of_group(rule, group),
            None => Self {
                // What another rule group does is not read.
                unknown: ![Some(rule), statement, rule.get("Action")]
                    .into_iter()
                    .all(is_whole)
                    || rule.at("Statement.RuleGroupReferenceStatement").is_some(),
                ..own
            },
        }
    }

    fn of_group(self, rule: &Node, group: &Node) -> Self {
        let items = |list| group.get(list).and_then(Node::as_list).unwrap_or_default();
        let exceptions = items("RuleActionOverrides")
            .iter()
            .chain(items("ExcludedRules"));
        let lets_through = |item: &&Node| {
            let action = item.get("ActionToUse");
            action.is_none_or(|action| has(action, &["Count", "Allow"]))
        };
        let vendor = group.get("VendorName").and_then(Node::as_text);
        let name = group.get("Name").and_then(Node::as_text);
        Self {
            managed_group: name.map(str::to_owned),
            unknown: group_is_unknown(group)
                || !rule.get("OverrideAction").is_none_or(is_known)
                || name.is_none_or(|name| Self::is_foreign(vendor, name)),
            statement: Statement::scope(group),
            counts: rule.at("OverrideAction.Count").is_some(),
            challenges: challenges(group),
            exceptions: exceptions
                .filter(lets_through)
                .filter_map(|item| Some(item.get("Name")?.as_text()?.to_owned()))
                .collect(),
            ..self
        }
    }
}

fn action(action: &Node) -> WebAction {
    match action {
        action if has(action, &["Allow"]) => WebAction::Allow,
        action if has(action, &["Block"]) => WebAction::Block,
        action if challenges_by(action) => WebAction::Challenge,
        _ => WebAction::Continue,
    }
}

/// Whether an action asks for a proof that a browser, or a person, is there.
fn challenges_by(action: &Node) -> bool {
    has(action, &["Challenge", "Captcha"])
}

fn has(node: &Node, keys: &[&str]) -> bool {
    keys.iter().any(|key| node.get(key).is_some())
}

/// Whether only AWS knows what a managed group does.
fn group_is_unknown(group: &Node) -> bool {
    const DECISIVE: [&str; 4] = [
        "Name",
        "RuleActionOverrides",
        "ExcludedRules",
        "ManagedRuleGroupConfigs",
    ];
    let mut decisive = DECISIVE.iter().filter_map(|name| group.get(name));
    !is_whole(Some(group)) || !is_whole(group.get("ScopeDownStatement")) || !decisive.all(is_known)
}

/// Whether a mapping has all its keys; none is whole.
fn is_whole(node: Option<&Node>) -> bool {
    node.is_none_or(|node| {
        let mut keys = node.as_map().into_iter().flat_map(|map| map.keys());
        node.as_map().is_some() && !keys.any(|key| is_macro_key(key))
    })
}

/// Whether nothing in a node is left to AWS or to a macro.
fn is_known(node: &Node) -> bool {
    match &node.value {
        Value::Scalar(_) => true,
        Value::List(items) => items.iter().all(is_known),
        Value::Map(map) => map
            .iter()
            .all(|(key, entry)| !is_macro_key(key) && is_known(&entry.node)),
        Value::Call(_) => false,
    }
}

/// What a managed group challenges: by an override, by itself, or as the group against floods does to
/// a request that it suspects, while one goes on.
fn challenges(group: &Node) -> Challenges {
    let name = group.get("Name").and_then(Node::as_text);
    let overrides = group.get("RuleActionOverrides").and_then(Node::as_list);
    let by_override = |item: &Node| item.get("ActionToUse").is_some_and(challenges_by);
    if overrides.unwrap_or_default().iter().any(by_override)
        || name.is_some_and(|name| Challenges::MORE_GROUPS.contains(&name))
    {
        return Challenges::Some;
    }
    if name != Some(Challenges::GROUP) {
        return Challenges::None;
    }
    let configs = group.get("ManagedRuleGroupConfigs").and_then(Node::as_list);
    let path = format!("{}.ClientSideActionConfig.Challenge", Challenges::GROUP);
    let mut configs = configs.unwrap_or_default().iter();
    let Some(challenge) = configs.find_map(|config| config.at(&path)) else {
        return Challenges::Some;
    };
    let exempt = challenge.get("ExemptUriRegularExpressions");
    match challenge.get("UsageOfAction").and_then(Node::as_text) {
        Some("DISABLED") => Challenges::None,
        Some("ENABLED") if exempt.is_none() => Challenges::All,
        _ => Challenges::Some,
    }
}
