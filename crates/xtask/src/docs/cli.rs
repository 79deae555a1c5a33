//! The deployer's command line, from the help that it prints.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::Page;

const INTRO: &str = "# Command line

What `deployer --help` prints, and the help of each verb.
";

/// The page of all verbs.
pub(super) fn page(deployer: &Path) -> anyhow::Result<Page> {
    let mut text = INTRO.to_owned();
    append(&mut text, deployer, &[])?;
    Ok(Page::new("reference/cli.md", &text))
}

/// Appends the help of a verb, then that of the verbs below it.
fn append(text: &mut String, deployer: &Path, verbs: &[&str]) -> anyhow::Result<()> {
    let help = help(deployer, verbs)?;
    let name = ["deployer"]
        .iter()
        .chain(verbs)
        .copied()
        .collect::<Vec<_>>();
    let _ = write!(
        text,
        "\n## {}\n\n```text\n{}\n```\n",
        name.join(" "),
        help.trim_end()
    );
    for verb in below(&help) {
        let verbs: Vec<_> = verbs.iter().copied().chain([verb]).collect();
        append(text, deployer, &verbs)?;
    }
    Ok(())
}

fn help(deployer: &Path, verbs: &[&str]) -> anyhow::Result<String> {
    let output = Command::new(deployer)
        .args(verbs)
        .arg("--help")
        // The width at which help is wrapped where there is no terminal.
        .env("COLUMNS", "100")
        .env("NO_COLOR", "1")
        .output()
        .with_context(|| {
            let deployer = deployer.display();
            format!(
                "cannot run {deployer}: run `cargo build -p deployer`, or name it by --deployer"
            )
        })?;
    ensure!(
        output.status.success(),
        "{verbs:?} --help failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let help = String::from_utf8(output.stdout)?;
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    Ok(lines.join("\n"))
}

/// The verbs that a help lists, `help` itself left out.
fn below(help: &str) -> Vec<&str> {
    let list = help
        .split_once("\nCommands:\n")
        .map_or("", |(_, list)| list);
    list.lines()
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|verb| *verb != "help")
        .collect()
}
