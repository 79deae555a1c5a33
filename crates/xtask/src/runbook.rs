//! What operators are told to look at exists: the metrics that the book, the dashboard and the
//! alerts name, the log lines and commands of the runbook, and the sections that alerts point to.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use regex_lite::Regex;

use crate::docs::book;
use crate::links;
use crate::log_lines::Source;
use crate::markdown::anchor;

const RUNBOOK: &str = "operators/runbook.md";
/// The generated page of all metrics.
const METRICS: &str = "reference/metrics.md";
/// The generated page of all commands.
const COMMANDS: &str = "reference/cli.md";
const ALERTS: &str = "observability/prometheus/alerts.yaml";
const ALARMS: &str = "observability/cloudwatch/alarms.yaml";
/// A name of this form that is none of a metric: the package for Python.
const PACKAGE: &str = "holdfast_plugin";
/// What the table of each symptom says.
const ROWS: [&str; 3] = ["metric", "log line", "command"];
/// The symptoms that have such a table.
const SYMPTOMS: [&str; 7] = [
    "messages-come-late",
    "a-streamer-did-not-get-a-message",
    "plugins-with-a-valid-key-are-refused",
    "we-are-being-flooded",
    "all-clients-come-back-at-once-after-a-deployment",
    "redis-is-away-slow-full-or-restarted",
    "memory-grows",
];

/// Checks all of it: a line for each mistake.
///
/// # Errors
/// When a page or the source cannot be read.
pub fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let runbook = fs::read_to_string(book(root).join(RUNBOOK))?;
    let mut mistakes = unknown_metrics(root)?;
    mistakes.extend(symptoms(&runbook));
    let (source, commands) = (
        Source::read(root)?,
        fs::read_to_string(book(root).join(COMMANDS))?,
    );
    for line in quoted(&runbook, "log line") {
        if !source.logs(line) {
            mistakes.push(format!("{RUNBOOK}: the server does not log `{line}`"));
        }
    }
    for command in quoted(&runbook, "command") {
        let verb = command.split(' ').nth(1).unwrap_or_default();
        if !commands.contains(&format!("\n## deployer {verb}\n")) {
            mistakes.push(format!("{RUNBOOK}: no command `{command}`"));
        }
    }
    mistakes.extend(unknown_sections(root, &runbook)?);
    Ok(mistakes)
}

/// The sections to which alerts and alarms point, and which the runbook has not.
fn unknown_sections(root: &Path, runbook: &str) -> anyhow::Result<Vec<String>> {
    let anchors: BTreeSet<_> = headings(runbook).map(anchor).collect();
    let mut mistakes = Vec::new();
    let pointers = [
        (ALERTS, r"runbook_url: docs/src/operators/runbook\.md#(\S+)"),
        (ALARMS, r#"Runbook: ([^"]+)\."#),
    ];
    for (file, pointer) in pointers {
        let text = fs::read_to_string(root.join(file))?;
        let sections: Vec<_> = Regex::new(pointer)?
            .captures_iter(&text)
            .map(|found| anchor(&found[1]))
            .collect();
        if sections.is_empty() {
            mistakes.push(format!("{file}: points to no section of the runbook"));
        }
        let unknown = sections
            .iter()
            .filter(|section| !anchors.contains(*section));
        mistakes.extend(unknown.map(|section| format!("{file}: no section `{section}`")));
    }
    Ok(mistakes)
}

/// Each symptom has the table, and so has every section that has a part of it.
fn symptoms(runbook: &str) -> Vec<String> {
    let mut missing: BTreeSet<_> = SYMPTOMS.into_iter().map(str::to_owned).collect();
    let mut mistakes = Vec::new();
    for section in runbook.split("\n## ").skip(1) {
        let heading = section.lines().next().unwrap_or_default();
        let rows = ROWS.map(|row| section.contains(&format!("\n| {row} | ")));
        if rows == [true; 3] {
            missing.remove(&anchor(heading));
        } else if rows != [false; 3] {
            mistakes.push(format!("{RUNBOOK}: {heading}: not all of {ROWS:?}"));
        }
    }
    mistakes.extend(
        missing
            .iter()
            .map(|symptom| format!("{RUNBOOK}: {symptom}: no table of what to look at")),
    );
    mistakes
}

/// The names of metrics in the book and in what is shipped for operators that the server has not.
fn unknown_metrics(root: &Path) -> anyhow::Result<Vec<String>> {
    let table = fs::read_to_string(book(root).join(METRICS))?;
    let name = Regex::new(r"\bholdfast_[a-z0-9_]+")?;
    let known: BTreeSet<_> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let shipped = [
        ALERTS,
        "observability/prometheus/alerts_test.yaml",
        "observability/grafana/holdfast.json",
    ];
    let shipped = shipped.map(|path| root.join(path));
    let pages: Vec<PathBuf> = links::pages(root)?.into_iter().chain(shipped).collect();
    let mut mistakes = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page)?;
        for found in name.find_iter(&text).map(|found| found.as_str()) {
            let family = ["_bucket", "_sum", "_count"]
                .into_iter()
                .find_map(|suffix| found.strip_suffix(suffix));
            if found == PACKAGE {
                continue;
            }
            if !known.contains(found) && !family.is_some_and(|family| known.contains(family)) {
                mistakes.push(format!("{}: no metric `{found}`", page.display()));
            }
        }
    }
    Ok(mistakes)
}

fn headings(page: &str) -> impl Iterator<Item = &str> {
    links::prose(page)
        .filter_map(|(_, line)| line.strip_prefix('#'))
        .map(|heading| heading.trim_start_matches('#'))
}

/// What stands between backticks in rows of this name.
fn quoted<'a>(page: &'a str, row: &'a str) -> impl Iterator<Item = &'a str> {
    page.lines()
        .filter_map(move |line| line.strip_prefix(&format!("| {row} | ")))
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symptom_without_its_table_is_told() {
        let page = "# R\n\n## Memory grows\n\n| | |\n|---|---|\n| metric | `a` |\n";
        let told = symptoms(page);
        assert!(told[0].contains("Memory grows: not all of"), "{told:?}");
        assert_eq!(told.len(), 1 + SYMPTOMS.len());
        let cells: Vec<_> = quoted("| log line | `a b`, `c` or d |\n", "log line").collect();
        assert_eq!(cells, ["a b", "c"]);
    }
}
