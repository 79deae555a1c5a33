//! `deployer keys`: a second backend key in, and the old one out once nobody uses it. Both are valid
//! in between, so that no backend is refused at any moment.

mod aws;
mod local;

use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use serde_json::json;

use crate::backend_keys::{BackendKey, retire, succeed};
use crate::deployment::watching;
use crate::named_stack::Named;
use crate::terminal::{Exit, Output, line, print};

pub use aws::{list, rotate};
pub use local::{list as list_local, rotate as rotate_local};

/// How to rotate a key.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// The key, by its name; the only one unless given.
    #[arg(long, value_name = "NAME")]
    key: Option<String>,
    /// End a rotation: take the old key out, which no backend may use any more.
    #[arg(long)]
    finish: bool,
    /// Do not ask before anything is changed.
    #[arg(long)]
    yes: bool,
    /// How long to watch; the deployment goes on after that.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = watching)]
    pub timeout: Duration,
}

/// What a rotation does to the keys.
enum Change {
    /// This key came.
    Came(BackendKey),
    /// This key went.
    Went(BackendKey),
}

impl Args {
    /// Changes the keys as it was asked for.
    fn change(&self, keys: &mut Vec<BackendKey>) -> anyhow::Result<Change> {
        if self.finish {
            return Ok(Change::Went(retire(keys, self.key.as_deref())?));
        }
        let (key, end) = successor()?;
        succeed(keys, self.key.as_deref(), (key, &end))?;
        let came = keys.last().cloned().context("the key is there")?;
        Ok(Change::Came(came))
    }
}

/// A new key, 192 random bits, and the end of its name with the day in it.
fn successor() -> anyhow::Result<(String, String)> {
    let mut bytes = [0; 26];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .context("the system has no random numbers")?;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let (key, end) = hex.split_at(48);
    Ok((key.to_owned(), format!("-{}-{end}", &now[..10])))
}

/// Shows keys without what they are.
fn show(keys: &[BackendKey], output: Output) -> anyhow::Result<Exit> {
    if output == Output::Json {
        let key = |key: &BackendKey| json!({ "name": key.name, "begins": key.hint(), "limits": key.limits() });
        let keys: Vec<_> = keys.iter().map(key).collect();
        print(&line(&json!({ "schema": 1, "type": "keys", "keys": keys })))?;
        return Ok(Exit::Well);
    }
    let width = keys.iter().map(|key| key.name.len()).max().unwrap_or(0);
    for key in keys {
        let limits = match &*key.limits() {
            "" => "everything".to_owned(),
            limits => limits.to_owned(),
        };
        print(&format!("{:<width$}  {}  {limits}\n", key.name, key.hint()))?;
    }
    Ok(Exit::Well)
}

/// What is to be done next.
fn next(change: &Change, flag: &str) -> String {
    match change {
        Change::Came(_) => format!(
            "the old and the new key are both valid; give the new one to every backend, then run \
             `deployer keys rotate {flag} --finish`"
        ),
        Change::Went(old) => format!("{} opens nothing any more", old.name),
    }
}

/// Tells that a key was rotated, and what is to be done next. `shown` is a new key that nothing else
/// shows.
fn tell(change: &Change, next: &str, shown: Option<&str>, output: Output) -> anyhow::Result<()> {
    let (Change::Came(key) | Change::Went(key)) = change;
    if output == Output::Json {
        return print(&line(&json!({
            "schema": 1, "type": "rotated", "name": key.name, "key": shown, "next": next,
        })));
    }
    let name = match (change, shown) {
        (_, Some(shown)) => format!("{}  {shown}", key.name),
        (Change::Came(_), None) => format!("{} is added", key.name),
        (Change::Went(_), None) => format!("{} is removed", key.name),
    };
    print(&format!("{name}\n{next}\n"))
}

/// What stands in the question, before anything is changed.
fn question(change: &Change, named: &Named) -> String {
    let stack = &named.name;
    match change {
        Change::Came(key) => {
            format!(
                "Add the key {} to {stack}, and replace its tasks?",
                key.name
            )
        }
        Change::Went(key) => format!(
            "Backends that still use {} are refused. Take it out of {stack}, and replace its tasks?",
            key.name
        ),
    }
}
