//! What stands before a load balancer: CloudFront, web ACLs and names in Route 53.

use std::time::Duration;

use cloudformation::node::{Node, Origin as Place, Value, is_macro_key};

use crate::field::{Field, NotSeen};
use crate::properties::{Id, Properties};

/// A CloudFront distribution.
#[derive(Clone, Debug)]
pub struct Distribution {
    /// Its logical id.
    pub id: Id,
    /// Where it gets its answers.
    pub origins: Vec<Origin>,
}

/// An origin of a distribution.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The resources that it refers to.
    pub refers_to: Vec<Id>,
    /// How long CloudFront waits for an answer.
    pub read_timeout: Field<Duration>,
}

impl Distribution {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let origin = |origin: Properties<'_>| Origin {
            refers_to: crate::properties::mentioned(origin.rendered, origin.node),
            read_timeout: origin.field("CustomOriginConfig.OriginReadTimeout"),
        };
        Self {
            id: properties.id(),
            origins: properties
                .items("DistributionConfig.Origins")
                .map(origin)
                .collect(),
        }
    }
}

/// A web ACL that is associated with a resource.
#[derive(Clone, Debug)]
pub struct WebAcl {
    /// The association's logical id.
    pub id: Id,
    /// The resources that it protects.
    pub protects: Vec<Id>,
    /// Whether what it protects is not known, so that it may be anything.
    pub protects_unknown: bool,
    /// Its rules.
    pub rules: Field<Vec<WebRule>>,
}

/// A rule of a web ACL, as far as it uses a managed rule group or challenges.
#[derive(Clone, Debug)]
pub struct WebRule {
    /// Its name.
    pub name: String,
    /// The managed rule group's name: `AWSManagedRulesCommonRuleSet`.
    pub managed_group: Option<String>,
    /// Whether only AWS knows a part of it that decides.
    pub unknown: bool,
    /// Whether it only counts, or applies to some requests only.
    pub limited: bool,
    /// Rules of the group that let requests through: they count or allow.
    pub exceptions: Vec<String>,
    /// Whether it challenges requests that are to prove a browser behind them.
    pub challenges: Challenges,
}

/// Which requests a rule challenges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenges {
    /// None.
    None,
    /// Those of every path.
    All,
    /// Those that match its statement or are not among its exemptions. The Socket.IO path may or
    /// may not be among them.
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

impl WebAcl {
    /// Reads an association, and the web ACL that it names.
    pub(crate) fn read(association: Properties<'_>) -> Self {
        let arn = association.at("ResourceArn");
        let protects = association.mentioned("ResourceArn");
        let acl = association.at("WebACLArn");
        let acl = acl.and_then(|arn| association.rendered.referred(arn));
        let rules = acl.map(|acl| {
            Properties::of(association.rendered, acl).each("Rules", |rule| WebRule::read(rule.node))
        });
        Self {
            id: association.id(),
            protects_unknown: protects.is_empty() && arn.and_then(Node::as_text).is_none(),
            protects,
            rules: match rules {
                Some(rules) if !rules.is_not_stated() => rules,
                _ => Field::NotSeen(NotSeen::Because("a web ACL that is not in this template")),
            },
        }
    }
}

impl WebRule {
    fn read(rule: &Node) -> Self {
        let name = rule.get("Name").and_then(Node::as_text);
        let name = name.unwrap_or_default().to_owned();
        let Some(group) = rule.at("Statement.ManagedRuleGroupStatement") else {
            let statement = rule.get("Statement");
            let action = rule.get("Action");
            return Self {
                name,
                managed_group: None,
                // Statements of other kinds may speak of what only AWS knows, and what another rule
                // group does is not read.
                unknown: ![Some(rule), statement, action].into_iter().all(is_whole)
                    || rule.at("Statement.RuleGroupReferenceStatement").is_some(),
                limited: false,
                exceptions: Vec::new(),
                challenges: match action.is_some_and(challenges_by) {
                    true if statement.is_some_and(matches_each_path) => Challenges::All,
                    true => Challenges::Some,
                    false => Challenges::None,
                },
            };
        };
        let items = |list| group.get(list).and_then(Node::as_list).unwrap_or_default();
        let exceptions = items("RuleActionOverrides")
            .iter()
            .chain(items("ExcludedRules"));
        let lets_through = |item: &&Node| {
            let action = item.get("ActionToUse");
            action.is_none_or(|action| has(action, &["Count", "Allow"]))
        };
        Self {
            name,
            managed_group: group.get("Name").and_then(Node::as_text).map(str::to_owned),
            unknown: group_is_unknown(group) || !rule.get("OverrideAction").is_none_or(is_known),
            limited: rule.at("OverrideAction.Count").is_some()
                || group.get("ScopeDownStatement").is_some(),
            challenges: challenges(group),
            exceptions: exceptions
                .filter(lets_through)
                .filter_map(|item| Some(item.get("Name")?.as_text()?.to_owned()))
                .collect(),
        }
    }
}

/// Whether an action asks for a proof that a browser, or a person, is there.
fn challenges_by(action: &Node) -> bool {
    has(action, &["Challenge", "Captcha"])
}

fn has(node: &Node, keys: &[&str]) -> bool {
    keys.iter().any(|key| node.get(key).is_some())
}

/// Whether a statement matches requests of every path: a rate of all requests, or a path that
/// begins with `/`.
fn matches_each_path(statement: &Node) -> bool {
    if let Some(rate) = statement.get("RateBasedStatement") {
        return rate.get("ScopeDownStatement").is_none();
    }
    let Some(bytes) = statement.get("ByteMatchStatement") else {
        return false;
    };
    let text = |name| bytes.get(name).and_then(Node::as_text);
    bytes.at("FieldToMatch.UriPath").is_some()
        && text("PositionalConstraint") == Some("STARTS_WITH")
        && text("SearchString") == Some("/")
}

/// Whether only AWS knows what a managed group does, or which requests it looks at.
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

/// A name in Route 53 that is an alias.
#[derive(Clone, Debug)]
pub struct Alias {
    /// Its place.
    pub place: Place,
    /// The name.
    pub name: Field<String>,
    /// The resources that it is an alias of.
    pub refers_to: Vec<Id>,
}

impl Alias {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        Self {
            place: properties.place(),
            name: properties.field("Name"),
            refers_to: properties.mentioned("AliasTarget"),
        }
    }
}
