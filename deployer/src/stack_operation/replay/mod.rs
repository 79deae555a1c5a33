//! What no emulator does, replayed with AWS's own words on the wire: throttling, roll-backs that
//! fail, the circuit breaker, credentials that run out, images that cannot be pulled, change sets
//! that are gone.

mod cases;
mod ends;
mod live_parts;
mod log_pages;
mod stuck;
mod target_health;
mod task_failures;
mod two_services;
mod wire;

use aws_smithy_mocks::Rule;
use tokio::time::{Duration, Instant};

use super::{Goal, Limits, Notice, Operation, Reporter};
use crate::aws::{Clients, Signed};

/// A client that knows these answers alone.
macro_rules! client {
    ($sdk:ident, $rules:expr) => {{
        let mut interceptor = aws_smithy_mocks::MockResponseInterceptor::new()
            .rule_mode(aws_smithy_mocks::RuleMode::MatchAny);
        for rule in $rules {
            interceptor = interceptor.with_rule(rule);
        }
        let config = $sdk::Config::builder()
            .behavior_version($sdk::config::BehaviorVersion::latest())
            .region($sdk::config::Region::new("eu-west-1"))
            .credentials_provider($sdk::config::Credentials::new(
                "key", "secret", None, None, "test",
            ))
            .http_client(aws_smithy_mocks::create_mock_http_client())
            .interceptor(interceptor);
        $sdk::Client::from_conf(config.build())
    }};
}

/// Answers by service; what is not foreseen makes the test fail.
#[derive(Default)]
struct Answers<'a> {
    stacks: Vec<&'a Rule>,
    services: Vec<&'a Rule>,
    balancers: Vec<&'a Rule>,
    logs: Vec<&'a Rule>,
    scaling: Vec<&'a Rule>,
    firewalls: Vec<&'a Rule>,
    signed: Option<Signed>,
}

impl Answers<'_> {
    fn clients(&self) -> Clients {
        let none: [&Rule; 0] = [];
        Clients {
            stacks: client!(aws_sdk_cloudformation, &self.stacks),
            services: client!(aws_sdk_ecs, &self.services),
            balancers: client!(aws_sdk_elasticloadbalancingv2, &self.balancers),
            logs: client!(aws_sdk_cloudwatchlogs, &self.logs),
            secrets: client!(aws_sdk_secretsmanager, none),
            callers: client!(aws_sdk_sts, none),
            signed: self.signed.clone().unwrap_or_else(nothing_around),
            scaling: client!(aws_sdk_applicationautoscaling, &self.scaling),
            firewalls: client!(aws_sdk_wafv2, &self.firewalls),
        }
    }
}

/// No distribution, no security group.
fn nothing_around() -> Signed {
    Signed::answering(|_, _| "<Nothing/>".to_owned())
}

/// Keeps what is told, and when.
struct Told {
    notices: Vec<Notice>,
    last: Instant,
    longest_silence: Duration,
}

impl Told {
    fn new() -> Self {
        Self {
            notices: Vec::new(),
            last: Instant::now(),
            longest_silence: Duration::ZERO,
        }
    }

    fn text(&self) -> String {
        let lines: Vec<_> = self.notices.iter().map(Notice::text).collect();
        lines.join("\n")
    }
}

impl Reporter for Told {
    fn tell(&mut self, notice: &Notice) {
        if !matches!(notice, Notice::Tick) {
            self.longest_silence = self.longest_silence.max(self.last.elapsed());
            self.last = Instant::now();
            self.notices.push(notice.clone());
        }
    }
}

/// The events of an operation: these for so many looks, and then that the stack has come to rest in
/// `end`.
fn told_until(so_far: &[(&str, &str, &str, &str, &str)], looks: usize, end: &str) -> Rule {
    let name = "acme-drops-prod";
    let rest = (name, "AWS::CloudFormation::Stack", wire::STACK_ID, end, "");
    let all = [so_far, &[rest]].concat();
    aws_smithy_mocks::mock!(aws_sdk_cloudformation::Client::describe_stack_events)
        .sequence()
        .http_status(200, wire::events(so_far))
        .times(looks)
        .http_status(200, wire::events(&all))
        .repeatedly()
        .build()
}

fn update() -> Operation {
    Operation {
        stack_id: wire::STACK_ID.to_owned(),
        after: None,
        goal: Goal::Deployed,
    }
}

fn limits(minutes: u64) -> Limits {
    Limits {
        until: Instant::now() + Duration::from_secs(60 * minutes),
        task_failures: None,
    }
}
