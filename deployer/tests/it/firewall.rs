//! An environment with a web application firewall, and the alarm that attackers must not ring.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{deployer, directory, lint, project, write};

/// A directory with an environment `prod` that has this `waf`.
fn environment(test: &str, waf: &str) -> PathBuf {
    let directory = directory(test);
    for file in ["defaults.yaml", "prod.yaml"] {
        let path = project().join("environments").join(file);
        let mut text = std::fs::read_to_string(path).expect("it is there");
        if file == "prod.yaml" {
            text.push_str(waf);
        }
        write(&directory.join("environments").join(file), &text);
    }
    directory
}

fn rendered(directory: &std::path::Path) -> Value {
    let run = deployer(directory, &["render", "--env", "prod", "--format", "json"]);
    assert_eq!(run.code, 0, "{run}");
    serde_json::from_str(&run.stdout).expect("a template")
}

#[test]
fn a_firewall_stands_in_front_where_the_environment_wants_one() {
    let none = rendered(&environment("waf-none", ""));
    assert!(none["Resources"].get("WebAcl").is_none());

    let directory = environment("waf", "waf: { handshakes_per_minute: 500 }\n");
    let template = rendered(&directory);
    let acl = &template["Resources"]["WebAcl"]["Properties"];
    let rates = |name: &str| {
        let rules = acl["Rules"].as_array().expect("rules").iter();
        let mut rules = rules.filter(|rule| rule["Name"] == name);
        let rule = rules.next().expect("a rule of this name");
        rule["Statement"]["RateBasedStatement"].clone()
    };
    assert_eq!(rates("handshakes")["Limit"], json!(500), "{acl:#}");
    assert_eq!(rates("calls")["Limit"], json!(12_000), "{acl:#}");
    let text = acl.to_string();
    assert!(
        !text.contains("Challenge") && !text.contains("Captcha"),
        "a plugin could not answer"
    );
    let association = &template["Resources"]["WebAclAssociation"]["Properties"];
    assert_eq!(association["ResourceArn"], json!({ "Ref": "ECSALB" }));

    let check = deployer(&directory, &["check", "--env", "prod", "--output", "json"]);
    assert_eq!(check.code, 0, "{check}");
    assert!(!check.stdout.contains("waf-blocks-plugins"), "{check}");

    let path = directory.join("rendered.json");
    write(&path, &template.to_string());
    lint::accepted(&[path]);
}

#[test]
fn mistakes_in_a_firewall_are_named() {
    for (waf, said) in [
        (
            "waf: { handshakes_per_minute: 5 }\n",
            "handshakes_per_minute",
        ),
        ("waf: { handshakes: 500 }\n", "handshakes_per_minute"),
        ("waf: true\n", "waf"),
    ] {
        let run = deployer(
            &environment("waf-mistakes", waf),
            &["check", "--env", "prod"],
        );
        assert_eq!(run.code, 2, "{run}");
        assert!(run.stderr.contains(said), "{run}");
    }
}

/// What the load balancer or the targets answer, anybody can bring about.
#[test]
fn the_alarm_of_a_deployment_counts_nothing_that_a_stranger_can_cause() {
    let template = rendered(&environment("alarm", ""));
    let alarms = ["UnhealthyTargets", "LoggedErrors"];
    let alarms = alarms.map(|name| &template["Resources"][name]["Properties"]);
    let counted = alarms.map(|alarm| alarm["MetricName"].as_str().expect("a metric"));
    assert_eq!(counted, ["UnHealthyHostCount", "Errors"]);
    let filter = &template["Resources"]["ErrorLines"]["Properties"];
    assert_eq!(filter["FilterPattern"], r#"{ $.level = "ERROR" }"#);
    let why = alarms[0]["AlarmDescription"].as_str();
    assert!(
        why.is_some_and(|why| why.contains("whoever attacks")),
        "{why:?}"
    );
}
