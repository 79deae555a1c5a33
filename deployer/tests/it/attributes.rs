//! The attribute keys that AWS knows: those of the SDK's own documentation, which is made of AWS's
//! service model, are none of them unknown here.

use std::path::PathBuf;
use std::process::Command;

use regex_lite::Regex;
use serde_json::Value;
use timeouts::{Place, Reading, Setting};

use super::project;

/// A source file of the SDK's crate for load balancers.
fn source(file: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--locked"])
        .current_dir(project())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("it writes JSON");
    let mut packages = metadata["packages"].as_array().expect("packages").iter();
    let package = packages.find(|one| one["name"] == "aws-sdk-elasticloadbalancingv2");
    let manifest = package.expect("the crate")["manifest_path"].as_str();
    let path = PathBuf::from(manifest.expect("a path")).with_file_name("src/types");
    std::fs::read_to_string(path.join(file)).expect("it is there")
}

#[test]
fn every_key_of_the_service_model_is_known() {
    let key = Regex::new(r"<p><code>([a-z0-9_]+(?:\.[a-z0-9_]+)+)</code> - ").expect("a pattern");
    let files = [
        (
            "_load_balancer_attribute.rs",
            Setting::LoadBalancerAttribute,
        ),
        ("_target_group_attribute.rs", Setting::TargetGroupAttribute),
    ];
    for (file, setting) in files {
        let text = source(file);
        let keys: Vec<_> = key
            .captures_iter(&text)
            .map(|found| found[1].to_owned())
            .collect();
        assert!(keys.len() > 20, "{file}: {keys:?}");
        for key in keys {
            let mut reading = Reading::new("t");
            reading.see(setting, key.as_str(), Place::file("t.yaml", 1, 1));
            let report = timeouts::check(&reading);
            let findings = report.findings.iter();
            let unknown = findings.filter(|finding| finding.rule.name == "unknown-attribute");
            assert_eq!(unknown.count(), 0, "{key}");
        }
    }
}
