//! Takes out of a change set what nobody asked for.
//!
//! A stack's tags say who deployed it and when, so each deployment changes them on every resource;
//! and a resource that changes in whatever way makes CloudFormation announce that all that refers
//! to it *may* change, or even be replaced. Neither is news: what is changed in place keeps its
//! name.

use std::collections::BTreeSet;

use crate::aws::{Change, Detail, Recreation};

/// Attributes by which resources are referred to, and which stay as long as the resource does.
const NAMES: [&str; 10] = [
    "",
    "Arn",
    "CanonicalHostedZoneID",
    "DNSName",
    "GroupId",
    "Id",
    "LoadBalancerFullName",
    "Name",
    "ServiceArn",
    "TargetGroupFullName",
];

/// The changes that are more than tags, and how many resources change in their tags alone.
pub(super) fn without_tags(mut changes: Vec<Change>) -> (Vec<Change>, usize) {
    // A change without details is of a kind that AWS does not explain: it stays.
    let explained = names(&changes, |change| {
        change.action == "Modify" && !change.details.is_empty()
    });
    let retagged = names(&changes, |change| {
        change
            .details
            .iter()
            .any(|detail| detail.attribute == "Tags")
    });
    let mut quiet = BTreeSet::new();
    loop {
        let stays = names(&changes, |change| change.replaced == Recreation::Never);
        for change in changes
            .iter_mut()
            .filter(|change| explained.contains(&change.logical_id))
        {
            let before = change.details.len();
            change.details = telling(&change.details, &quiet, &stays);
            if change.details.len() < before {
                let left = change.details.iter().map(recreation).max();
                change.replaced = change.replaced.min(left.unwrap_or_default());
            }
        }
        let now_quiet = names(&changes, |change| {
            explained.contains(&change.logical_id)
                && change.details.is_empty()
                && change.replaced == Recreation::Never
        });
        let now_stays = names(&changes, |change| change.replaced == Recreation::Never);
        if now_quiet == quiet && now_stays == stays {
            break;
        }
        quiet = now_quiet;
    }
    changes.retain(|change| !quiet.contains(&change.logical_id));
    (changes, quiet.intersection(&retagged).count())
}

fn names(changes: &[Change], is: impl Fn(&Change) -> bool) -> BTreeSet<String> {
    let found = changes.iter().filter(|change| is(change));
    found.map(|change| change.logical_id.clone()).collect()
}

/// What remains of a resource's details, where in `quiet` nothing but tags changes, and those in
/// `stays` are not replaced.
fn telling(details: &[Detail], quiet: &BTreeSet<String>, stays: &BTreeSet<String>) -> Vec<Detail> {
    let of_tags =
        |detail: &Detail| detail.attribute == "Tags" && detail.recreates == Recreation::Never;
    // `ExecutionRole.Arn` cannot change where ExecutionRole is not replaced, and nothing of it
    // where only tags do.
    let knocked_on = |detail: &Detail| {
        let (resource, attribute) = detail.cause.split_once('.').unwrap_or((&detail.cause, ""));
        let kept = stays.contains(resource) && NAMES.contains(&attribute);
        detail.dynamic && (quiet.contains(resource) || kept)
    };
    // A property that is spoken of twice: as changed, perhaps, and by what.
    let echo = |detail: &Detail| {
        let mut causes = details
            .iter()
            .filter(|other| !other.cause.is_empty())
            .filter(|other| (&other.attribute, &other.name) == (&detail.attribute, &detail.name))
            .peekable();
        detail.dynamic
            && detail.cause.is_empty()
            && causes.peek().is_some()
            && causes.all(knocked_on)
    };
    details
        .iter()
        .filter(|detail| !of_tags(detail) && !knocked_on(detail) && !echo(detail))
        .cloned()
        .collect()
}

fn recreation(detail: &Detail) -> Recreation {
    match detail.recreates {
        Recreation::Always if detail.dynamic => Recreation::Perhaps,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(
        attribute: &str,
        name: &str,
        cause: &str,
        dynamic: bool,
        recreates: Recreation,
    ) -> Detail {
        Detail {
            attribute: attribute.to_owned(),
            name: name.to_owned(),
            recreates,
            dynamic,
            cause: cause.to_owned(),
            ..Detail::default()
        }
    }

    fn modify(logical_id: &str, replaced: Recreation, details: Vec<Detail>) -> Change {
        Change {
            action: "Modify".to_owned(),
            logical_id: logical_id.to_owned(),
            replaced,
            details,
            ..Change::default()
        }
    }

    #[test]
    fn tags_and_what_they_set_off_are_no_news() {
        use Recreation::*;
        let tags = || detail("Tags", "", "", false, Never);
        let (left, quiet) = without_tags(vec![
            modify("ExecutionRole", Never, vec![tags()]),
            // Announced as perhaps replaced, because the role's ARN might change.
            modify(
                "TaskDefinition",
                Perhaps,
                vec![
                    tags(),
                    detail("Properties", "ExecutionRoleArn", "", true, Always),
                    detail(
                        "Properties",
                        "ExecutionRoleArn",
                        "ExecutionRole.Arn",
                        true,
                        Always,
                    ),
                ],
            ),
            modify(
                "Service",
                Never,
                vec![
                    tags(),
                    detail(
                        "Properties",
                        "TaskDefinition",
                        "TaskDefinition",
                        true,
                        Never,
                    ),
                ],
            ),
        ]);
        assert_eq!((left, quiet), (vec![], 3));
    }

    #[test]
    fn what_was_asked_for_stays_with_its_replacement() {
        use Recreation::*;
        let tags = || detail("Tags", "", "", false, Never);
        let (left, quiet) = without_tags(vec![
            modify("Role", Never, vec![tags()]),
            modify(
                "TaskDefinition",
                Always,
                vec![
                    tags(),
                    detail("Properties", "ContainerDefinitions", "Image", false, Always),
                    detail("Properties", "ExecutionRoleArn", "Role.Arn", true, Always),
                ],
            ),
            modify(
                "Service",
                Never,
                vec![
                    tags(),
                    detail(
                        "Properties",
                        "TaskDefinition",
                        "TaskDefinition",
                        true,
                        Never,
                    ),
                ],
            ),
            modify("Odd", Never, vec![]),
            Change {
                action: "Add".to_owned(),
                logical_id: "New".to_owned(),
                ..Change::default()
            },
        ]);
        let names: Vec<_> = left
            .iter()
            .map(|change| change.logical_id.as_str())
            .collect();
        assert_eq!(names, ["TaskDefinition", "Service", "Odd", "New"]);
        assert_eq!(quiet, 1);
        assert_eq!(left[0].replaced, Always);
        assert_eq!(left[0].details.len(), 1);
        assert_eq!(left[1].details[0].cause, "TaskDefinition");
    }

    #[test]
    fn what_changes_in_place_keeps_its_name() {
        use Recreation::*;
        let (left, quiet) = without_tags(vec![
            modify(
                "ECSALB",
                Never,
                vec![detail(
                    "Properties",
                    "LoadBalancerAttributes",
                    "IdleTimeout",
                    false,
                    Never,
                )],
            ),
            modify(
                "Alias",
                Perhaps,
                vec![detail(
                    "Properties",
                    "AliasTarget",
                    "ECSALB.DNSName",
                    true,
                    Perhaps,
                )],
            ),
            modify(
                "Other",
                Perhaps,
                vec![detail(
                    "Properties",
                    "X",
                    "ECSALB.SomethingElse",
                    true,
                    Perhaps,
                )],
            ),
        ]);
        let names: Vec<_> = left
            .iter()
            .map(|change| change.logical_id.as_str())
            .collect();
        assert_eq!((names, quiet), (vec!["ECSALB", "Other"], 0));
    }

    #[test]
    fn a_replacement_by_tags_would_be_news() {
        let change = modify(
            "Odd",
            Recreation::Always,
            vec![detail("Tags", "", "", false, Recreation::Always)],
        );
        assert_eq!(without_tags(vec![change.clone()]), (vec![change], 0));
    }
}
