//! What a stack's status means for whoever wants to deploy onto it, and the way out of those that
//! block it.

use crate::aws::StackState;

/// What can be done with a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Situation {
    /// There is none: it is created.
    Absent,
    /// There is a name and a change set that nobody has executed: it is created.
    Reviewed,
    /// CloudFormation works on it: that is watched, not fought.
    Busy,
    /// It lives, and can be updated.
    Ready,
    /// Its creation failed; it never lived, and can only be deleted.
    NeverLived,
    /// Its roll-back failed half-way: somebody has to help.
    Stuck,
    /// Its deletion failed half-way.
    HalfDeleted,
}

/// What can be done with a stack, by its status ("Stack status codes", CloudFormation user guide).
#[must_use]
pub fn situation(stack: Option<&StackState>) -> Situation {
    let Some(stack) = stack else {
        return Situation::Absent;
    };
    match stack.status.as_str() {
        "DELETE_COMPLETE" => Situation::Absent,
        "REVIEW_IN_PROGRESS" => Situation::Reviewed,
        "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "CREATE_FAILED" => Situation::NeverLived,
        "UPDATE_ROLLBACK_FAILED" => Situation::Stuck,
        "DELETE_FAILED" => Situation::HalfDeleted,
        _ if stack.is_busy() => Situation::Busy,
        _ => Situation::Ready,
    }
}

/// The command line for a verb on this stack. It holds anywhere: it needs neither an environment
/// file nor a default region.
pub(super) fn command(verb: &str, stack: &StackState) -> String {
    let region = stack.id.split(':').nth(3).unwrap_or_default();
    let region = match region {
        "" => String::new(),
        region => format!(" --region {region}"),
    };
    format!("deployer {verb} --stack {}{region}", stack.name)
}

impl Situation {
    /// Why a deployment cannot go on from here, and what to do; none where it can.
    #[must_use]
    pub fn way_out(self, stack: &StackState, failures: &[String]) -> Option<String> {
        let StackState { name, status, .. } = stack;
        let reason = if stack.reason.is_empty() {
            String::new()
        } else {
            format!(": {}", stack.reason)
        };
        let list: String = failures
            .iter()
            .map(|failure| format!("\n  {failure}"))
            .collect();
        match self {
            Self::Absent | Self::Reviewed | Self::Busy | Self::Ready => None,
            Self::NeverLived => Some(format!(
                "{name} is {status}{reason}{list}\nits creation failed, so there is nothing to \
                 update; --recreate deletes it and creates it again"
            )),
            Self::Stuck => Some(format!(
                "{name} is {status}{reason}{list}\nthe previous version could not be restored; \
                 fix these resources, then run\n  {}\nand, if a resource cannot be fixed, the \
                 same with --skip LOGICAL_ID; then deploy again",
                command("rollback", stack)
            )),
            Self::HalfDeleted => Some(format!(
                "{name} is {status}{reason}{list}\nits deletion failed; fix what kept these \
                 resources, then run\n  {}\nand deploy again",
                command("down", stack)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(status: &str) -> StackState {
        StackState {
            id: "arn:aws:cloudformation:eu-west-1:111122223333:stack/acme-drops-prod/5f0e"
                .to_owned(),
            name: "acme-drops-prod".to_owned(),
            status: status.to_owned(),
            ..StackState::default()
        }
    }

    #[test]
    fn every_status_has_its_situation() {
        use Situation::*;
        let cases = [
            ("CREATE_IN_PROGRESS", Busy),
            ("CREATE_FAILED", NeverLived),
            ("CREATE_COMPLETE", Ready),
            ("ROLLBACK_IN_PROGRESS", Busy),
            ("ROLLBACK_FAILED", NeverLived),
            ("ROLLBACK_COMPLETE", NeverLived),
            ("DELETE_IN_PROGRESS", Busy),
            ("DELETE_FAILED", HalfDeleted),
            ("DELETE_COMPLETE", Absent),
            ("UPDATE_IN_PROGRESS", Busy),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Busy),
            ("UPDATE_COMPLETE", Ready),
            ("UPDATE_FAILED", Ready),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Busy),
            ("UPDATE_ROLLBACK_FAILED", Stuck),
            ("UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", Busy),
            ("UPDATE_ROLLBACK_COMPLETE", Ready),
            ("REVIEW_IN_PROGRESS", Reviewed),
            ("IMPORT_IN_PROGRESS", Busy),
            ("IMPORT_COMPLETE", Ready),
            ("IMPORT_ROLLBACK_IN_PROGRESS", Busy),
            ("IMPORT_ROLLBACK_COMPLETE", Ready),
        ];
        for (status, expected) in cases {
            assert_eq!(situation(Some(&stack(status))), expected, "{status}");
        }
        assert_eq!(situation(None), Absent);
    }

    #[test]
    fn what_blocks_says_how_to_go_on() {
        let say = |status: &str| {
            let stack = stack(status);
            situation(Some(&stack)).way_out(&stack, &["Service: no".to_owned()])
        };
        assert_eq!(say("UPDATE_COMPLETE"), None);
        for (status, words) in [
            ("ROLLBACK_COMPLETE", "--recreate"),
            (
                "UPDATE_ROLLBACK_FAILED",
                "\n  deployer rollback --stack acme-drops-prod --region eu-west-1\n",
            ),
            (
                "DELETE_FAILED",
                "\n  deployer down --stack acme-drops-prod --region eu-west-1\n",
            ),
        ] {
            let text = say(status).expect("a way out");
            assert!(
                text.contains(words) && text.contains("Service: no"),
                "{text}"
            );
        }
    }
}
