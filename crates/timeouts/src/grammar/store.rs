//! Where messages are kept, as `STORE` says it.

/// Redis's own port.
const REDIS_PORT: u16 = 6379;

/// Where messages are kept, as `STORE` says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Store<'a> {
    /// In the process.
    Memory,
    /// In a directory.
    File(&'a str),
    /// In a Redis or Valkey.
    Redis(RedisUrl<'a>),
}

impl<'a> Store<'a> {
    /// Reads `memory`, `file:DIR`, `redis://host:port` or `rediss://host:port`.
    ///
    /// # Errors
    /// What was expected. A URL may hold no credentials: many can read it.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("file", directory)) if !directory.is_empty() => Ok(Self::File(directory)),
            Some(("redis" | "rediss", _)) => RedisUrl::parse(text).map(Self::Redis),
            _ => {
                Err("expected memory, file:DIR, redis://host:port or rediss://host:port".to_owned())
            }
        }
    }

    /// The word that rules know it by: `memory`, `file` or `redis`.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::File(_) => "file",
            Self::Redis(_) => "redis",
        }
    }
}

/// The URL of a Redis: `rediss://` speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisUrl<'a> {
    /// The whole URL.
    pub url: &'a str,
    /// Its port.
    pub port: u16,
}

impl<'a> RedisUrl<'a> {
    /// Reads a URL with a host, perhaps a port and the database 0, and nothing else.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(url: &'a str) -> Result<Self, String> {
        const EXPECTED: &str = "expected a URL such as rediss://cache.example.com:6379";
        let rest = url
            .strip_prefix("rediss://")
            .or_else(|| url.strip_prefix("redis://"))
            .ok_or(EXPECTED)?;
        if rest.contains('@') {
            return Err(
                "a URL may hold no credentials: task definitions and logs show it".to_owned(),
            );
        }
        if rest.contains(['?', '#']) {
            return Err("a URL may have no query or fragment".to_owned());
        }
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        if !matches!(database, "" | "0") {
            return Err(
                "expected database 0: Redis makes announcements to all its databases alike; \
                 give each environment a Redis of its own"
                    .to_owned(),
            );
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse::<u16>().map_err(|_| EXPECTED)?)
            }
            _ => (authority, REDIS_PORT),
        };
        let sound = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
        if host.is_empty() || port == 0 || !host.bytes().all(sound) {
            return Err(EXPECTED.to_owned());
        }
        Ok(Self { url, port })
    }
}
