//! Whether a Redis can do the work, asked before anything is built on it.

use std::time::Duration;

use anyhow::{bail, ensure};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind, cmd};
use tokio::time::{Instant, sleep};

use super::names::Layout;
use super::primaries::Primaries;
use super::slots::Slots;
use super::whereabouts::Whereabouts;
use super::{info, listener};
use crate::store::Part;

/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a connection, and each answer, may take.
const ANSWER: Duration = Duration::from_secs(2);
/// What an ACL user needs.
const RIGHTS: &str = "the user needs `~hf:* &hf:* +@all -@dangerous +info`";

/// Waits until a Redis is there and is a primary, and refuses one that cannot do the work.
///
/// # Errors
/// It is not reached in time, refuses the credentials or a command, is too old, a replica or a
/// cluster; says which.
pub(super) async fn wait_for(whereabouts: &Whereabouts, patience: Duration) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let trouble = match whereabouts.client().await {
            Ok(client) => try_once(&client, Layout::Single).await?,
            Err(error) if error.kind() == ErrorKind::AuthenticationFailed => bail!("{error}"),
            Err(error) => Some(error.to_string()),
        };
        let Some(trouble) = trouble else {
            return Ok(());
        };
        ensure!(start.elapsed() < patience, "{trouble}");
        sleep(PAUSE).await;
    }
}

/// Waits until some server of a cluster is there and knows a primary of each part.
///
/// # Errors
/// None is reached in time, or one refuses the credentials or a command, is too old, or is of no
/// cluster; or parts have no primary; says which.
pub(super) async fn wait_for_cluster(
    slots: &Slots,
    primaries: &Primaries,
    patience: Duration,
) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let mut why = None;
        for address in &slots.seeds {
            let (host, port) = address;
            let trouble = try_once(&slots.login.client(address)?, Layout::Cluster).await?;
            why = trouble.map(|why| format!("{host}:{port}: {why}"));
            if why.is_none() {
                break;
            }
        }
        let missing = match slots.look(primaries).await {
            Ok(()) => primaries.missing(),
            Err(error) => Some(error.to_string()),
        };
        let Some(why) = why.or(missing) else {
            return Ok(());
        };
        ensure!(start.elapsed() < patience, "{why}");
        sleep(PAUSE).await;
    }
}

/// What may pass by itself, if there is such a thing.
async fn try_once(client: &Client, layout: Layout) -> anyhow::Result<Option<String>> {
    match connect(client).await {
        Ok(connection) => look(client, layout, connection).await,
        Err(error) if error.kind() == ErrorKind::AuthenticationFailed => {
            bail!("{error}; see STORE_USERNAME and STORE_PASSWORD")
        }
        Err(error) => Ok(Some(error.to_string())),
    }
}

async fn connect(client: &Client) -> Result<MultiplexedConnection, RedisError> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER))
        .set_response_timeout(Some(ANSWER));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

async fn look(
    client: &Client,
    layout: Layout,
    mut connection: MultiplexedConnection,
) -> anyhow::Result<Option<String>> {
    let said: String = match cmd("INFO").query_async(&mut connection).await {
        Ok(said) => said,
        Err(error) if is_forbidden(&error) => bail!("{error}; {RIGHTS}"),
        Err(error) => return Ok(Some(error.to_string())),
    };
    let field = |name| info::field(&said, name);
    let version = field("valkey_version")
        .or_else(|| field("redis_version"))
        .unwrap_or_default();
    let major = version.split('.').next().unwrap_or_default();
    ensure!(
        major.parse::<u32>().is_ok_and(|major| major >= 7),
        "version {version} is too old: Redis 7, or Valkey, is needed"
    );
    let is_cluster = field("cluster_enabled") == Some("1");
    match layout {
        Layout::Cluster => {
            ensure!(
                is_cluster,
                "it is not a cluster: its URL begins with redis://, or rediss://"
            );
            tracing::info!(version, "connected to a Redis cluster");
            return Ok(None);
        }
        Layout::Single => ensure!(
            !is_cluster,
            "it is a cluster: its URL begins with redis+cluster://, or rediss+cluster://"
        ),
    }
    if field("role") == Some("slave") {
        return Ok(Some(
            "it is a replica, which accepts no writes: use the primary's endpoint".to_owned(),
        ));
    }
    match listener::subscribe(client, layout, &layout.channels(Part::FIRST)).await {
        Ok(_) => {}
        Err(error) if is_forbidden(&error) => bail!("{error}; {RIGHTS}"),
        Err(error) => return Ok(Some(error.to_string())),
    }
    tracing::info!(version, "connected to Redis");
    Ok(None)
}

fn is_forbidden(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
}
