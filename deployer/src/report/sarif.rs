//! The report as SARIF 2.1.0, which code scanning shows beside the lines.

use serde_json::{Value, json};
use timeouts::{Finding, RULES, Rule};

use super::Report;
use super::place::uri;
use cloudformation::node::Place;

impl Report {
    /// The report as a SARIF 2.1.0 log with one run.
    #[must_use]
    pub fn sarif(&self) -> Value {
        let found = self.findings.iter().map(|finding| self.result(finding));
        let drifted = self.drifts.iter().map(|drift| {
            let place = self.file(&drift.template.place).map(location);
            json!({
                "ruleId": "drift",
                "level": "error",
                "message": { "text": format!("{}: {}", drift.message(), drift.live.place) },
                "locations": place.into_iter().collect::<Vec<_>>(),
            })
        });
        let ignored = self.ignored.iter().map(|(finding, reason)| {
            let mut result = self.result(finding);
            result["suppressions"] = json!([{ "kind": "external", "justification": reason }]);
            result
        });
        let results: Vec<_> = found.chain(drifted).chain(ignored).collect();
        log(&results, None)
    }

    fn result(&self, finding: &Finding) -> Value {
        let violation = &finding.violation;
        let index = RULES.iter().position(|rule| rule.name == finding.rule.name);
        let related: Vec<_> = violation
            .seen
            .iter()
            .filter_map(|seen| {
                let mut location = location(self.file(&seen.place)?);
                location["message"] =
                    json!({ "text": format!("{} = {}", seen.setting, seen.value) });
                Some(location)
            })
            .collect();
        json!({
            "ruleId": finding.rule.name,
            "ruleIndex": index,
            "level": violation.level.to_string(),
            "message": { "text": finding.to_string() },
            "locations": self.primary(finding).map(location).into_iter().collect::<Vec<_>>(),
            "relatedLocations": related,
        })
    }
}

/// A log with one run. `refused` says why the check could not run.
pub(super) fn log(results: &[Value], refused: Option<&str>) -> Value {
    let mut invocation = json!({ "executionSuccessful": refused.is_none() });
    if let Some(why) = refused {
        invocation["exitCode"] = json!(2);
        invocation["exitCodeDescription"] = json!(why);
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "deployer check",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": RULES.iter().map(rule).collect::<Vec<_>>(),
            } },
            "invocations": [invocation],
            // Columns are counted in characters, as the text report counts them.
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

pub(super) fn location(place: &Place) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(place.file()) },
        "region": { "startLine": place.line(), "startColumn": place.column() },
    } })
}

fn rule(rule: &Rule) -> Value {
    let mut object = json!({
        "id": rule.name,
        "shortDescription": { "text": rule.summary },
        "fullDescription": { "text": rule.breaks },
        "help": { "text": rule.page() },
        "defaultConfiguration": { "level": rule.levels[0].to_string() },
    });
    let mut urls = rule.sources.iter().map(|source| source.url);
    if let Some(url) = urls.find(|url| !url.is_empty()) {
        object["helpUri"] = json!(url);
    }
    object
}
