//! How long `check` takes for a template of 500 resources and for a plan of 5 MB: to read, render
//! and check it, and to write the report. Beside it what cfn-lint needs for the same file, start-up included. Prints,
//! and judges nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark reports to whoever runs it"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cloudformation::template::{Inputs, Template};
use deployer::reading::{Flags, read, read_terraform};
use deployer::report::Report;
use serde_json::{Value, json};

const SOUND: &str = include_str!("../tests/it/templates/sound.yaml");
const RESOURCES: usize = 500;
const RUNS: usize = 21;

fn main() {
    let text = template();
    let check = || {
        let template = Template::parse("bench.yaml", text.as_str()).expect("it is right");
        let rendered = template.render(&Inputs::default()).expect("it renders");
        assert_eq!(rendered.resources.len(), RESOURCES);
        let report = Report::new(
            read(&rendered, &Flags::default()).expect("it has a service"),
            &[],
        );
        report.text(false).len()
    };
    let ours = median(check);
    println!(
        "check: {ours:?} for {RESOURCES} resources, {} KiB (median of {RUNS} runs, in process)",
        text.len() / 1024
    );
    let plan = plan();
    let checked = || {
        let plan = deployer::terraform::parse("plan.json", &plan, Path::new("no-folder"));
        let plan = plan.expect("it is a plan");
        let readings = read_terraform(&plan, &Flags::default()).expect("it has a service");
        Report::new(readings, &[]).text(false).len()
    };
    println!(
        "check --terraform: {:?} for {} KiB (median of {RUNS} runs, in process)",
        median(checked),
        plan.len() / 1024
    );
    match lint(&text) {
        Some(lint) => println!(
            "cfn-lint: {lint:?}, {:.0} times as long",
            lint.as_secs_f64() / ours.as_secs_f64()
        ),
        None => println!("cfn-lint: not installed (`make tools`)"),
    }
}

fn median(run: impl Fn() -> usize) -> Duration {
    let mut times: Vec<_> = (0..RUNS)
        .map(|_| {
            let start = Instant::now();
            assert!(std::hint::black_box(run()) > 0);
            start.elapsed()
        })
        .collect();
    times.sort();
    times[RUNS / 2]
}

/// A plan of 5 MB: a load balancer, a target group and a service among many other resources.
fn plan() -> String {
    let resource = |kind: &str, name: &str, values: Value| {
        json!({ "address": format!("{kind}.{name}"), "mode": "managed", "type": kind, "name": name,
            "values": values })
    };
    let mut resources = vec![
        resource(
            "aws_lb",
            "front",
            json!({ "idle_timeout": 60, "arn": "arn:aws:lb" }),
        ),
        resource(
            "aws_lb_target_group",
            "chat",
            json!({ "protocol": "HTTP", "arn": "arn:aws:tg" }),
        ),
        resource(
            "aws_ecs_service",
            "chat",
            json!({ "name": "chat", "load_balancer": [{ "target_group_arn": "arn:aws:tg" }] }),
        ),
    ];
    let words = "a value that fills the plan as those of real resources do ".repeat(8);
    for number in 0..7_000 {
        let values = json!({ "name": format!("queue-{number}"), "policy": words });
        resources.push(resource("aws_sqs_queue", &format!("q{number}"), values));
    }
    let plan = json!({ "format_version": "1.2", "planned_values": { "root_module": {
        "resources": resources } } });
    plan.to_string()
}

/// The sound template among queues, so that the service must be found.
fn template() -> String {
    let mut text = SOUND.to_owned();
    let has = SOUND.matches("\n    Type: AWS::").count();
    for number in has..RESOURCES {
        write!(
            text,
            "  Queue{number}:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: !Sub \
             '${{AWS::StackName}}-{number}'\n      VisibilityTimeout: 30\n      Tags: [{{ Key: \
             cluster, Value: !Ref Cluster }}]\n"
        )
        .expect("memory is there");
    }
    text
}

/// How long cfn-lint takes, where it is installed.
fn lint(text: &str) -> Option<Duration> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-check.yaml");
    std::fs::write(&path, text).expect("it can be written");
    let start = Instant::now();
    let output = Command::new(project.join(".cache/cfn/bin/cfn-lint"))
        .arg("--")
        .arg(path)
        .output()
        .ok()?;
    assert!(
        !output.stdout.is_empty() || output.status.success(),
        "it looked at the template"
    );
    Some(start.elapsed())
}
