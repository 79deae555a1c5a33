//! Any text, read as a plan or a state of Terraform: no panic, bounded time and memory.

#![no_main]

use std::path::Path;

use deployer::reading::{Flags, read_terraform};
use deployer::report::Report;
use deployer::terraform;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    match terraform::parse("fuzz.json", text, Path::new("no-such-folder")) {
        Err(mistakes) => assert!(
            !mistakes.text(false).is_empty(),
            "a refusal says what is wrong"
        ),
        // Whatever a plan holds, it can be checked, or there is nothing in it to check.
        Ok(plan) => {
            if let Ok(readings) = read_terraform(&plan, &Flags::default()) {
                assert!(!Report::new(readings, &[]).text(false).is_empty());
            }
        }
    }
});
