//! `deployer send`: a backend by hand, which publishes one message.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use deployer::local::api::Api;
use serde_json::{Value, json};

use deployer::server_target::{api_url, backend_key, local};
use deployer::terminal::runtime;
use deployer::terminal::{Exit, Output, line, print, say};

/// Publish a message to a channel, as a backend does. Without --url, to the local stack that is
/// running.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The message's data: JSON, or else a text. Read from stdin when absent.
    data: Option<String>,
    /// The server.
    #[arg(long)]
    url: Option<String>,
    /// A file with the backend's key, for a server that is not the local stack.
    #[arg(long, value_name = "FILE")]
    backend_key_file: Option<PathBuf>,
    /// The channel; the local stack's demo channel unless given.
    #[arg(long)]
    channel: Option<String>,
    /// The namespace.
    #[arg(long, default_value = "dropcodes")]
    namespace: String,
    /// The event's name.
    #[arg(long, default_value = "code")]
    event: String,
    /// The message's id, for a retry that must not deliver twice; the server gives one unless
    /// stated.
    #[arg(long)]
    id: Option<String>,
    /// Deliver after this time.
    #[arg(long = "in", value_name = "DURATION", value_parser = humantime::parse_duration, conflicts_with = "at")]
    deliver_in: Option<Duration>,
    /// Deliver at this time, `2026-05-01T18:00:00Z` for instance.
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<String>,
    /// How long after its moment the message may still be delivered; the server's default is 1 h.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    ttl: Option<Duration>,
}

fn time(text: &str) -> Result<String, String> {
    let parsed = humantime::parse_rfc3339(text);
    parsed
        .map(|_| text.to_owned())
        .map_err(|error| format!("{error}; expected 2026-05-01T18:00:00Z"))
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => local(None)?.url,
    };
    let backend_key = backend_key(args.backend_key_file.as_ref(), Some(&url))?;
    let channel = match &args.channel {
        Some(channel) => channel.clone(),
        None => {
            local(Some(&url))
                .context("--channel is needed for a server that is not the local stack")?
                .channel
        }
    };
    let api = Api {
        address: api_url(&url).parse()?,
        backend_key,
    };
    let message = message(args)?;
    let sent = runtime()?.block_on(api.publish(&args.namespace, &channel, &message));
    let stored = sent.with_context(|| format!("the message was not accepted by {url}"))?;
    if output == Output::Json {
        print(&line(
            &json!({ "schema": 1, "type": "sent", "channel": channel, "message": stored }),
        ))?;
    } else {
        let field = |name: &str| {
            stored
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or("?")
                .to_owned()
        };
        let (id, state, at) = (field("id"), field("state"), field("deliver_at"));
        print(&format!(
            "{id} {state} for {}/{channel}, to be delivered at {at}\n",
            args.namespace
        ))?;
        if let Some(notice) = stored.get("notice") {
            let detail = notice.get("detail").and_then(Value::as_str);
            say(&format!("note: {}", detail.unwrap_or("nobody can get it")))?;
        }
    }
    Ok(Exit::Well)
}

fn message(args: &Args) -> anyhow::Result<Value> {
    let text = match &args.data {
        Some(text) => text.clone(),
        None => {
            let mut stdin = std::io::stdin();
            ensure!(
                !stdin.is_terminal(),
                "no data: give it as an argument or on stdin"
            );
            let mut text = String::new();
            stdin
                .read_to_string(&mut text)
                .context("cannot read stdin")?;
            text.trim_end().to_owned()
        }
    };
    let data = serde_json::from_str(&text).unwrap_or(Value::String(text));
    let mut message = json!({ "event": args.event, "data": data });
    let millis =
        |time: Duration| u64::try_from(time.as_millis()).context("that is too long a time");
    if let Some(id) = &args.id {
        message["id"] = json!(id);
    }
    if let Some(time) = args.deliver_in {
        message["deliver_in"] = json!(millis(time)?);
    }
    if let Some(at) = &args.at {
        message["deliver_at"] = json!(at);
    }
    if let Some(time) = args.ttl {
        message["ttl"] = json!(millis(time)?);
    }
    Ok(message)
}
