//! Actions and conditions of listeners and rules as they are.

use aws_model::{
    Action, Condition, Does, Field, FixedResponse, Forward, Matches, Redirect, WeightedGroup,
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

/// Of what AWS answers, only path patterns matter to a rule.
fn matches(condition: &types::RuleCondition, place: &Origin) -> Matches {
    if condition.field() != Some("path-pattern") {
        return Matches::Other(text(condition.field(), place));
    }
    let values = condition
        .path_pattern_config()
        .map_or_else(|| condition.values(), |paths| paths.values());
    Matches::Path(
        values
            .iter()
            .map(|value| text(Some(value), place))
            .collect(),
    )
}
