//! What a program reads of a check that could not run: the mistakes, in the format it asked for.

use cloudformation::diagnostic::Mistake;
use serde_json::{Value, json};

use super::github::command;
use super::sarif::{location, log};

/// A SARIF log with the mistakes as its results.
#[must_use]
pub fn sarif(mistakes: &[Mistake]) -> Value {
    let result = |mistake: &Mistake| {
        let places = mistake.place.iter().map(location);
        json!({
            "ruleId": "mistake",
            "level": "error",
            "message": { "text": words(mistake) },
            "locations": places.collect::<Vec<_>>(),
        })
    };
    let results: Vec<_> = mistakes.iter().map(result).collect();
    log(&results, Some("the check could not run"))
}

/// One `::error` line for each mistake.
#[must_use]
pub fn github(mistakes: &[Mistake]) -> String {
    let mut text = String::new();
    for mistake in mistakes {
        let place = mistake.place.as_ref();
        command(&mut text, "error", place, "mistake", &words(mistake));
    }
    text
}

fn words(mistake: &Mistake) -> String {
    match &mistake.help {
        Some(help) => format!("{}\n{help}", mistake.message),
        None => mistake.message.clone(),
    }
}
