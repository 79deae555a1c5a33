//! A primary with a replica on this machine, and sentinels that watch over them, as real processes.

use std::io;
use std::path::Path;
use std::time::Duration;

use redis::Value;
use tokio::time::sleep;

use crate::port::free_port;
use crate::redis::Redis;

/// What the sentinels call the primary.
pub const NAME: &str = "primary";
/// Sentinels that must agree.
const QUORUM: usize = 2;
/// Between two looks at them.
const LOOK: Duration = Duration::from_millis(20);

/// A primary, its replica, and three sentinels. Killed when dropped.
pub struct Watched {
    /// The primary, and what takes its place.
    pub servers: [Redis; 2],
    /// The sentinels.
    pub sentinels: Vec<Redis>,
}

impl Watched {
    /// Starts all of it in `directory`, which exists. A primary that does not answer for a second
    /// is replaced.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn start(directory: &Path) -> io::Result<Self> {
        Self::start_with(directory, &[]).await
    }

    /// The same with more lines in the configuration of each sentinel.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn start_with(directory: &Path, lines: &[&str]) -> io::Result<Self> {
        let within = |name: &str| {
            let own = directory.join(name);
            std::fs::create_dir_all(&own).map(|()| own)
        };
        let mut primary = Redis::new(&within("primary")?);
        primary.start(&["--save", ""]).await?;
        let (host, port) = (
            primary.address.ip().to_string(),
            primary.address.port().to_string(),
        );
        let mut replica = Redis::new(&within("replica")?);
        let of = format!("{host} {port}");
        let options = [
            "--replicaof",
            &of,
            "--repl-diskless-sync-delay",
            "0",
            "--save",
            "",
        ];
        replica.start(&options).await?;
        let mut sentinels = Vec::new();
        for n in 0..3 {
            let own = within(&format!("sentinel-{n}"))?;
            let mut sentinel = Redis::new(&own);
            let quorum = QUORUM.to_string();
            let file = own.join("sentinel.conf");
            let text = format!(
                "sentinel monitor {NAME} {host} {port} {quorum}\n\
                 sentinel down-after-milliseconds {NAME} 1000\n\
                 sentinel failover-timeout {NAME} 5000\n\
                 {}\n",
                lines.join("\n")
            );
            std::fs::write(&file, text)?;
            sentinel.start_with(Some(&file), &["--sentinel"]).await?;
            sentinels.push(sentinel);
        }
        Ok(Self {
            servers: [primary, replica],
            sentinels,
        })
    }

    /// Waits until every sentinel knows the replica and the other sentinels.
    ///
    /// # Errors
    /// A sentinel is away.
    pub async fn until_ready(&self) -> io::Result<()> {
        for sentinel in &self.sentinels {
            loop {
                let answer: Vec<String> = sentinel.ask(&["SENTINEL", "MASTER", NAME]).await?;
                let says =
                    |name: &str, value: &str| answer.chunks(2).any(|pair| pair == [name, value]);
                if says("num-slaves", "1") && says("num-other-sentinels", "2") {
                    break;
                }
                sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// Its URL, as `STORE` takes it. Of the sentinels one is away.
    #[must_use]
    pub fn url(&self) -> String {
        let mut hosts = vec![format!("127.0.0.1:{}", free_port())];
        hosts.extend(self.sentinels.iter().map(|at| at.address.to_string()));
        format!("redis+sentinel://{}/{NAME}", hosts.join(","))
    }

    /// Has the replica take over in an orderly way, as soon as the sentinels find it fit.
    pub async fn fail_over(&self) {
        let command = ["SENTINEL", "FAILOVER", NAME];
        while self.sentinels[0].ask::<Value>(&command).await.is_err() {
            sleep(LOOK).await;
        }
    }
}
