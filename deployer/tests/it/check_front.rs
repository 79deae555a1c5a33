//! What stands before the tasks, rule by rule: web ACLs in their order, the web ACL of a
//! distribution, and security groups that name addresses.

use crate::check_kinds::{Checked, check};

const SOUND: &str = include_str!("templates/sound.yaml");
const WAF: &str = "waf-blocks-plugins";
const GROUPS: &str = "security-group-closed";

/// The sound template with these rules in its web ACL, for a server at `/socket.io`.
fn with_rules(test: &str, rules: &[&str]) -> Checked {
    let (before, rest) = SOUND.split_once("        - Name: common\n").expect("rules");
    let (_, after) = rest.split_once("  FirewallOnBalancer:\n").expect("an end");
    let rules: String = rules
        .iter()
        .map(|rule| format!("        - {rule}\n"))
        .collect();
    let template = format!("{before}{rules}  FirewallOnBalancer:\n{after}");
    checked(test, &template)
}

fn checked(test: &str, template: &str) -> Checked {
    check(
        test,
        template,
        &["--server", "socketio-node", "--store", "memory"],
    )
}

/// Whether the rule found something, was not seen, or holds.
fn outcome(checked: &Checked, rule: &str) -> &'static str {
    match () {
        () if checked.rules("findings").contains(&rule) => "found",
        () if checked.rules("not_seen").contains(&rule) => "not seen",
        () => "holds",
    }
}

fn path(how: &str, text: &str) -> String {
    format!(
        "ByteMatchStatement: {{ FieldToMatch: {{ UriPath: {{}} }}, PositionalConstraint: {how}, \
         SearchString: {text}, TextTransformations: [{{ Priority: 0, Type: NONE }}] }}"
    )
}

fn rule(priority: u32, action: &str, statement: &str) -> String {
    format!(
        "{{ Name: r{priority}, Priority: {priority}, Action: {{ {action}: {{}} }}, Statement: {{ \
         {statement} }} }}"
    )
}

fn scoped(statement: &str) -> String {
    format!(
        "{{ Name: core, Priority: 5, OverrideAction: {{ None: {{}} }}, Statement: {{ \
         ManagedRuleGroupStatement: {{ VendorName: AWS, Name: AWSManagedRulesCommonRuleSet, \
         ScopeDownStatement: {{ {statement} }} }} }} }}"
    )
}

const EVERY: &str = "RateBasedStatement: { Limit: 100, AggregateKeyType: IP }";
const GEO: &str = "GeoMatchStatement: { CountryCodes: [DE] }";

#[test]
fn an_allow_before_a_challenge_spares_what_it_provably_matches() {
    let challenge = rule(5, "Challenge", EVERY);
    for (name, first, expected) in [
        (
            "yes",
            rule(1, "Allow", &path("STARTS_WITH", "/socket.io")),
            "holds",
        ),
        (
            "exact",
            rule(1, "Allow", &path("EXACTLY", "/socket.io/")),
            "holds",
        ),
        (
            "slash",
            rule(1, "Allow", &path("EXACTLY", "/socket.io")),
            "found",
        ),
        (
            "after",
            rule(9, "Allow", &path("STARTS_WITH", "/socket.io")),
            "found",
        ),
        (
            "other",
            rule(1, "Allow", &path("STARTS_WITH", "/admin")),
            "found",
        ),
        ("who", rule(1, "Allow", GEO), "not seen"),
        ("rate", rule(1, "Allow", EVERY), "not seen"),
        (
            "count",
            rule(1, "Count", &path("STARTS_WITH", "/socket.io")),
            "found",
        ),
        (
            "and",
            rule(
                1,
                "Allow",
                &format!(
                    "AndStatement: {{ Statements: [{{ {} }}, {{ {GEO} }}] }}",
                    path("STARTS_WITH", "/socket.io")
                ),
            ),
            "not seen",
        ),
        (
            "or",
            rule(
                1,
                "Allow",
                &format!(
                    "OrStatement: {{ Statements: [{{ {GEO} }}, {{ {} }}] }}",
                    path("STARTS_WITH", "/socket.io")
                ),
            ),
            "holds",
        ),
        (
            "unknown",
            rule(1, "Allow", &path("STARTS_WITH", "!ImportValue path")),
            "not seen",
        ),
        (
            "order",
            rule(1, "Allow", &path("STARTS_WITH", "/socket.io"))
                .replace("Priority: 1", "Priority: !ImportValue order"),
            "not seen",
        ),
    ] {
        // The order of the list decides nothing.
        for (order, rules) in [[&first, &challenge], [&challenge, &first]]
            .iter()
            .enumerate()
        {
            let found = with_rules(&format!("waf-{name}-{order}"), &rules.map(String::as_str));
            assert_eq!(outcome(&found, WAF), expected, "{name}: {}", found.document);
        }
    }
}

#[test]
fn a_managed_group_spares_the_path_only_where_its_scope_provably_leaves_it_out() {
    let not = |inner: String| format!("NotStatement: {{ Statement: {{ {inner} }} }}");
    for (name, scope, expected) in [
        ("admin", path("STARTS_WITH", "/admin"), "holds"),
        ("all", path("STARTS_WITH", "/"), "found"),
        (
            "not-socket",
            not(path("STARTS_WITH", "/socket.io/")),
            "holds",
        ),
        ("not-admin", not(path("STARTS_WITH", "/admin")), "found"),
        ("who", GEO.to_owned(), "not seen"),
        ("not-who", not(GEO.to_owned()), "not seen"),
    ] {
        let found = with_rules(&format!("scope-{name}"), &[&scoped(&scope)]);
        assert_eq!(outcome(&found, WAF), expected, "{name}: {}", found.document);
    }
}

#[test]
fn rules_that_block_by_what_a_plugin_sends_are_not_seen() {
    let header = "{ SingleHeader: { Name: User-Agent } }";
    let body = "{ Body: { OversizeHandling: MATCH } }";
    let size = |field: &str| {
        format!(
            "SizeConstraintStatement: {{ FieldToMatch: {field}, ComparisonOperator: GT, Size: 8192 }}"
        )
    };
    let agent = format!(
        "ByteMatchStatement: {{ FieldToMatch: {header}, PositionalConstraint: CONTAINS, \
         SearchString: bot }}"
    );
    for (name, statement, expected) in [
        ("agent", agent, "not seen"),
        ("body", size(body), "not seen"),
        ("query", size("{ QueryString: {} }"), "holds"),
        ("who", GEO.to_owned(), "holds"),
        ("path", path("STARTS_WITH", "/socket"), "found"),
        ("new", "TomorrowsStatement: {}".to_owned(), "not seen"),
    ] {
        let found = with_rules(&format!("block-{name}"), &[&rule(1, "Block", &statement)]);
        assert_eq!(outcome(&found, WAF), expected, "{name}: {}", found.document);
    }
    let foreign = "{ Name: vendor, Priority: 1, OverrideAction: { None: {} }, Statement: { \
                   ManagedRuleGroupStatement: { VendorName: Other, Name: Bots } } }";
    assert_eq!(
        outcome(&with_rules("block-vendor", &[foreign]), WAF),
        "not seen"
    );
}

#[test]
fn a_web_acl_that_blocks_by_default_spares_what_it_allows() {
    let blocking = |test: &str, statement: &str| {
        let scope = "      Scope: REGIONAL\n";
        let default = format!("{scope}      DefaultAction: {{ Block: {{}} }}\n");
        let template = SOUND.replace(scope, &default);
        assert_ne!(template, SOUND);
        let (before, rest) = template
            .split_once("        - Name: common\n")
            .expect("rules");
        let (_, after) = rest.split_once("  FirewallOnBalancer:\n").expect("an end");
        let allow = rule(1, "Allow", statement);
        let template = format!("{before}        - {allow}\n  FirewallOnBalancer:\n{after}");
        outcome(&checked(test, &template), WAF)
    };
    assert_eq!(
        blocking("default-ours", &path("STARTS_WITH", "/socket.io/")),
        "holds"
    );
    assert_eq!(
        blocking("default-other", &path("STARTS_WITH", "/admin")),
        "found"
    );
    assert_eq!(blocking("default-who", GEO), "not seen");
}

#[test]
fn the_web_acl_of_a_distribution_in_front_counts_too() {
    let names = |arn: &str| {
        let enabled = "        Enabled: true\n        Origins:";
        let named = format!("        Enabled: true\n        WebACLId: {arn}\n        Origins:");
        let template = SOUND.replace(enabled, &named);
        assert_ne!(template, SOUND);
        template
    };
    let elsewhere = checked("front-elsewhere", &names("!ImportValue acl"));
    assert_eq!(
        outcome(&elsewhere, WAF),
        "not seen",
        "{}",
        elsewhere.document
    );
    assert_eq!(outcome(&checked("front-none", &names("''")), WAF), "holds");
    let acl = "  Edge:\n    Type: AWS::WAFv2::WebACL\n    Properties:\n      Scope: CLOUDFRONT\n      \
               DefaultAction: { Allow: {} }\n      Rules: [RULE]\n";
    let acl = acl.replace("RULE", &rule(1, "Captcha", EVERY));
    let own = names("!GetAtt Edge.Arn").replace("  Front:\n", &format!("{acl}  Front:\n"));
    assert_eq!(outcome(&checked("front-own", &own), WAF), "found");
}

#[test]
fn address_ranges_may_hold_the_other_side() {
    let peer = "SourceSecurityGroupId: !GetAtt BalancerGroup.GroupId";
    let open = |test: &str, to: &str, more: &str| {
        let template = SOUND
            .replace(peer, to)
            .replace("Resources:\n", &format!("Resources:\n{more}"));
        let found = checked(test, &template);
        outcome(&found, GROUPS)
    };
    let network =
        "  Network:\n    Type: AWS::EC2::VPC\n    Properties: { CidrBlock: 10.0.0.0/16 }\n";
    for (name, to, more, expected) in [
        ("office", "CidrIp: 203.0.113.5/32", "", "not seen"),
        ("anybody", "CidrIp: 0.0.0.0/0", "", "holds"),
        (
            "network",
            "CidrIp: !GetAtt Network.CidrBlock",
            network,
            "holds",
        ),
        ("written", "CidrIp: 10.0.0.0/16", network, "holds"),
        ("half", "CidrIp: 10.0.0.0/17", network, "not seen"),
        ("list", "SourcePrefixListId: pl-1", "", "not seen"),
        (
            "unknown",
            "SourceSecurityGroupId: !ImportValue group",
            "",
            "not seen",
        ),
        ("other", "SourceSecurityGroupId: sg-1", "", "found"),
        (
            "another",
            "SourceSecurityGroupId: !GetAtt Another.GroupId",
            "  Another:\n    Type: AWS::EC2::SecurityGroup\n    Properties: { GroupDescription: a }\n",
            "found",
        ),
    ] {
        assert_eq!(
            open(&format!("groups-{name}"), to, more),
            expected,
            "{name}"
        );
    }
}

#[test]
fn an_origin_within_a_vpc_has_its_own_timeout() {
    let custom = "CustomOriginConfig: { OriginProtocolPolicy: https-only, OriginReadTimeout: 60 }";
    let within = |seconds: u32| {
        let own = format!("VpcOriginConfig: {{ VpcOriginId: vo-1, OriginReadTimeout: {seconds} }}");
        let template = SOUND.replace(custom, &own);
        assert_ne!(template, SOUND);
        let found = checked(&format!("vpc-origin-{seconds}"), &template);
        outcome(&found, "proxy-in-front-shorter-than-ping")
    };
    assert_eq!(within(20), "found");
    assert_eq!(within(60), "holds");
}
