//! Several templates where names, files and nesting go wrong, and what is not read of them.

use crate::{Run, directory, write};

/// A load balancer with an idle timeout.
fn balancer(idle: u32) -> String {
    format!(
        "Resources:\n  Lb:\n    Type: AWS::ElasticLoadBalancingV2::LoadBalancer\n    Properties:\n      \
         Subnets: [subnet-a, subnet-b]\n      LoadBalancerAttributes: [{{ Key: \
         idle_timeout.timeout_seconds, Value: {idle} }}]\n"
    )
}

const NESTED: &str = "  Edge:\n    Type: AWS::CloudFormation::Stack\n    Properties:\n      \
                      TemplateURL: ";

fn check(directory: &std::path::Path, templates: &[&str], more: &[&str]) -> Run {
    let templates = templates.iter().flat_map(|name| ["--template", name]);
    let arguments: Vec<_> = ["check", "--ping-interval", "30s"]
        .into_iter()
        .chain(templates)
        .chain(more.iter().copied())
        .collect();
    crate::deployer(directory, &arguments)
}

#[test]
fn files_of_one_name_are_told_apart_whatever_their_order() {
    let directory = directory("whole-names");
    write(&directory.join("a/t.yaml"), &balancer(10));
    write(&directory.join("b/t.yaml"), &balancer(120));
    for order in [["a/t.yaml", "b/t.yaml"], ["b/t.yaml", "a/t.yaml"]] {
        let run = check(&directory, &order, &[]);
        assert_eq!(run.code, 1, "{run}");
        let said = format!("{run}");
        assert!(said.contains("a/t/Lb") && said.contains("b/t/Lb"), "{run}");
        assert!(
            said.contains("idle-timeout-not-above-ping-interval"),
            "{run}"
        );
    }
    let twice = check(&directory, &["a/t.yaml", "./a/t.yaml"], &[]);
    assert_eq!(twice.code, 2, "{twice}");
    assert!(twice.stderr.contains("is given twice"), "{twice}");
}

#[test]
fn what_a_nested_stack_may_add_is_not_seen_where_it_is_not_read() {
    let directory = directory("whole-unread");
    let plain = check_text(&directory, "");
    assert!(!plain.contains("may make a web ACL"), "{plain}");
    let url = format!("{NESTED}https://s3.example.com/edge.yaml\n");
    let unread = check_text(&directory, &url);
    assert!(
        unread.contains("the nested stack at") && unread.contains("may make a"),
        "{unread}"
    );

    write(
        &directory.join("t.yaml"),
        &format!("{}{NESTED}missing/edge.yaml\n", balancer(60)),
    );
    let missing = check(&directory, &["t.yaml"], &[]);
    assert_eq!(missing.code, 2, "{missing}");
    assert!(missing.stderr.contains("cannot read"), "{missing}");
    assert!(missing.stderr.contains("missing/edge.yaml"), "{missing}");
}

/// What a check with every reason says of a balancer beside `more`.
fn check_text(directory: &std::path::Path, more: &str) -> String {
    write(
        &directory.join("t.yaml"),
        &format!("{}{more}", balancer(60)),
    );
    format!("{}", check(directory, &["t.yaml"], &["--format", "json"]))
}

#[test]
fn a_template_that_nests_itself_is_refused() {
    let directory = directory("whole-itself");
    let second = NESTED.replace("Edge", "Other");
    let text = format!("{}{NESTED}t.yaml\n{second}t.yaml\n", balancer(60));
    write(&directory.join("t.yaml"), &text);
    let run = check(&directory, &["t.yaml"], &[]);
    assert_eq!(run.code, 2, "{run}");
    assert!(run.stderr.contains("nests itself"), "{run}");
}

#[test]
fn several_templates_are_not_compared_with_one_stack() {
    let directory = directory("whole-live");
    write(&directory.join("a.yaml"), &balancer(60));
    write(&directory.join("b.yaml"), &balancer(60));
    for flags in [&["--stack", "s"][..], &["--live"]] {
        let run = check(&directory, &["a.yaml", "b.yaml"], flags);
        assert_eq!(run.code, 2, "{run}");
        assert!(run.stderr.contains("one template"), "{run}");
    }
}
