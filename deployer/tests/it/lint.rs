//! The template and what becomes of it pass the tools that others check CloudFormation with.

use std::path::PathBuf;
use std::process::Command;

use super::{deployer, directory, project, write};

/// The template as written, and as rendered for each environment.
fn templates(test: &str) -> Vec<PathBuf> {
    let directory = directory(test);
    let mut templates = vec![project().join("cloudformation/service.yaml")];
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

/// A tool that `make tools` installs.
fn tool(name: &str) -> Command {
    Command::new(project().join(".cache/cfn/bin").join(name))
}

#[test]
fn cfn_lint_accepts_them() {
    let output = tool("cfn-lint")
        .arg("--")
        .args(templates("cfn-lint"))
        .output()
        .expect("`make tools` installs it");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn cfn_lint_would_refuse_a_mistake() {
    let path = directory("cfn-lint-mistake").join("template.yaml");
    let text = std::fs::read_to_string(project().join("cloudformation/service.yaml"))
        .expect("it is there");
    write(&path, &text.replace("TargetType: ip\n", "TargetType: pi\n"));
    let output = tool("cfn-lint")
        .arg("--")
        .arg(&path)
        .output()
        .expect("`make tools` installs it");
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("'pi' is not one of"),
        "{output:?}"
    );
}

#[test]
fn checkov_accepts_them_and_each_exception_has_its_reason() {
    let mut checkov = tool("checkov");
    checkov.args([
        "--framework",
        "cloudformation",
        "--skip-download",
        "--compact",
        "--output",
        "json",
    ]);
    for template in templates("checkov") {
        checkov.arg("--file").arg(template);
    }
    let output = checkov.output().expect("`make tools` installs it");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it writes JSON");
    let results = &report["results"];
    let list = |kind: &str| results[kind].as_array().cloned().unwrap_or_default();
    assert!(
        list("failed_checks").is_empty() && list("parsing_errors").is_empty(),
        "{results:#}"
    );
    assert!(
        list("passed_checks").len() > 100,
        "seven templates were looked at"
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
