//! The scripts by which the hook and the action of the repository run `check`.

use std::path::Path;
use std::process::{Command, Output};

use crate::{directory, write};

const TEMPLATE: &str = "Resources:\n  Lb:\n    Type: AWS::ElasticLoadBalancingV2::LoadBalancer\n    \
                        Properties:\n      Subnets: [subnet-a, subnet-b]\n      \
                        LoadBalancerAttributes: [{ Key: idle_timeout.timeout_seconds, Value: 10 }]\n";

fn script(directory: &Path, name: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tools");
    let mut command = Command::new(tools.join(name));
    command
        .current_dir(directory)
        .env("DEPLOYER", env!("CARGO_BIN_EXE_deployer"))
        .envs(variables.iter().copied())
        .args(arguments);
    command.output().unwrap()
}

#[test]
fn the_hook_takes_flags_before_two_dashes_and_no_others() {
    let directory = directory("script-each");
    write(&directory.join("t.yaml"), TEMPLATE);
    write(&directory.join("other.yaml"), "kind: none of ours\n");
    let server = ["--server", "socketio-node"];
    let files = ["t.yaml", "other.yaml"];
    let run = |arguments: &[&str]| script(&directory, "check-each", arguments, &[]);
    let checked = run(&[&server[..], &["--"], &files].concat());
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let forgotten = run(&[&server[..], &files].concat());
    assert_eq!(forgotten.status.code(), Some(2), "{forgotten:?}");
    assert!(String::from_utf8_lossy(&forgotten.stderr).contains("put `--` between"));
    assert_eq!(run(&files[1..]).status.code(), Some(0));
}

#[test]
fn the_action_writes_a_document_or_none() {
    let directory = directory("script-action");
    write(&directory.join("t.yaml"), TEMPLATE);
    let run = |server| {
        let variables = [
            ("TEMPLATES", "t.yaml"),
            ("SERVER", server),
            ("SARIF", "new/x.sarif"),
        ];
        script(&directory, "check-action", &[], &variables)
    };
    let report = directory.join("new/x.sarif");
    let checked = run("socketio-node");
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let document = std::fs::read_to_string(&report).unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert!(
        !document["runs"][0]["results"]
            .as_array()
            .unwrap()
            .is_empty()
    );
    let wrong = run("nonsense");
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(!report.exists());
}
