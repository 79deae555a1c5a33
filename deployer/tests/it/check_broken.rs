//! Each rule has a template that it alone catches: the sound one with one thing changed.

use timeouts::RULES;
use timeouts::Setting::*;

use crate::sound::{Change, SOUND, on, report_of, s};

fn changes() -> Vec<Change> {
    let one_task = |rule| {
        on(rule)
            .line("MinCapacity: 2", "MinCapacity: 1")
            .line("MaxCapacity: 6", "MaxCapacity: 1")
    };
    vec![
        on("az-rebalancing-cuts-connections").line("AvailabilityZoneRebalancing: \
                                                    DISABLED", "AvailabilityZoneRebalancing: \
                                                        ENABLED"),
        on("certificate-refused").line("arn:aws:acm:${AWS::Region}:111111111111:certificate/${Certificate}\" }]", "arn:aws:acm:us-east-1:111111111111:certificate/x\" }, { CertificateArn: !Ref Certificate }]"),
        on("express-mode-rolls-back").line("Type: AWS::ECS::Service\n", "Type: AWS::ECS::ExpressGatewayService\n"),
        on("client-keep-alive-out-of-range").line("Value: \"3600\" }\n        - { Key: \
                                                   routing", "Value: \"30\" }\n        - { Key: \
                                                       routing"),
        on("cluster-without-failover")
            .server(StoreProtocol, "cluster")
            .line("{ maxmemory-policy: noeviction }", "{ maxmemory-policy: noeviction, cluster-enabled: \"yes\" }")
            .line("AutomaticFailoverEnabled: true", "AutomaticFailoverEnabled: false"),
        on("container-port-mismatch").line("ContainerName: app", "ContainerName: web"),
        on("cors-wildcard-with-credentials").server(CorsOrigins, ["*"].as_slice()).server(Transports, ["websocket"].as_slice()),
        on("cross-origin-polling-without-https").server(CorsOrigins, ["https://app.example.net"].as_slice()),
        on("deploy-longer-than-its-limit")
            .line("Value: \"30\"", "Value: \"3600\"")
            .line("MinCapacity: 2", "MinCapacity: 5")
            .line("MaximumPercent: 200", "MaximumPercent: 133"),
        one_task("deployment-cannot-progress").line("MaximumPercent: 200", "MaximumPercent: 150"),
        on("deregistration-delay-out-of-range").line("Value: \"30\"", "Value: \"9999\""),
        on("deregistration-delay-too-short").line("Value: \"30\"", "Value: \"5\""),
        on("desired-count-with-autoscaling").line("LaunchType: \
                                                   FARGATE", "LaunchType: FARGATE\n      DesiredCount: 2"),
        on("fargate-size-unknown").line("Memory: 1024", "Memory: 1100"),
        on("fargate-spot").line("LaunchType: FARGATE", "CapacityProviderStrategy: [{ \
                                                        CapacityProvider: FARGATE_SPOT, Weight: 1 \
                                                        }]"),
        one_task("file-store-on-fargate")
            .server(Store, "file")
            .line("MaximumPercent: 200", "MaximumPercent: 100")
            .line("MinimumHealthyPercent: 100", "MinimumHealthyPercent: 0"),
        on("fixed-name-blocks-replacement").line("  Targets:\n    Type: \
                                                  AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n", "  Targets:\n    Type: AWS::ElasticLoadBalancingV2::TargetGroup\n    Properties:\n      Name: acme-drops\n"),
        on("grace-period-too-short").line("HealthCheckGracePeriodSeconds: \
                                           60", "HealthCheckGracePeriodSeconds: \
                                                 0").server(StartUp, s(31)),
        on("hasty-ejection").line("HealthCheckIntervalSeconds: 10", "HealthCheckIntervalSeconds: \
            5").line("UnhealthyThresholdCount: 3\n", "UnhealthyThresholdCount: \
                                                      2\n").line("HealthCheckIntervalSeconds: \
                                                          5", "HealthCheckIntervalSeconds: \
                                                              5").line("HealthCheckTimeoutSeconds: 5", "HealthCheckTimeoutSeconds: 2"),
        on("health-check-out-of-range").line("HealthyThresholdCount: 2", "HealthyThresholdCount: \
            1"),
        on("health-check-path-unserved").line("HealthCheckPath: /health", "HealthCheckPath: \
            /socket.io/"),
        on("health-check-timeout-not-below-interval").line("HealthCheckTimeoutSeconds: \
                                                            5", "HealthCheckTimeoutSeconds: 10"),
        on("idle-timeout-below-ping-timeout").server(PingTimeout, s(120)),
        on("idle-timeout-not-above-ping-interval").server(PingInterval, s(118)).line("OriginReadTimeout: 60", "OriginReadTimeout: 120"),
        on("idle-timeout-out-of-range").line("Value: \"120\"", "Value: \"5000\"").server(KeepAlive, s(5010)),
        on("keep-alive-not-above-idle-timeout").server(KeepAlive, s(5)),
        on("many-tasks-without-shared-store").server(Store, "memory"),
        on("name-malformed").line("Scheme: internet-facing", "Scheme: internet-facing\n      Name: internal-drops-3f9a1c"),
        on("name-too-long").line("Scheme: internet-facing", "Scheme: internet-facing\n      Name: \
            acme-drops-of-a-very-long-name-in-prod-3f9a1c"),
        on("headers-timeout-not-above-keep-alive").server(HeadersTimeout, s(60)),
        on("bake-shorter-than-drain").line(
            "      DeploymentConfiguration:\n",
            "      DeploymentConfiguration:\n        Strategy: BLUE_GREEN\n        BakeTimeInMinutes: 0\n",
        ),
        on("bake-times-beyond-limit").line(
            "      DeploymentConfiguration:\n",
            "      DeploymentConfiguration:\n        Strategy: CANARY\n        BakeTimeInMinutes: 1440\n        CanaryConfiguration: { CanaryBakeTimeInMinutes: 600 }\n",
        ).server(Transports, ["websocket"].as_slice()),
        on("balancer-overrides-cors").line(
            "      Protocol: HTTPS\n",
            "      Protocol: HTTPS\n      ListenerAttributes: [{ Key: routing.http.response.access_control_allow_origin.header_value, Value: '*' }]\n",
        ),
        on("early-success-unguarded").line(
            "      DeploymentConfiguration:\n",
            "      DeploymentConfiguration:\n        EarlySuccessCriteria: { Enable: true, HealthyPercent: 100, SourceServiceRevisionCleanup: DEFERRED }\n",
        ),
        on("group-stickiness-outlives-bake").line(
            "      DeploymentConfiguration:\n",
            "      DeploymentConfiguration:\n        Strategy: BLUE_GREEN\n        BakeTimeInMinutes: 10\n",
        ).line(
            "DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Targets }]",
            "DefaultActions:\n        - Type: forward\n          ForwardConfig:\n            TargetGroups: [{ TargetGroupArn: !Ref Targets, Weight: 1 }]\n            TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 3600 }",
        ),
        on("target-optimizer-with-sockets").line(
            "      TargetType: ip\n",
            "      TargetType: ip\n      TargetControlPort: 3001\n",
        ),
        on("traffic-shift-without-group-stickiness").line(
            "      DeploymentConfiguration:\n",
            "      DeploymentConfiguration:\n        Strategy: LINEAR\n        BakeTimeInMinutes: 10\n",
        ),
        on("circuit-breaker-trips-late").line("Enable: true, Rollback: true }\n        Alarms", "Enable: true, Rollback: true, ThresholdConfiguration: { Type: COUNT, Value: 500 } }\n        Alarms"),
        on("no-circuit-breaker").line("Enable: true, Rollback: true }\n        Alarms", "Enable: true, Rollback: false }\n        Alarms"),
        on("no-deployment-alarm").line("AlarmNames: [reconnects]", "AlarmNames: []"),
        on("no-tls").line("Protocol: HTTPS", "Protocol: HTTP"),
        on("polling-without-stickiness").line("{ Key: stickiness.enabled, Value: \"true\" \
                                               }", "{ Key: stickiness.enabled, Value: \"false\" }"),
        on("protocol-version-not-http1").line("Protocol: HTTP\n      TargetType: ip", "Protocol: \
            HTTP\n      ProtocolVersion: HTTP2\n      TargetType: ip"),
        on("proxy-in-front-shorter-than-ping").line("OriginReadTimeout: 60", "OriginReadTimeout: \
            20"),
        on("security-group-closed").line("FromPort: 3000, ToPort: 3000", "FromPort: 80, ToPort: \
            80"),
        on("service-not-after-listener").line("    DependsOn: Https\n", ""),
        on("slow-dead-peer-detection").server(PingTimeout, s(276)).line("Value: \"120\"", "Value: \"320\"").server(KeepAlive, s(330)),
        on("slow-ejection").line("HealthCheckIntervalSeconds: 10", "HealthCheckIntervalSeconds: \
            30"),
        on("socket-path-unrouted").server(SocketPath, "/ws").line(
            "      DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Targets }]\n",
            "      DefaultActions: [{ Type: fixed-response, FixedResponseConfig: { StatusCode: \
             \"404\" } }]\n  Rule:\n    Type: AWS::ElasticLoadBalancingV2::ListenerRule\n    Properties:\n      ListenerArn: !Ref Https\n      Priority: 1\n      Conditions: [{ Field: path-pattern, Values: [/socket.io/*] }]\n      Actions: [{ Type: forward, TargetGroupArn: !Ref Targets }]\n",
        ).line("DependsOn: Https", "DependsOn: Rule"),
        on("spoofable-client-address").line("Value: append", "Value: preserve"),
        on("stickiness-out-of-range").line("duration_seconds, Value: \
                                            \"3600\"", "duration_seconds, Value: \
                                                        \"0\"").server(Transports, ["websocket"].as_slice()),
        on("stickiness-shorter-than-poll").line("duration_seconds, Value: \
                                                 \"3600\"", "duration_seconds, Value: \"20\""),
        on("stickiness-too-long").line("duration_seconds, Value: \"3600\"", "duration_seconds, \
            Value: \"86400\""),
        on("sticky-without-cross-zone").line("{ Key: stickiness.type, Value: lb_cookie \
                                              }", "{ Key: load_balancing.cross_zone.enabled, \
                                                   Value: \"false\" }"),
        on("stop-timeout-not-above-drain").line("StopTimeout: 30", "StopTimeout: 24"),
        on("stop-timeout-out-of-range").line("StopTimeout: 30", "StopTimeout: 200"),
        on("store-engine-too-old").line("\"7.1\"", "\"6.2\""),
        on("store-evicts").line("maxmemory-policy: noeviction", "maxmemory-policy: allkeys-lru"),
        on("store-loses-on-failover").line("MultiAZEnabled: true", "MultiAZEnabled: false"),
        on("store-protocol-mismatch").line("AutomaticFailoverEnabled: true", "NumNodeGroups: 3\n      AutomaticFailoverEnabled: true"),
        on("store-shards-uneven").server(StoreProtocol, "cluster").line("AutomaticFailoverEnabled: true", "NumNodeGroups: 4\n      AutomaticFailoverEnabled: true"),
        on("target-type-not-ip").line("Protocol: HTTP\n      TargetType: \
                                       ip", "Protocol: HTTP\n      TargetType: instance"),
        on("too-few-zones").line("Subnets: [!Ref SubnetA, !Ref SubnetB]\n      SecurityGroups", "Subnets: [!Ref SubnetA, !Ref SubnetA]\n      SecurityGroups"),
        on("too-many-connections-for-memory").server(ConnectionsPerTask, 30_000),
        on("too-many-connections-for-nofile").line("SoftLimit: 65536", "SoftLimit: 8192"),
        on("unknown-attribute").line("client_keep_alive.seconds", "client_keepalive.seconds"),
        on("upgrade-timeout-above-idle-timeout").server(UpgradeTimeout, s(120)),
        on("waf-blocks-plugins").line("                - { Name: NoUserAgent_HEADER, ActionToUse: \
                                       { Count: {} } }\n", ""),
        on("weighted-forward-without-group-stickiness").line(
            "DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Targets }]",
            "DefaultActions:\n        - Type: forward\n          ForwardConfig:\n            TargetGroups:\n              - { TargetGroupArn: !Ref Targets, Weight: 9 }\n              - { TargetGroupArn: !Ref Canary, Weight: 1 }",
        ),
    ]
}

#[test]
fn the_sound_template_has_no_finding() {
    let report = on("sound").report();
    assert!(report.findings.is_empty(), "{}", report.text(false));
    let undecided: Vec<_> = report
        .undecided
        .iter()
        .map(|undecided| undecided.rule.name)
        .collect();
    assert_eq!(
        undecided,
        ["health-check-path-unserved", "task-zones-outside-balancer"],
        "the rest is seen, and holds"
    );
}

#[test]
fn each_rule_alone_catches_its_change() {
    let mut wrong = Vec::new();
    for change in changes() {
        let report = change.report();
        let found: Vec<_> = report
            .findings
            .iter()
            .map(|finding| finding.rule.name)
            .collect();
        if found == [change.rule] {
            insta::assert_snapshot!(change.rule, report.text(false));
        } else {
            wrong.push(format!("{}: {found:?}", change.rule));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Each value in turn is what only AWS knows: a rule may then not see, and may not find either.
#[test]
fn what_only_aws_knows_is_no_violation() {
    let values =
        regex_lite::Regex::new(r#"(?:: |\[)("[^"]*"|[A-Za-z0-9/-]+|\[[^\[\]]*\])([ ,}\]]|\n)"#)
            .expect("a pattern");
    let start = SOUND.find("Resources:").expect("resources");
    let (mut tried, mut wrong) = (0, Vec::new());
    for value in values
        .captures_iter(&SOUND[start..])
        .filter_map(|captures| captures.get(1))
    {
        let range = start + value.start()..start + value.end();
        let mut text = SOUND.to_owned();
        text.replace_range(range, "!ImportValue elsewhere");
        // Where a value must be known, the template is refused, or has nothing to check.
        if let Ok(report) = report_of(&text, &[]) {
            tried += 1;
            let found = report.findings.iter().map(|finding| finding.rule.name);
            wrong.extend(found.map(|rule| format!("{}: {rule}", value.as_str())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(tried > 60, "only {tried} values were tried");
}

#[test]
fn every_rule_has_a_change() {
    let changes = changes();
    let without = RULES
        .iter()
        .filter(|rule| !changes.iter().any(|change| change.rule == rule.name));
    let names: Vec<_> = without.map(|rule| rule.name).collect();
    assert_eq!(
        names,
        ["task-zones-outside-balancer"],
        "only AWS knows the zones of subnets"
    );
}
