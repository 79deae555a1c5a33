//! The rules as prose: the list, and the page of one rule. Both are made of the catalogue.

use std::fmt::Write as _;

use crate::rule::{Rule, Topic};
use crate::setting::{DefaultValue, Spec};
use crate::{RULES, Setting};

const TOPICS: [Topic; 5] = [
    Topic::Heartbeat,
    Topic::Stickiness,
    Topic::Deploys,
    Topic::Health,
    Topic::Shape,
];

fn of(topic: Topic) -> impl Iterator<Item = &'static Rule> {
    RULES.iter().filter(move |rule| rule.topic == topic)
}

impl Rule {
    /// The levels in words: `error`, `warning` or `error or warning`.
    #[must_use]
    pub fn level_names(&self) -> String {
        self.levels
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" or ")
    }

    /// The rule's page: what it protects, how the failure looks, the inequality, defaults, fix and
    /// sources.
    #[must_use]
    pub fn page(&self) -> String {
        let Self {
            name,
            topic,
            summary,
            breaks,
            holds,
            fix,
            ..
        } = self;
        let mut page = format!(
            "{name} ({})\n{topic}: {summary}.\n\nWhat breaks\n{}\n\nHolds \
             when\n{}\n\nFix\n{}\n\nSettings\n",
            self.level_names(),
            wrap(breaks),
            wrap(holds),
            wrap(fix),
        );
        for setting in self.settings {
            page.push_str(&facts(*setting));
        }
        page.push_str("\nSources\n");
        for source in self.sources {
            let separator = if source.url.is_empty() { "" } else { "\n    " };
            let _ = writeln!(page, "  {}{separator}{}", source.title, source.url);
        }
        page
    }
}

/// All rules under their topics, a line each.
#[must_use]
pub fn list() -> String {
    let width = RULES
        .iter()
        .map(|rule| rule.name.len())
        .max()
        .unwrap_or_default();
    let mut list = String::new();
    for topic in TOPICS {
        let _ = writeln!(list, "{topic}");
        for rule in of(topic) {
            let _ = writeln!(
                list,
                "  {:width$}  {:7}  {}",
                rule.name, rule.levels[0], rule.summary
            );
        }
        list.push('\n');
    }
    list.push_str("Levels are the worst of each rule.\n");
    list
}

/// The names, range and defaults of a setting, a line each.
fn facts(setting: Setting) -> String {
    let Spec {
        key,
        title,
        variable,
        aws,
        aws_default,
        socket_io_default,
        ..
    } = setting.spec();
    let default = |default: &DefaultValue| default.value().to_string();
    let facts = [
        variable.map(|name| format!("the server's variable {name}")),
        aws.map(|name| format!("on AWS {name}")),
        setting.legal().map(|legal| format!("legal: {legal}")),
        aws_default
            .as_ref()
            .map(|value| format!("default of AWS: {}", default(value))),
        socket_io_default
            .as_ref()
            .map(|value| format!("default of Socket.IO: {}", default(value))),
    ];
    let mut text = format!("  {key}: {title}\n");
    for fact in facts.into_iter().flatten() {
        let _ = writeln!(text, "    {fact}");
    }
    text
}

/// Breaks prose into indented lines of at most 100 characters.
fn wrap(text: &str) -> String {
    let mut lines = vec![String::from(" ")];
    for word in text.split(' ') {
        let full = lines
            .last()
            .is_some_and(|line| line.chars().count() + 1 + word.chars().count() > 100);
        if full {
            lines.push(String::from(" "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_in_the_list() {
        let list = list();
        for rule in RULES {
            assert!(list.contains(&format!("  {} ", rule.name)));
        }
    }

    #[test]
    fn a_page_tells_everything() {
        insta::assert_snapshot!(
            crate::rule("keep-alive-not-above-idle-timeout")
                .unwrap()
                .page()
        );
    }
}
