//! `deployer probe`: a real Socket.IO session through whatever is in front of a server, step by
//! step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use deployer::probe::{Options, Step, run as probe};
use http::HeaderValue;
use serde_json::json;
use socketio_client::{Address, Settings, Trust};

use deployer::server_target::{first_key, path, with_slash};
use deployer::terminal::runtime;
use deployer::terminal::{Exit, Output, line, print, say};

/// Open real Socket.IO sessions through a load balancer: polling, stickiness, upgrade, heartbeat,
/// quiet time.
///
/// Works for any server of Socket.IO 3 or 4: `deployer probe https://example.com --path /socket.io
/// --namespace /`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server, `https://drops.example.com` for instance.
    url: Address,
    /// The plugin key; sent as a header and as `auth: { key }`.
    #[arg(long)]
    key: Option<String>,
    /// A file with the plugin key, which then is in no list of processes.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    key_file: Option<PathBuf>,
    /// The origin of a page, `https://studio.example.com` for instance: probe as its browser would.
    #[arg(long, value_parser = origin)]
    origin: Option<HeaderValue>,
    /// A PEM file with authorities whose certificates are trusted beside those of this machine.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// The Socket.IO path.
    #[arg(long, default_value = "/websockets")]
    path: String,
    /// The namespace to join.
    #[arg(long, default_value = "/dropcodes")]
    namespace: String,
    /// How long to stay quiet on open connections; the ping interval and 5 s unless given.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    quiet_for: Option<Duration>,
    /// How long each answer may take.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// An origin as browsers send it.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let wrong = |_| format!("{text:?} is no origin such as https://studio.example.com");
    // `null` is what pages without an origin send, those of files for instance.
    if text != "null" {
        let address: Address = text.parse().map_err(|_| wrong(()))?;
        if address.to_string() != text {
            return Err(format!("{text:?}: browsers send {address}"));
        }
    }
    HeaderValue::from_str(text).map_err(|_| wrong(()))
}

fn trust(file: &Path) -> anyhow::Result<Trust> {
    let pem = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Trust::with(&pem).with_context(|| format!("{} names no authority", file.display()))
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let namespace = if args.namespace == "/" {
        args.namespace.clone()
    } else {
        with_slash(&args.namespace)
    };
    let key = match &args.key_file {
        Some(file) => Some(first_key(file)?),
        None => args.key.clone(),
    };
    let trust = match &args.ca_file {
        Some(file) => trust(file)?,
        None => Trust::default(),
    };
    let (address, path) = (args.url.clone(), path(&args.path));
    let settings = Settings {
        address,
        path,
        namespace,
        key,
    };
    let options = Options {
        settings,
        trust,
        origin: args.origin.clone(),
        quiet_for: args.quiet_for,
        timeout: args.timeout,
    };
    let show = |step: &Step| {
        if output == Output::Text {
            // A closed pipe does not change what the probe finds.
            let _ = print(&format!("{}\n", step.text()));
        }
    };
    let wait = |time: Duration| {
        // Whole seconds: nobody sets their watch by it.
        let _ = say(&format!(
            "staying quiet for {} s …",
            time.as_secs_f64().ceil()
        ));
    };
    let report = runtime()?.block_on(probe(&options, show, wait));
    if output == Output::Json {
        let mut document = json!({ "schema": 1, "type": "probe" });
        document["url"] = json!(report.url);
        document["ok"] = json!(report.ok);
        document["steps"] = serde_json::to_value(&report.steps)?;
        print(&line(&document))?;
    }
    Ok(if report.ok { Exit::Well } else { Exit::Failed })
}
