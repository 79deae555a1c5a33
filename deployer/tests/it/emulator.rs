//! Rendering agrees with an independent resolver: an AWS emulator that applies the template as
//! written, and as rendered.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{deployer, project, telemetry};

/// Templates with the parameters that bring out their other sides.
const CASES: [(&str, &[(&str, &str)]); 12] = [
    ("regions-and-images.yaml", &[]),
    (
        "regions-and-images.yaml",
        &[("InstanceType", "t3.small"), ("Block", "172.16.0.0/17")],
    ),
    ("conditions.yaml", &[]),
    ("conditions.yaml", &[("Stage", "test"), ("Count", "3")]),
    (
        "conditions.yaml",
        &[("Stage", "dev"), ("Snapshot", "snap-1")],
    ),
    ("strings.yaml", &[]),
    (
        "strings.yaml",
        &[
            ("Arn", "arn:aws:iam::9:role/a/b/c/d"),
            ("Subnets", "one,two"),
            ("Ports", "1,2,3"),
        ],
    ),
    ("symbols.yaml", &[]),
    ("long-forms.json", &[]),
    ("long-forms.json", &[("Stage", "prod"), ("Size", "9")]),
    ("web-service.yaml", &[]),
    (
        "web-service.yaml",
        &[
            ("Tier", "small"),
            ("Sticky", "false"),
            ("DesiredCount", "1"),
            ("Origins", "https://c.example.com"),
        ],
    ),
];

/// A template with its parameters, and what we made of both.
fn case(name: &str, source: &str, parameters: &Value, rendered: &str) -> Value {
    json!({ "name": name, "source": source, "parameters": parameters, "rendered": rendered })
}

/// What the emulator reports of each case.
fn reports(cases: &[Value]) -> Vec<Value> {
    let python = project().join(".cache/venv/bin/python");
    let mut child = Command::new(python)
        .arg(project().join("deployer/tests/emulator/report.py"))
        .arg(project().join("tools/emulator.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("`make tools` installs the emulator");
    let input = serde_json::to_vec(cases).expect("it is JSON");
    child
        .stdin
        .take()
        .expect("it is piped")
        .write_all(&input)
        .expect("it is read");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the emulator's report failed");
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

/// The values of the parameters in the Parameter Store that our rendering knows without AWS.
fn known_values(rendered: &str) -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(rendered).expect("it is JSON");
    let resources = document["Resources"]
        .as_object()
        .expect("there are resources")
        .values();
    let properties = resources
        .filter(|resource| resource["Type"] == "AWS::SSM::Parameter")
        .map(|r| &r["Properties"]);
    let known = |p: &Value| {
        Some((
            p["Name"].as_str()?.to_owned(),
            p["Value"].as_str()?.to_owned(),
        ))
    };
    properties.filter_map(known).collect()
}

#[test]
fn cases_of_all_kinds() {
    let mut cases = Vec::new();
    for (file, parameters) in CASES {
        let path = format!("deployer/tests/emulator/cases/{file}");
        let given: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut args = vec![
            "render",
            "--template",
            &path,
            "--region",
            "eu-west-1",
            "--format",
            "json",
        ];
        for parameter in &given {
            args.extend(["--parameter", parameter]);
        }
        let run = deployer(&project(), &args);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{file}");
        let source = std::fs::read_to_string(project().join(&path)).expect("it is there");
        let map: serde_json::Map<_, _> = parameters
            .iter()
            .map(|(k, v)| ((*k).to_owned(), json!(v)))
            .collect();
        cases.push(case(
            &format!("{file} {}", given.join(" ")),
            &source,
            &map.into(),
            &run.stdout,
        ));
    }
    let mut compared = 0;
    for (case, report) in cases.iter().zip(reports(&cases)) {
        let name = &case["name"];
        assert_eq!(
            report["source"]["status"], "CREATE_COMPLETE",
            "{name}: {report:#}"
        );
        assert_eq!(
            report["rendered"], report["source"],
            "{name}: the emulator sees two different stacks"
        );
        for (parameter, value) in known_values(case["rendered"].as_str().expect("it is text")) {
            assert_eq!(
                report["source"]["parameters"][&parameter], value,
                "{name}: {parameter}"
            );
            compared += 1;
        }
    }
    assert!(
        compared > 30,
        "only {compared} values were compared one by one"
    );
}

#[test]
fn our_environments() {
    let mut cases = Vec::new();
    for environment in ["local", "staging", "prod"] {
        let run = deployer(
            &project(),
            &["render", "--env", environment, "--format", "json"],
        );
        assert_eq!(run.code, 0, "{run}");
        let source = std::fs::read_to_string(project().join("cloudformation/service.yaml"))
            .expect("it is there");
        cases.push(case(
            environment,
            &source,
            &parameters(environment),
            &run.stdout,
        ));
    }
    for report in reports(&cases) {
        let (name, stack) = (&report["name"], &report["source"]);
        assert_eq!(stack["status"], "CREATE_COMPLETE", "{name}: {report:#}");
        assert_eq!(
            report["rendered"], *stack,
            "{name}: the emulator sees two different stacks"
        );
        // The report is not an empty one: attributes, environment and counts are in it.
        let only = |value: &Value| {
            value
                .as_object()
                .and_then(|map| map.values().next().cloned())
                .unwrap_or_default()
        };
        assert_eq!(
            only(&stack["balancers"])["idle_timeout.timeout_seconds"],
            "310",
            "{stack:#}"
        );
        assert_eq!(
            only(&stack["groups"])["attributes"]["stickiness.lb_cookie.duration_seconds"],
            "3600",
            "{stack:#}"
        );
        assert_eq!(only(&stack["services"])["desiredCount"], "1", "{stack:#}");
        let environment = stack["tasks"][0]["containerDefinitions"][0]["environment"]
            .as_array()
            .expect("it has one");
        assert!(
            environment.contains(&json!({ "name": "IDLE_TIMEOUT", "value": "310s" })),
            "{stack:#}"
        );
    }
}

#[test]
fn the_template_stands_alone() {
    let given = [
        ("Prefix", "acme"),
        ("Name", "drops"),
        ("Environment", "alone"),
        ("Image", "example.com/drops:1"),
        ("Vpc", "vpc-00000001"),
        ("Subnets", "subnet-00000001,subnet-00000002"),
        ("TaskSubnets", "subnet-00000003,subnet-00000004"),
    ];
    let mut args = vec![
        "render",
        "--template",
        "cloudformation/service.yaml",
        "--region",
        "eu-west-1",
        "--format",
        "json",
    ];
    let options: Vec<_> = given
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    for option in &options {
        args.extend(["--parameter", option]);
    }
    let run = deployer(&project(), &args);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (0, ""),
        "no other parameter is needed"
    );
    let source = std::fs::read_to_string(project().join("cloudformation/service.yaml"))
        .expect("it is there");
    let parameters: serde_json::Map<_, _> = given
        .iter()
        .map(|(k, v)| ((*k).to_owned(), json!(v)))
        .collect();
    for report in reports(&[case("alone", &source, &parameters.into(), &run.stdout)]) {
        assert_eq!(report["source"]["status"], "CREATE_COMPLETE", "{report:#}");
        assert_eq!(
            report["rendered"], report["source"],
            "the emulator sees two different stacks"
        );
    }
}

#[test]
fn a_collector_is_in_the_task() {
    let more = "server: { telemetry: otlp }\nmetrics: { fetched_from: 10.0.0.0/16 }\n";
    let place = telemetry::environment("emulated", more);
    let run = deployer(&place, &["render", "--env", "prod", "--format", "json"]);
    assert_eq!(run.code, 0, "{run}");
    let source = std::fs::read_to_string(project().join("cloudformation/service.yaml"))
        .expect("it is there");
    let parameters = parameters_of(&place, "prod");
    for report in reports(&[case("otlp", &source, &parameters, &run.stdout)]) {
        let stack = &report["source"];
        assert_eq!(stack["status"], "CREATE_COMPLETE", "{report:#}");
        assert_eq!(report["rendered"], *stack, "two different stacks");
        let containers = &stack["tasks"][0]["containerDefinitions"];
        assert_eq!(containers[1]["name"], "collector", "{containers:#}");
        // The report has truth values as text.
        assert_eq!(containers[1]["essential"], "false", "{containers:#}");
    }
}

#[test]
fn the_stack_of_alarms() {
    let path = "observability/cloudwatch/alarms.yaml";
    let topic = "arn:aws:sns:eu-west-1:123456789012:oncall";
    let given = [("Service", "acme-drops-prod"), ("Topic", topic)];
    let options = given.map(|(name, value)| format!("{name}={value}"));
    let mut args = vec!["render", "--template", path, "--region", "eu-west-1"];
    args.extend(["--format", "json"]);
    for option in &options {
        args.extend(["--parameter", option]);
    }
    let run = deployer(&project(), &args);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let rendered: Value = serde_json::from_str(&run.stdout).expect("a template");
    let resources = rendered["Resources"].as_object().expect("resources");
    let mut alarmed = Vec::new();
    for alarm in resources.values().map(|resource| &resource["Properties"]) {
        let Some(metric) = alarm["MetricName"].as_str() else {
            continue;
        };
        alarmed.push(metric);
        for told in ["AlarmActions", "OKActions"] {
            assert_eq!(alarm[told], json!([topic]), "{alarm:#}");
        }
    }
    alarmed.sort_unstable();
    // What a user feels, each once, and that nodes are there at all.
    let expected = [
        "Connections",
        "ConnectionsUsed",
        "ExpiredUnacknowledged",
        "Lateness",
        "MemoryUsed",
        "RefusedValidKeys",
        "StoreErrors",
    ];
    assert_eq!(alarmed, expected);
    let source = std::fs::read_to_string(project().join(path)).expect("it is there");
    let parameters: serde_json::Map<_, _> = given
        .iter()
        .map(|(name, value)| ((*name).to_owned(), json!(value)))
        .collect();
    for report in reports(&[case("alarms", &source, &parameters.into(), &run.stdout)]) {
        assert_eq!(report["source"]["status"], "CREATE_COMPLETE", "{report:#}");
        assert_eq!(report["rendered"], report["source"], "two different stacks");
        let made = report["source"]["resources"].as_object().expect("a map");
        assert_eq!(made.len(), expected.len() + 1, "and a dashboard: {made:?}");
    }
}

/// The parameters that an environment gives, as the command line of AWS would take them.
fn parameters(environment: &str) -> Value {
    parameters_of(&project(), environment)
}

/// The same of an environment in another directory.
fn parameters_of(place: &Path, environment: &str) -> Value {
    let path = place.join(format!("environments/{environment}.yaml"));
    let name = environment;
    let environment = deployer::environment::load(&path, |_| ()).expect("it is accepted");
    let template = deployer::render::service_template().expect("it is accepted");
    let rendered = deployer::render::render(&template, name, &environment).expect("it renders");
    let text = |node: &cloudformation::node::Node| match node.as_list() {
        Some(items) => items
            .iter()
            .filter_map(cloudformation::node::Node::as_text)
            .collect::<Vec<_>>()
            .join(","),
        None => node
            .as_text()
            .expect("an environment leaves nothing open")
            .to_owned(),
    };
    rendered
        .parameters
        .iter()
        .map(|(name, node)| (name.clone(), json!(text(node))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
