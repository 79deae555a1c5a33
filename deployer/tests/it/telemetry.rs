//! How metrics leave the tasks: by a collector beside the server, by whoever fetches them in the
//! VPC, never through the load balancer; and what scales the service by them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{deployer, directory, lint, project, write};

const REMOTE: &str =
    "https://aps-workspaces.eu-west-1.amazonaws.com/workspaces/ws-1/api/v1/remote_write";

/// A directory with an environment `prod` that says this too.
pub(crate) fn environment(test: &str, more: &str) -> PathBuf {
    let directory = directory(&format!("telemetry-{test}"));
    for file in ["defaults.yaml", "prod.yaml"] {
        let path = project().join("environments").join(file);
        let mut text = std::fs::read_to_string(path).expect("it is there");
        if file == "prod.yaml" {
            text.push_str(more);
        }
        write(&directory.join("environments").join(file), &text);
    }
    directory
}

/// The resources of its template.
fn resources(directory: &Path) -> Value {
    let run = deployer(directory, &["render", "--env", "prod", "--format", "json"]);
    assert_eq!(run.code, 0, "{run}");
    let template: Value = serde_json::from_str(&run.stdout).expect("a template");
    template["Resources"].clone()
}

fn containers(resources: &Value) -> &[Value] {
    let task = &resources["TaskDefinition"]["Properties"];
    task["ContainerDefinitions"].as_array().expect("a list")
}

fn variable<'a>(container: &'a Value, name: &str) -> &'a Value {
    let mut variables = container["Environment"].as_array().expect("a list").iter();
    let found = variables.find(|variable| variable["Name"] == name);
    found.map_or(&Value::Null, |variable| &variable["Value"])
}

/// The rules that `check` finds violated, and what it says.
fn check(directory: &Path) -> (Vec<Value>, String) {
    let run = deployer(directory, &["check", "--env", "prod", "--output", "json"]);
    let document: Value = serde_json::from_str(&run.stdout).expect("a report");
    let findings = document["findings"].as_array().expect("a list").iter();
    let rules = findings.map(|finding| finding["rule"].clone()).collect();
    (rules, format!("{run}"))
}

fn actions(resources: &Value) -> String {
    resources["TaskRole"]["Properties"]["Policies"].to_string()
}

#[test]
fn a_collector_stands_beside_the_server() {
    let plain = environment("plain", "");
    let alone = resources(&plain);
    assert_eq!(containers(&alone).len(), 1);

    let directory = environment("otlp", "server: { telemetry: otlp }\n");
    let resources = resources(&directory);
    let [server, collector] = containers(&resources) else {
        panic!("{resources:#}");
    };
    assert_eq!(variable(server, "TELEMETRY"), "otlp");
    assert_eq!(variable(server, "OTLP_ENDPOINT"), "http://127.0.0.1:4318");
    let after = json!([{ "ContainerName": "collector", "Condition": "START" }]);
    assert_eq!(server["DependsOn"], after);
    assert_eq!(collector["Essential"], false);
    assert!(collector.get("PortMappings").is_none());
    let config = variable(collector, "AOT_CONFIG_CONTENT").as_str().unwrap();
    assert!(config.contains("awsemf") && config.contains("127.0.0.1:4318"));
    let permissions = actions(&resources);
    assert!(permissions.contains("logs:PutLogEvents"), "{permissions}");
    assert!(!permissions.contains("aps:"), "{permissions}");

    // The rules read the server, and not what stands beside it.
    assert_eq!(check(&directory).0, check(&plain).0);
}

/// The regular expressions of the collector's configuration, each name of an alternative alone.
fn selected(config: &str) -> Vec<String> {
    let expressions = config.split("^holdfast_").skip(1);
    let expressions = expressions.filter_map(|text| text.split_once('$'));
    let names = expressions.flat_map(|(names, _)| {
        let names = names.trim_start_matches('(').trim_end_matches(')');
        names.split('|').map(|name| format!("holdfast_{name}"))
    });
    names.collect()
}

#[test]
fn the_collector_selects_metrics_that_the_server_writes() {
    let template = project().join("cloudformation/service.yaml");
    let template = std::fs::read_to_string(template).expect("it is there");
    let page = project().join("docs/src/reference/metrics.md");
    let page = std::fs::read_to_string(page).expect("it is there");
    let names = selected(&template);
    assert!(names.len() >= 8, "{names:?}");
    for name in &names {
        let written = ["", "_total"].map(|end| format!("| `{name}{end}` |"));
        assert!(written.iter().any(|row| page.contains(row)), "{name}");
    }
    assert!(names.contains(&"holdfast_connections".to_owned()));
}

#[test]
fn the_collectors_memory_is_not_the_servers() {
    let size = "service: { memory: 512MiB, cpu: 256, connections_per_task: 9000 }\n";
    let (rules, _) = check(&environment("small", size));
    let rule = json!("too-many-connections-for-memory");
    assert!(!rules.contains(&rule), "{rules:?}");
    let more = format!("{size}server: {{ telemetry: otlp }}\n");
    let (rules, text) = check(&environment("smaller", &more));
    assert!(rules.contains(&rule), "{rules:?}");
    assert!(text.contains("(512 − 256) MiB"), "{text}");
}

#[test]
fn a_collector_writes_to_a_prometheus() {
    let more = format!("server: {{ telemetry: otlp }}\nmetrics: {{ remote_write: '{REMOTE}' }}\n");
    let resources = resources(&environment("remote", &more));
    let collector = &containers(&resources)[1];
    assert_eq!(variable(collector, "REMOTE_WRITE"), REMOTE);
    let config = variable(collector, "AOT_CONFIG_CONTENT").as_str().unwrap();
    assert!(config.contains("prometheusremotewrite") && !config.contains("awsemf"));
    let permissions = actions(&resources);
    assert!(permissions.contains("aps:RemoteWrite"), "{permissions}");
    assert!(!permissions.contains("logs:"), "{permissions}");
}

#[test]
fn a_collector_elsewhere_can_be_reached() {
    let ports = |resources: &Value| {
        let rules = &resources["TaskSecurityGroup"]["Properties"]["SecurityGroupEgress"];
        let rules = rules.as_array().expect("a list").iter();
        let ports = rules.map(|rule| rule["FromPort"].to_string().replace('"', ""));
        ports.collect::<Vec<_>>()
    };
    for (number, (endpoint, port)) in [
        ("http://collector.internal:4318", Some("4318")),
        ("http://collector.internal", Some("80")),
        ("https://otlp.example.com/tenant", None),
    ]
    .into_iter()
    .enumerate()
    {
        let more = format!("server: {{ telemetry: otlp, otlp_endpoint: '{endpoint}' }}\n");
        let resources = resources(&environment(&format!("elsewhere-{number}"), &more));
        assert_eq!(containers(&resources).len(), 1, "{endpoint}");
        let server = &containers(&resources)[0];
        assert_eq!(variable(server, "OTLP_ENDPOINT"), endpoint);
        let expected = ["443", "6379"].into_iter().chain(port);
        assert!(ports(&resources).iter().eq(expected), "{endpoint}");
    }
}

#[test]
fn metrics_are_fetched_in_the_vpc_and_never_through_the_load_balancer() {
    let plain = resources(&environment("nobody", ""));
    assert!(plain.get("MetricsIngress").is_none());
    assert_eq!(
        variable(&containers(&plain)[0], "ADMIN_BIND"),
        "127.0.0.1:9100"
    );
    for (test, peer, key) in [
        ("group", "sg-0f1e2d3c4b5a69788", "SourceSecurityGroupId"),
        ("range", "10.0.0.0/16", "CidrIp"),
    ] {
        let directory = environment(test, &format!("metrics: {{ fetched_from: {peer} }}\n"));
        let resources = resources(&directory);
        let server = &containers(&resources)[0];
        assert_eq!(variable(server, "ADMIN_BIND"), "0.0.0.0:9100");
        let ports = server["PortMappings"].as_array().unwrap().iter();
        let ports: Vec<_> = ports
            .map(|mapping| mapping["ContainerPort"].as_u64())
            .collect();
        assert_eq!(ports, [Some(8080), Some(9100)]);
        let rule = &resources["MetricsIngress"]["Properties"];
        assert_eq!(
            (&rule["FromPort"], &rule["ToPort"]),
            (&json!(9100), &json!(9100))
        );
        assert_eq!(rule[key], peer);
        assert_eq!(rule["GroupId"], json!({ "Ref": "TaskSecurityGroup" }));

        // Nothing of the load balancer knows the port, or is let to it.
        let others = resources
            .as_object()
            .unwrap()
            .iter()
            .filter(|(id, _)| !["MetricsIngress", "TaskDefinition"].contains(&id.as_str()));
        for (id, resource) in others {
            assert!(!resource.to_string().contains("9100"), "{id}: {resource}");
        }
        let route = resources["ServiceRule"].to_string();
        assert!(!route.contains("\"/metrics"), "{route}");
        assert_eq!(check(&directory).0, check(&environment("nobody", "")).0);
    }
}

#[test]
fn the_service_scales_by_the_connections_that_nodes_count() {
    let metric = |test: &str, more: &str| {
        let resources = resources(&environment(test, more));
        let policy = &resources["ScalingPolicy"]["Properties"];
        let tracking = &policy["TargetTrackingScalingPolicyConfiguration"];
        assert_eq!(
            tracking["TargetValue"], 7_000,
            "70 % of connections_per_task"
        );
        tracking["CustomizedMetricSpecification"].clone()
    };
    let own = |name: &str, dimension: &str| {
        json!({
            "Namespace": "Holdfast", "MetricName": name, "Statistic": "Average",
            "Dimensions": [{ "Name": dimension, "Value": "acme-drops-prod" }],
        })
    };
    let emf = metric("scale-emf", "server: { telemetry: emf }\n");
    assert_eq!(emf, own("Connections", "Service"));
    let otlp = metric("scale-otlp", "server: { telemetry: otlp }\n");
    assert_eq!(otlp, own("holdfast_connections", "service.name"));
    // Where CloudWatch does not have it, the load balancer counts.
    let remote =
        format!("server: {{ telemetry: otlp }}\nmetrics: {{ remote_write: '{REMOTE}' }}\n");
    for (test, more) in [
        ("scale-prometheus", ""),
        ("scale-remote", &remote),
        (
            "scale-elsewhere",
            "server: { telemetry: otlp, otlp_endpoint: 'http://collector.internal:4318' }\n",
        ),
    ] {
        let found = metric(test, more).to_string();
        assert!(found.contains("ActiveConnectionCount"), "{test}: {found}");
    }
}

#[test]
fn a_task_may_ask_not_to_be_stopped_where_the_service_scales() {
    let scaled = resources(&environment("scaled", ""));
    let permissions = actions(&scaled);
    assert!(
        permissions.contains("ecs:UpdateTaskProtection"),
        "{permissions}"
    );
    assert_eq!(variable(&containers(&scaled)[0], "PEAK_DELIVERIES"), "1000");
    let fixed = resources(&environment(
        "fixed",
        "service: { tasks: { min: 2, max: 2 } }\n",
    ));
    assert_eq!(actions(&fixed), "[]");
    assert_eq!(variable(&containers(&fixed)[0], "PEAK_DELIVERIES"), "none");
}

#[test]
fn linters_accept_each_way() {
    let remote =
        format!("server: {{ telemetry: otlp }}\nmetrics: {{ remote_write: '{REMOTE}' }}\n");
    let ways = [
        "server: { telemetry: otlp }\nmetrics: { fetched_from: 10.0.0.0/16 }\n",
        &remote,
        "metrics: { fetched_from: sg-0f1e2d3c4b5a69788 }\n",
    ];
    let ways = ways.iter().enumerate().map(|(number, more)| {
        let directory = environment(&format!("lint-{number}"), more);
        let run = deployer(&directory, &["render", "--env", "prod", "--format", "json"]);
        assert_eq!(run.code, 0, "{run}");
        let path = directory.join("rendered.json");
        write(&path, &run.stdout);
        path
    });
    lint::accepted(&ways.collect::<Vec<_>>());
}

#[test]
fn mistakes_are_named() {
    for (number, (more, expected)) in [
        (
            "metrics: { fetched_from: everyone }\n",
            "a security group or a range",
        ),
        (
            "metrics: { fetched_from: 0.0.0.0/0 }\n",
            "a security group or a range",
        ),
        (
            "metrics: { fetched_from: 10.0.0.0/33 }\n",
            "a security group or a range",
        ),
        (
            "server: { telemetry: otlp }\nmetrics: { remote_write: 'http://user:x@prom' }\n",
            "a URL such as https://aps-workspaces",
        ),
        (
            &format!("metrics: {{ remote_write: '{REMOTE}' }}\n"),
            "`remote_write` is of a collector, and the tasks have none",
        ),
        (
            "server: { telemetry: otlp, otlp_endpoint: 'grpc://collector:4317' }\n",
            "a URL such as http://collector.internal:4318",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let directory = environment(&format!("mistake-{number}"), more);
        let run = deployer(&directory, &["render", "--env", "prod"]);
        assert_ne!(run.code, 0, "{run}");
        assert!(run.stderr.contains(expected), "{run}");
    }
}
