//! Any manifest and any templates, read as a `cdk.out`: no panic, bounded time and memory.
//!
//! The files are in one text, with lines of `%%` between them: the manifest, two templates, and the
//! manifest of an assembly within.

#![no_main]

use std::fs;
use std::path::{Path, PathBuf};

use deployer::linked_stacks::{self, Given};
use deployer::reading::{Flags, read};
use deployer::report::Report;
use libfuzzer_sys::fuzz_target;

const FILES: [&str; 4] = [
    "manifest.json",
    "a.template.json",
    "b.template.json",
    "inner/manifest.json",
];

/// A folder of this process, in that for temporary files.
fn folder() -> PathBuf {
    let name = format!("fuzz-assembly-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir_all(folder.join("inner")).expect("a folder for the files");
    folder
}

fn write(folder: &Path, text: &str) {
    let mut parts = text.split("\n%%\n");
    for file in FILES {
        let part = parts.next().unwrap_or_default();
        fs::write(folder.join(file), part).expect("a file of the assembly");
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let folder = folder();
    write(&folder, text);
    let given = Given {
        parameters: &[],
        region: None,
    };
    match linked_stacks::read(&[folder], &given) {
        Err(mistakes) => assert!(
            !mistakes.text(false).is_empty(),
            "a refusal says what is wrong"
        ),
        Ok(rendered) => {
            if let Ok(readings) = read(&rendered, &Flags::default()) {
                assert!(!Report::new(readings, &[]).text(false).is_empty());
            }
        }
    }
});
