//! `deployer why`: why a streamer did not get a message.

use std::path::PathBuf;

use anyhow::Context as _;
use deployer::local::api::Api;
use deployer::server_target::{api_url, backend_key, local};
use deployer::terminal::{Exit, Output, line, print, runtime};
use deployer::why::Report;

/// Say why a channel's messages are where they are: which keys there are, who is connected, and
/// what happened to each message. Without --url, of the local stack that is running.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The channel.
    #[arg(value_parser = name)]
    channel: String,
    /// The message's id; the latest messages unless given.
    #[arg(value_parser = name)]
    message: Option<String>,
    /// The server.
    #[arg(long)]
    url: Option<String>,
    /// A file with the backend's key, for a server that is not the local stack. It needs the scopes
    /// read and keys.
    #[arg(long, value_name = "FILE")]
    backend_key_file: Option<PathBuf>,
    /// The namespace.
    #[arg(long, default_value = "dropcodes", value_parser = name)]
    namespace: String,
    /// How many of the latest messages, without MESSAGE.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

/// A name as the server takes it.
fn name(text: &str) -> Result<String, String> {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "._:-".contains(c);
    match !text.is_empty() && text.len() <= 128 && text.chars().all(is_known) {
        true => Ok(text.to_owned()),
        false => Err("expected 1 to 128 letters, digits and any of . _ : -".into()),
    }
}

pub(crate) fn run(args: &Args, output: Output) -> anyhow::Result<Exit> {
    let url = match &args.url {
        Some(url) => url.clone(),
        None => local(None)?.url,
    };
    let backend_key = backend_key(args.backend_key_file.as_ref(), Some(&url))?;
    let api = Api {
        address: api_url(&url).parse()?,
        backend_key,
    };
    let place = (&*args.namespace, &*args.channel);
    let asked = Report::ask(&api, place, args.message.as_deref(), args.limit);
    let report = runtime()?.block_on(asked);
    let report = report.with_context(|| format!("{url} does not say"))?;
    match output {
        Output::Json => print(&line(&report.json()))?,
        Output::Text => print(&report.text(args.message.is_some()))?,
    }
    Ok(Exit::Well)
}
