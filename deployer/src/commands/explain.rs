//! `deployer explain`: the list of rules, or the page of one.

use anyhow::{Context as _, anyhow};
use cloudformation::diagnostic::{Mistake, Mistakes, nearest};
use deployer::report::json::rule as as_json;
use serde_json::json;
use timeouts::{RULES, explain, rule};

use deployer::terminal::{Exit, Output, line, print};

/// Say what a rule protects, how its failure looks, where it is documented and how to fix it.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The rule; without one, all of them are listed.
    rule: Option<String>,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let found = match &args.rule {
        None => None,
        Some(name) => Some(rule(name).ok_or_else(|| unknown(name))?),
    };
    let text = match (found, output) {
        (None, Output::Text) => explain::list(),
        (None, Output::Json) => {
            line(&json!({ "schema": 1, "rules": RULES.iter().map(as_json).collect::<Vec<_>>() }))
        }
        (Some(rule), Output::Text) => rule.page(),
        (Some(rule), Output::Json) => {
            let mut document = as_json(rule);
            document["schema"] = json!(1);
            line(&document)
        }
    };
    print(&text).context("cannot explain")?;
    Ok(Exit::Well)
}

/// The mistake for a rule that does not exist.
pub(crate) fn unknown(name: &str) -> anyhow::Error {
    let near = nearest(name, RULES.iter().map(|rule| rule.name));
    let help = near.map_or_else(
        || "`deployer explain` lists the rules".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    anyhow!(Mistakes::from(
        Mistake::nowhere(format!("there is no rule `{name}`")).help(help)
    ))
}
