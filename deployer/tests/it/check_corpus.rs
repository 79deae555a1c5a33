//! Templates after real shapes, each with its exact findings: neither more nor less.
//!
//! Longer than most: one table.

use std::fmt::Write as _;

use cloudformation::template::{Inputs, Template};
use deployer::reading::{Flags, read};
use deployer::report::Report;
use timeouts::{Setting, preset};

use crate::sound::SOUND;

const PLAIN: &str = include_str!("templates/plain.yaml");
const TUTORIAL: &str = include_str!("templates/tutorial.yaml");
const CDK: &str = include_str!("templates/cdk.json");
const SHARED: &str = include_str!("templates/shared.yaml");

type Changes = &'static [(&'static str, &'static str)];

/// A shape, what is changed in it, and what it is called.
type Row = (&'static str, &'static str, Changes);

const HTTP: (&str, &str) = ("Protocol: HTTPS", "Protocol: HTTP");
const DEPLOY: &str = "DeploymentConfiguration: { MaximumPercent: 200, MinimumHealthyPercent: 100,";

const ROWS: &[Row] = &[
    ("plain", PLAIN, &[]),
    (
        "plain, idle 29",
        PLAIN,
        &[("Value: \"60\"", "Value: \"29\"")],
    ),
    (
        "plain, idle 30",
        PLAIN,
        &[("Value: \"60\"", "Value: \"30\"")],
    ),
    (
        "plain, idle 4001",
        PLAIN,
        &[("Value: \"60\"", "Value: \"4001\"")],
    ),
    (
        "plain, idle misspelt",
        PLAIN,
        &[(
            "idle_timeout.timeout_seconds",
            "idle_timeout.timeout_second",
        )],
    ),
    (
        "plain, idle unset",
        PLAIN,
        &[(
            "        - { Key: idle_timeout.timeout_seconds, Value: \"60\" }\n",
            "        - { Key: routing.http2.enabled, Value: true }\n",
        )],
    ),
    (
        "plain, idle imported",
        PLAIN,
        &[("Value: \"60\"", "Value: !ImportValue idle")],
    ),
    (
        "plain, not sticky",
        PLAIN,
        &[(
            "stickiness.enabled, Value: \"true\"",
            "stickiness.enabled, Value: \"false\"",
        )],
    ),
    (
        "plain, sticky for 20 s",
        PLAIN,
        &[("Value: \"3600\"", "Value: \"20\"")],
    ),
    (
        "plain, sticky for 30 s",
        PLAIN,
        &[("Value: \"3600\"", "Value: \"30\"")],
    ),
    (
        "plain, sticky for a day",
        PLAIN,
        &[("Value: \"3600\"", "Value: \"86400\"")],
    ),
    (
        "plain, sticky for 8 days",
        PLAIN,
        &[("Value: \"3600\"", "Value: \"691200\"")],
    ),
    ("plain, HTTP", PLAIN, &[HTTP]),
    (
        "plain, one task",
        PLAIN,
        &[("DesiredCount: 2", "DesiredCount: 1")],
    ),
    (
        "plain, one task that stops first",
        PLAIN,
        &[
            ("DesiredCount: 2", "DesiredCount: 1"),
            (
                DEPLOY,
                "DeploymentConfiguration: { MaximumPercent: 100, MinimumHealthyPercent: 0,",
            ),
            (
                "stickiness.enabled, Value: \"true\"",
                "stickiness.enabled, Value: \"false\"",
            ),
        ],
    ),
    (
        "plain, stuck",
        PLAIN,
        &[(
            DEPLOY,
            "DeploymentConfiguration: { MaximumPercent: 100, MinimumHealthyPercent: 100,",
        )],
    ),
    (
        "plain, rebalanced",
        PLAIN,
        &[(
            "AvailabilityZoneRebalancing: DISABLED",
            "AvailabilityZoneRebalancing: ENABLED",
        )],
    ),
    (
        "plain, rebalancing unstated",
        PLAIN,
        &[("      AvailabilityZoneRebalancing: DISABLED\n", "")],
    ),
    (
        "plain, no breaker",
        PLAIN,
        &[(
            "Enable: true, Rollback: true }, Alarms",
            "Enable: false, Rollback: false }, Alarms",
        )],
    ),
    (
        "plain, breaker that counts",
        PLAIN,
        &[(
            "DeploymentCircuitBreaker: { Enable: true,",
            "DeploymentCircuitBreaker: { ThresholdConfiguration: { Type: COUNT, Value: 5 }, Enable: true,",
        )],
    ),
    (
        "plain, no alarm",
        PLAIN,
        &[("AlarmNames: [a]", "AlarmNames: []")],
    ),
    (
        "plain, spot",
        PLAIN,
        &[(
            "LaunchType: FARGATE",
            "CapacityProviderStrategy: [{ CapacityProvider: FARGATE_SPOT, Weight: 1 }]",
        )],
    ),
    (
        "plain, external",
        PLAIN,
        &[
            (
                "DesiredCount: 2",
                "DeploymentController: { Type: EXTERNAL }\n      DesiredCount: 2",
            ),
            (
                ", DeploymentCircuitBreaker: { Enable: true, Rollback: true }",
                "",
            ),
        ],
    ),
    (
        "plain, daemon",
        PLAIN,
        &[
            ("DesiredCount: 2", "SchedulingStrategy: DAEMON"),
            ("LaunchType: FARGATE", "LaunchType: EC2"),
        ],
    ),
    (
        "plain, early success",
        PLAIN,
        &[(
            DEPLOY,
            "DeploymentConfiguration: { EarlySuccessCriteria: { Enable: true, HealthyPercent: 100, SourceServiceRevisionCleanup: DEFERRED }, MaximumPercent: 200, MinimumHealthyPercent: 100,",
        )],
    ),
    (
        "plain, blue and green",
        PLAIN,
        &[(
            DEPLOY,
            "DeploymentConfiguration: { Strategy: BLUE_GREEN, BakeTimeInMinutes: 5, MaximumPercent: 100, MinimumHealthyPercent: 100,",
        )],
    ),
    (
        "plain, canary",
        PLAIN,
        &[(
            DEPLOY,
            "DeploymentConfiguration: { Strategy: CANARY, BakeTimeInMinutes: 5, MaximumPercent: 200, MinimumHealthyPercent: 100,",
        )],
    ),
    (
        "plain, linear for two days",
        PLAIN,
        &[(
            DEPLOY,
            "DeploymentConfiguration: { Strategy: LINEAR, BakeTimeInMinutes: 1440, LinearConfiguration: { StepPercent: 10, StepBakeTimeInMinutes: 120 }, MaximumPercent: 200, MinimumHealthyPercent: 100,",
        )],
    ),
    (
        "plain, strategy imported",
        PLAIN,
        &[(
            DEPLOY,
            "DeploymentConfiguration: { Strategy: !ImportValue strategy, MaximumPercent: 100, MinimumHealthyPercent: 100,",
        )],
    ),
    (
        "plain, target optimizer",
        PLAIN,
        &[(
            "TargetType: ip",
            "TargetType: ip\n      TargetControlPort: 3001",
        )],
    ),
    (
        "plain, instances",
        PLAIN,
        &[("TargetType: ip", "TargetType: instance")],
    ),
    (
        "plain, HTTP2",
        PLAIN,
        &[(
            "TargetType: ip",
            "TargetType: ip\n      ProtocolVersion: HTTP2",
        )],
    ),
    (
        "plain, health check of the Socket.IO path",
        PLAIN,
        &[(
            "TargetType: ip",
            "TargetType: ip\n      HealthCheckPath: /socket.io/",
        )],
    ),
    (
        "plain, health check by handshake",
        PLAIN,
        &[(
            "TargetType: ip",
            "TargetType: ip\n      HealthCheckPath: '/socket.io/?EIO=4&transport=polling'",
        )],
    ),
    (
        "plain, health check too slow",
        PLAIN,
        &[(
            "TargetType: ip",
            "TargetType: ip\n      HealthCheckIntervalSeconds: 10\n      HealthCheckTimeoutSeconds: 10",
        )],
    ),
    (
        "plain, hasty",
        PLAIN,
        &[(
            "TargetType: ip",
            "TargetType: ip\n      HealthCheckIntervalSeconds: 5\n      HealthCheckTimeoutSeconds: 2\n      UnhealthyThresholdCount: 2",
        )],
    ),
    (
        "plain, other container",
        PLAIN,
        &[("ContainerName: app", "ContainerName: web")],
    ),
    (
        "plain, other port",
        PLAIN,
        &[(
            "ContainerPort: 3000, TargetGroupArn",
            "ContainerPort: 3001, TargetGroupArn",
        )],
    ),
    (
        "plain, bridge and a port of its own",
        PLAIN,
        &[
            ("NetworkMode: awsvpc", "NetworkMode: bridge"),
            ("LaunchType: FARGATE", "LaunchType: EC2"),
            (
                "TargetType: ip",
                "TargetType: instance\n      HealthCheckPort: 9000",
            ),
        ],
    ),
    (
        "plain, no such size",
        PLAIN,
        &[("Memory: 512", "Memory: 4096")],
    ),
    (
        "plain, one subnet",
        PLAIN,
        &[(
            "Subnets: [subnet-a, subnet-b]\n      LoadB",
            "Subnets: [subnet-a]\n      LoadB",
        )],
    ),
    (
        "plain, listener later",
        PLAIN,
        &[("    DependsOn: Front\n", "")],
    ),
    (
        "plain, redirect by condition",
        PLAIN,
        &[
            (
                "Parameters:\n",
                "Conditions: { Tls: !Equals [!Ref Cert, ''] }\nParameters:\n  Cert: { Type: String }\n",
            ),
            (
                "DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Tg }]",
                "DefaultActions: !If [Tls, [{ Type: forward, TargetGroupArn: !Ref Tg }], [{ Type: fixed-response, FixedResponseConfig: { StatusCode: '404' } }]]",
            ),
        ],
    ),
    (
        "plain, weighted",
        PLAIN,
        &[(
            "[{ Type: forward, TargetGroupArn: !Ref Tg }]",
            "[{ Type: forward, ForwardConfig: { TargetGroups: [{ TargetGroupArn: !Ref Tg, Weight: 9 }, { TargetGroupArn: !ImportValue other, Weight: 1 }] } }]",
        )],
    ),
    (
        "plain, behind a rule",
        PLAIN,
        &[
            (
                "DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Tg }]",
                "DefaultActions: [{ Type: fixed-response, FixedResponseConfig: { StatusCode: '404' } }]\n  Rule:\n    Type: AWS::ElasticLoadBalancingV2::ListenerRule\n    Properties: { ListenerArn: !Ref Front, Priority: 1, Conditions: [{ Field: path-pattern, Values: [/api/*] }], Actions: [{ Type: forward, TargetGroupArn: !Ref Tg }] }",
            ),
            ("DependsOn: Front", "DependsOn: Rule"),
        ],
    ),
    (
        "plain, rewritten path",
        PLAIN,
        &[
            (
                "DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Tg }]",
                "DefaultActions: [{ Type: fixed-response, FixedResponseConfig: { StatusCode: '404' } }]\n  Rule:\n    Type: AWS::ElasticLoadBalancingV2::ListenerRule\n    Properties: { ListenerArn: !Ref Front, Priority: 1, Transforms: [{ Type: url-rewrite }], Conditions: [{ Field: path-pattern, Values: [/api/*] }], Actions: [{ Type: forward, TargetGroupArn: !Ref Tg }] }",
            ),
            ("DependsOn: Front", "DependsOn: Rule"),
        ],
    ),
    ("tutorial", TUTORIAL, &[]),
    ("CDK's pattern", CDK, &[]),
    ("sound, behind CloudFront", SOUND, &[]),
    (
        "sound, CloudFront answers in 20 s",
        SOUND,
        &[("OriginReadTimeout: 60", "OriginReadTimeout: 20")],
    ),
    (
        "sound, firewall",
        SOUND,
        &[(
            "                - { Name: NoUserAgent_HEADER, ActionToUse: { Count: {} } }\n",
            "",
        )],
    ),
    (
        "sound, closed",
        SOUND,
        &[("FromPort: 3000, ToPort: 3000", "FromPort: 80, ToPort: 80")],
    ),
    (
        "sound, client addresses preserved",
        SOUND,
        &[("Value: append", "Value: preserve")],
    ),
    (
        "sound, scaled and counted",
        SOUND,
        &[(
            "      TaskDefinition: !Ref Task\n      LaunchType",
            "      DesiredCount: 2\n      TaskDefinition: !Ref Task\n      LaunchType",
        )],
    ),
    (
        "sound, stopped after 200 s",
        SOUND,
        &[("StopTimeout: 30", "StopTimeout: 200")],
    ),
    (
        "sound, named",
        SOUND,
        &[("Scheme: internet-facing", "Name: front")],
    ),
    ("shared balancer", SHARED, &[]),
    (
        "shared balancer, not sticky",
        SHARED,
        &[(
            "stickiness.enabled, Value: true",
            "stickiness.enabled, Value: false",
        )],
    ),
    (
        "shared balancer, path of another",
        SHARED,
        &[("Values: [/socket.io/*]", "Values: [/ws/*]")],
    ),
    (
        "shared balancer, scaled by Join",
        SHARED,
        &[(
            "  Cluster:\n",
            "  Scaler:\n    Type: AWS::ApplicationAutoScaling::ScalableTarget\n    Properties: { MinCapacity: 1, MaxCapacity: 4, ServiceNamespace: ecs, ResourceId: !Join ['/', [service, !Ref Cluster, chat]] }\n  Cluster:\n",
        )],
    ),
    (
        "shared balancer, scaled elsewhere",
        SHARED,
        &[(
            "  Cluster:\n",
            "  Scaler:\n    Type: AWS::ApplicationAutoScaling::ScalableTarget\n    Properties: { MinCapacity: 1, MaxCapacity: 4, ServiceNamespace: ecs, ResourceId: service/main/other }\n  Cluster:\n",
        )],
    ),
    (
        "shared balancer, rule by parameter",
        SHARED,
        &[
            ("Priority: 10", "Priority: !Ref Priority"),
            (
                "Parameters:\n",
                "Parameters:\n  Priority: { Type: Number }\n",
            ),
        ],
    ),
    (
        "shared balancer, by condition",
        SHARED,
        &[
            ("  Svc:\n", "  Svc:\n    Condition: Wanted\n"),
            (
                "Parameters:\n",
                "Conditions: { Wanted: !Equals [!Ref Want, a] }\nParameters:\n  Want: { Type: String }\n",
            ),
        ],
    ),
];

/// The text of each shape.
pub(crate) fn shapes() -> impl Iterator<Item = (&'static str, String)> {
    let shapes = ROWS.iter();
    shapes.map(|(name, base, changes)| (*name, changed(name, base, changes)))
}

fn changed(name: &str, base: &str, changes: Changes) -> String {
    let mut text = base.to_owned();
    for (from, to) in changes {
        assert_eq!(text.matches(from).count(), 1, "{name}: `{from}`");
        text = text.replace(from, to);
    }
    text
}

/// A socket.io server whose keep-alive fits.
pub(crate) fn node() -> Flags {
    let mut flags = Flags::default();
    flags.library(preset("socketio-node").expect("it is known"));
    for (setting, seconds) in [(Setting::KeepAlive, 130), (Setting::HeadersTimeout, 131)] {
        let seconds = std::time::Duration::from_secs(seconds);
        flags.set(setting, seconds, "the server");
    }
    flags
}

fn findings(name: &str, text: &str) -> String {
    let template = Template::parse("template.yaml", text).expect(name);
    let rendered = template.render(&Inputs::default()).expect(name);
    let report = Report::new(read(&rendered, &node()).expect(name), &[]);
    let mut found: Vec<_> = report
        .findings
        .iter()
        .map(|finding| format!("{} {}", finding.level(), finding.rule.name))
        .collect();
    found.sort();
    match found.is_empty() {
        true => "nothing".to_owned(),
        false => found.join(", "),
    }
}

#[test]
fn each_shape_has_its_exact_findings() {
    assert!(ROWS.len() >= 60, "{}", ROWS.len());
    let mut all = String::new();
    for (name, text) in shapes() {
        let _ = writeln!(all, "{name}: {}", findings(name, &text));
    }
    insta::assert_snapshot!(all);
}
