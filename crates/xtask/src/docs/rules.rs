//! The index of rules and a page for each, from the catalogue that `deployer explain` shows.

use std::fmt::Write as _;

use timeouts::{RULES, Rule, Setting};

use super::Page;
use crate::markdown::{WIDTH, capital, cell, code, wrap};

/// The directory of the pages, from the book's.
pub(super) const DIRECTORY: &str = "rules";

/// The index and the pages of all rules.
pub(super) fn pages() -> Vec<Page> {
    let mut pages = vec![index()];
    pages.extend(RULES.iter().map(page));
    pages
}

/// The rules in the order of their topics.
pub(super) fn by_topic() -> Vec<(String, Vec<&'static Rule>)> {
    let mut topics: Vec<(String, Vec<&Rule>)> = Vec::new();
    let mut rules: Vec<&Rule> = RULES.iter().collect();
    rules.sort_by_key(|rule| (rule.topic as u8, rule.name));
    for rule in rules {
        let topic = rule.topic.to_string();
        match topics.last_mut() {
            Some((last, rules)) if *last == topic => rules.push(rule),
            _ => topics.push((topic, vec![rule])),
        }
    }
    topics
}

fn index() -> Page {
    let intro = format!(
        "The deployer knows {} rules. An error stops a deployment, a warning does not. Each page \
         says what breaks, when the rule holds and how to fix it. `deployer explain RULE` prints \
         the same text.",
        RULES.len()
    );
    let mut text = format!("# Rules\n\n{}\n", wrap(&intro, WIDTH));
    for (topic, rules) in by_topic() {
        let _ = write!(
            text,
            "\n## {topic}\n\n| rule | level | the defect | holds when |\n|---|---|---|---|\n"
        );
        for rule in rules {
            let _ = writeln!(
                text,
                "| [`{name}`]({name}.md) | {} | {} | {} |",
                rule.level_names(),
                cell(rule.summary),
                cell(rule.holds),
                name = rule.name,
            );
        }
    }
    Page::new(format!("{DIRECTORY}/index.md"), &text)
}

fn page(rule: &Rule) -> Page {
    let Rule {
        name,
        topic,
        summary,
        breaks,
        holds,
        fix,
        ..
    } = rule;
    let levels = rule.level_names();
    let about = wrap(&format!("**{levels}**, {topic}: {summary}."), WIDTH);
    let mut text = format!("# {name}\n\n{about}\n");
    for (heading, body) in [("What breaks", breaks), ("Holds when", holds), ("Fix", fix)] {
        let _ = write!(text, "\n## {heading}\n\n{}\n", wrap(&sentence(body), WIDTH));
    }
    text.push_str(
        "\n## Settings\n\n| setting | what it is | variable | on AWS | legal | default of AWS | \
         default of Socket.IO |\n|---|---|---|---|---|---|---|\n",
    );
    for setting in rule.settings {
        text.push_str(&facts(*setting));
    }
    text.push_str("\n## Sources\n\n");
    for source in rule.sources {
        let _ = match source.url {
            "" => writeln!(text, "- {}", source.title),
            url => writeln!(text, "- [{}]({url})", source.title),
        };
    }
    let ignore = format!(
        "\n## Ignore it\n\n```yaml\nignore:\n  - {{ rule: {name}, reason: say why it does \
         not matter here }}\n```\n"
    );
    text.push_str(&ignore);
    Page::new(format!("{DIRECTORY}/{name}.md"), &text)
}

/// A text with the capital and the full stop that the catalogue leaves out.
fn sentence(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    let stop = if text.ends_with('.') { "" } else { "." };
    let text = if first.chars().all(char::is_alphabetic) {
        capital(text)
    } else {
        text.to_owned()
    };
    format!("{text}{stop}")
}

/// A setting as a line of the table.
fn facts(setting: Setting) -> String {
    let spec = setting.spec();
    let default = |default: Option<timeouts::DefaultValue>| {
        default.map(|default| code(&default.value().to_string()))
    };
    format!(
        "| `{}` | {} | {} | {} | {} | {} | {} |\n",
        spec.key,
        spec.title,
        code(spec.variable.unwrap_or_default()),
        code(spec.aws.unwrap_or_default()),
        cell(&setting.legal().unwrap_or_default()),
        default(spec.aws_default).unwrap_or_default(),
        default(spec.socket_io_default).unwrap_or_default(),
    )
}
