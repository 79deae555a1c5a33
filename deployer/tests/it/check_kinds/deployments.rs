//! What ECS does at a deployment: what is no error there, its strategies, and what nobody reads.

use super::{IDLE_RULES, SERVER, check, with};

#[test]
fn what_is_no_error_is_none() {
    let none: [(&str, Vec<(&str, &str)>); 5] = [
        (
            "rebalancing-unstated",
            vec![
                ("      AvailabilityZoneRebalancing: DISABLED\n", ""),
                ("MaximumPercent: 200", "MaximumPercent: 100"),
                ("MinimumHealthyPercent: 100", "MinimumHealthyPercent: 0"),
            ],
        ),
        (
            "handshake",
            vec![(
                "Protocol: HTTP\n",
                "Protocol: HTTP\n      HealthCheckPath: '/socket.io/?EIO=4&transport=polling'\n",
            )],
        ),
        (
            "matcher",
            vec![(
                "Protocol: HTTP\n",
                "Protocol: HTTP\n      HealthCheckPath: /socket.io/\n      Matcher: { HttpCode: '200,400' }\n",
            )],
        ),
        (
            "unmapped-health-port",
            vec![(
                "Protocol: HTTP\n",
                "Protocol: HTTP\n      HealthCheckPort: '9000'\n",
            )],
        ),
        (
            "code-deploy",
            vec![
                (
                    "DesiredCount: 2",
                    "DeploymentController: { Type: CODE_DEPLOY }\n      DesiredCount: 2",
                ),
                ("MaximumPercent: 200", "MaximumPercent: 100"),
                (
                    ", DeploymentCircuitBreaker: { Enable: true, Rollback: true }",
                    "",
                ),
            ],
        ),
    ];
    for (name, changes) in none {
        let checked = check(&format!("none-{name}"), &with(&changes), &SERVER);
        assert_eq!(checked.run.code, 0, "{name}: {}", checked.run);
        assert_eq!(
            checked.rules("findings"),
            [""; 0],
            "{name}: {}",
            checked.run
        );
    }
}

/// ECS keeps two sets of tasks and rewrites the weights.
#[test]
fn deployment_strategies_are_read() {
    let forward = "DefaultActions: [{ Type: forward, TargetGroupArn: !Ref Tg }]";
    let weighted = |sticky: &str| {
        format!(
            "DefaultActions: [{{ Type: forward, ForwardConfig: {{ TargetGroups: [{{ \
             TargetGroupArn: !Ref Tg, Weight: 100 }}, {{ TargetGroupArn: !Ref Green, Weight: 0 }}]\
             {sticky} }} }}]"
        )
    };
    let strategy = |strategy: &str, sticky: &str| {
        let green = "Resources:\n  Green: { Type: 'AWS::ElasticLoadBalancingV2::TargetGroup', \
                     Properties: { VpcId: v, Port: 3000, Protocol: HTTP, TargetType: ip, \
                     TargetGroupAttributes: [{ Key: stickiness.enabled, Value: true }, { Key: \
                     stickiness.lb_cookie.duration_seconds, Value: 3600 }] } }\n";
        let deployment = format!(
            "DeploymentConfiguration: {{ Strategy: {strategy}, BakeTimeInMinutes: 10, \
             MaximumPercent: 200, MinimumHealthyPercent: 100,"
        );
        with(&[
            ("Resources:\n", green),
            (forward, &weighted(sticky)),
            (
                "DeploymentConfiguration: { MaximumPercent: 200, MinimumHealthyPercent: 100,",
                &deployment,
            ),
            (
                "ContainerPort: 3000, TargetGroupArn: !Ref Tg",
                "ContainerPort: 3000, TargetGroupArn: !Ref Tg, AdvancedConfiguration: { \
                 AlternateTargetGroupArn: !Ref Green, ProductionListenerRule: !Ref Front, RoleArn: \
                 r }",
            ),
        ])
    };
    let sticky = ", TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 600 }";
    let long = ", TargetGroupStickinessConfig: { Enabled: true, DurationSeconds: 601 }";
    for (name, kind, stickiness, findings) in [
        (
            "canary",
            "CANARY",
            "",
            &["traffic-shift-without-group-stickiness"][..],
        ),
        ("linear", "LINEAR", sticky, &[]),
        ("blue-green", "BLUE_GREEN", "", &[]),
        (
            "outlives",
            "LINEAR",
            long,
            &["group-stickiness-outlives-bake"],
        ),
    ] {
        let template = strategy(kind, stickiness);
        let checked = check(&format!("strategy-{name}"), &template, &SERVER);
        assert_eq!(
            checked.rules("findings"),
            findings,
            "{name}: {}",
            checked.run
        );
    }
}

#[test]
fn a_property_that_is_not_read_is_named() {
    let new = (
        "DesiredCount: 2",
        "DesiredCount: 2\n      TrafficMirror: { Share: 50 }",
    );
    let checked = check("unread", &with(&[new]), &SERVER);
    let not_seen = checked.rules("not_seen");
    assert!(
        not_seen.contains(&"deployment-cannot-progress"),
        "{}",
        checked.run
    );
    let reason = checked.reason("deployment-cannot-progress");
    assert!(reason.contains("`TrafficMirror` of Svc"), "{reason}");
    assert!(!not_seen.contains(&IDLE_RULES[0]), "the balancer is read");
}
