//! Templates, what becomes of them, the Dockerfile and the workflows pass the tools that others
//! check them with; and each tool still finds a fault.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::{deployer, directory, project, write};

/// The templates as written, and the service's as rendered for each environment.
fn templates(test: &str) -> Vec<PathBuf> {
    let directory = directory(test);
    let mut templates = files("cloudformation", "yaml");
    assert_eq!(templates.len(), 3, "{templates:?}");
    for environment in ["local", "staging", "prod"] {
        for format in ["yaml", "json"] {
            let path = directory.join(format!("{environment}.{format}"));
            let run = deployer(
                &project(),
                &["render", "--env", environment, "--format", format],
            );
            assert_eq!(run.code, 0, "{run}");
            write(&path, &run.stdout);
            templates.push(path);
        }
    }
    templates
}

/// The files of one of the project's directories.
fn files(directory: &str, extension: &str) -> Vec<PathBuf> {
    let listed = std::fs::read_dir(project().join(directory)).expect("it is there");
    let paths = listed.map(|entry| entry.expect("it can be read").path());
    paths
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

/// One of the project's files with a fault, in a directory of the test's own.
fn faulty(test: &str, file: &str, from: &str, to: &str) -> PathBuf {
    let text = std::fs::read_to_string(project().join(file)).expect("it is there");
    assert!(text.contains(from), "{file} has no {from:?}");
    let path = directory(test).join(Path::new(file).file_name().expect("a file"));
    write(&path, &text.replacen(from, to, 1));
    path
}

/// Runs a tool that `make tools` installs.
fn lint(tool: &str, arguments: &[&str], files: &[PathBuf]) -> Output {
    Command::new(project().join(".cache/cfn/bin").join(tool))
        .args(arguments)
        .args(files)
        .output()
        .expect("`make tools` installs it")
}

/// A tool's exit code and all that it said.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    (
        output.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Fails unless the tool refuses the files, and for this reason.
fn refuses(tool: &str, arguments: &[&str], files: &[PathBuf], reason: &str) {
    let (code, text) = said(&lint(tool, arguments, files));
    assert_ne!(code, Some(0), "{tool} finds no fault: {text}");
    assert!(text.contains(reason), "{tool} says {text}");
}

#[test]
fn cfn_lint_accepts_the_templates() {
    let output = lint("cfn-lint", &["--"], &templates("cfn-lint"));
    assert_eq!(said(&output), (Some(0), String::new()));
}

#[test]
fn cfn_lint_would_refuse_a_mistake() {
    for (file, from, to, reason) in [
        (
            "service",
            "TargetType: ip\n",
            "TargetType: pi\n",
            "'pi' is not one of",
        ),
        (
            "repository",
            ": IMMUTABLE",
            ": FIXED",
            "'FIXED' is not one of",
        ),
        (
            "deploy-role",
            "!Ref Images\n",
            "!Ref Image\n",
            "'Image' is not one of",
        ),
    ] {
        let test = format!("cfn-lint-{file}");
        let path = faulty(&test, &format!("cloudformation/{file}.yaml"), from, to);
        refuses("cfn-lint", &["--"], &[path], reason);
    }
}

const CHECKOV: [&str; 6] = [
    "--framework",
    "cloudformation",
    "--skip-download",
    "--compact",
    "--output",
    "json",
];

/// Checkov's report on some templates.
fn checkov(templates: &[PathBuf]) -> serde_json::Value {
    let mut arguments = CHECKOV.to_vec();
    arguments.push("--file");
    let output = lint("checkov", &arguments, templates);
    serde_json::from_slice(&output.stdout).expect("it writes JSON")
}

/// Fails unless both tools accept these templates.
pub(crate) fn accepted(templates: &[PathBuf]) {
    let output = lint("cfn-lint", &["--"], templates);
    assert_eq!(said(&output), (Some(0), String::new()));
    let results = &checkov(templates)["results"];
    assert_eq!(results["failed_checks"], serde_json::json!([]));
    assert_eq!(results["parsing_errors"], serde_json::json!([]));
}

#[test]
fn checkov_accepts_the_templates_and_each_exception_has_its_reason() {
    let report = checkov(&templates("checkov"));
    let results = &report["results"];
    let list = |kind: &str| results[kind].as_array().cloned().unwrap_or_default();
    assert!(
        list("failed_checks").is_empty() && list("parsing_errors").is_empty(),
        "{results:#}"
    );
    assert!(
        list("passed_checks").len() > 200,
        "nine templates were looked at"
    );
    for skipped in list("skipped_checks") {
        let reason = skipped["check_result"]["suppress_comment"]
            .as_str()
            .unwrap_or_default();
        assert!(
            reason.len() > 20,
            "an exception without a reason: {skipped:#}"
        );
    }
}

#[test]
fn checkov_would_refuse_an_open_store() {
    let path = faulty(
        "checkov-mistake",
        "cloudformation/service.yaml",
        "TransitEncryptionEnabled: true",
        "TransitEncryptionEnabled: false",
    );
    let failed = checkov(&[path])["results"]["failed_checks"].to_string();
    assert!(failed.contains("CKV_AWS_30"), "{failed}");
}

#[test]
fn hadolint_accepts_the_dockerfiles() {
    let output = lint(
        "hadolint",
        &["--failure-threshold=style"],
        &["Dockerfile", "deployer/Dockerfile"].map(|name| project().join(name)),
    );
    assert_eq!(said(&output), (Some(0), String::new()));
}

#[test]
fn hadolint_would_refuse_a_mistake() {
    let path = faulty(
        "hadolint-mistake",
        "Dockerfile",
        ":1.95.0-slim-bookworm",
        "",
    );
    refuses("hadolint", &[], &[path], "DL3006");
    let path = faulty(
        "hadolint-shell",
        "Dockerfile",
        "[\"/server\"]\n",
        "/server\n",
    );
    refuses("hadolint", &[], &[path], "DL3025");
}

#[test]
fn actionlint_accepts_the_workflows() {
    let workflows = files(".github/workflows", "yml");
    assert_eq!(workflows.len(), 4, "{workflows:?}");
    assert_eq!(
        said(&lint("actionlint", &[], &workflows)),
        (Some(0), String::new())
    );
}

#[test]
fn actionlint_would_refuse_a_mistake() {
    let path = faulty(
        "actionlint-mistake",
        ".github/workflows/deploy.yml",
        "github.sha",
        "github.shaa",
    );
    refuses(
        "actionlint",
        &[],
        &[path],
        "property \"shaa\" is not defined",
    );
}

#[test]
fn workflows_take_actions_by_commit() {
    for path in files(".github/workflows", "yml") {
        let text = std::fs::read_to_string(&path).expect("it is there");
        for line in text.lines().filter(|line| line.contains("uses:")) {
            let (_, pinned) = line.split_once('@').expect("an action has a version");
            let (commit, version) = pinned
                .split_once(" # v")
                .expect("and says which release it is");
            assert!(
                commit.len() == 40
                    && commit.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && !version.is_empty(),
                "{}: {line}",
                path.display()
            );
        }
    }
}

#[test]
fn the_image_is_built_with_the_projects_rust() {
    let toolchain =
        std::fs::read_to_string(project().join("rust-toolchain.toml")).expect("it is there");
    let channel = toolchain.split('"').nth(1).expect("a channel");
    let dockerfile = std::fs::read_to_string(project().join("Dockerfile")).expect("it is there");
    let base = format!("FROM docker.io/library/rust:{channel}-slim-bookworm AS build");
    assert!(dockerfile.contains(&base), "the Dockerfile has no {base}");
}
