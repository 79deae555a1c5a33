//! Where a primary is: at an address, or wherever the sentinels say.

use std::time::Duration;

use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, ErrorKind, IntoConnectionInfo as _, RedisError,
    RedisResult, cmd,
};
use timeouts::grammar::{RedisMode, RedisUrl};

use crate::settings::RedisSettings;

/// What a sentinel that lets nobody in without a password, or a user without rights, answers with.
const FORBIDDEN: [&str; 2] = ["NOAUTH", "NOPERM"];
/// How long a sentinel may take to answer.
const SENTINEL: Duration = Duration::from_secs(1);

/// A host and its port.
pub(super) type Address = (String, u16);

/// What a connection to a server of the store, or to a sentinel, needs beside its address.
#[derive(Clone)]
pub(super) struct Login {
    encrypted: bool,
    username: Option<String>,
    password: Option<String>,
}

/// Where a primary is.
#[derive(Clone)]
pub(super) enum Whereabouts {
    /// Always there.
    At(Client),
    /// Where the sentinels say, whenever a connection is made.
    Sentinels {
        /// Theirs.
        addresses: Vec<Address>,
        /// For them.
        login: Login,
        /// What they call the primary.
        name: String,
        /// For the primary.
        primary: Login,
    },
}

impl Login {
    /// What the settings say, for the URL that they have.
    pub(super) fn new(url: RedisUrl<'_>, settings: &RedisSettings) -> Self {
        Self {
            encrypted: url.is_encrypted(),
            username: settings.username.clone(),
            password: settings.password.clone(),
        }
    }

    /// The same for its sentinels.
    pub(super) fn of_sentinels(url: RedisUrl<'_>, settings: &RedisSettings) -> Self {
        Self {
            encrypted: url.is_encrypted(),
            username: settings.sentinel_username.clone(),
            password: settings.sentinel_password.clone(),
        }
    }

    /// A client of the server at this address.
    pub(super) fn client(&self, (host, port): &Address) -> RedisResult<Client> {
        let info = self.connection_info(host, *port)?;
        let mut login = info
            .redis_settings()
            .clone()
            .set_lib_name("holdfast", env!("CARGO_PKG_VERSION"));
        if let Some(username) = &self.username {
            login = login.set_username(username);
        }
        if let Some(password) = &self.password {
            login = login.set_password(password);
        }
        Client::open(info.set_redis_settings(login))
    }

    fn connection_info(&self, host: &str, port: u16) -> RedisResult<ConnectionInfo> {
        let scheme = match self.encrypted {
            true => "rediss",
            false => "redis",
        };
        // An IPv6 address comes with brackets from a URL, and without from a server.
        let host = match host.contains(':') && !host.starts_with('[') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        format!("{scheme}://{host}:{port}").into_connection_info()
    }
}

impl Whereabouts {
    /// Where the URL's one primary is; none of a cluster.
    pub(super) fn of_primary(
        url: RedisUrl<'_>,
        settings: &RedisSettings,
    ) -> RedisResult<Option<Self>> {
        let primary = Login::new(url, settings);
        let mut addresses = url.hosts().map(|(host, port)| (host.to_owned(), port));
        Ok(match url.mode() {
            RedisMode::Cluster => None,
            RedisMode::Single => match addresses.next() {
                Some(address) => Some(Self::At(primary.client(&address)?)),
                None => None,
            },
            RedisMode::Sentinel { name } => Some(Self::Sentinels {
                addresses: addresses.collect(),
                login: Login::of_sentinels(url, settings),
                name: name.to_owned(),
                primary,
            }),
        })
    }

    /// A client of the primary as of now.
    pub(super) async fn client(&self) -> RedisResult<Client> {
        let (addresses, login, name, primary) = match self {
            Self::At(client) => return Ok(client.clone()),
            Self::Sentinels {
                addresses,
                login,
                name,
                primary,
            } => (addresses, login, name, primary),
        };
        let (mut refusal, mut silence) = (None, None);
        for sentinel in addresses {
            match ask_sentinel(sentinel, name, login).await {
                Ok(Some(address)) => return primary.client(&address),
                Ok(None) => silence = Some(unknown(name)),
                Err(error) if is_refusal(&error) => {
                    refusal = refusal.or_else(|| Some(refused(sentinel, &error)));
                }
                Err(error) => silence = silence.or_else(|| Some(of_sentinel(sentinel, &error))),
            }
        }
        // What passes by itself says less.
        Err(refusal.or(silence).unwrap_or_else(|| unknown(name)))
    }

    /// Whether what is found there may be no primary any more.
    pub(super) fn may_mislead(&self) -> bool {
        matches!(self, Self::Sentinels { .. })
    }
}

fn unknown(name: &str) -> RedisError {
    let detail = format!("no sentinel knows a primary called {name}");
    (ErrorKind::Client, "see STORE", detail).into()
}

/// The error with the sentinel that it is of.
fn of_sentinel((host, port): &Address, error: &RedisError) -> RedisError {
    let detail = format!("{host}:{port}: {error}");
    (error.kind(), "no answer of the sentinel", detail).into()
}

fn is_refusal(error: &RedisError) -> bool {
    let is_forbidden = error.code().is_some_and(|code| FORBIDDEN.contains(&code));
    error.kind() == ErrorKind::AuthenticationFailed || is_forbidden
}

/// The error with the sentinel that lets nobody in.
fn refused((host, port): &Address, error: &RedisError) -> RedisError {
    let detail =
        format!("{host}:{port}: {error}; see STORE_SENTINEL_USERNAME and STORE_SENTINEL_PASSWORD");
    let kind = ErrorKind::AuthenticationFailed;
    (kind, "the sentinel refuses the credentials", detail).into()
}

/// The primary's address, if this sentinel knows it.
async fn ask_sentinel(
    sentinel: &Address,
    name: &str,
    login: &Login,
) -> RedisResult<Option<Address>> {
    let client = login.client(sentinel)?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(SENTINEL))
        .set_response_timeout(Some(SENTINEL));
    let mut connection = client
        .get_multiplexed_async_connection_with_config(&config)
        .await?;
    let mut question = cmd("SENTINEL");
    question.arg("GET-MASTER-ADDR-BY-NAME").arg(name);
    question.query_async(&mut connection).await
}
