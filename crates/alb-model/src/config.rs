//! What the load balancer model is told: the attributes of a balancer, its listeners, rules and
//! target groups. Names and defaults are AWS's; how they come out of a template is not this file's
//! concern.

use std::time::Duration;

use super::cidr::Cidr;
use super::error::Error;

/// A load balancer, its listeners and target groups.
///
/// Defaults:
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html>.
#[derive(Debug, Clone)]
pub struct Config {
    /// `idle_timeout.timeout_seconds`: 60 s by default.
    pub idle_timeout: Duration,
    /// `client_keep_alive.seconds`: after this age a client's connection gets one more answer. 3600
    /// s by default.
    pub client_keep_alive: Duration,
    /// How long connecting to a target may take. AWS documents 10 s, not configurable.
    pub connect_timeout: Duration,
    /// How long the balancer takes to see that a target has closed its connection. On a VPC this is
    /// the way of a packet; loopback has none, and would hide the race that gives 502 when targets
    /// close idle connections first.
    pub notice_close: Duration,
    /// `routing.http.xff_header_processing.mode`.
    pub x_forwarded_for: XForwardedFor,
    /// `routing.http.xff_client_port.enabled`.
    pub xff_client_port: bool,
    /// `routing.http.drop_invalid_header_fields.enabled`.
    pub drop_invalid_header_fields: bool,
    /// The listeners, in the order of [`super::Balancer::serve`]'s number.
    pub listeners: Vec<Listener>,
    /// The target groups that actions name.
    pub groups: Vec<Group>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle_timeout: Duration::from_secs(60),
            client_keep_alive: Duration::from_secs(3600),
            connect_timeout: Duration::from_secs(10),
            notice_close: Duration::from_millis(1),
            x_forwarded_for: XForwardedFor::Append,
            xff_client_port: false,
            drop_invalid_header_fields: false,
            listeners: Vec::new(),
            groups: Vec::new(),
        }
    }
}

impl Config {
    pub(crate) fn validate(&self) -> Result<(), Error> {
        let actions = self
            .listeners
            .iter()
            .flat_map(|l| l.rules.iter().map(|r| &r.action).chain([&l.default]));
        for action in actions {
            let Action::Forward(forward) = action else {
                continue;
            };
            if let Some(missing) = forward
                .groups
                .iter()
                .find(|w| self.groups.iter().all(|g| g.name != w.group))
            {
                return Err(Error::UnknownGroup(missing.group.clone()));
            }
            if forward.groups.iter().all(|weighted| weighted.weight == 0) {
                return Err(Error::NothingToForwardTo);
            }
        }
        Ok(())
    }
}

/// What happens to `X-Forwarded-For` on the way to a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XForwardedFor {
    /// The client's address is added on the right.
    Append,
    /// The header stays as the client sent it.
    Preserve,
    /// The header is taken away.
    Remove,
}

/// One listener.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Whether the template says HTTPS. The model speaks HTTP either way; this decides on `Secure`
    /// in `AWSALBCORS`.
    pub https: bool,
    /// Tried from the lowest priority number up.
    pub rules: Vec<Rule>,
    /// When no rule matches.
    pub default: Action,
}

/// A listener rule: all conditions must hold.
#[derive(Debug, Clone)]
pub struct Rule {
    /// 1 to 50000; the lowest is tried first.
    pub priority: u32,
    /// What a request must be like.
    pub conditions: Vec<Condition>,
    /// What then happens.
    pub action: Action,
}

/// One condition: any of its values suffices. Patterns know `*` and `?`.
#[derive(Debug, Clone)]
pub enum Condition {
    /// `path-pattern`, case-sensitive, without the query.
    Path(Vec<String>),
    /// `host-header`, in any case.
    Host(Vec<String>),
    /// `http-request-method`, exact.
    Method(Vec<String>),
    /// `http-header`, in any case.
    Header {
        /// The header's name.
        name: String,
        /// Patterns of which one must match.
        values: Vec<String>,
    },
    /// `query-string`, in any case.
    Query(Vec<QueryPair>),
    /// `source-ip`: the address of the connection, not of `X-Forwarded-For`.
    SourceIp(Vec<Cidr>),
}

/// One value of a `query-string` condition.
#[derive(Debug, Clone)]
pub struct QueryPair {
    /// Pattern for the key; absent: any key.
    pub key: Option<String>,
    /// Pattern for the value.
    pub value: String,
}

/// What a listener does with a request.
#[derive(Debug, Clone)]
pub enum Action {
    /// Sends it to a target.
    Forward(Forward),
    /// Sends the client elsewhere.
    Redirect(Redirect),
    /// Answers by itself.
    Fixed(Fixed),
}

/// A `forward` action.
#[derive(Debug, Clone)]
pub struct Forward {
    /// Target groups and their shares.
    pub groups: Vec<Weighted>,
    /// Target group stickiness (`AWSALBTG`), and for how long.
    pub stickiness: Option<Duration>,
}

impl Forward {
    /// To one group alone.
    #[must_use]
    pub fn to(group: &str) -> Self {
        Self {
            groups: vec![Weighted {
                group: group.to_owned(),
                weight: 1,
            }],
            stickiness: None,
        }
    }

    /// The group that request number `turn` goes to, so that each gets its share.
    pub(crate) fn by_weight(&self, turn: u32) -> Option<&str> {
        let total: u32 = self.groups.iter().map(|weighted| weighted.weight).sum();
        let mut place = turn.checked_rem(total)?;
        for weighted in &self.groups {
            if place < weighted.weight {
                return Some(&weighted.group);
            }
            place -= weighted.weight;
        }
        None
    }
}

/// A target group's share of a forward action.
#[derive(Debug, Clone)]
pub struct Weighted {
    /// The group's name.
    pub group: String,
    /// 0 to 999.
    pub weight: u32,
}

/// A `redirect` action. Each part may use `#{protocol}`, `#{host}`, `#{port}`, `#{path}` and
/// `#{query}`.
#[derive(Debug, Clone)]
pub struct Redirect {
    /// 301 when true, else 302.
    pub permanent: bool,
    /// `HTTP`, `HTTPS` or `#{protocol}`.
    pub protocol: String,
    /// Host name.
    pub host: String,
    /// Port.
    pub port: String,
    /// Absolute path; in it `#{path}` has no leading slash.
    pub path: String,
    /// Query, without the question mark.
    pub query: String,
}

impl Default for Redirect {
    /// Every part as the request has it, which alone would be a loop.
    fn default() -> Self {
        Self {
            permanent: true,
            protocol: "#{protocol}".to_owned(),
            host: "#{host}".to_owned(),
            port: "#{port}".to_owned(),
            path: "/#{path}".to_owned(),
            query: "#{query}".to_owned(),
        }
    }
}

/// A `fixed-response` action.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// 2xx, 4xx or 5xx.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: String,
    /// Body.
    pub body: String,
}

/// How a target group picks a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// In turn.
    RoundRobin,
    /// The one with the fewest requests and WebSockets under way.
    LeastOutstandingRequests,
}

/// A target group: protocol version HTTP1, targets by address.
///
/// Defaults:
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html>.
#[derive(Debug, Clone)]
pub struct Group {
    /// The name that actions use.
    pub name: String,
    /// `load_balancing.algorithm.type`.
    pub algorithm: Algorithm,
    /// `stickiness.lb_cookie.duration_seconds` where `stickiness.enabled`, else none.
    pub stickiness: Option<Duration>,
    /// `deregistration_delay.timeout_seconds`: 300 s by default.
    pub deregistration_delay: Duration,
    /// Health check.
    pub health_check: HealthCheck,
    /// `target_group_health.unhealthy_state_routing.*`: with fewer healthy targets, all get
    /// traffic.
    pub minimum_healthy: MinimumHealthy,
}

impl Group {
    /// A group of that name with AWS's defaults.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            algorithm: Algorithm::RoundRobin,
            stickiness: None,
            deregistration_delay: Duration::from_secs(300),
            health_check: HealthCheck::default(),
            minimum_healthy: MinimumHealthy {
                count: 1,
                percentage: None,
            },
        }
    }
}

/// Below which number of healthy targets a group fails open.
#[derive(Debug, Clone, Copy)]
pub struct MinimumHealthy {
    /// At least this many.
    pub count: usize,
    /// And this share of the registered targets, 1 to 100; none: off.
    pub percentage: Option<usize>,
}

/// Health check of a target group.
///
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>
#[derive(Debug, Clone)]
pub struct HealthCheck {
    /// Path and query: `/` by default.
    pub path: String,
    /// Another port than the traffic's.
    pub port: Option<u16>,
    /// 30 s by default.
    pub interval: Duration,
    /// 5 s by default.
    pub timeout: Duration,
    /// Passes in a row that make an unhealthy target healthy: 5 by default.
    pub healthy: u32,
    /// Failures in a row that make a target unhealthy: 2 by default.
    pub unhealthy: u32,
    /// Status codes that pass, as ranges from–to; 200 alone by default.
    pub matcher: Vec<(u16, u16)>,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            path: "/".to_owned(),
            port: None,
            interval: Duration::from_secs(30),
            timeout: Duration::from_secs(5),
            healthy: 5,
            unhealthy: 2,
            matcher: vec![(200, 200)],
        }
    }
}
