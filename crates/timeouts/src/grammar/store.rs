//! Where messages are kept, as `STORE` says it.

/// The parts into which the server divides what it keeps in a cluster. A part is on one shard, so
/// that shards which divide this number evenly carry the same.
pub const STORE_PARTS: usize = 18;

/// Redis's own port.
const REDIS_PORT: u16 = 6379;
/// Sentinel's own port.
const SENTINEL_PORT: u16 = 26379;

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
    /// Reads `memory`, `file:DIR`, or the URL of a Redis.
    ///
    /// # Errors
    /// What was expected. A URL may hold no credentials: many can read it.
    pub fn parse(text: &'a str) -> Result<Self, String> {
        match text.split_once(':') {
            None if text == "memory" => Ok(Self::Memory),
            Some(("file", directory)) if !directory.is_empty() => Ok(Self::File(directory)),
            Some((scheme, _)) if scheme.starts_with("redis") => {
                RedisUrl::parse(text).map(Self::Redis)
            }
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

/// The URL of a Redis: `rediss` speaks TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RedisUrl<'a> {
    /// The whole URL.
    pub url: &'a str,
    /// The port of its first host.
    pub port: u16,
}

/// What a URL leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedisMode<'a> {
    /// One primary.
    Single,
    /// Some of a cluster's servers, which know the others.
    Cluster,
    /// Sentinels, which know the primary.
    Sentinel {
        /// What they call it.
        name: &'a str,
    },
}

impl<'a> RedisUrl<'a> {
    /// Reads `redis://host:port`, `redis+cluster://host:port,host:port` or
    /// `redis+sentinel://host:port,host:port/name`; with `rediss` for TLS, and nothing else. A port
    /// may be left out, and so may the database 0.
    ///
    /// # Errors
    /// What was expected.
    pub fn parse(url: &'a str) -> Result<Self, String> {
        const EXPECTED: &str = "expected a URL such as rediss://cache.example.com:6379, \
                                rediss+cluster://cache.example.com:6379 or \
                                redis+sentinel://10.0.0.1:26379,10.0.0.2:26379/primary";
        let (scheme, rest) = url.split_once("://").ok_or(EXPECTED)?;
        if rest.contains('@') {
            return Err(
                "a URL may hold no credentials: task definitions and logs show it".to_owned(),
            );
        }
        if rest.contains(['?', '#']) {
            return Err("a URL may have no query or fragment".to_owned());
        }
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        let many = match scheme {
            "redis" | "rediss" => false,
            "redis+cluster" | "rediss+cluster" | "redis+sentinel" | "rediss+sentinel" => true,
            _ => return Err(EXPECTED.to_owned()),
        };
        if scheme.ends_with("+sentinel") {
            if !is_name(path) {
                return Err("expected the primary's name behind the sentinels, such as \
                     redis+sentinel://10.0.0.1:26379/primary"
                    .to_owned());
            }
        } else if !matches!(path, "" | "0") {
            return Err(
                "expected database 0: Redis makes announcements to all its databases alike; \
                 give each environment a Redis of its own"
                    .to_owned(),
            );
        }
        if !many && hosts.contains(',') {
            return Err(
                "expected one host: several are a cluster's, with redis+cluster://, or \
                        sentinels, with redis+sentinel://"
                    .to_owned(),
            );
        }
        let default = default_port(scheme);
        let ports: Option<Vec<_>> = hosts.split(',').map(|at| port_of(at, default)).collect();
        let port = *ports.ok_or(EXPECTED)?.first().ok_or(EXPECTED)?;
        Ok(Self { url, port })
    }

    /// What it leads to.
    #[must_use]
    pub fn mode(&self) -> RedisMode<'a> {
        let (scheme, _, path) = self.parts();
        match scheme.split_once('+') {
            Some((_, "cluster")) => RedisMode::Cluster,
            Some(_) => RedisMode::Sentinel { name: path },
            None => RedisMode::Single,
        }
    }

    /// Whether it speaks TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.parts().0.starts_with("rediss")
    }

    /// Its hosts with their ports. An IPv6 address keeps its brackets.
    pub fn hosts(&self) -> impl Iterator<Item = (&'a str, u16)> + use<'a> {
        let (scheme, hosts, _) = self.parts();
        let default = default_port(scheme);
        hosts
            .split(',')
            .filter_map(move |at| split_port(at, default))
    }

    /// Scheme, hosts and path.
    fn parts(&self) -> (&'a str, &'a str, &'a str) {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let (hosts, path) = rest.split_once('/').unwrap_or((rest, ""));
        (scheme, hosts, path)
    }
}

fn default_port(scheme: &str) -> u16 {
    match scheme.ends_with("+sentinel") {
        true => SENTINEL_PORT,
        false => REDIS_PORT,
    }
}

/// The port of a host that is written well.
fn port_of(at: &str, default: u16) -> Option<u16> {
    let (host, port) = split_port(at, default)?;
    let sound = |b: u8| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b);
    (!host.is_empty() && port > 0 && host.bytes().all(sound)).then_some(port)
}

fn split_port(at: &str, default: u16) -> Option<(&str, u16)> {
    match at.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => Some((host, port.parse().ok()?)),
        _ => Some((at, default)),
    }
}

/// What a sentinel may call a primary.
fn is_name(text: &str) -> bool {
    let sound = |b: u8| b.is_ascii_alphanumeric() || b".-_".contains(&b);
    !text.is_empty() && text.bytes().all(sound)
}
