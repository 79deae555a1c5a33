//! Where a key set comes from, and how it is read again while the server runs.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::Uri;
use http_body_util::{BodyExt as _, Limited};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::TokenKeys;
use crate::http_client::{HttpClient, http_client};
use crate::keys::sha256;

/// From one look at a file to the next. SIGHUP makes it look at once.
const LOOK: Duration = Duration::from_secs(5);
/// From one look at a URL to the next, and to the next where it failed.
const FETCH: Duration = Duration::from_secs(300);
const FETCH_AGAIN: Duration = Duration::from_secs(5);
/// How long a URL may take to answer, and how much.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_BYTES: usize = 256 << 10;

/// Where a key set is.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// In the setting itself.
    Text(String),
    /// In a file.
    File(PathBuf),
    /// Behind a URL.
    Url(Uri),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("PLUGIN_TOKEN_KEYS"),
            Self::File(file) => file.display().fmt(f),
            Self::Url(url) => url.fmt(f),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Listens for SIGHUP, and returns the work that keeps the keys up to date, which does not end.
///
/// # Errors
/// When the signal cannot be listened for, or no certificate authority is known for a URL.
pub fn watch(keys: TokenKeys) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let hangup = signal(SignalKind::hangup())?;
    let reader = match &keys.source {
        Source::Text(_) => None,
        Source::File(file) => Some(Reader::File(file.clone())),
        Source::Url(url) => Some(Reader::Url(Box::new(http_client(url)?), url.clone())),
    };
    Ok(async move {
        match reader {
            Some(reader) => look(keys, reader, hangup).await,
            None => std::future::pending().await,
        }
    })
}

/// What reads the set.
enum Reader {
    File(PathBuf),
    Url(Box<HttpClient>, Uri),
}

impl Reader {
    async fn read(&self) -> anyhow::Result<String> {
        match self {
            Self::File(file) => Ok(tokio::fs::read_to_string(file).await?),
            Self::Url(client, url) => {
                let answer = client.get(url.clone()).await?;
                anyhow::ensure!(answer.status().is_success(), "answered {}", answer.status());
                let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
                let body = body.map_err(anyhow::Error::from_boxed)?;
                Ok(String::from_utf8(body.to_bytes().into())?)
            }
        }
    }

    fn pause(&self, went_well: bool) -> Duration {
        match self {
            Self::File(_) => LOOK,
            Self::Url(..) if went_well => FETCH,
            Self::Url(..) => FETCH_AGAIN,
        }
    }
}

async fn look(keys: TokenKeys, reader: Reader, mut hangup: Signal) {
    let (mut known, mut failed) = (None, false);
    loop {
        let read = timeout(PATIENCE, reader.read()).await;
        let read = read.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in time")));
        let was_read = read.is_ok();
        // What was taken before is right.
        let mut is_right = keys.are_read();
        match read {
            Ok(text) => {
                let found = Some(sha256(&text));
                if found != known {
                    known = found;
                    is_right = take(&keys, &text);
                }
            }
            // Once for each time it goes away.
            Err(error) if !failed => {
                tracing::error!(source = %keys.source, error = format!("{error:#}"), has_keys = keys.are_read(), "PLUGIN_TOKEN_KEYS cannot be read; the keys stay as they are");
            }
            Err(_) => {}
        }
        failed = !was_read;
        tokio::select! {
            _ = hangup.recv() => known = None,
            () = sleep(reader.pause(was_read && is_right)) => {}
        }
    }
}

/// Takes a key set. Returns whether it is right.
fn take(keys: &TokenKeys, text: &str) -> bool {
    let taken = keys.replace(text);
    match &taken {
        Ok(count) => tracing::info!(source = %keys.source, count, "token keys read"),
        Err(mistake) => {
            tracing::error!(source = %keys.source, mistake, "PLUGIN_TOKEN_KEYS is wrong; the keys stay as they are");
        }
    }
    taken.is_ok()
}
