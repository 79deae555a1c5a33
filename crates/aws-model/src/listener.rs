//! Listeners, listener rules and their conditions.

use std::time::Duration;

use cloudformation::node::{Node, Origin};

use crate::action::Action;
use crate::attributes::Attributes;
use crate::certificate::{self, Region};
use crate::field::{Field, only_aws_knows};
use crate::properties::{Id, Properties};

/// A listener.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
    /// Its load balancer.
    pub load_balancer: Field<Id>,
    /// `HTTP`, `HTTPS`, `TCP` and so on.
    pub protocol: Field<String>,
    /// The port that it listens on.
    pub port: Field<u64>,
    /// The region of each certificate that it names.
    pub certificates: Field<Vec<Field<Region>>>,
    /// What it does where no rule matches.
    pub actions: Field<Vec<Action>>,
    /// `routing.http.response.access_control_allow_origin.header_value`.
    pub allow_origin: Field<String>,
    /// `tcp.idle_timeout.seconds`, of a Network Load Balancer.
    pub tcp_idle_timeout: Field<Duration>,
}

impl Listener {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        let attributes = Attributes::read(properties, "ListenerAttributes");
        Self {
            id: properties.id(),
            place: properties.place(),
            load_balancer: properties.reference("LoadBalancerArn"),
            protocol: properties.field("Protocol"),
            port: properties.field("Port"),
            certificates: certificate::regions(properties),
            actions: properties.each("DefaultActions", Action::read),
            allow_origin: attributes
                .get("routing.http.response.access_control_allow_origin.header_value"),
            tcp_idle_timeout: attributes.get("tcp.idle_timeout.seconds"),
        }
    }
}

/// A listener rule.
#[derive(Clone, Debug)]
pub struct ListenerRule {
    /// Its logical id.
    pub id: Id,
    /// Its place.
    pub place: Origin,
    /// Its listener.
    pub listener: Field<Id>,
    /// 1 to 50000; the lowest is tried first.
    pub priority: Field<u64>,
    /// What a request must be like: all of these.
    pub conditions: Vec<Condition>,
    /// Whether it changes the request's path on the way.
    pub rewrites: bool,
    /// What then happens.
    pub actions: Field<Vec<Action>>,
}

impl ListenerRule {
    pub(crate) fn read(properties: Properties<'_>) -> Self {
        Self {
            id: properties.id(),
            place: properties.place(),
            listener: properties.reference("ListenerArn"),
            priority: properties.field("Priority"),
            conditions: match properties.each("Conditions", Condition::read) {
                Field::Stated(conditions, _) => conditions,
                Field::NotStated(_) => Vec::new(),
                Field::NotSeen(why) => vec![Condition {
                    place: properties.place(),
                    matches: Matches::Other(Field::NotSeen(why)),
                }],
            },
            rewrites: properties.at("Transforms").is_some(),
            actions: properties.each("Actions", Action::read),
        }
    }
}

/// A condition of a listener rule: one of its values must match.
#[derive(Clone, Debug)]
pub struct Condition {
    /// Its place.
    pub place: Origin,
    /// What it looks at.
    pub matches: Matches,
}

/// What a condition looks at. Each value is known or not by itself.
#[derive(Clone, Debug)]
pub enum Matches {
    /// `path-pattern`.
    Path(Vec<Field<String>>),
    /// `host-header`.
    Host(Vec<Field<String>>),
    /// `http-request-method`.
    Method(Vec<Field<String>>),
    /// `http-header`, with the header's name.
    Header(Field<String>, Vec<Field<String>>),
    /// `query-string`: the key, where one is stated, and the value.
    Query(Vec<(Field<String>, Field<String>)>),
    /// `source-ip`: CIDR blocks.
    SourceIp(Vec<Field<String>>),
    /// Another field, or one that is not known.
    Other(Field<String>),
}

impl Condition {
    fn read(condition: Properties<'_>) -> Self {
        let values = |own: &str| match texts(condition, &format!("{own}.Values")) {
            own if own.is_empty() => texts(condition, "Values"),
            own => own,
        };
        if let Some(place) = regular_expressions(condition) {
            return Self {
                matches: Matches::Other(only_aws_knows(place)),
                place: condition.node.origin.clone(),
            };
        }
        let field = condition.field::<String>("Field");
        let pair = |pair: Properties<'_>| (pair.field("Key"), pair.field("Value"));
        let matches = match field.as_str() {
            Some("path-pattern") => Matches::Path(values("PathPatternConfig")),
            Some("host-header") => Matches::Host(values("HostHeaderConfig")),
            Some("http-request-method") => {
                Matches::Method(texts(condition, "HttpRequestMethodConfig.Values"))
            }
            Some("http-header") => Matches::Header(
                condition.field("HttpHeaderConfig.HttpHeaderName"),
                texts(condition, "HttpHeaderConfig.Values"),
            ),
            Some("query-string") => Matches::Query(
                condition
                    .items("QueryStringConfig.Values")
                    .map(pair)
                    .collect(),
            ),
            Some("source-ip") => Matches::SourceIp(texts(condition, "SourceIpConfig.Values")),
            _ => Matches::Other(field),
        };
        Self {
            place: condition.node.origin.clone(),
            matches,
        }
    }
}

/// Regular expressions of a condition. What they match is not looked at.
fn regular_expressions<'a>(condition: Properties<'a>) -> Option<&'a Node> {
    const PATHS: [&str; 4] = [
        "RegexValues",
        "PathPatternConfig.RegexValues",
        "HostHeaderConfig.RegexValues",
        "HttpHeaderConfig.RegexValues",
    ];
    let mut found = PATHS.iter().filter_map(|path| condition.at(path));
    found.find(|node| node.as_list().is_none_or(|items| !items.is_empty()))
}

/// The texts of a list. A list that only AWS knows is one text that only AWS knows.
fn texts(condition: Properties<'_>, path: &str) -> Vec<Field<String>> {
    let read = |node: &Node| match node.as_list() {
        Some(items) => items.iter().map(Field::text).collect(),
        None => vec![only_aws_knows(node)],
    };
    condition.at(path).map_or_else(Vec::new, read)
}
