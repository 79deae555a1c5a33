//! What the rules made of a template: findings, what was ignored and why, and what could not be
//! decided. Each format has a file; all say the same in the same order.

mod github;
pub mod json;
pub mod mistakes;
mod place;
mod sarif;
mod text;

use std::time::Duration;

use timeouts::{Finding, Level, Reading, Rule, Setting};

use crate::reading::{ACCEPTED, Drift, Places, Readings};
use cloudformation::node::Place;

/// A rule that a user chose to ignore.
#[derive(Clone, Debug)]
pub struct Ignore {
    /// The rule's name.
    pub rule: String,
    /// Why.
    pub reason: String,
}

/// A rule that could not be decided for one reading.
#[derive(Clone, Debug)]
pub struct Undecided {
    /// The rule.
    pub rule: &'static Rule,
    /// What was read.
    pub subject: String,
    /// The settings that it lacked, each with the reason where the reader knew one.
    pub missing: Vec<(Setting, Option<String>)>,
}

/// The report of a check.
#[derive(Debug)]
pub struct Report {
    /// What was read, in the template's order.
    pub subjects: Vec<String>,
    /// Violations: errors first, then by rule, what was read and place.
    pub findings: Vec<Finding>,
    /// Violations of rules that the user ignores, with the reason.
    pub ignored: Vec<(Finding, String)>,
    /// Rules that could not be decided. Not seen is not fine.
    pub undecided: Vec<Undecided>,
    /// Settings that are live with other values than the template gives them.
    pub drifts: Vec<Drift>,
    /// How many rules hold, counted for each reading.
    pub held: usize,
    /// How late a message may be for a client whose network went silent, at worst; none where a
    /// heartbeat was not seen.
    pub silent_network_lateness: Option<Duration>,
    places: Places,
}

impl Report {
    /// Runs the rules over what was read.
    #[must_use]
    pub fn new(readings: Readings, ignores: &[Ignore]) -> Self {
        let mut report = Self {
            subjects: readings
                .readings
                .iter()
                .map(|reading| reading.subject().to_owned())
                .collect(),
            findings: Vec::new(),
            ignored: Vec::new(),
            undecided: Vec::new(),
            drifts: Vec::new(),
            held: 0,
            silent_network_lateness: lateness(&readings.readings),
            places: readings.places,
        };
        for reading in &readings.readings {
            let outcome = timeouts::check(reading);
            let applies = |rule: &Rule| !readings.inapplicable.contains(&rule.name);
            report.held += outcome.held.iter().filter(|rule| applies(rule)).count();
            for finding in outcome.findings {
                if applies(finding.rule) {
                    report.add(finding, ignores);
                }
            }
            let not_seen = outcome.not_seen.into_iter();
            for (rule, settings) in not_seen.filter(|(rule, _)| applies(rule)) {
                let missing = missing(reading, settings);
                // What AWS has accepted needs no rule that foresees a refusal.
                let accepted = missing
                    .iter()
                    .all(|(_, why)| why.as_deref() == Some(ACCEPTED));
                if !accepted
                    && concerns(rule, reading)
                    && ignores.iter().all(|ignore| ignore.rule != rule.name)
                {
                    report.undecided.push(Undecided {
                        rule,
                        subject: reading.subject().to_owned(),
                        missing,
                    });
                }
            }
        }
        report.findings.sort_by(|a, b| order(a).cmp(&order(b)));
        report
    }

    /// The same report, with where what is live differs from the template.
    #[must_use]
    pub fn with_drifts(mut self, drifts: Vec<Drift>) -> Self {
        self.drifts = drifts;
        self
    }

    fn add(&mut self, finding: Finding, ignores: &[Ignore]) {
        if let Some(ignore) = ignores
            .iter()
            .find(|ignore| ignore.rule == finding.rule.name)
        {
            self.ignored.push((finding, ignore.reason.clone()));
        // Two services behind one load balancer share its mistakes.
        } else if !self
            .findings
            .iter()
            .any(|known| known.violation == finding.violation)
        {
            self.findings.push(finding);
        }
    }

    /// How many findings stop a deployment.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.findings
            .iter()
            .filter(|finding| finding.level() == Level::Error)
            .count()
    }

    /// How many do not.
    #[must_use]
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }

    /// The stretch of a file that a finding is about: that of its first setting which has one.
    fn primary(&self, finding: &Finding) -> Option<&Place> {
        finding
            .violation
            .seen
            .iter()
            .find_map(|seen| self.file(&seen.place))
    }

    /// The stretch of a file that a place stands for, if one of its links does.
    fn file(&self, place: &timeouts::Place) -> Option<&Place> {
        place.links().find_map(|link| self.places.find(link))
    }
}

fn lateness(readings: &[Reading]) -> Option<Duration> {
    let latenesses = readings.iter().map(timeouts::silent_network_lateness);
    latenesses.filter_map(Result::ok).max()
}

/// Whether a rule that was not decided concerns this server. Others have no store of this project.
fn concerns(rule: &Rule, reading: &Reading) -> bool {
    // Node alone has such a limit.
    let unsaid = reading.get(Setting::HeadersTimeout).is_err()
        && reading.why_not_seen(Setting::HeadersTimeout).is_none();
    if unsaid && rule.settings.contains(&Setting::HeadersTimeout) {
        return false;
    }
    let is_own = reading.get(Setting::ServedPaths).is_ok();
    is_own || reading.get(Setting::Store).is_ok() || !timeouts::OWN_SERVER.contains(&rule.name)
}

/// The settings that a rule lacked, each once, with the reason where the reader knew one.
fn missing(reading: &Reading, mut settings: Vec<Setting>) -> Vec<(Setting, Option<String>)> {
    settings.sort();
    settings.dedup();
    settings
        .into_iter()
        .map(|setting| (setting, reading.why_not_seen(setting).map(str::to_owned)))
        .collect()
}

type Order<'a> = (
    std::cmp::Reverse<Level>,
    &'a str,
    &'a str,
    Vec<&'a timeouts::Place>,
);

fn order(finding: &Finding) -> Order<'_> {
    let places = finding
        .violation
        .seen
        .iter()
        .map(|seen| &seen.place)
        .collect();
    (
        std::cmp::Reverse(finding.level()),
        finding.rule.name,
        &finding.subject,
        places,
    )
}
