//! Runs a rule's table of cases, and guards the catalogue.

use super::{RULES, Rule};
use crate::{Level, NotSeen, Reading, Setting, Value};
use std::time::Duration;

/// What a case expects.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Expect {
    Holds,
    Error,
    Warning,
    NotSeen,
}

/// Seconds as a value.
pub(super) fn s(seconds: u64) -> Value {
    Duration::from_secs(seconds).into()
}

/// A word as a value.
pub(super) fn w(word: &str) -> Value {
    word.into()
}

/// A number as a value.
pub(super) fn n(number: u64) -> Value {
    number.into()
}

/// Several words as a value.
pub(super) fn l(words: &[&str]) -> Value {
    words.into()
}

/// On or off as a value.
pub(super) fn f(on: bool) -> Value {
    on.into()
}

/// Ranges of ports as a value.
pub(super) fn p(ranges: &[(u16, u16)]) -> Value {
    Value::Ports(ranges.to_vec())
}

/// Known to be unset.
pub(super) fn u() -> Value {
    Value::Unset
}

/// A case: what was seen, and the outcome.
pub(super) type Case<'a> = (&'a [(Setting, Value)], Expect);

/// Checks every case of a rule's table.
pub(super) fn cases(rule: &Rule, table: &[Case<'_>]) {
    for (number, (settings, expected)) in table.iter().enumerate() {
        let mut reading = Reading::new("case");
        for (setting, value) in *settings {
            reading.also(*setting, value.clone(), "case");
            assert!(
                reading.why_not_seen(*setting).is_none(),
                "case {number}: {setting} is of another kind"
            );
        }
        let outcome = match (rule.check)(&reading) {
            Err(NotSeen(missing)) => {
                assert!(
                    missing
                        .iter()
                        .all(|setting| rule.settings.contains(setting)),
                    "case {number}: {missing:?} undeclared"
                );
                Expect::NotSeen
            }
            Ok(violations) => {
                for violation in &violations {
                    assert!(
                        rule.levels.contains(&violation.level),
                        "case {number}: undeclared level"
                    );
                    assert!(
                        !violation.fix.is_empty() && !violation.seen.is_empty(),
                        "case {number}: {violation:?}"
                    );
                }
                match violations.iter().map(|violation| violation.level).max() {
                    None => Expect::Holds,
                    Some(Level::Error) => Expect::Error,
                    Some(Level::Warning) => Expect::Warning,
                }
            }
        };
        assert_eq!(
            outcome, *expected,
            "{} case {number}: {reading:#?}",
            rule.name
        );
    }
}

#[test]
fn the_catalogue_is_sorted_and_complete() {
    let names: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    assert!(names.is_sorted(), "{names:#?}");
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/rules")).unwrap();
    let mut files: Vec<_> = folder
        .map(|file| {
            file.unwrap()
                .path()
                .file_stem()
                .unwrap()
                .to_str()
                .unwrap()
                .replace('_', "-")
        })
        .filter(|stem| !["mod", "cases"].contains(&stem.as_str()))
        .collect();
    files.sort();
    assert_eq!(files, names, "a rule's file has its name");
}

#[test]
fn every_rule_is_documented() {
    for rule in RULES {
        let Rule {
            name,
            summary,
            breaks,
            holds,
            fix,
            sources,
            settings,
            levels,
            ..
        } = rule;
        for text in [summary, breaks, holds, fix] {
            assert!(text.len() > 10, "{name}: {text:?}");
            assert!(!text.contains('|'), "{name}: a bar would break the table");
        }
        assert!(!summary.ends_with('.') && breaks.ends_with('.'), "{name}");
        assert!(
            !sources.is_empty() && !settings.is_empty() && !levels.is_empty(),
            "{name}"
        );
        assert!(
            sources
                .iter()
                .all(|source| source.url.is_empty() || source.url.starts_with("https://")),
            "{name}"
        );
    }
}

#[test]
fn a_rule_that_saw_nothing_says_so() {
    for rule in RULES {
        assert!(
            (rule.check)(&Reading::new("nothing")).is_err(),
            "{}",
            rule.name
        );
    }
}
