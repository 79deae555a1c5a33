//! Whatever stands where in a plan or in the manifest of a `cdk.out`: it is read or refused, and
//! nothing panics. Each value of the seeds of the fuzz targets is one of another kind, one at a time.

use std::path::Path;

use deployer::linked_stacks::{self, Given};
use deployer::reading::{Flags, read, read_terraform};
use deployer::report::Report;
use deployer::terraform::parse;
use serde_json::{Value, json};

use crate::{directory, project, write};

fn seeds(kind: &str) -> Vec<String> {
    let folder = project().join("fuzz/template/seeds").join(kind);
    let entries = std::fs::read_dir(folder).expect("the seeds are there");
    let paths = entries.map(|entry| entry.expect("it can be read").path());
    let texts = paths.map(|path| std::fs::read_to_string(path).expect("it is text"));
    texts.collect()
}

/// The pointers to all values.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    let mut below = |step: &str, value: &Value| {
        let step = step.replace('~', "~0").replace('/', "~1");
        pointers(value, &format!("{at}/{step}"), all);
    };
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                below(key, value);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                below(&index.to_string(), item);
            }
        }
        _ => {}
    }
}

/// The document with each value replaced by each of some others.
fn changed(document: &Value) -> impl Iterator<Item = Value> {
    let others = [
        json!(null),
        json!(-1),
        json!("["),
        json!({}),
        json!([[], {}, "a.b[\"c", null]),
    ];
    let mut all = Vec::new();
    pointers(document, "", &mut all);
    all.into_iter().flat_map(move |pointer| {
        let change = move |other: Value| {
            let mut changed = document.clone();
            *changed.pointer_mut(&pointer).expect("it is there") = other;
            changed
        };
        others.clone().map(change)
    })
}

#[test]
fn a_plan_of_any_values_is_read_or_refused() {
    let (mut read, mut refused) = (0, 0);
    for seed in seeds("plans") {
        let document: Value = serde_json::from_str(&seed).expect("a plan");
        for plan in changed(&document) {
            let parsed = parse("plan.json", &plan.to_string(), Path::new("/nowhere"));
            match parsed.and_then(|plan| read_terraform(&plan, &Flags::default())) {
                Ok(readings) => {
                    assert!(!Report::new(readings, &[]).text(false).is_empty());
                    read += 1;
                }
                Err(mistakes) => {
                    assert!(!mistakes.text(false).is_empty());
                    refused += 1;
                }
            }
        }
    }
    assert!(
        read > 1000 && refused > 10,
        "{read} read, {refused} refused"
    );
}

#[test]
fn a_manifest_of_any_values_is_read_or_refused() {
    let given = Given {
        parameters: &[],
        region: None,
    };
    let folder = directory("any-manifest");
    for seed in seeds("assemblies") {
        let files: Vec<_> = seed.split("\n%%\n").collect();
        let names = ["a.template.json", "b.template.json", "inner/manifest.json"];
        for (name, text) in names.iter().zip(&files[1..]) {
            write(&folder.join(name), text);
        }
        let manifest: Value = serde_json::from_str(files[0]).expect("a manifest");
        write(&folder.join("manifest.json"), files[0]);
        let whole = linked_stacks::read(std::slice::from_ref(&folder), &given).expect("it is read");
        assert!(read(&whole, &Flags::default()).is_ok());
        for manifest in changed(&manifest) {
            write(&folder.join("manifest.json"), &manifest.to_string());
            if let Err(mistakes) = linked_stacks::read(std::slice::from_ref(&folder), &given) {
                assert!(!mistakes.text(false).is_empty());
            }
        }
    }
}
