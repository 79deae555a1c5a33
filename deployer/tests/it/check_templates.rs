//! Sound production templates raise no error, and templates as people copy them raise exactly the
//! right ones.

use cloudformation::template::{Inputs, Template};
use deployer::reading::{Flags, read};
use deployer::report::Report;
use timeouts::Setting::*;
use timeouts::{Level, Value};

use crate::sound::{Change, on, s};

const TUTORIAL: &str = include_str!("templates/tutorial.yaml");

const NOT_STICKY: (&str, &str) = (
    "{ Key: stickiness.enabled, Value: \"true\" }",
    "{ Key: stickiness.enabled, Value: \"false\" }",
);

fn not_sticky(change: Change) -> Change {
    change.line(NOT_STICKY.0, NOT_STICKY.1)
}

/// Templates that run well in production, most of them unlike the one that this project deploys.
fn templates() -> Vec<Change> {
    let forward = "      DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Targets }]\n";
    vec![
        not_sticky(on("websocket only")).server(Transports, ["websocket"].as_slice()),
        on("sidecar proxy")
            .line(
                "        - Name: app\n",
                "        - Name: envoy\n          Image: envoy\n          PortMappings: [{ \
                 ContainerPort: 8443 }, { ContainerPort: 9901 }]\n          StopTimeout: 60\n          Ulimits: [{ Name: nofile, SoftLimit: 200000, HardLimit: 200000 }]\n        - Name: app\n",
            )
            .line("ContainerName: app, ContainerPort: 3000", "ContainerName: envoy, \
                ContainerPort: 8443")
            .line("FromPort: 3000, ToPort: 3000", "FromPort: 8443, ToPort: 9901")
            .line("HealthCheckPath: /health", "HealthCheckPath: /ready\n      HealthCheckPort: \
                                               9901"),
        on("CloudFront in front, with TLS, and its default timeout")
            .line("Protocol: HTTPS", "Protocol: HTTP")
            .line(", OriginReadTimeout: 60", "")
            .server(CorsOrigins, ["https://app.example.com"].as_slice()),
        not_sticky(on("one task"))
            .line("MinCapacity: 2", "MinCapacity: 1")
            .line("MaxCapacity: 6", "MaxCapacity: 1")
            .line("MaximumPercent: 200", "MaximumPercent: 100")
            .line("MinimumHealthyPercent: 100", "MinimumHealthyPercent: 0")
            .server(Store, "memory"),
        on("EC2 launch type")
            .line("LaunchType: FARGATE", "LaunchType: EC2")
            .line("NetworkMode: awsvpc", "NetworkMode: bridge")
            .line("TargetType: ip", "TargetType: instance")
            .line("StopTimeout: 30", "StopTimeout: 300\n          Memory: 1024")
            .line("      Cpu: 512\n      Memory: 1024\n      Con", "      Con")
            .line("PortMappings: [{ ContainerPort: 3000 }]", "PortMappings: [{ ContainerPort: \
                3000, HostPort: 0 }]")
            .line("FromPort: 3000, ToPort: 3000", "FromPort: 32768, ToPort: 65535"),
        on("protocol 4 only").server(Protocols, ["4"].as_slice()).server(PingTimeout, s(60)),
        on("several services").line(
            "  Cluster:\n",
            "  ApiTargets:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties: { \
             VpcId: !Ref Vpc, Port: 8000, Protocol: HTTP, TargetType: ip, HealthCheckPath: /up \
             }\n  ApiRule:\n    Type: AWS::ElasticLoadBalancingV2::ListenerRule\n    Properties:\n      ListenerArn: !Ref Https\n      Priority: 5\n      Conditions: [{ Field: host-header, Values: [api.example.com] }]\n      Actions: [{ Type: forward, TargetGroupArn: !Ref ApiTargets }]\n  ApiService:\n    Type: AWS::ECS::Service\n    DependsOn: ApiRule\n    Properties:\n      TaskDefinition: api\n      DesiredCount: 1\n      LaunchType: FARGATE\n      LoadBalancers: [{ ContainerName: api, ContainerPort: 8000, TargetGroupArn: !Ref ApiTargets }]\n  Cluster:\n",
        ).server(Store, "redis"),
        on("HTTP inside a VPC").line("Protocol: HTTPS", "Protocol: \
                                                         HTTP").line("Scheme: internet-facing", "Scheme: internal"),
        on("canary target groups").line(
            forward,
            "      DefaultActions:\n        - Type: forward\n          ForwardConfig:\n            TargetGroups:\n              - { TargetGroupArn: !Ref Targets, Weight: 95 }\n              - { TargetGroupArn: !Ref Canary, Weight: 5 }\n            TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 3600 }\n",
        ),
        on("blue and green, one of them without traffic").line(
            forward,
            "      DefaultActions:\n        - Type: forward\n          ForwardConfig:\n            TargetGroups:\n              - { TargetGroupArn: !Ref Targets, Weight: 100 }\n              - { TargetGroupArn: !Ref Canary, Weight: 0 }\n",
        ),
        on("autoscaling on capacity providers")
            .line("LaunchType: FARGATE", "CapacityProviderStrategy: [{ CapacityProvider: FARGATE, \
                                          Weight: 1 }]")
            .line("MaxCapacity: 6", "MaxCapacity: 40"),
    ]
}

#[test]
fn sound_templates_raise_no_error() {
    for template in templates() {
        let report = template.report();
        assert_eq!(
            report.errors(),
            0,
            "{}\n{}",
            template.rule,
            report.text(false)
        );
    }
}

/// The names of the findings at one level, for the tutorial's template and a server.
fn tutorial(interval: u64, timeout: u64, level: Level) -> Vec<&'static str> {
    let template = Template::parse("tutorial.yaml", TUTORIAL).expect("a template");
    let rendered = template
        .render(&Inputs::default())
        .expect("a rendered template");
    let mut given = Flags::default();
    let mut set = |setting, value: Value| given.set(setting, value, "the command line");
    set(PingInterval, s(interval).into());
    set(PingTimeout, s(timeout).into());
    set(KeepAlive, s(5).into()); // Node's default before version 25
    set(Transports, ["polling", "websocket"].as_slice().into());
    let report = Report::new(read(&rendered, &given).expect("a reading"), &[]);
    report
        .findings
        .iter()
        .filter(|finding| finding.level() == level)
        .map(|finding| finding.rule.name)
        .collect()
}

#[test]
fn a_tutorial_gets_exactly_the_right_findings() {
    let always = ["keep-alive-not-above-idle-timeout"];
    assert_eq!(tutorial(25, 20, Level::Error), always);
    assert_eq!(tutorial(60, 240, Level::Error), always);
    assert_eq!(
        tutorial(300, 60, Level::Error),
        [
            "idle-timeout-not-above-ping-interval",
            "keep-alive-not-above-idle-timeout"
        ]
    );

    let defaults = [
        "az-rebalancing-cuts-connections",
        "no-circuit-breaker",
        "no-deployment-alarm",
        "no-tls",
        "stickiness-too-long",
    ];
    let with = |more: &[&'static str]| {
        let mut names = [&defaults, more].concat();
        names.sort_unstable();
        names
    };
    assert_eq!(tutorial(25, 20, Level::Warning), with(&[]));
    assert_eq!(
        tutorial(60, 240, Level::Warning),
        with(&["idle-timeout-below-ping-timeout"])
    );
    assert_eq!(
        tutorial(300, 60, Level::Warning),
        with(&[
            "idle-timeout-below-ping-timeout",
            "slow-dead-peer-detection"
        ])
    );
}

/// The errors in a template of another tool's, for a server of Socket.IO's defaults.
fn errors(name: &str, text: &str, transports: &[&str]) -> Vec<&'static str> {
    let template = Template::parse(name, text).expect("a template");
    let rendered = template
        .render(&Inputs::default())
        .expect("a rendered template");
    let mut given = Flags::default();
    let mut set = |setting, value: Value| given.set(setting, value, "the command line");
    set(PingInterval, s(25).into());
    set(PingTimeout, s(20).into());
    set(KeepAlive, s(130).into());
    set(Store, "redis".into());
    set(Transports, transports.into());
    let readings = read(&rendered, &given).expect("a reading");
    assert!(
        readings
            .readings
            .iter()
            .all(|reading| reading.get(BalancerToTask).is_ok()),
        "the security groups are read"
    );
    let report = Report::new(readings, &[]);
    report
        .findings
        .iter()
        .filter(|finding| finding.level() == Level::Error)
        .map(|finding| finding.rule.name)
        .collect()
}

#[test]
fn what_cdk_writes_is_read() {
    let cdk = include_str!("templates/cdk.json");
    assert_eq!(errors("cdk.json", cdk, &["websocket"]), [""; 0]);
    assert_eq!(
        errors("cdk.json", cdk, &["polling", "websocket"]),
        ["polling-without-stickiness"]
    );
    let closed = cdk
        .replace(
            "\"FromPort\": 3000, \"GroupId\": {\"Fn::GetAtt\": [\"ServiceSecurityGroupA8DA8B70\"",
            "\"FromPort\": 3001, \"GroupId\": {\"Fn::GetAtt\": [\"ServiceSecurityGroupA8DA8B70\"",
        )
        .replace(
            "\"ToPort\": 3000\n   }\n  },\n  \"EcsDefault",
            "\"ToPort\": 3001\n   }\n  },\n  \"EcsDefault",
        );
    assert_eq!(
        errors("cdk.json", &closed, &["websocket"]),
        ["security-group-closed"]
    );
}

/// SAM's templates have a transform, and the resources that are not SAM's own are written as
/// everywhere.
#[test]
fn what_sam_is_given_is_read() {
    let sam = include_str!("templates/sound.yaml").replace(
        "Resources:\n",
        "Transform: AWS::Serverless-2016-10-31\nGlobals: { Function: { Timeout: 3 } \
         }\nResources:\n  Hook: { Type: AWS::Serverless::Function, Properties: { Handler: a.b, \
         Runtime: nodejs22.x, InlineCode: x } }\n",
    );
    assert_eq!(errors("sam.yaml", &sam, &["polling", "websocket"]), [""; 0]);
}

/// What cfn-lint 1.58 accepts without a word.
#[test]
fn what_linters_let_pass_is_caught() {
    let cases = [
        on("idle-timeout-out-of-range").line("Value: \"120\"", "Value: \"5000\""),
        on("unknown-attribute").line("client_keep_alive.seconds", "client_keep_alive.second"),
        on("deregistration-delay-out-of-range").line("Value: \"30\"", "Value: \"9999\""),
        on("stop-timeout-out-of-range").line("StopTimeout: 30", "StopTimeout: 200"),
        on("health-check-timeout-not-below-interval").line(
            "HealthCheckTimeoutSeconds: 5",
            "HealthCheckTimeoutSeconds: 60",
        ),
        on("name-too-long").line(
            "Scheme: internet-facing",
            "Name: a-name-of-forty-four-characters-is-too-long-4",
        ),
        on("container-port-mismatch").line("ContainerName: app", "ContainerName: application"),
        on("target-type-not-ip").line("TargetType: ip", "TargetType: instance"),
        on("service-not-after-listener").line("    DependsOn: Https\n", ""),
    ];
    for case in cases {
        let report = case.report();
        let errors: Vec<_> = report
            .findings
            .iter()
            .filter(|finding| finding.level() == Level::Error)
            .map(|finding| finding.rule.name)
            .collect();
        assert!(errors.contains(&case.rule), "{}: {errors:?}", case.rule);
    }
}

/// A protocol and a web ACL that only AWS knows are neither fine nor wrong.
#[test]
fn what_only_aws_knows_is_not_seen() {
    let template = include_str!("templates/sound.yaml")
        .replace("Protocol: HTTPS", "Protocol: !ImportValue protocol")
        .replace(
            "      Rules:",
            "      Rules: !ImportValue rules\n      Other:",
        );
    let template = Template::parse("template.yaml", &template).expect("a template");
    let rendered = template
        .render(&Inputs::default())
        .expect("a rendered template");
    let readings = read(&rendered, &Flags::default()).expect("a reading");
    for setting in [ListenerProtocols, WafRules] {
        let why = readings.readings[0].why_not_seen(setting).unwrap_or("seen");
        assert!(why.starts_with("only AWS knows"), "{setting}: {why}");
    }
}

/// What `waf-blocks-plugins` reads of a rule of the sound template's web ACL; the reason where it
/// is not known.
fn refused_by(rule: &str) -> Result<String, String> {
    let sound = include_str!("templates/sound.yaml");
    let (before, rest) = sound.split_once("        - Name: common\n").expect("rules");
    let (_, after) = rest.split_once("  FirewallOnBalancer:\n").expect("an end");
    let template = format!("{before}        - {rule}\n  FirewallOnBalancer:\n{after}");
    let template = Template::parse("template.yaml", &template).expect("a template");
    let rendered = template.render(&Inputs::default()).expect("rendered");
    let readings = read(&rendered, &Flags::default()).expect("a reading");
    let reading = &readings.readings[0];
    match reading.list(WafRules) {
        Ok(seen) => Ok(seen.value.join(" ")),
        Err(_) => Err(reading.why_not_seen(WafRules).unwrap_or("seen").to_owned()),
    }
}

/// A plugin solves neither a challenge nor a puzzle.
#[test]
fn a_rule_of_a_firewall_lets_plugins_through_only_where_it_counts_or_allows() {
    let overridden = |action: &str| {
        let overrides = ["NoUserAgent_HEADER", "SizeRestrictions_BODY"]
            .map(|name| format!("{{ Name: {name}, ActionToUse: {{ {action}: {{}} }} }}"));
        refused_by(&format!(
            "{{ Name: common, Statement: {{ ManagedRuleGroupStatement: {{ Name: \
             AWSManagedRulesCommonRuleSet, RuleActionOverrides: [{}] }} }} }}",
            overrides.join(", ")
        ))
    };
    let both = "NoUserAgent_HEADER SizeRestrictions_BODY";
    for (action, refused) in [
        ("Count", ""),
        ("Allow", ""),
        ("Block", both),
        ("Challenge", both),
        ("Captcha", both),
    ] {
        assert_eq!(overridden(action), Ok(refused.to_owned()), "{action}");
    }
}

#[test]
fn a_rule_whose_own_action_is_a_challenge_refuses_plugins() {
    let own = |action: &str, statement: &str| {
        refused_by(&format!(
            "{{ Name: bots, Action: {action}, Statement: {{ {statement} }} }}"
        ))
    };
    let path = |path: &str| {
        format!(
            "ByteMatchStatement: {{ FieldToMatch: {{ UriPath: {{}} }}, PositionalConstraint: \
             STARTS_WITH, SearchString: {path} }}"
        )
    };
    let rate = "RateBasedStatement: { Limit: 100, AggregateKeyType: IP }";
    for action in ["{ Challenge: {} }", "{ Captcha: {} }"] {
        assert_eq!(own(action, rate), Ok("bots".to_owned()), "{action}");
        assert_eq!(own(action, &path("/")), Ok("bots".to_owned()), "{action}");
        let why = own(action, &path("/admin")).expect_err("it may be spared");
        assert!(why.contains("may spare the Socket.IO path"), "{why}");
    }
    assert_eq!(own("{ Count: {} }", rate), Ok(String::new()));
    assert_eq!(own("{ Block: {} }", rate), Ok(String::new()));
    assert!(own("!ImportValue action", rate).is_err());
}

/// What a managed group does by itself, or by an override, may meet handshakes or not.
#[test]
fn what_else_may_challenge_is_not_seen() {
    let group = |name: &str, more: &str| {
        refused_by(&format!(
            "{{ Name: g, Statement: {{ ManagedRuleGroupStatement: {{ Name: {name}{more} }} }} }}"
        ))
    };
    let challenged = |rule: &str| {
        format!(", RuleActionOverrides: [{{ Name: {rule}, ActionToUse: {{ Challenge: {{}} }} }}]")
    };
    for (name, more) in [
        ("AWSManagedRulesBotControlRuleSet", String::new()),
        ("AWSManagedRulesATPRuleSet", String::new()),
        ("AWSManagedRulesACFPRuleSet", String::new()),
        (
            "AWSManagedRulesAmazonIpReputationList",
            challenged("AWSManagedIPDDoSList"),
        ),
        (
            "AWSManagedRulesAnonymousIpList",
            challenged("HostingProviderIPList"),
        ),
    ] {
        let why = group(name, &more).expect_err("nobody knows which requests it meets");
        assert!(
            why.contains("may spare the Socket.IO path"),
            "{name}: {why}"
        );
    }
    let reputation = "AWSManagedRulesAmazonIpReputationList";
    assert_eq!(group(reputation, ""), Ok(String::new()));
    let named = "{ Name: own, Statement: { RuleGroupReferenceStatement: { Arn: arn } } }";
    assert!(refused_by(named).is_err(), "what it does is not read");
}

#[test]
fn the_group_against_floods_may_count_its_challenge() {
    let group = |more: &str| {
        let config = "{ AWSManagedRulesAntiDDoSRuleSet: { ClientSideActionConfig: { Challenge: { \
                      UsageOfAction: ENABLED } } } }";
        refused_by(&format!(
            "{{ Name: floods, Statement: {{ ManagedRuleGroupStatement: {{ Name: \
             AWSManagedRulesAntiDDoSRuleSet, ManagedRuleGroupConfigs: [{config}]{more} }} }} }}"
        ))
    };
    assert_eq!(group(""), Ok("ChallengeAllDuringEvent".to_owned()));
    let counted = ", RuleActionOverrides: [{ Name: ChallengeAllDuringEvent, ActionToUse: { Count: \
                   {} } }]";
    assert_eq!(group(counted), Ok(String::new()));
}
