//! The report as one JSON document.

use std::time::Duration;

use serde_json::{Value, json};
use timeouts::{Finding, Origin, Rule, Seen};

use super::{Report, Undecided};
use crate::reading::Drift;

impl Report {
    /// The report as one JSON document with `"schema": 1`.
    #[must_use]
    pub fn json(&self) -> Value {
        let ignored: Vec<_> = self
            .ignored
            .iter()
            .map(|(found, reason)| {
                let mut object = finding(found);
                object["reason"] = json!(reason);
                object
            })
            .collect();
        let lateness = self.silent_network_lateness;
        // JSON has no larger numbers; nobody waits for longer.
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let lateness = lateness.map(millis);
        json!({
            "schema": 1,
            "type": "check",
            "subjects": self.subjects,
            "errors": self.errors(),
            "warnings": self.warnings(),
            "held": self.held,
            "silent_network_lateness_ms": lateness,
            "findings": self.findings.iter().map(finding).collect::<Vec<_>>(),
            "drifts": self.drifts.iter().map(drift).collect::<Vec<_>>(),
            "ignored": ignored,
            "not_seen": self.undecided.iter().map(undecided).collect::<Vec<_>>(),
        })
    }
}

fn finding(finding: &Finding) -> Value {
    let violation = &finding.violation;
    json!({
        "rule": finding.rule.name,
        "level": violation.level.to_string(),
        "subject": finding.subject,
        "message": violation.message,
        "needs": violation.needs,
        "fix": violation.fix,
        "settings": violation.seen.iter().map(seen).collect::<Vec<_>>(),
    })
}

fn drift(drift: &Drift) -> Value {
    json!({ "subject": drift.subject, "template": seen(&drift.template), "live": seen(&drift.live) })
}

fn seen(seen: &Seen) -> Value {
    json!({
        "key": seen.setting.key(),
        "value": seen.value.to_string(),
        "places": seen.place.links().map(place).collect::<Vec<_>>(),
    })
}

fn place(origin: &Origin) -> Value {
    match origin {
        Origin::File { path, line, column } => {
            json!({ "file": path, "line": line, "column": column })
        }
        Origin::Named(name) => json!({ "name": name }),
    }
}

fn undecided(undecided: &Undecided) -> Value {
    let missing = undecided
        .missing
        .iter()
        .map(|(setting, why)| json!({ "key": setting.key(), "reason": why }));
    json!({
        "rule": undecided.rule.name,
        "subject": undecided.subject,
        "settings": missing.collect::<Vec<_>>(),
    })
}

/// A rule as `explain` gives it to programs.
#[must_use]
pub fn rule(rule: &Rule) -> Value {
    let setting = |setting: &timeouts::Setting| {
        let spec = setting.spec();
        let default = |default: Option<timeouts::DefaultValue>| {
            default.map(|default| default.value().to_string())
        };
        json!({
            "key": spec.key,
            "title": spec.title,
            "variable": spec.variable,
            "aws": spec.aws,
            "legal": setting.legal(),
            "aws_default": default(spec.aws_default),
            "socket_io_default": default(spec.socket_io_default),
        })
    };
    json!({
        "name": rule.name,
        "topic": rule.topic.to_string(),
        "levels": rule.levels.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "summary": rule.summary,
        "breaks": rule.breaks,
        "holds": rule.holds,
        "fix": rule.fix,
        "sources": rule.sources.iter().map(|source| json!({ "title": source.title, "url": source.url })).collect::<Vec<_>>(),
        "settings": rule.settings.iter().map(setting).collect::<Vec<_>>(),
    })
}
