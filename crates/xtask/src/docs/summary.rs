//! The book's table of contents: the chapters as they are written by hand, with the rules' pages.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context as _;

use super::{Page, read, rules};

const SUMMARY: &str = "docs/src/SUMMARY.md";
/// The line of the chapter below which the rules' pages stand.
const RULES: &str = "- [Rules](rules/index.md)\n";

/// The table of contents with the rules of today.
pub(super) fn page(root: &Path) -> anyhow::Result<Page> {
    let written = read(root, SUMMARY)?;
    let (before, rest) = written
        .split_once(RULES)
        .with_context(|| format!("{SUMMARY}: no line `{}`", RULES.trim()))?;
    // The chapters of rules are indented below theirs.
    let after = rest
        .split_inclusive('\n')
        .skip_while(|line| line.starts_with("  "));
    let mut text = format!("{before}{RULES}");
    for (_, rules) in rules::by_topic() {
        for rule in rules {
            let _ = writeln!(text, "  - [{name}](rules/{name}.md)", name = rule.name);
        }
    }
    text.extend(after);
    Ok(Page {
        path: "SUMMARY.md".into(),
        text,
    })
}
