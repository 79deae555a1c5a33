//! `deployer check` and `explain` as they are typed: exit codes, what is written where, each format.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SOUND: &str = include_str!("templates/sound.yaml");

fn deployer(arguments: &[&str]) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Command::new(env!("CARGO_BIN_EXE_deployer"))
        .args(arguments)
        .current_dir(root)
        .output()
        .expect("the deployer runs")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("one JSON document")
}

/// A file in a folder of its own.
fn file(folder: &str, name: &str, text: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

/// An environment like the shipped production, with some lines more or other.
fn environment(folder: &str, more: &str) -> String {
    let environments = Path::new(env!("CARGO_MANIFEST_DIR")).join("../environments");
    let defaults =
        std::fs::read_to_string(environments.join("defaults.yaml")).expect("the defaults");
    file(folder, "defaults.yaml", &defaults);
    let prod = environments.join("prod.yaml");
    file(
        folder,
        "base.yaml",
        &std::fs::read_to_string(prod).expect("an environment"),
    );
    file(folder, "prod.yaml", &format!("extends: base\n{more}"))
        .display()
        .to_string()
}

#[test]
fn shipped_environments_have_no_finding() {
    for name in ["local", "staging", "prod"] {
        let output = deployer(&["check", "--env", name, "--output", "json"]);
        assert_eq!(output.status.code(), Some(0), "{name}: {}", stderr(&output));
        assert_eq!(json(&output)["findings"], serde_json::json!([]), "{name}");
    }
}

#[test]
fn a_finding_marks_the_line_of_the_environment_file() {
    let path = environment("marks", "load_balancer:\n  idle_timeout: 60s\n");
    let output = deployer(&["check", "--env", &path]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output).replace(&path, "prod.yaml");
    let folder = Path::new(&path)
        .parent()
        .expect("a folder")
        .display()
        .to_string();
    let text = text.replace(&folder, ".");
    insta::assert_snapshot!(text.split("not seen, so").next().unwrap_or_default());
}

#[test]
fn every_format_says_the_same() {
    let path = environment("formats", "load_balancer:\n  idle_timeout: 60s\n");
    let with = |format: &str| deployer(&["check", "--env", &path, "--format", format]);
    let rules = |findings: &serde_json::Value, key: &str| {
        findings
            .as_array()
            .expect("a list")
            .iter()
            .map(|finding| finding[key].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let document = json(&with("json"));
    assert_eq!(document["schema"], 1);
    let expected = rules(&document["findings"], "rule");
    assert_eq!(
        expected,
        [
            "idle-timeout-not-above-ping-interval",
            "idle-timeout-below-ping-timeout"
        ]
    );
    let places = &document["findings"][0]["settings"][0]["places"];
    assert_eq!(
        (&places[0]["file"], &places[0]["line"]),
        (&serde_json::json!(path), &serde_json::json!(3))
    );

    let sarif = json(&with("sarif"));
    assert_eq!(sarif["version"], "2.1.0");
    let results = &sarif["runs"][0]["results"];
    assert_eq!(rules(results, "ruleId"), expected);
    let location = &results[0]["locations"][0]["physicalLocation"];
    assert_eq!(location["artifactLocation"]["uri"], serde_json::json!(path));
    assert_eq!(location["region"]["startLine"], 3);

    let annotations = stdout(&with("github"));
    let lines: Vec<_> = annotations.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with(&format!(
            "::error file={path},line=3,col=17,title={}::",
            expected[0]
        )),
        "{annotations}"
    );
    assert!(lines[1].starts_with("::warning file="), "{annotations}");
}

#[test]
fn a_rule_is_ignored_with_a_reason() {
    let ignore = |rule: &str| {
        format!(
            "load_balancer:\n  deregistration_delay: 5s\nignore:\n  - {{ rule: {rule}, reason: short requests alone }}\n"
        )
    };
    let path = environment("ignored", &ignore("deregistration-delay-too-short"));
    let output = deployer(&["check", "--env", &path]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("ignored[deregistration-delay-too-short]: open connections are broken as soon as a task is deregistered (short requests alone)"));

    let path = environment("misspelt", &ignore("deregistration-delay-to-short"));
    let output = deployer(&["check", "--env", &path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("did you mean `deregistration-delay-too-short`?"),
        "{}",
        stderr(&output)
    );

    let path = environment("unreasoned", "ignore: [{ rule: no-tls }]\n");
    let output = deployer(&["check", "--env", &path]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("`reason` is missing"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn anyones_template_is_checked_with_the_server_given_by_flags() {
    let template = file("anyone", "sound.yaml", SOUND).display().to_string();
    let server = [
        "--ping-interval",
        "25s",
        "--ping-timeout",
        "20s",
        "--keep-alive",
        "130s",
        "--transports",
        "polling,websocket",
    ];
    let sound = deployer(&[&["check", "--template", &template], &server[..]].concat());
    assert_eq!(sound.status.code(), Some(0), "{}", stdout(&sound));
    let quiet = deployer(&["check", "--template", &template, "--ping-interval", "2m"]);
    assert_eq!(quiet.status.code(), Some(1));
    assert!(
        stdout(&quiet).contains("server.ping_interval = 120s, the flag --ping-interval"),
        "{}",
        stdout(&quiet)
    );
    // Without the flags those rules are not seen, which is not fine for whoever is strict.
    let unseen = deployer(&["check", "--template", &template]);
    assert_eq!(unseen.status.code(), Some(0));
    assert!(
        stdout(&unseen).contains("idle-timeout-not-above-ping-interval (server.ping_interval)"),
        "{}",
        stdout(&unseen)
    );
    assert_eq!(
        deployer(&["check", "--template", &template, "--strict"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn what_cannot_be_checked_is_refused() {
    let empty = file(
        "empty",
        "queue.yaml",
        "Resources:\n  Queue: { Type: AWS::SQS::Queue }\n",
    )
    .display()
    .to_string();
    let second = SOUND.replace(
        "  Cluster:\n",
        "  Other:\n    Type: AWS::ECS::Service\n    Properties:\n      LoadBalancers: [{ ContainerName: app, ContainerPort: 1, TargetGroupArn: !Ref Targets }]\n  Cluster:\n",
    );
    let several = file("several", "two.yaml", &second).display().to_string();
    let cases: [(&[&str], &str); 6] = [
        (
            &["check", "--template", &several, "--drain", "5s"],
            "say which with --service: Other, Service",
        ),
        (
            &[
                "check",
                "--template",
                &several,
                "--drain",
                "5s",
                "--service",
                "Othr",
            ],
            "did you mean `Other`?",
        ),
        (&["check", "--template", &empty], "no target group"),
        (
            &["check", "--env", "prod", "--ignore", "no-tsl"],
            "did you mean `no-tls`?",
        ),
        (
            &["check", "--env", "prod", "--transports", "carrier-pigeon"],
            "neither polling nor websocket",
        ),
        (
            &["check", "--env", "prod", "--ping-interval", "25"],
            "time unit needed",
        ),
    ];
    for (arguments, message) in cases {
        let output = deployer(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(
            stderr(&output).contains(message),
            "{arguments:?}: {}",
            stderr(&output)
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn explain_lists_and_pages() {
    let list = deployer(&["explain"]);
    assert_eq!(list.status.code(), Some(0));
    assert_eq!(stdout(&list), timeouts::explain::list());
    for rule in timeouts::RULES {
        assert_eq!(stdout(&deployer(&["explain", rule.name])), rule.page());
    }
    assert_eq!(
        deployer(&["explain", "no-such-rule"]).status.code(),
        Some(2)
    );
    assert_eq!(
        json(&deployer(&["explain", "no-tls", "--output", "json"]))["name"],
        "no-tls"
    );
}
