//! Actions of listeners and listener rules.

use std::time::Duration;

use cloudformation::node::Origin;

use crate::field::Field;
use crate::properties::{Id, Properties};

/// An action.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its place.
    pub place: Origin,
    /// The order in which it runs; the last one decides.
    pub order: Field<u64>,
    /// What it does.
    pub does: Does,
}

/// What an action does.
#[derive(Clone, Debug)]
pub enum Does {
    /// It sends the request to a target group.
    Forward(Forward),
    /// It sends the client elsewhere.
    Redirect(Redirect),
    /// It answers by itself.
    FixedResponse(FixedResponse),
    /// Another type, or one that is not known.
    Other(Field<String>),
}

/// A `forward` action.
#[derive(Clone, Debug)]
pub struct Forward {
    /// The target groups, also the one of a plain `TargetGroupArn`.
    pub groups: Vec<WeightedGroup>,
    /// Whether a client stays on its target group.
    pub sticky: Field<bool>,
    /// For how long.
    pub sticky_duration: Field<Duration>,
}

/// A target group and its share of the requests.
#[derive(Clone, Debug)]
pub struct WeightedGroup {
    /// The target group.
    pub group: Field<Id>,
    /// 0 to 999: its share.
    pub weight: Field<u64>,
}

/// A `redirect` action. What is not stated stays as the request has it.
#[derive(Clone, Debug)]
pub struct Redirect {
    /// `HTTP_301` or `HTTP_302`.
    pub status: Field<String>,
    /// `HTTP`, `HTTPS` or `#{protocol}`.
    pub protocol: Field<String>,
    /// The host.
    pub host: Field<String>,
    /// The port.
    pub port: Field<String>,
    /// The path.
    pub path: Field<String>,
    /// The query, without the question mark.
    pub query: Field<String>,
}

/// A `fixed-response` action.
#[derive(Clone, Debug)]
pub struct FixedResponse {
    /// The status.
    pub status: Field<u64>,
    /// `Content-Type`.
    pub content_type: Field<String>,
    /// The body.
    pub body: Field<String>,
}

impl Action {
    /// The groups that get traffic of a forward; none where it does something else.
    pub fn targets(&self) -> impl Iterator<Item = &WeightedGroup> {
        self.groups()
            .filter(|group| group.weight.value() != Some(&0))
    }

    /// The groups of a forward, those without traffic too.
    pub fn groups(&self) -> impl Iterator<Item = &WeightedGroup> {
        let groups = match &self.does {
            Does::Forward(forward) => forward.groups.as_slice(),
            _ => &[],
        };
        groups.iter()
    }

    /// Whether it sends requests to a target group.
    #[must_use]
    pub fn leads_to(&self, group: &str) -> bool {
        self.targets().any(|to| to.group.as_str() == Some(group))
    }

    pub(crate) fn read(action: Properties<'_>) -> Self {
        let kind = action.field::<String>("Type");
        let does = match kind.as_str() {
            Some("forward") => Does::Forward(Forward::read(action)),
            Some("redirect") => Does::Redirect(Redirect {
                status: action.field("RedirectConfig.StatusCode"),
                protocol: action.field("RedirectConfig.Protocol"),
                host: action.field("RedirectConfig.Host"),
                port: action.field("RedirectConfig.Port"),
                path: action.field("RedirectConfig.Path"),
                query: action.field("RedirectConfig.Query"),
            }),
            Some("fixed-response") => Does::FixedResponse(FixedResponse {
                status: action.field("FixedResponseConfig.StatusCode"),
                content_type: action.field("FixedResponseConfig.ContentType"),
                body: action.field("FixedResponseConfig.MessageBody"),
            }),
            // A target group tells what a type that only AWS knows must be.
            None if action.at("TargetGroupArn").is_some() => Does::Forward(Forward::read(action)),
            _ => Does::Other(kind),
        };
        Self {
            place: action.node.origin.clone(),
            order: action.field("Order"),
            does,
        }
    }
}

impl Forward {
    fn read(action: Properties<'_>) -> Self {
        let group = |entry: Properties<'_>| WeightedGroup {
            group: entry.reference("TargetGroupArn"),
            weight: entry.field("Weight"),
        };
        let several = action.each("ForwardConfig.TargetGroups", group);
        let mut groups = match several {
            Field::Stated(groups, _) => groups,
            Field::NotStated(_) => Vec::new(),
            Field::NotSeen(why) => vec![WeightedGroup {
                group: Field::NotSeen(why.clone()),
                weight: Field::NotSeen(why),
            }],
        };
        if groups.is_empty() {
            groups.push(WeightedGroup {
                weight: Field::NotStated(action.place()),
                ..group(action)
            });
        }
        let sticky = "ForwardConfig.TargetGroupStickinessConfig";
        Self {
            groups,
            sticky: action.field(&format!("{sticky}.Enabled")),
            sticky_duration: action.field(&format!("{sticky}.DurationSeconds")),
        }
    }
}
