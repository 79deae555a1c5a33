//! The report for people: each finding with the lines that it is about, marked as a compiler would.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use timeouts::{Finding, Origin, Seen, Setting, Violation, seconds};

use super::{Report, Undecided};
use crate::reading::Drift;
use crate::terminal::colour::wanted;
use cloudformation::diagnostic::{Excerpt, printable};
use cloudformation::node::Place;

/// What to add, where nobody has said anything about the server.
const TELL: &str = "add --server socketio-node (or socketio-bun, python-socketio, socketioxide, \
                    holdfast), or --ping-interval, --ping-timeout, --keep-alive, --transports and \
                    --path: a template does not show what its server does\n\n";

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
        if self.says_nothing_of_the_server() {
            text.push_str(TELL);
        }
        for finding in &self.findings {
            let _ = writeln!(text, "{}\n", renderer.render(&[self.group(finding)]));
        }
        for (finding, reason) in &self.ignored {
            let line = format!("{} ({reason})", finding.violation.message);
            let _ = writeln!(text, "ignored[{}]: {}", finding.rule.name, printable(&line));
        }
        for drift in &self.drifts {
            let _ = writeln!(text, "{}\n", renderer.render(&[self.drift(drift)]));
        }
        self.undecided(&mut text);
        let _ = writeln!(text, "{}", self.summary());
        if let Some(lateness) = self.silent_network_lateness {
            let lateness = seconds(lateness);
            let _ = writeln!(
                text,
                "after a network went silent, a client gets its messages up to {lateness} late: \
                 ping interval + ping timeout"
            );
        }
        text
    }

    /// Whether nobody said how the server behaves, without which half of the rules say nothing.
    fn says_nothing_of_the_server(&self) -> bool {
        let lacks = |undecided: &Undecided| {
            let mut missing = undecided.missing.iter();
            missing.any(|(setting, why)| *setting == Setting::PingInterval && why.is_none())
        };
        self.undecided.iter().any(lacks)
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
        let title = level.primary_title(printable(message));
        let mut group = Group::with_title(title.id(finding.rule.name));
        for snippet in self.snippets(seen) {
            group = group.element(snippet);
        }
        for seen in seen.iter().filter(|seen| self.file(&seen.place).is_none()) {
            let note = format!("{} = {}, {}", seen.setting, seen.value, seen.place);
            group = group.element(Level::NOTE.message(printable(&note).into_owned()));
        }
        if self.subjects.len() > 1 {
            let note = format!("in {}", printable(&finding.subject));
            group = group.element(Level::NOTE.message(note));
        }
        if !needs.is_empty() {
            let note = format!("needs {}", printable(needs));
            group = group.element(Level::NOTE.message(note));
        }
        group
            .element(Level::HELP.message(printable(fix)))
            .element(Level::HELP.message(format!(
                "`deployer explain {}` says more",
                finding.rule.name
            )))
    }

    /// A setting that is live with another value.
    fn drift<'a>(&'a self, drift: &'a Drift) -> Group<'a> {
        let mut group = Group::with_title(
            Level::ERROR
                .primary_title(printable(&drift.message()).into_owned())
                .id("drift"),
        );
        let seen = std::slice::from_ref(&drift.template);
        for snippet in self.snippets(seen) {
            group = group.element(snippet);
        }
        group
            .element(
                Level::NOTE.message(
                    printable(&format!(
                        "{} = {}, {}",
                        drift.live.setting, drift.live.value, drift.live.place
                    ))
                    .into_owned(),
                ),
            )
            .element(Level::HELP.message(
                "`deployer up --revert-drift` brings back what CloudFormation sees; or set it \
                 back by hand, or change the template to what is live",
            ))
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
            let excerpt = Excerpt::of(here.iter().map(|(_, place)| *place));
            let annotations = here.into_iter().map(|(seen, place)| {
                let first = marks
                    .first()
                    .is_some_and(|(first, _)| std::ptr::eq(*first, *seen));
                let kind = if first {
                    AnnotationKind::Primary
                } else {
                    AnnotationKind::Context
                };
                kind.span(excerpt.marked(place)).label(label(seen, first))
            });
            Snippet::source(excerpt.text)
                .line_start(excerpt.line)
                .path(printable(file))
                .annotations(annotations)
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
            let line = format!("{}{place} ({})", rule.name, missing.join("; "));
            let _ = writeln!(text, "  {}", printable(&line));
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
            printable(&self.subjects.join(", ")),
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
    printable(&label).into_owned()
}
