//! The server's metrics, from the files that count, name and label them.
//!
//! A registry shows a family only once it has a sample, so a server that was just started does not
//! name all of its metrics; the source does.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, ensure};
use regex_lite::Regex;

use super::exit_codes::doc;
use super::{Page, read};
use crate::markdown::cell;

const SOURCE: &str = "server/src/metrics";
const FILES: [&str; 3] = ["mod.rs", "labels.rs", "registration.rs"];

const INTRO: &str = "# Metrics

`GET /metrics` on the server's `ADMIN_BIND` answers in the OpenMetrics text format. Counters are
read with the suffix `_total`, histograms with `_bucket`, `_sum` and `_count`. All values are of one
node since its start. `GET /v1/metrics` answers the same through the load balancer, with a backend
key; `x-node-id` names the node.

[Metrics and log lines](../operators/metrics-and-logs.md) says how to watch them: with Prometheus
and Grafana, or on CloudWatch. The [runbook](../operators/runbook.md) says what to do.

| metric | type | labels | meaning | worry when |
|---|---|---|---|---|
";

/// The page of metrics.
pub(super) fn page(root: &Path) -> anyhow::Result<Page> {
    let mut source = String::new();
    for file in FILES {
        source.push_str(&read(root, &format!("{SOURCE}/{file}"))?);
    }
    let registered = Regex::new(concat!(
        r#"\.register(?:_with_unit)?\(\s*"(\w+)",\s*"[^"]*","#,
        r#"\s*(?:Unit::(\w+)(?:\("(\w+)"\.into\(\)\))?,\s*)?self\.(\w+)(?:\.histogram)?\.clone\(\)"#
    ))?;
    let field = Regex::new(r"(?m)((?:^\s*///[^\n]*\n)+)\s*pub (\w+): ([^\n]+),$")?;
    let mut text = INTRO.to_owned();
    let mut count = 0;
    for metric in registered.captures_iter(&source) {
        let (name, member) = (&metric[1], &metric[4]);
        let unit = metric.get(3).or(metric.get(2));
        let unit = unit.map(|unit| format!("_{}", unit.as_str().to_lowercase()));
        let unit = unit.unwrap_or_default();
        let declared = field
            .captures_iter(&source)
            .find(|field| &field[2] == member)
            .with_context(|| format!("{SOURCE}: no documented field `{member}`"))?;
        let kind = kind(&declared[3]);
        let suffix = if kind == "counter" { "_total" } else { "" };
        let labels = labels(&source, &declared[3])?;
        let comment = doc(&declared[1]);
        let (meaning, worry) = comment
            .split_once(" Worry")
            .with_context(|| format!("{SOURCE}: `{member}` does not say when to worry"))?;
        let worry = worry.trim_start_matches(" when ").trim_start_matches(": ");
        let (meaning, worry) = (cell(meaning.trim()), cell(worry));
        let _ = writeln!(
            text,
            "| `holdfast_{name}{unit}{suffix}` | {kind} | {labels} | {meaning} | {worry} |"
        );
        count += 1;
    }
    ensure!(
        count
            == Regex::new(r#"\.register(_with_unit)?\(\s*""#)?
                .find_iter(&source)
                .count(),
        "{SOURCE}: a metric is registered in a way that is not understood"
    );
    Ok(Page::new("reference/metrics.md", &text))
}

fn kind(declared: &str) -> &'static str {
    if declared.contains("Counter") {
        "counter"
    } else if declared.contains("Gauge") {
        "gauge"
    } else {
        "histogram"
    }
}

/// The labels of a family: the fields of its label structure.
fn labels(source: &str, declared: &str) -> anyhow::Result<String> {
    let alias = Regex::new(&format!(
        r"type {} = ([^\n]+);",
        regex_lite::escape(declared)
    ))?;
    let declared = alias
        .captures(source)
        .map_or_else(|| declared.to_owned(), |alias| alias[1].to_owned());
    let family = Regex::new(r"Family<(\w+)")?;
    let Some(family) = family.captures(&declared) else {
        return Ok(String::new());
    };
    let body = source
        .split_once(&format!("pub struct {} {{", &family[1]))
        .and_then(|(_, rest)| rest.split_once("\n}"))
        .map(|(body, _)| body)
        .with_context(|| format!("{SOURCE}: no structure of labels `{}`", &family[1]))?;
    let names = Regex::new(r"pub (\w+):")?;
    let names: Vec<_> = names
        .captures_iter(body)
        .map(|name| format!("`{}`", &name[1]))
        .collect();
    Ok(names.join(", "))
}
