//! `deployer listen`: prints what arrives and how late. With the local stack's demo key it is a
//! plugin by hand, which acknowledges; at a channel it watches, and leaves nothing behind.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use deployer::lateness::late;
use deployer::local::api::Api;
use serde_json::{Value, json};
use socketio_client::{Address, Error, Incoming, Session, Settings};

use deployer::server_target::{api_url, backend_key, local, path, with_slash};
use deployer::terminal::{Exit, Output, line, print, say};
use deployer::terminal::{Signals, runtime};

/// The first wait before connecting again; it doubles up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Connect as a plugin does, and print what arrives and how late. With a plugin's key it
/// acknowledges; with --channel or --watch it only watches. Without --url, to the local stack that
/// is running.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server.
    #[arg(long)]
    url: Option<String>,
    /// The plugin key; the local stack's demo key unless this or --channel is given.
    #[arg(long, conflicts_with = "channel")]
    key: Option<String>,
    /// Watch this channel, with a key that is created by the backend's key and revoked at the end.
    #[arg(long)]
    channel: Option<String>,
    /// Watch the local stack's demo channel instead of taking part in it.
    #[arg(long, conflicts_with = "key")]
    watch: bool,
    /// Take part in --channel as a plugin of its own: its acknowledgements count.
    #[arg(long, requires = "channel", conflicts_with_all = ["watch", "no_ack"])]
    ack: bool,
    /// A file with the backend's key, for --channel at a server that is not the local stack.
    #[arg(long, value_name = "FILE", requires = "channel")]
    backend_key_file: Option<PathBuf>,
    /// The namespace.
    #[arg(long, default_value = "dropcodes")]
    namespace: String,
    /// The Socket.IO path; the local stack's, or /websockets.
    #[arg(long)]
    path: Option<String>,
    /// Leave after so many messages.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// Do not acknowledge: messages come again.
    #[arg(long)]
    no_ack: bool,
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    runtime()?.block_on(async {
        let mut signals = Signals::take()?;
        tokio::select! {
            target = target(args) => {
                let target = target?;
                let outcome = tokio::select! {
                    outcome = listen(args, &target.settings, output) => outcome,
                    () = signals.next() => Ok(Exit::Interrupted),
                };
                target.clean_up().await?;
                outcome
            }
            () = signals.next() => Ok(Exit::Interrupted),
        }
    })
}

/// Where and with what key.
struct Target {
    settings: Settings,
    /// A key that was created for it: its id, and where.
    own: Option<(Api, String)>,
}

impl Target {
    /// Revokes the key that was created.
    async fn clean_up(self) -> anyhow::Result<()> {
        if let Some((api, id)) = self.own
            && let Err(error) = api.revoke_key(&id).await
        {
            say(&format!(
                "the key {id} could not be revoked: {error}; it ends by itself within a day"
            ))?;
        }
        Ok(())
    }
}

async fn listen(args: &Args, settings: &Settings, output: Output) -> anyhow::Result<Exit> {
    let (mut left, mut wait) = (args.count, FIRST_WAIT);
    loop {
        let Some(error) = attend(args, settings, output, &mut left, &mut wait).await? else {
            return Ok(Exit::Well);
        };
        // As plugins do: a refusal is definite, anything else is worth another try.
        if matches!(error, Error::ConnectError(_))
            || matches!(&error, Error::Refused(reply) if reply.status == 401)
        {
            bail!("{error}; is the key right, and for this namespace?");
        }
        if matches!(&error, Error::Refused(reply) if reply.status == 404) {
            bail!(
                "nothing serves Socket.IO at {}{}: {error}; give the server's path (SOCKET_PATH) \
                 with --path",
                settings.address,
                settings.path
            );
        }
        say(&format!(
            "disconnected: {error}; connecting again in {wait:?}"
        ))?;
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

async fn target(args: &Args) -> anyhow::Result<Target> {
    let url = args.url.as_deref();
    let stack = local(url);
    let url = match (url, &stack) {
        (_, Ok(stack)) => stack.url.clone(),
        (Some(url), Err(_)) => url.to_owned(),
        (None, Err(_)) => return Err(stack.err().context("no stack")?),
    };
    let address: Address = url.parse()?;
    let path = match (&args.path, &stack) {
        (Some(given), _) => path(given),
        (None, Ok(stack)) => stack.path.clone(),
        (None, Err(_)) => "/websockets".to_owned(),
    };
    let channel = match (&args.channel, &stack) {
        (None, Ok(stack)) if args.watch => Some(stack.channel.clone()),
        (given, _) => given.clone(),
    };
    let (key, own) = match (&args.key, channel) {
        (Some(key), _) => (key.clone(), None),
        (None, Some(channel)) => {
            let backend_key = backend_key(args.backend_key_file.as_ref(), Some(&url))?;
            let api = Api {
                address: api_url(&url).parse()?,
                backend_key,
            };
            let namespace = args.namespace.trim_start_matches('/');
            let created = api.create_listener_key(&channel, namespace, !args.ack);
            let (id, key) = created.await?;
            (key, Some((api, id)))
        }
        (None, None) => {
            let needed = "a key is needed: give --key, or --channel to watch one";
            (stack.context(needed)?.plugin_key, None)
        }
    };
    let settings = Settings {
        address,
        path,
        namespace: with_slash(&args.namespace),
        key: Some(key),
    };
    Ok(Target { settings, own })
}

/// One session until its end: none when enough has arrived, else why it ended.
async fn attend(
    args: &Args,
    settings: &Settings,
    output: Output,
    left: &mut Option<u64>,
    wait: &mut Duration,
) -> anyhow::Result<Option<Error>> {
    let mut session = match Session::connect(settings).await {
        Ok(session) => session,
        Err(error) => return Ok(Some(error)),
    };
    *wait = FIRST_WAIT;
    let node = if session.node.is_empty() {
        String::new()
    } else {
        format!(" (node {})", session.node)
    };
    say(&format!(
        "connected to {}{}{node}",
        settings.address, settings.namespace
    ))?;
    while *left != Some(0) {
        let incoming = match session.event().await {
            Ok(incoming) => incoming,
            Err(error) => return Ok(Some(error)),
        };
        let message = incoming.arguments.get(1).cloned().unwrap_or(Value::Null);
        let acknowledge = match (args.no_ack, incoming.ack, message.get("id")) {
            (false, Some(number), Some(id)) => Some((number, id.clone())),
            _ => None,
        };
        show(
            &incoming,
            &message,
            late(&message, &settings.address),
            acknowledge.is_some(),
            output,
        )?;
        if let Some((number, id)) = acknowledge
            && let Err(error) = session.acknowledge(number, vec![id]).await
        {
            return Ok(Some(error));
        }
        *left = left.map(|left| left - 1);
    }
    session.close().await;
    Ok(None)
}

fn show(
    incoming: &Incoming,
    message: &Value,
    late: Option<f64>,
    acknowledged: bool,
    output: Output,
) -> anyhow::Result<()> {
    let data = incoming.arguments.first().cloned().unwrap_or(Value::Null);
    if output == Output::Json {
        return print(&line(&json!({
            "type": "message", "event": incoming.event, "data": data, "message": message, "late_ms": late,
            "acknowledged": acknowledged,
        })));
    }
    let now = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let time = now.split('T').nth(1).unwrap_or_default();
    let id = message
        .get("id")
        .and_then(Value::as_str)
        .unwrap_or("without id");
    let again = if message.get("redelivered") == Some(&Value::Bool(true)) {
        ", again"
    } else {
        ""
    };
    let late = late.map_or_else(String::new, |late| format!(", {late} ms late"));
    let acknowledged = if acknowledged { ", acknowledged" } else { "" };
    print(&format!(
        "{time} {} {data}  ({id}{late}{again}{acknowledged})\n",
        incoming.event
    ))
}
