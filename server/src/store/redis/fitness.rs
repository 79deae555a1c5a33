//! Whether a Redis can do the work, asked before anything is built on it.

use std::time::Duration;

use anyhow::{bail, ensure};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind, RedisError, ServerErrorKind, cmd};
use tokio::time::{Instant, sleep};

use super::{listener, pulse};

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
pub(super) async fn wait_for(client: &Client, patience: Duration) -> anyhow::Result<()> {
    let start = Instant::now();
    loop {
        let trouble = match connect(client).await {
            Ok(connection) => match look(client, connection).await? {
                None => return Ok(()),
                Some(trouble) => trouble,
            },
            Err(error) if error.kind() == ErrorKind::AuthenticationFailed => {
                bail!("{error}; see STORE_USERNAME and STORE_PASSWORD")
            }
            Err(error) => error.to_string(),
        };
        ensure!(start.elapsed() < patience, "{trouble}");
        sleep(PAUSE).await;
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

/// What may pass by itself, if there is such a thing.
async fn look(
    client: &Client,
    mut connection: MultiplexedConnection,
) -> anyhow::Result<Option<String>> {
    let info: String = match cmd("INFO").query_async(&mut connection).await {
        Ok(info) => info,
        Err(error) if is_forbidden(&error) => bail!("{error}; {RIGHTS}"),
        Err(error) => return Ok(Some(error.to_string())),
    };
    let field = |name| pulse::field(&info, name);
    let version = field("valkey_version")
        .or_else(|| field("redis_version"))
        .unwrap_or_default();
    let major = version.split('.').next().unwrap_or_default();
    ensure!(
        major.parse::<u32>().is_ok_and(|major| major >= 7),
        "version {version} is too old: Redis 7, or Valkey, is needed"
    );
    ensure!(
        field("cluster_enabled") != Some("1"),
        "Redis Cluster is not supported: use a Redis with cluster mode off"
    );
    if field("role") == Some("slave") {
        return Ok(Some(
            "it is a replica, which accepts no writes: use the primary's endpoint".to_owned(),
        ));
    }
    match listener::subscribe(client).await {
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
