//! The findings that hand-written pages show, as the deployer reports them.
//!
//! A page marks the block of code by a comment on the line before it.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::{Page, read};

/// An example: what is written into an environment file, and the page that shows the answer.
struct Example {
    page: &'static str,
    /// The comment before the block of code.
    mark: &'static str,
    /// The line that is added to `load_balancer` of `environments/prod.yaml`.
    line: &'static str,
}

const EXAMPLES: [Example; 2] = [
    Example {
        page: "operators/environments.md",
        mark: "<!-- example: an unknown key -->\n",
        line: "  idle_timout: 310s\n",
    },
    Example {
        page: "checking/index.md",
        mark: "<!-- example: an idle timeout below the ping interval -->\n",
        line: "  idle_timeout: 60s\n",
    },
];
const SECTION: &str = "load_balancer:\n";
const FENCE: &str = "```";

/// The pages, with the findings of today.
pub(super) fn pages(root: &Path, deployer: &Path) -> anyhow::Result<Vec<Page>> {
    EXAMPLES
        .iter()
        .map(|example| page(root, deployer, example))
        .collect()
}

fn page(root: &Path, deployer: &Path, example: &Example) -> anyhow::Result<Page> {
    let Example { page, mark, .. } = example;
    let written = read(root, &format!("docs/src/{page}"))?;
    let (before, rest) = written
        .split_once(mark)
        .with_context(|| format!("{page}: no line `{}`", mark.trim()))?;
    let opened = format!("{FENCE}text\n");
    let (_, after) = rest
        .strip_prefix(&opened)
        .and_then(|block| block.split_once(FENCE))
        .with_context(|| format!("{page}: no block of text after `{}`", mark.trim()))?;
    let finding = finding(root, deployer, example.line)?;
    Ok(Page {
        path: page.into(),
        text: format!("{before}{mark}{opened}{finding}\n{FENCE}{after}"),
    })
}

/// The first finding over the environment `prod` with one more line.
fn finding(root: &Path, deployer: &Path, line: &str) -> anyhow::Result<String> {
    let directory = tempfile::tempdir()?;
    for part in ["environments", "cloudformation"] {
        let copy = directory.path().join(part);
        fs::create_dir(&copy)?;
        for entry in fs::read_dir(root.join(part))? {
            let entry = entry?;
            fs::copy(entry.path(), copy.join(entry.file_name()))?;
        }
    }
    let file = directory.path().join("environments/prod.yaml");
    let text = fs::read_to_string(&file)?;
    let changed = text.replacen(SECTION, &format!("{SECTION}{line}"), 1);
    anyhow::ensure!(
        changed != text,
        "environments/prod.yaml: no `load_balancer:`"
    );
    fs::write(&file, changed)?;
    let output = Command::new(deployer)
        .args(["check", "--env", "prod"])
        .current_dir(directory.path())
        .output()
        .with_context(|| format!("cannot run {}", deployer.display()))?;
    // Mistakes of the file are on stderr, findings of rules on stdout.
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text)?;
    let first = text.trim_start().split("\n\n").next().unwrap_or_default();
    Ok(first.trim_end().to_owned())
}
