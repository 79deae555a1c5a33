//! The deployer's exit codes, from the enumeration that it ends with.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use regex_lite::Regex;

use super::Page;

/// The beginning of the enumeration.
const ENUMERATION: &str = "enum Exit {";

const OUTRO: &str = "
`check --strict` makes warnings and rules that were *not seen* exit code 1. `plan --exit-code` makes
a plan with changes exit code 4. For what each code means after a deployment, see [exit codes of a
deployment](../operators/first-deploy.md#exit-codes).

The server exits with 0 after a drain, 1 when `server --health` finds no server that serves, 2 when
it cannot start, and 130 after a second signal.

`deployer up` with a local target exits with 0 when it is stopped, 2 when it cannot start, 3 when a
node crashed before it was ready or was unhealthy, or when ten replacements in a row failed, and 130
when it is interrupted before it is ready.
";

/// The page of exit codes.
pub(super) fn page(root: &Path) -> anyhow::Result<Page> {
    let source = find(&root.join("deployer/src"))?
        .with_context(|| format!("no file below deployer/src has `{ENUMERATION}`"))?;
    let body = source
        .split_once(ENUMERATION)
        .and_then(|(_, rest)| rest.split_once('}'))
        .map(|(body, _)| body)
        .context("the enumeration of exit codes has no end")?;
    let mut text = String::from(
        "# Exit codes\n\nExit codes are an interface: they do not change.\n\n\
         | code | meaning |\n|---|---|\n",
    );
    let variant = Regex::new(r"(?m)((?:^\s*///[^\n]*\n)+)\s*\w+ = (\d+),")?;
    for variant in variant.captures_iter(body) {
        let meaning = doc(&variant[1]);
        let _ = writeln!(text, "| {} | {meaning} |", &variant[2]);
    }
    text.push_str(OUTRO);
    Ok(Page::new("reference/exit-codes.md", &text))
}

/// The text of a documentation comment, on one line.
pub(super) fn doc(comment: &str) -> String {
    comment
        .lines()
        .map(|line| line.trim().trim_start_matches("///").trim())
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_owned()
}

/// The source file that has the enumeration.
fn find(directory: &Path) -> anyhow::Result<Option<String>> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            if let Some(found) = find(&path)? {
                return Ok(Some(found));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            if text.contains(ENUMERATION) {
                return Ok(Some(text));
            }
        }
    }
    Ok(None)
}
