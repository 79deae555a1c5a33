//! A stack that is named by hand: which one, and where.

use std::path::Path;
use std::process::{Command, Output};

use super::directory;

/// Runs the binary with nothing around it that names a region.
fn without_region(home: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_deployer"))
        .args(args)
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .expect("the binary runs")
}

#[test]
fn without_a_region_it_is_said_how_to_name_one() {
    let home = directory("stack-named-region");
    for verb in ["status", "logs", "rollback", "down", "check"] {
        let output = without_region(&home, &[verb, "--stack", "x"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{verb}: {said}");
        assert_eq!(
            said, "error: no region is set: give --region or set AWS_REGION\n",
            "{verb}"
        );
    }
}

#[test]
fn without_a_stack_it_is_said_how_to_name_one() {
    let home = directory("stack-named-nothing");
    for verb in ["status", "logs", "rollback", "down"] {
        let output = without_region(&home, &[verb]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{verb}: {said}");
        assert!(
            said.contains("<--env <NAME>|--stack <NAME>>"),
            "{verb}: {said}"
        );
    }
}
