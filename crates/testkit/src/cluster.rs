//! A Redis cluster on this machine: three primaries, each with a replica where one is wanted, as
//! real processes. Slots are moved, and servers killed, as an operator would.

use std::io;
use std::path::Path;
use std::time::Duration;

use futures_util::future::try_join_all;
use redis::{FromRedisValue, Value};
use tokio::time::{Instant, sleep};

use crate::port::free_port;
use crate::redis::Redis;

/// Primaries.
pub const PRIMARIES: usize = 3;
const SLOTS: usize = 16_384;
/// How long the servers may take to agree.
const AGREEMENT: Duration = Duration::from_secs(60);
/// Between two looks at them.
const LOOK: Duration = Duration::from_millis(20);
/// How long a replica may take to take over before it is told again.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// How often one is started.
const TRIES: u32 = 3;
/// Keys that move in one call.
const MOVED: usize = 50;

/// A cluster. Its servers are killed when it is dropped.
pub struct Cluster {
    /// The primaries, then their replicas in the same order.
    pub servers: Vec<Redis>,
    ids: Vec<String>,
    buses: Vec<u16>,
}

impl Cluster {
    /// Starts one that keeps what it holds in `directory`, which exists, and waits until its
    /// servers agree. A primary that does not answer for three seconds is replaced by its
    /// replica, if it has one.
    ///
    /// # Errors
    /// It cannot be started, or its servers do not agree within a minute.
    pub async fn start(directory: &Path, replicas: bool) -> io::Result<Self> {
        let mut tries = 0;
        loop {
            tries += 1;
            let own = directory.join(format!("try-{tries}"));
            match Self::start_once(&own, replicas).await {
                // Somebody may have taken one of the ports meanwhile.
                Err(_) if tries < TRIES => {}
                started => return started,
            }
        }
    }

    async fn start_once(directory: &Path, replicas: bool) -> io::Result<Self> {
        let number = PRIMARIES * if replicas { 2 } else { 1 };
        let mut cluster = Self {
            servers: Vec::new(),
            ids: Vec::new(),
            buses: Vec::new(),
        };
        for n in 0..number {
            let own = directory.join(format!("server-{n}"));
            std::fs::create_dir_all(&own)?;
            cluster.servers.push(Redis::new(&own));
            cluster.buses.push(free_port());
        }
        let pairs = cluster.servers.iter_mut().zip(&cluster.buses);
        try_join_all(pairs.map(async |(server, bus)| start(server, *bus).await)).await?;
        for n in 0..number {
            let id: String = cluster.ask(n, &["CLUSTER", "MYID"]).await?;
            cluster.ids.push(id);
        }
        cluster.introduce(number).await?;
        for n in PRIMARIES..number {
            let primary = cluster.ids[n - PRIMARIES].clone();
            let _: Value = cluster.ask(n, &["CLUSTER", "REPLICATE", &primary]).await?;
        }
        for n in PRIMARIES..number {
            let up = "master_link_status:up";
            cluster.until_says(n, &["INFO", "replication"], up).await?;
        }
        Ok(cluster)
    }

    async fn introduce(&self, number: usize) -> io::Result<()> {
        for n in 0..number {
            let epoch = (n + 1).to_string();
            let _: Value = self
                .ask(n, &["CLUSTER", "SET-CONFIG-EPOCH", &epoch])
                .await?;
        }
        for n in 0..PRIMARIES {
            let first = (n * SLOTS).div_ceil(PRIMARIES).to_string();
            let last = (((n + 1) * SLOTS).div_ceil(PRIMARIES) - 1).to_string();
            let _: Value = self
                .ask(n, &["CLUSTER", "ADDSLOTSRANGE", &first, &last])
                .await?;
        }
        for n in 1..number {
            let address = self.servers[n].address;
            let (host, port) = (address.ip().to_string(), address.port().to_string());
            let bus = self.buses[n].to_string();
            let _: Value = self
                .ask(0, &["CLUSTER", "MEET", &host, &port, &bus])
                .await?;
        }
        for n in 0..number {
            self.until_says(n, &["CLUSTER", "INFO"], "cluster_state:ok")
                .await?;
            let known = format!("cluster_known_nodes:{number}");
            self.until_says(n, &["CLUSTER", "INFO"], &known).await?;
        }
        Ok(())
    }

    /// Its URL, as `STORE` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts = self.servers.iter().map(|server| server.address.to_string());
        format!("redis+cluster://{}", hosts.collect::<Vec<_>>().join(","))
    }

    /// Starts a server again that was killed, with the data that it had.
    ///
    /// # Errors
    /// It cannot be started.
    pub async fn revive(&mut self, n: usize) -> io::Result<()> {
        start(&mut self.servers[n], self.buses[n]).await
    }

    /// Asks a server.
    ///
    /// # Errors
    /// It is away, or refuses the command.
    pub async fn ask<T: FromRedisValue>(&self, n: usize, command: &[&str]) -> io::Result<T> {
        self.servers[n].ask(command).await
    }

    /// Waits until a server's answer has this text.
    ///
    /// # Errors
    /// It has not within a minute.
    pub async fn until_says(&self, n: usize, command: &[&str], text: &str) -> io::Result<()> {
        let start = Instant::now();
        loop {
            let answer: io::Result<String> = self.ask(n, command).await;
            if answer.as_ref().is_ok_and(|answer| answer.contains(text)) {
                return Ok(());
            }
            if start.elapsed() > AGREEMENT {
                let error = format!("server {n} of the cluster: no {text} in {answer:?}");
                return Err(io::Error::other(error));
            }
            sleep(LOOK).await;
        }
    }

    /// Which server leads, of a primary and its replica: waits until one does and the other follows
    /// it, and every server that runs knows it.
    ///
    /// # Errors
    /// Neither does within a minute, or the other does not follow.
    pub async fn leader(&self, primary: usize) -> io::Result<usize> {
        let both = [primary, Self::other(primary)];
        let start = Instant::now();
        while start.elapsed() < AGREEMENT {
            for leader in both {
                let follows = self.follows(Self::other(leader), leader).await;
                if follows.unwrap_or(false) {
                    return Ok(leader);
                }
            }
            sleep(LOOK).await;
        }
        let error = format!("no server of {both:?} leads with the other behind it");
        Err(io::Error::other(error))
    }

    /// The other server of a primary and its replica.
    #[must_use]
    pub fn other(server: usize) -> usize {
        (server + PRIMARIES) % (2 * PRIMARIES)
    }

    async fn follows(&self, follower: usize, leader: usize) -> io::Result<bool> {
        let asked = ["INFO", "replication"];
        let (said, leads): (String, String) = (
            self.ask(follower, &asked).await?,
            self.ask(leader, &asked).await?,
        );
        let port = self.servers[leader].address.port();
        let follows = said.contains("master_link_status:up")
            && said.contains(&format!("master_port:{port}"))
            && leads.contains("role:master");
        for n in (0..self.servers.len()).filter(|n| self.servers[*n].pid().is_some()) {
            let info: String = self.ask(n, &["CLUSTER", "INFO"]).await?;
            let nodes: String = self.ask(n, &["CLUSTER", "NODES"]).await?;
            let own = nodes
                .lines()
                .find(|line| line.starts_with(&self.ids[leader]));
            let is_known =
                own.is_some_and(|line| line.contains("master") && !line.contains("fail"));
            if !is_known || !info.contains("cluster_state:ok") {
                return Ok(false);
            }
        }
        Ok(follows)
    }

    /// Has a replica take over from its primary in an orderly way. The other primaries may refuse
    /// it for a moment, after they have agreed to a replacement of the same.
    ///
    /// # Errors
    /// It is away.
    pub async fn fail_over(&self, replica: usize) -> io::Result<()> {
        let mut asked: Option<Instant> = None;
        loop {
            let role: String = self.ask(replica, &["INFO", "replication"]).await?;
            if role.contains("role:master") {
                return Ok(());
            }
            if asked.is_none_or(|asked| asked.elapsed() > ASK_AGAIN) {
                let _: io::Result<Value> = self.ask(replica, &["CLUSTER", "FAILOVER"]).await;
                asked = Some(Instant::now());
            }
            sleep(LOOK).await;
        }
    }

    /// Moves a slot to another primary while it is in use.
    ///
    /// # Errors
    /// A server refuses it.
    pub async fn move_slot(&self, slot: u16, from: usize, to: usize) -> io::Result<()> {
        self.begin_move(slot, from, to).await?;
        while self.move_some(slot, from, to).await? > 0 {}
        self.end_move(slot, from, to).await
    }

    /// Marks a slot as being on its way.
    ///
    /// # Errors
    /// A server refuses it.
    pub async fn begin_move(&self, slot: u16, from: usize, to: usize) -> io::Result<()> {
        let slot = slot.to_string();
        let set = ["CLUSTER", "SETSLOT", &slot];
        let importing = [&set[..], &["IMPORTING", &self.ids[from]]].concat();
        let _: Value = self.ask(to, &importing).await?;
        let migrating = [&set[..], &["MIGRATING", &self.ids[to]]].concat();
        let _: Value = self.ask(from, &migrating).await?;
        Ok(())
    }

    /// Moves some of its keys; returns how many.
    ///
    /// # Errors
    /// A server refuses it.
    pub async fn move_some(&self, slot: u16, from: usize, to: usize) -> io::Result<usize> {
        let (slot, most) = (slot.to_string(), MOVED.to_string());
        let list = ["CLUSTER", "GETKEYSINSLOT", &slot, &most];
        let keys: Vec<String> = self.ask(from, &list).await?;
        if keys.is_empty() {
            return Ok(0);
        }
        let address = self.servers[to].address;
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut migrate = vec!["MIGRATE", &host, &port, "", "0", "10000", "KEYS"];
        migrate.extend(keys.iter().map(String::as_str));
        let _: Value = self.ask(from, &migrate).await?;
        Ok(keys.len())
    }

    /// Says that it has arrived, and waits until everyone knows it: a slot that moves on before may
    /// be left to nobody.
    ///
    /// # Errors
    /// A server refuses it.
    pub async fn end_move(&self, slot: u16, from: usize, to: usize) -> io::Result<()> {
        let slot = slot.to_string();
        for n in [to, from] {
            let set = ["CLUSTER", "SETSLOT", &slot, "NODE", &self.ids[to]];
            let _: Value = self.ask(n, &set).await?;
        }
        let epoch = self.epoch(to, to).await?;
        for n in (0..self.servers.len()).filter(|n| self.servers[*n].pid().is_some()) {
            while self.epoch(n, to).await? < epoch {
                sleep(LOOK).await;
            }
        }
        Ok(())
    }

    /// The number of the latest change of a server's slots, as far as another knows.
    async fn epoch(&self, asked: usize, of: usize) -> io::Result<u64> {
        let nodes: String = self.ask(asked, &["CLUSTER", "NODES"]).await?;
        let line = nodes.lines().find(|line| line.starts_with(&self.ids[of]));
        let epoch = line.and_then(|line| line.split(' ').nth(6)?.parse().ok());
        epoch.ok_or_else(|| io::Error::other(format!("no server {of} among {nodes}")))
    }
}

async fn start(server: &mut Redis, bus: u16) -> io::Result<()> {
    let bus = bus.to_string();
    let options = [
        ["--cluster-enabled", "yes"],
        ["--cluster-port", &bus],
        ["--cluster-node-timeout", "3000"],
        // A primary without a replica takes away its own slots only.
        ["--cluster-require-full-coverage", "no"],
        ["--repl-diskless-sync-delay", "0"],
        ["--appendonly", "yes"],
        ["--save", ""],
        ["--enable-debug-command", "local"],
    ];
    server.start(&options.concat()).await
}
