//! A Redis or Valkey of this machine's, in place of ElastiCache: found, started with what it holds
//! in a directory of the stack, and how its URL reaches the server.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use percent_encoding::percent_decode_str;
use tokio::process::Command;

use super::process::Spec;

/// Programs that can stand for it, the first one found counts.
const PROGRAMS: [&str; 2] = ["valkey-server", "redis-server"];

/// The name of its process in output; of a cluster's, with a number behind.
pub(in crate::local) const NAME: &str = "redis";
/// What a shard knows of its cluster: who the others are, and whose slots are whose.
const CLUSTER_FILE: &str = "nodes.conf";
/// A shard that has not answered for so long counts as away, in milliseconds.
const CLUSTER_TIMEOUT: &str = "5000";

/// The URLs that the server knows.
const SCHEMES: [&str; 6] = [
    "redis",
    "rediss",
    "redis+cluster",
    "rediss+cluster",
    "redis+sentinel",
    "rediss+sentinel",
];

/// Where the server finds its store, as its variables have it: a URL without a secret, and the
/// secret apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// `redis://host:port/…`
    pub(super) url: String,
    username: Option<String>,
    password: Option<String>,
}

impl Endpoint {
    /// A store without a secret.
    pub(super) fn open(url: String) -> Self {
        Self {
            url,
            username: None,
            password: None,
        }
    }

    /// Takes user name and password out of a URL. None where it is not a Redis's.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        if !SCHEMES.contains(&scheme) {
            return None;
        }
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if host.is_empty() {
            return None;
        }
        let (username, password) = match user.map(|user| user.split_once(':')) {
            None => (None, None),
            Some(None) => (user, None),
            Some(Some((username, password))) => (Some(username), Some(password)),
        };
        let decode = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let given = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(decode);
        Some(Self {
            url: format!("{scheme}://{host}{path}"),
            username: given(username).unwrap_or_default(),
            password: given(password).unwrap_or_default(),
        })
    }

    /// The server's variables.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("STORE", Some(self.url.clone())),
            ("STORE_USERNAME", self.username.clone()),
            ("STORE_PASSWORD", self.password.clone()),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
    }
}

/// The program, if one is installed.
pub(super) async fn installed() -> Option<PathBuf> {
    for program in PROGRAMS {
        let asked = Command::new(program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .await;
        if asked.is_ok_and(|output| output.status.success()) {
            return Some(program.into());
        }
    }
    None
}

/// How it is run: what it has answered survives its end, and nothing is evicted, as the rules
/// demand of ElastiCache.
///
/// Each write is in the system's hands before its answer goes out, so that SIGKILL loses none;
/// without syncing, since the machine itself is not what is tried here, and a sync under way would
/// hold writes back.
///
/// With a `bus` it is a shard of a cluster. A shard that is away leaves the others' slots served,
/// which the server needs.
pub(super) fn shard_spec(
    name: &str,
    program: PathBuf,
    address: SocketAddr,
    bus: Option<u16>,
    data: &Path,
) -> Spec {
    let (host, port) = (address.ip().to_string(), address.port().to_string());
    let bus = bus.map(|bus| bus.to_string());
    let of_cluster = bus.as_ref().map(|bus| in_cluster(&host, bus));
    let alone = [
        ("--bind", host.as_str()),
        ("--port", &port),
        ("--save", ""),
        ("--appendonly", "yes"),
        ("--appendfsync", "no"),
        ("--dir", &data.to_string_lossy()),
        ("--maxmemory-policy", "noeviction"),
    ];
    let arguments = alone.into_iter().chain(of_cluster.into_iter().flatten());
    let arguments = arguments.flat_map(|(name, value)| [name, value]);
    Spec {
        name: name.to_owned(),
        program,
        arguments: arguments.map(str::to_owned).collect(),
        environment: vec![],
    }
}

/// The options of a shard.
pub(super) fn in_cluster<'a>(host: &'a str, bus: &'a str) -> [(&'a str, &'a str); 6] {
    [
        ("--cluster-enabled", "yes"),
        ("--cluster-port", bus),
        ("--cluster-announce-ip", host),
        ("--cluster-config-file", CLUSTER_FILE),
        ("--cluster-node-timeout", CLUSTER_TIMEOUT),
        ("--cluster-require-full-coverage", "no"),
    ]
}

/// The directory of what it holds, empty at first; dropping it removes it.
#[derive(Debug)]
pub(super) struct Data(pub(super) PathBuf);

impl Data {
    /// Makes it, empty.
    pub(super) fn create(path: PathBuf) -> io::Result<Self> {
        match fs::remove_dir_all(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir(&path)?,
        }
        Ok(Self(path))
    }

    /// Removes what is in it, but for what a shard knows of its cluster: it comes back to it.
    pub(super) fn clear(&self) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            let path = entry.path();
            match entry.file_type()?.is_dir() {
                true => fs::remove_dir_all(path)?,
                false if entry.file_name() == CLUSTER_FILE => {}
                false => fs::remove_file(path)?,
            }
        }
        Ok(())
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        // What stays behind is swept up by the next reader of the directory of stacks.
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_stays_in_the_url() {
        for (given, expected) in [
            ("redis://h:1", &[("STORE", "redis://h:1")][..]),
            (
                "rediss://me:p%40ss@h/2",
                &[
                    ("STORE", "rediss://h/2"),
                    ("STORE_USERNAME", "me"),
                    ("STORE_PASSWORD", "p@ss"),
                ],
            ),
            (
                "redis://:p:w@h?x=@",
                &[("STORE", "redis://h?x=@"), ("STORE_PASSWORD", "p:w")],
            ),
            (
                "redis://me@[::1]:7",
                &[("STORE", "redis://[::1]:7"), ("STORE_USERNAME", "me")],
            ),
            (
                "rediss+cluster://:p@a:1,b:2",
                &[
                    ("STORE", "rediss+cluster://a:1,b:2"),
                    ("STORE_PASSWORD", "p"),
                ],
            ),
        ] {
            let endpoint = Endpoint::parse(given).unwrap();
            let variables: Vec<_> = endpoint.variables().collect();
            let variables: Vec<_> = variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
            assert_eq!(variables, expected, "{given}");
        }
        for wrong in ["", "h:1", "http://h", "redis://", "redis://me@/0"] {
            assert_eq!(Endpoint::parse(wrong), None, "{wrong}");
        }
    }
}
