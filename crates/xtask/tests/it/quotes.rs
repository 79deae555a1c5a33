//! What the README and the book quote from `examples/` is what the files say.

use std::fs;

use regex_lite::Regex;

use super::root;

/// A text's lines without what they are indented by.
fn flat(text: &str) -> String {
    text.lines()
        .map(|line| line.trim_start().to_owned() + "\n")
        .collect()
}

#[test]
fn the_readme_quotes_its_plugin_from_the_examples() {
    let readme = fs::read_to_string(root().join("README.md")).expect("it is there");
    let (_, section) = readme
        .split_once("## A plugin\n")
        .expect("it has the section");
    let named = Regex::new(r"\]\((examples/[^)]+)\)").expect("a pattern");
    let file = &named.captures(section).expect("it names the file")[1];
    let (_, rest) = section.split_once("```js\n").expect("it has a block");
    let (quote, _) = rest.split_once("```").expect("the block ends");
    let example = fs::read_to_string(root().join(file)).expect("it is there");
    assert!(
        flat(&example).contains(&flat(quote)),
        "README.md does not quote {file} as it is:\n{quote}"
    );
}

#[test]
fn every_file_that_the_book_includes_is_there() {
    let include = Regex::new(r"\{\{#include ([^}:]+)").expect("a pattern");
    let mut found = 0;
    for page in xtask::links::pages(root()).expect("pages can be read") {
        let text = fs::read_to_string(&page).expect("it is there");
        for name in include.captures_iter(&text) {
            let file = page.with_file_name(&name[1]);
            assert!(
                file.is_file(),
                "{}: {} is not there",
                page.display(),
                &name[1]
            );
            found += 1;
        }
    }
    assert!(found > 0, "the book includes its examples");
}
