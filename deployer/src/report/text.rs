//! The report for people: each finding with the lines that it is about, marked as a compiler would.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use timeouts::{Finding, Origin, Seen, Violation};

use super::{Report, Undecided};
use crate::reading::Drift;
use crate::terminal::colour::wanted;
use cloudformation::diagnostic::marked;
use cloudformation::node::Place;

impl Report {
    /// The report for people, without colour unless asked for.
    #[must_use]
    pub fn text(&self, colour: bool) -> String {
        let renderer = if wanted(colour) {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let mut text = String::new();
        for finding in &self.findings {
            let _ = writeln!(text, "{}\n", renderer.render(&[self.group(finding)]));
        }
        for (finding, reason) in &self.ignored {
            let _ = writeln!(
                text,
                "ignored[{}]: {} ({reason})",
                finding.rule.name, finding.violation.message
            );
        }
        for drift in &self.drifts {
            let _ = writeln!(text, "{}\n", renderer.render(&[self.drift(drift)]));
        }
        self.undecided(&mut text);
        let _ = writeln!(text, "{}", self.summary());
        text
    }

    /// One finding: its lines, the inequality with numbers, the fix.
    fn group<'a>(&'a self, finding: &'a Finding) -> Group<'a> {
        let Violation {
            level,
            message,
            needs,
            fix,
            seen,
        } = &finding.violation;
        let level = match level {
            timeouts::Level::Error => Level::ERROR,
            timeouts::Level::Warning => Level::WARNING,
        };
        let mut group =
            Group::with_title(level.primary_title(message.as_str()).id(finding.rule.name));
        for snippet in self.snippets(seen) {
            group = group.element(snippet);
        }
        for seen in seen.iter().filter(|seen| self.file(&seen.place).is_none()) {
            group = group.element(
                Level::NOTE.message(format!("{} = {}, {}", seen.setting, seen.value, seen.place)),
            );
        }
        if self.subjects.len() > 1 {
            group = group.element(Level::NOTE.message(format!("in {}", finding.subject)));
        }
        if !needs.is_empty() {
            group = group.element(Level::NOTE.message(format!("needs {needs}")));
        }
        group
            .element(Level::HELP.message(fix.as_str()))
            .element(Level::HELP.message(format!(
                "`deployer explain {}` says more",
                finding.rule.name
            )))
    }

    /// A setting that is live with another value.
    fn drift<'a>(&'a self, drift: &'a Drift) -> Group<'a> {
        let mut group = Group::with_title(Level::ERROR.primary_title(drift.message()).id("drift"));
        let seen = std::slice::from_ref(&drift.template);
        for snippet in self.snippets(seen) {
            group = group.element(snippet);
        }
        group
            .element(Level::NOTE.message(format!(
                "{} = {}, {}",
                drift.live.setting, drift.live.value, drift.live.place
            )))
            .element(Level::HELP.message("`deployer up --revert-drift` brings back what CloudFormation sees; or set it back by hand, or change the template to what is live"))
    }

    /// The marked lines, those of one file together; the first setting is the one to change.
    fn snippets<'a>(
        &'a self,
        seen: &'a [Seen],
    ) -> Vec<Snippet<'a, annotate_snippets::Annotation<'a>>> {
        let marks: Vec<(&Seen, &Place)> = seen
            .iter()
            .filter_map(|seen| Some((seen, self.file(&seen.place)?)))
            .collect();
        let mut files: Vec<&str> = Vec::new();
        for (_, place) in &marks {
            if !files.contains(&place.file()) {
                files.push(place.file());
            }
        }
        let snippet = |file: &'a str| {
            let here = marks
                .iter()
                .filter(|(_, place)| place.file() == file)
                .collect::<Vec<_>>();
            let source = here
                .first()
                .map_or("", |(_, place)| place.source().text.as_str());
            let annotations = here.into_iter().map(|(seen, place)| {
                let first = marks
                    .first()
                    .is_some_and(|(first, _)| std::ptr::eq(*first, *seen));
                let kind = if first {
                    AnnotationKind::Primary
                } else {
                    AnnotationKind::Context
                };
                kind.span(marked(place)).label(label(seen, first))
            });
            Snippet::source(source).path(file).annotations(annotations)
        };
        files.into_iter().map(snippet).collect()
    }

    /// The rules that could not be decided, in as few lines as the settings that they lack.
    fn undecided(&self, text: &mut String) {
        for (
            number,
            Undecided {
                rule,
                subject,
                missing,
            },
        ) in self.undecided.iter().enumerate()
        {
            if number == 0 {
                text.push_str("not seen, so not known to be fine:\n");
            }
            let missing: Vec<_> = missing
                .iter()
                .map(|(setting, why)| {
                    why.as_ref()
                        .map_or_else(|| setting.to_string(), |why| format!("{setting}: {why}"))
                })
                .collect();
            let place = if self.subjects.len() > 1 {
                format!(" in {subject}")
            } else {
                String::new()
            };
            let _ = writeln!(text, "  {}{place} ({})", rule.name, missing.join("; "));
        }
    }

    /// The last line: how it went.
    #[must_use]
    pub fn summary(&self) -> String {
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let mut parts = vec![
            count(self.errors(), "error"),
            count(self.warnings(), "warning"),
        ];
        if !self.drifts.is_empty() {
            parts.push(format!("{} drifted", self.drifts.len()));
        }
        if !self.ignored.is_empty() {
            parts.push(format!("{} ignored", self.ignored.len()));
        }
        parts.push(format!("{} not seen", self.undecided.len()));
        format!(
            "{}: {} hold, {}",
            self.subjects.join(", "),
            count(self.held, "rule"),
            parts.join(", ")
        )
    }
}

/// What a marked line says: the setting, its value, and what it came through.
fn label(seen: &Seen, first: bool) -> String {
    let mut label = format!("{} = {}", seen.setting, seen.value);
    let is_file = |link: &&Origin| matches!(link, Origin::File { .. });
    for name in seen.place.links().filter(|link| !is_file(link)) {
        let _ = write!(label, ", {name}");
    }
    // For the setting to change, the template's line too: the one that hands the value on.
    if let Some(through) = seen.place.links().filter(is_file).nth(1).filter(|_| first) {
        let _ = write!(label, ", through {through}");
    }
    label
}
