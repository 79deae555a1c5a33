//! What can be done about a failure, by what AWS says of it.

/// What AWS says, and what to do about it; the first that fits counts: why ECS stopped a task
/// before how its containers then ended. The words are those of the ECS guide's pages on stopped
/// tasks and of CloudFormation's troubleshooting page.
const ADVICE: [(&[&str], &str); 16] = [
    (
        &[
            "CannotPullContainer",
            "CannotPullImage",
            "pull image",
            "manifest unknown",
        ],
        "check that the image exists under exactly this name, that the execution role may read \
         its repository, and that the task subnets reach it (NAT, endpoints, or \
         network.public_tasks: true)",
    ),
    (
        &["ResourceInitializationError", "unable to pull secrets"],
        "the task could not fetch its secrets or open its log: check that the task subnets reach \
         Secrets Manager and CloudWatch Logs, and that the execution role may read the secret",
    ),
    (
        &["OutOfMemory"],
        "the task was killed for its memory: raise service.memory, or lower \
         service.connections_per_task",
    ),
    (
        &[
            "failed ELB health checks",
            "failed container health checks",
            "Target.",
            "unhealthy",
        ],
        "the task runs, but does not pass its health checks: compare load_balancer.health_check \
         with what the server answers, see the security groups, and whether it starts within \
         service.health_check_grace_period",
    ),
    (
        &["exit code 2"],
        "the server refused its settings: its last log lines say which",
    ),
    (
        &["exit code 137"],
        "the server was killed: most likely it did not exit within service.stop_timeout, which \
         must be longer than server.drain. Its last log lines say what it did",
    ),
    (
        &["exit code 1", "Essential container in task exited"],
        "the server exited by itself: its last log lines say why",
    ),
    (
        &["Circuit Breaker", "circuit breaker", "did not stabilize"],
        "ECS could not start the new tasks. The stopped tasks above say why; `deployer logs` \
         shows more",
    ),
    (
        &["already exists", "AlreadyExists"],
        "something else has this name: delete it if nobody needs it, or change prefix or name in \
         the environment file",
    ),
    (
        &["not authorized", "AccessDenied", "is not allowed"],
        "the deploying role lacks this permission",
    ),
    // Before the quotas: an EC2 that is asked too often says RequestLimitExceeded.
    (
        &["Throttling", "Rate exceeded", "RequestLimitExceeded"],
        "AWS throttled the calls: wait a few minutes",
    ),
    (
        &[
            "quota",
            "Quota",
            "LimitExceeded",
            "reached the limit",
            "maximum number of",
        ],
        "ask for a higher quota (Service Quotas), or delete what is no longer needed",
    ),
    (
        &["has a dependent object", "DependencyViolation"],
        "something outside the stack still uses it: remove that first",
    ),
    (
        &["is not empty", "NotEmpty"],
        "it is not empty: empty it first",
    ),
    (
        &["User Initiated", "cancelled by user"],
        "somebody stopped it: ask why",
    ),
    (
        &["token included in the request is expired", "ExpiredToken"],
        "the credentials expired during the deployment: use fresh ones",
    ),
];

/// What to do about a failure, for the first of these words that is known.
pub(super) fn advice<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    words.into_iter().find_map(|said| {
        let known = ADVICE
            .iter()
            .find(|(signs, _)| signs.iter().any(|sign| says(said, sign)));
        known.map(|(_, advice)| *advice)
    })
}

/// Whether these words stand there; a number only as a whole: exit code 255 is not 2.
fn says(said: &str, sign: &str) -> bool {
    let ends_in_number = sign.ends_with(|last: char| last.is_ascii_digit());
    said.match_indices(sign).any(|(at, _)| {
        let rest = &said[at + sign.len()..];
        !(ends_in_number && rest.starts_with(|next: char| next.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_has_its_own_advice() {
        let health =
            "ServiceSchedulerInitiated; Task failed ELB health checks in (target-group arn:aws:x)";
        let essential = "EssentialContainerExited; Essential container in task exited";
        let cases = [
            (format!("{health}; server: exit code 137"), "health_check"),
            (
                format!("{health}; server: exit code 137; server: OutOfMemoryError"),
                "service.memory",
            ),
            (
                "Task failed container health checks".to_owned(),
                "health_check",
            ),
            (
                "unhealthy Target.Timeout, timed out".to_owned(),
                "health_check",
            ),
            (
                format!("{essential}; server: exit code 137; server: OutOfMemoryError: killed"),
                "service.memory",
            ),
            (
                format!("{essential}; server: exit code 137"),
                "service.stop_timeout",
            ),
            (format!("{essential}; server: exit code 2"), "settings"),
            (format!("{essential}; server: exit code 1"), "by itself"),
            (format!("{essential}; server: exit code 255"), "by itself"),
            (
                "CannotPullContainerError: x: toomanyrequests: You have reached your pull rate \
                 limit"
                    .to_owned(),
                "image exists",
            ),
            (
                "Rate exceeded (Throttling)".to_owned(),
                "wait a few minutes",
            ),
            (
                "Request limit exceeded. (RequestLimitExceeded)".to_owned(),
                "wait a few minutes",
            ),
            (
                "Cannot exceed quota for RolesPerAccount: 1000".to_owned(),
                "higher quota",
            ),
            (
                "You've reached the limit on the number of vCPUs you can run \
                 concurrently"
                    .to_owned(),
                "higher quota",
            ),
            (
                "The maximum number of VPCs has been reached. (VpcLimitExceeded)".to_owned(),
                "higher quota",
            ),
            (
                "resource sg-0a1b has a dependent object".to_owned(),
                "still uses it",
            ),
        ];
        for (said, expected) in &cases {
            let found = advice([said.as_str()]).unwrap_or("none");
            assert!(found.contains(expected), "{said}: {found}");
        }
        for said in [
            "server: exit code 143",
            "server: exit code 255",
            "server: exit code 10",
            "Rate limit of the backend",
            "Exceeded the time limit",
        ] {
            assert_eq!(advice([said]), None, "{said}");
        }
    }
}
