//! `deployer check` and `explain` as they are typed: exit codes, what is written where, each
//! format.

use std::path::{Path, PathBuf};

use crate::{Run, directory, project};

const SOUND: &str = include_str!("templates/sound.yaml");

fn deployer(arguments: &[&str]) -> Run {
    crate::deployer(&project(), arguments)
}

fn json(run: &Run) -> serde_json::Value {
    serde_json::from_str(&run.stdout).expect("one JSON document")
}

/// A file in a directory of its own.
fn file(test: &str, name: &str, text: &str) -> PathBuf {
    let path = directory(test).join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

/// An environment like the shipped production, with some lines more or other.
fn environment(test: &str, more: &str) -> String {
    let path = file(test, "prod.yaml", &format!("extends: base\n{more}"));
    for (from, to) in [
        ("defaults.yaml", "defaults.yaml"),
        ("prod.yaml", "base.yaml"),
    ] {
        std::fs::copy(
            project().join("environments").join(from),
            path.with_file_name(to),
        )
        .expect("a copy");
    }
    path.display().to_string()
}

#[test]
fn shipped_environments_have_no_finding() {
    for name in ["local", "staging", "prod"] {
        let output = deployer(&["check", "--env", name, "--output", "json"]);
        assert_eq!(output.code, 0, "{name}: {}", output.stderr);
        assert_eq!(json(&output)["findings"], serde_json::json!([]), "{name}");
    }
}

/// What the template says of a store of its own is all that the rules ask of one; the rest only AWS
/// or a person knows.
#[test]
fn every_rule_about_the_stacks_own_store_is_seen() {
    let checked = json(&deployer(&["check", "--env", "prod", "--output", "json"]));
    let not_seen = checked["not_seen"].as_array().expect("a list");
    let rules: Vec<_> = not_seen.iter().map(|item| &item["rule"]).collect();
    assert_eq!(
        rules,
        [
            "grace-period-too-short",
            "task-zones-outside-balancer",
            "upgrade-timeout-above-idle-timeout"
        ]
    );
}

#[test]
fn a_store_without_a_replica_is_warned_of() {
    let path = environment("replica", "store: { redis: { replicas: 0 } }\n");
    let output = deployer(&["check", "--env", &path, "--output", "json"]);
    let findings = json(&output)["findings"].clone();
    let rules: Vec<_> = findings
        .as_array()
        .expect("a list")
        .iter()
        .map(|finding| &finding["rule"])
        .collect();
    assert_eq!(
        (output.code, rules),
        (0, vec![&serde_json::json!("store-loses-on-failover")])
    );
}

#[test]
fn a_finding_marks_the_line_of_the_environment_file() {
    let path = environment("marks", "load_balancer:\n  idle_timeout: 60s\n");
    let output = deployer(&["check", "--env", &path]);
    assert_eq!(output.code, 1);
    let first = output.stdout.split("\n\n").next().unwrap_or_default();
    // Where the template stands in its file is not what this is about.
    let place = regex_lite::Regex::new(r"service\.yaml:\d+:\d+").expect("a pattern");
    let text = place
        .replace(first, "service.yaml:…")
        .replace(&path, "prod.yaml");
    let folder = Path::new(&path)
        .parent()
        .expect("a directory")
        .display()
        .to_string();
    insta::assert_snapshot!(text.replace(&folder, "."));
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
    // What shows it beside the lines of a repository knows the file from the root on.
    let inside = "target/tmp/formats/prod.yaml";
    assert_eq!(location["artifactLocation"]["uri"], inside);
    assert_eq!(location["region"]["startLine"], 3);

    let annotations = with("github").stdout;
    let lines: Vec<_> = annotations.lines().collect();
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with(&format!(
            "::error file={inside},line=3,col=17,title={}::",
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
            "load_balancer:\n  deregistration_delay: 5s\nignore:\n  - {{ rule: {rule}, reason: \
             short requests alone }}\n"
        )
    };
    let path = environment("ignored", &ignore("deregistration-delay-too-short"));
    let output = deployer(&["check", "--env", &path]);
    assert_eq!(output.code, 0);
    assert!(output.stdout.contains(
        "ignored[deregistration-delay-too-short]: open connections are \
                                    broken as soon as a task is deregistered (short requests \
                                    alone)"
    ));

    let path = environment("misspelt", &ignore("deregistration-delay-to-short"));
    let output = deployer(&["check", "--env", &path]);
    assert_eq!(output.code, 2);
    assert!(
        output
            .stderr
            .contains("did you mean `deregistration-delay-too-short`?"),
        "{}",
        output.stderr
    );

    let path = environment("unreasoned", "ignore: [{ rule: no-tls }]\n");
    let output = deployer(&["check", "--env", &path]);
    assert_eq!(output.code, 2);
    assert!(
        output.stderr.contains("`reason` is missing"),
        "{}",
        output.stderr
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
    assert_eq!(sound.code, 0, "{}", sound.stdout);
    let quiet = deployer(&["check", "--template", &template, "--ping-interval", "2m"]);
    assert_eq!(quiet.code, 1);
    assert!(
        quiet
            .stdout
            .contains("server.ping_interval = 120s, the flag --ping-interval"),
        "{}",
        quiet.stdout
    );
    // Without the flags those rules are not seen, which is not fine for whoever is strict.
    let unseen = deployer(&["check", "--template", &template]);
    assert_eq!(unseen.code, 0);
    assert!(
        unseen
            .stdout
            .contains("idle-timeout-not-above-ping-interval (server.ping_interval)"),
        "{}",
        unseen.stdout
    );
    assert_eq!(
        deployer(&["check", "--template", &template, "--strict"]).code,
        1
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
        "  Other:\n    Type: AWS::ECS::Service\n    Properties:\n      LoadBalancers: [{ \
         ContainerName: app, ContainerPort: 1, TargetGroupArn: !Ref Targets }]\n  Cluster:\n",
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
        (
            &["check", "--template", &empty],
            "no Application Load Balancer and no ECS service",
        ),
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
            "expected a duration with a unit",
        ),
    ];
    for (arguments, message) in cases {
        let output = deployer(arguments);
        assert_eq!(output.code, 2, "{arguments:?}");
        assert!(
            output.stderr.contains(message),
            "{arguments:?}: {}",
            output.stderr
        );
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn explain_lists_and_pages() {
    let list = deployer(&["explain"]);
    assert_eq!(list.code, 0);
    assert_eq!(list.stdout, timeouts::explain::list());
    for rule in timeouts::RULES {
        assert_eq!(deployer(&["explain", rule.name]).stdout, rule.page());
    }
    assert_eq!(deployer(&["explain", "no-such-rule"]).code, 2);
    assert_eq!(
        json(&deployer(&["explain", "no-tls", "--output", "json"]))["name"],
        "no-tls"
    );
}

/// The schema of OASIS, as the package `@microsoft/jest-sarif` has it (MIT).
const SARIF: &str = "deployer/tests/it/schemas/sarif-2.1.0.json";
/// Prints what is wrong with a document, by a validator that the tests' Python has.
const VALIDATE: &str = "import json, sys, jsonschema_rs
# Two patterns of the published schema are no expressions: a bracket is closed twice.
schema = json.loads(open(sys.argv[1]).read().replace('{2}]?$', '{2}$'))
for error in jsonschema_rs.validator_for(schema).iter_errors(json.load(sys.stdin)):
    print(error.message, error.instance_path)";

fn assert_sarif(run: &Run) -> serde_json::Value {
    use std::io::Write as _;
    let document = json(run);
    let mut process = std::process::Command::new(project().join(".cache/venv/bin/python"))
        .args(["-c", VALIDATE, SARIF])
        .current_dir(project())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("`make tools` installs it");
    let mut input = process.stdin.take().expect("a pipe");
    input.write_all(run.stdout.as_bytes()).expect("it reads");
    drop(input);
    let output = process.wait_with_output().expect("it ends");
    let wrong = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && wrong.is_empty(), "{wrong}");
    document
}

/// Findings, ignored ones, and mistakes after which nothing could be checked.
#[test]
fn every_sarif_document_is_valid() {
    let path = environment("sarif", "load_balancer:\n  idle_timeout: 60s\n");
    let sarif = ["--format", "sarif"];
    let found = deployer(&[&["check", "--env", &path][..], &sarif].concat());
    assert_eq!(found.code, 1);
    assert!(assert_sarif(&found)["runs"][0]["results"][0].is_object());
    let ignore = ["--ignore", "idle-timeout-not-above-ping-interval"];
    assert_sarif(&deployer(
        &[&["check", "--env", &path][..], &sarif, &ignore].concat(),
    ));

    let odd = file(
        "sarif odd ü",
        "a b#%.yaml",
        &SOUND.replace("\"120\"", "\"5000\""),
    );
    let odd = odd.display().to_string();
    let document = assert_sarif(&deployer(
        &[&["check", "--template", &odd][..], &sarif].concat(),
    ));
    let location = &document["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
    let uri = location["artifactLocation"]["uri"].as_str().expect("a URI");
    assert_eq!(uri, "target/tmp/sarif%20odd%20%C3%BC/a%20b%23%25.yaml");
}

/// A program that asked for a document gets one, whatever went wrong.
#[test]
fn every_format_has_a_document_when_the_check_could_not_run() {
    let wrong = file("documents", "wrong.yaml", "Resources:\n  A: { Tpe: x }\n");
    let wrong = wrong.display().to_string();
    let with = |format| deployer(&["check", "--template", &wrong, "--format", format]);
    let sarif = with("sarif");
    assert_eq!(sarif.code, 2);
    let document = assert_sarif(&sarif);
    assert_eq!(
        document["runs"][0]["invocations"][0]["executionSuccessful"],
        false
    );
    assert_eq!(document["runs"][0]["results"][0]["ruleId"], "mistake");
    let document = json(&with("json"));
    assert_eq!(
        (&document["type"], &document["schema"]),
        (&"error".into(), &1.into())
    );
    assert_eq!(document["mistakes"][0]["line"], 2);
    let github = with("github").stdout;
    assert!(
        github.starts_with("::error file=target/tmp/documents/wrong.yaml,line=2,"),
        "{github}"
    );
    let missing = deployer(&["check", "--template", "no-such.yaml", "--format", "sarif"]);
    assert_sarif(&missing);
}
