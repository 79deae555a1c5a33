//! Generated pages are what their sources say, and links lead somewhere.

use std::fs;

use super::{deployer, root};

/// The README may be this long.
const README_BYTES: usize = 10 * 1024;

#[test]
fn generated_pages_are_up_to_date() {
    let mistakes = xtask::docs::check(root(), &deployer()).expect("sources can be read");
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let mistakes = xtask::links::check(root()).expect("pages can be read");
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_server_writes_the_log_lines_that_the_book_names() {
    let mistakes = xtask::log_lines::check(root()).expect("pages can be read");
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_runbook_names_what_there_is() {
    let mistakes = xtask::runbook::check(root()).expect("pages can be read");
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn the_readme_is_short() {
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    assert!(readme.len() <= README_BYTES, "{} bytes", readme.len());
}

#[test]
fn prose_wraps() {
    let mut long = Vec::new();
    for page in xtask::links::pages(root()).expect("pages can be read") {
        let text = fs::read_to_string(&page).expect("it is there");
        for (number, line) in xtask::links::prose(&text) {
            // Tables and headings cannot wrap, and neither can a link.
            let fixed = line.starts_with(['|', '#']) || line.contains("](");
            if !fixed && line.chars().count() > xtask::markdown::WIDTH {
                long.push(format!("{}:{number}", page.display()));
            }
        }
    }
    assert!(long.is_empty(), "too long:\n{}", long.join("\n"));
}
