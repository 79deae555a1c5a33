//! How long a template of 500 resources, the most that CloudFormation takes, needs to be read and
//! rendered; beside it what cfn-lint needs for the same file, start-up included. Prints, and judges
//! nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark reports to whoever runs it"
)]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cloudformation::node::yaml;
use cloudformation::template::{Inputs, Template};

const RESOURCES: usize = 500;
const RUNS: usize = 21;

fn main() {
    let text = template();
    let rendered = median(|| {
        let template = Template::parse("bench.yaml", text.as_str()).expect("it is right");
        let rendered = template.render(&Inputs::default()).expect("it renders");
        assert_eq!(rendered.resources.len(), RESOURCES);
        yaml(&rendered.document()).len()
    });
    println!("template: {RESOURCES} resources, {} KiB", text.len() / 1024);
    println!(
        "deployer: {rendered:?} to read, render and write it (median of {RUNS} runs, in process)"
    );
    match lint(&text) {
        Some(lint) => {
            let ratio = lint.as_secs_f64() / rendered.as_secs_f64();
            println!("cfn-lint: {lint:?} to check it, {ratio:.0} times as long");
        }
        None => println!("cfn-lint: not installed (`make tools`)"),
    }
}

/// A template in which every resource uses what templates use: references, conditions, mappings,
/// strings.
fn template() -> String {
    let mut text = "Parameters:
  Stage: { Type: String, Default: prod }
  Owners: { Type: CommaDelimitedList, Default: 'one,two,three' }
Mappings:
  Stages: { prod: { Days: 30 }, dev: { Days: 1 } }
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
Resources:
"
    .to_owned();
    for number in 0..RESOURCES {
        write!(
            text,
            "  Queue{number}:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Sub '${{Stage}}-${{AWS::Region}}-{number}'
      MessageRetentionPeriod: !If [IsProd, 345600, 60]
      VisibilityTimeout: !FindInMap [Stages, !Ref Stage, Days]
      RedrivePolicy: !If
        - IsProd
        - {{ deadLetterTargetArn: !GetAtt Queue{}.Arn, maxReceiveCount: 5 }}
        - !Ref AWS::NoValue
      Tags:
        - {{ Key: owner, Value: !Select [1, !Ref Owners] }}
        - {{ Key: name, Value: !Join ['-', [!Ref Stage, queue, '{number}']] }}
",
            number.saturating_sub(1).max(usize::from(number == 0)),
        )
        .expect("memory is there");
    }
    // The first one would be the last of a cycle.
    text.replacen(
        "deadLetterTargetArn: !GetAtt Queue1.Arn",
        "deadLetterTargetArn: none",
        1,
    )
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

/// How long cfn-lint takes, where it is installed.
fn lint(text: &str) -> Option<Duration> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench.yaml");
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
