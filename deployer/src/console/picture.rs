//! The timeouts between a client and a server, as the rows of one picture, and what the rules say of
//! them. Both come from the readings that `check` has.

use serde_json::{Value, json};
use timeouts::{Finding, RULES, Reading, Rule, Setting, Topic};

use crate::loaded_environment::Loaded;
use crate::reading::{Flags, Readings, read};
use crate::report::Report;

/// The settings that share the axis, by the part that has them, from the client to the server.
const ROWS: [(&str, &[Setting]); 3] = [
    ("heartbeat", &[Setting::PingInterval, Setting::PingTimeout]),
    (
        "connections",
        &[
            Setting::IdleTimeout,
            Setting::KeepAlive,
            Setting::HealthCheckInterval,
            Setting::HealthCheckTimeout,
        ],
    ),
    (
        "shutdown",
        &[
            Setting::Drain,
            Setting::DeregistrationDelay,
            Setting::StopTimeout,
        ],
    ),
];

/// The pictures of an environment's stack, one for each way through it, and every rule's state.
///
/// # Errors
/// Mistakes in the template.
pub(super) fn describe(loaded: &Loaded) -> anyhow::Result<Value> {
    let readings = read(&loaded.rendered, &Flags::default())?;
    let held = held(&readings);
    let pictures: Vec<_> = readings.readings.iter().map(picture).collect();
    let report = Report::new(readings, &loaded.ignores);
    let rules: Vec<_> = RULES
        .iter()
        .map(|rule| state(rule, &report, &held))
        .collect();
    Ok(json!({
        "pictures": pictures,
        "rules": rules,
        "errors": report.errors(),
        "warnings": report.warnings(),
    }))
}

/// The rules that hold for one reading at least.
fn held(readings: &Readings) -> Vec<&'static str> {
    let outcomes = readings.readings.iter().map(timeouts::check);
    outcomes
        .flat_map(|outcome| outcome.held)
        .map(|rule| rule.name)
        .collect()
}

fn picture(reading: &Reading) -> Value {
    let rows = ROWS
        .iter()
        .flat_map(|(part, settings)| settings.iter().map(move |setting| (part, *setting)));
    let rows: Vec<_> = rows
        .map(|(part, setting)| row(reading, part, setting))
        .collect();
    json!({ "subject": reading.subject(), "rows": rows })
}

fn row(reading: &Reading, part: &str, setting: Setting) -> Value {
    let spec = setting.spec();
    let seen = reading.duration(setting).ok();
    json!({
        "part": part,
        "key": spec.key,
        "title": spec.title,
        "seconds": seen.map(|sight| sight.value.as_secs_f64()),
        "value": seen.map(|sight| sight.seen.value.to_string()),
        "place": seen.map(|sight| sight.seen.place.to_string()),
        "why_not_seen": reading.why_not_seen(setting),
    })
}

/// A rule with what the report says of it; the worst, where several readings differ.
fn state(rule: &'static Rule, report: &Report, held: &[&str]) -> Value {
    let of_rule = |finding: &&Finding| finding.rule.name == rule.name;
    let ignored = report
        .ignored
        .iter()
        .find(|(finding, _)| finding.rule.name == rule.name);
    let undecided = report
        .undecided
        .iter()
        .find(|one| one.rule.name == rule.name);
    let found = report.findings.iter().find(of_rule);
    let state = match (found, ignored, undecided) {
        (Some(_), ..) => "violated",
        (_, Some(_), _) => "ignored",
        (_, _, Some(_)) => "not_seen",
        _ if held.contains(&rule.name) => "holds",
        _ => "does_not_apply",
    };
    let mut document = json!({
        "name": rule.name,
        "topic": rule.topic.to_string(),
        "is_of_time": matches!(rule.topic, Topic::Heartbeat | Topic::Deploys | Topic::Health),
        "summary": rule.summary,
        "state": state,
        "reason": ignored.map(|(_, reason)| reason),
    });
    let ignored = ignored.map(|(finding, _)| finding);
    if let (Some(finding), Some(document)) = (found.or(ignored), document.as_object_mut()) {
        document.extend(details(finding));
    }
    document
}

fn details(finding: &Finding) -> serde_json::Map<String, Value> {
    let violation = &finding.violation;
    let keys: Vec<_> = violation
        .seen
        .iter()
        .map(|seen| seen.setting.key())
        .collect();
    let details = json!({
        "level": violation.level.to_string(),
        "message": violation.message,
        "needs": violation.needs,
        "fix": violation.fix,
        "settings": keys,
    });
    match details {
        Value::Object(details) => details,
        _ => serde_json::Map::new(),
    }
}
