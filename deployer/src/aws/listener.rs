//! Actions and conditions of listeners and rules as they are.

use aws_model::{
    Action, Condition, Does, Field, FixedResponse, Forward, Matches, NotSeen, Redirect,
    WeightedGroup,
};
use aws_sdk_elasticloadbalancingv2::types;
use cloudformation::node::Origin;

use super::live::{Live, number, seconds, text};

pub(super) fn actions(
    actions: &[types::Action],
    live: &Live,
    place: &Origin,
) -> Field<Vec<Action>> {
    let action = |action: &types::Action| Action {
        place: place.clone(),
        order: number(action.order(), place),
        does: does(action, live, place),
    };
    Field::Stated(actions.iter().map(action).collect(), place.clone())
}

fn does(action: &types::Action, live: &Live, place: &Origin) -> Does {
    if let Some(to) = action.redirect_config() {
        return Does::Redirect(Redirect {
            status: text(to.status_code().map(|code| code.as_str()), place),
            protocol: text(to.protocol(), place),
            host: text(to.host(), place),
            port: text(to.port(), place),
            path: text(to.path(), place),
            query: text(to.query(), place),
        });
    }
    if let Some(answer) = action.fixed_response_config() {
        return Does::FixedResponse(FixedResponse {
            status: text(answer.status_code(), place).parse(),
            content_type: text(answer.content_type(), place),
            body: text(answer.message_body(), place),
        });
    }
    match action.r#type() {
        Some(types::ActionTypeEnum::Forward) => Does::Forward(forward(action, live, place)),
        kind => Does::Other(text(kind.map(|kind| kind.as_str()), place)),
    }
}

fn forward(action: &types::Action, live: &Live, place: &Origin) -> Forward {
    let group = |arn, weight| WeightedGroup {
        group: live.reference(arn, place),
        weight: number(weight, place),
    };
    let config = action.forward_config();
    let listed = config
        .map_or(&[][..], |config| config.target_groups())
        .iter();
    let mut groups: Vec<_> = listed
        .map(|to| group(to.target_group_arn(), to.weight()))
        .collect();
    if groups.is_empty() {
        groups.push(group(action.target_group_arn(), None));
    }
    let sticky = config.and_then(|config| config.target_group_stickiness_config());
    Forward {
        groups,
        // AWS leaves it out where it is off.
        sticky: Field::live_or_unset(sticky.and_then(|sticky| sticky.enabled()), place),
        sticky_duration: seconds(sticky.and_then(|sticky| sticky.duration_seconds()), place),
    }
}

pub(super) fn conditions(conditions: &[types::RuleCondition], place: &Origin) -> Vec<Condition> {
    let condition = |condition: &types::RuleCondition| Condition {
        place: place.clone(),
        matches: matches(condition, place),
    };
    conditions.iter().map(condition).collect()
}

fn matches(condition: &types::RuleCondition, place: &Origin) -> Matches {
    if has_regular_expressions(condition) {
        let why = "what a regular expression matches is not looked at";
        return Matches::Other(Field::NotSeen(NotSeen::Because(why)));
    }
    let texts = |values: &[String]| {
        let values = values.iter().map(|value| text(Some(value), place));
        values.collect::<Vec<_>>()
    };
    // AWS answers the values of a plain condition in both places.
    match condition.field() {
        Some("path-pattern") => Matches::Path(texts(match condition.path_pattern_config() {
            Some(paths) => paths.values(),
            None => condition.values(),
        })),
        Some("host-header") => Matches::Host(texts(match condition.host_header_config() {
            Some(hosts) => hosts.values(),
            None => condition.values(),
        })),
        Some("http-request-method") => {
            let methods = condition.http_request_method_config();
            Matches::Method(methods.map_or_else(Vec::new, |methods| texts(methods.values())))
        }
        Some("http-header") => {
            let header = condition.http_header_config();
            let name = header.and_then(|header| header.http_header_name());
            let values = header.map_or_else(Vec::new, |header| texts(header.values()));
            Matches::Header(text(name, place), values)
        }
        Some("query-string") => {
            let pairs = condition.query_string_config();
            let pairs = pairs.map_or(&[][..], |pairs| pairs.values()).iter();
            let pair = |pair: &types::QueryStringKeyValuePair| {
                let key = Field::live_or_unset(pair.key().map(str::to_owned), place);
                (key, text(pair.value(), place))
            };
            Matches::Query(pairs.map(pair).collect())
        }
        Some("source-ip") => {
            let addresses = condition.source_ip_config();
            Matches::SourceIp(addresses.map_or_else(Vec::new, |all| texts(all.values())))
        }
        field => Matches::Other(text(field, place)),
    }
}

fn has_regular_expressions(condition: &types::RuleCondition) -> bool {
    let path = condition.path_pattern_config();
    let host = condition.host_header_config();
    let header = condition.http_header_config();
    !condition.regex_values().is_empty()
        || path.is_some_and(|paths| !paths.regex_values().is_empty())
        || host.is_some_and(|hosts| !hosts.regex_values().is_empty())
        || header.is_some_and(|header| !header.regex_values().is_empty())
}
