//! Makes one Redis Cluster of shards that run on this machine.

use std::net::SocketAddr;
use std::time::Duration;

use redis::{Client, Cmd, RedisResult, cmd};
use tokio::time::{sleep, timeout};

/// The slots of every cluster.
const SLOTS: usize = 16_384;
/// How long the shards may take to agree.
const AGREEING: Duration = Duration::from_secs(30);
/// Between two looks whether they do.
const LOOK: Duration = Duration::from_millis(50);

/// A shard: where it listens for clients, and the port where it listens for the other shards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) address: SocketAddr,
    pub(super) bus: u16,
}

/// Why they are no cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A shard does not do what a cluster needs.
    #[error("the shard on {address} does not join the cluster")]
    Refused {
        /// Where it listens.
        address: SocketAddr,
        /// What it says.
        source: redis::RedisError,
    },
    /// They do not agree in time.
    #[error("the shard on {address} does not see a whole cluster after {} s", AGREEING.as_secs())]
    Apart {
        /// Where it listens.
        address: SocketAddr,
    },
}

/// Divides the slots among shards that know nothing of each other, and lets them meet. Ends once
/// each sees all slots served.
///
/// # Errors
/// A shard refuses, or they do not agree in time.
pub(super) async fn form(members: &[Member]) -> Result<(), Error> {
    let first_of = |number: usize| SLOTS * number / members.len();
    for (number, member) in members.iter().enumerate() {
        // Epochs that differ from the beginning leave nothing to settle among the shards.
        let mut epoch = cmd("CLUSTER");
        epoch.arg("SET-CONFIG-EPOCH").arg(number + 1);
        let mut slots = cmd("CLUSTER");
        let (first, last) = (first_of(number), first_of(number + 1) - 1);
        slots.arg("ADDSLOTSRANGE").arg(first).arg(last);
        for command in [epoch, slots] {
            () = member.ask(&command).await?;
        }
    }
    let (one, others) = members.split_at(1.min(members.len()));
    for (one, other) in one
        .iter()
        .flat_map(|one| others.iter().map(move |other| (one, other)))
    {
        let (ip, port) = (other.address.ip().to_string(), other.address.port());
        let mut meet = cmd("CLUSTER");
        meet.arg("MEET").arg(ip).arg(port).arg(other.bus);
        () = one.ask(&meet).await?;
    }
    for member in members {
        let address = member.address;
        let agreed = timeout(AGREEING, member.agrees(members.len())).await;
        agreed.unwrap_or(Err(Error::Apart { address }))?;
    }
    Ok(())
}

impl Member {
    async fn ask<T: redis::FromRedisValue>(&self, command: &Cmd) -> Result<T, Error> {
        let asked = async {
            let client = Client::open(format!("redis://{}", self.address))?;
            let mut connection = client.get_multiplexed_async_connection().await?;
            command.query_async(&mut connection).await
        };
        let answer: RedisResult<T> = asked.await;
        answer.map_err(|source| Error::Refused {
            address: self.address,
            source,
        })
    }

    /// Waits until it sees so many shards, which serve all slots.
    async fn agrees(&self, shards: usize) -> Result<(), Error> {
        let mut info = cmd("CLUSTER");
        info.arg("INFO");
        let wanted = [
            "cluster_state:ok".to_owned(),
            format!("cluster_size:{shards}"),
            format!("cluster_slots_ok:{SLOTS}"),
        ];
        loop {
            let said: String = self.ask(&info).await?;
            let says = |line: &String| said.lines().any(|one| one == line);
            if wanted.iter().all(says) {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use testkit::port::free_port;
    use testkit::redis::Redis;

    use super::*;
    use crate::local::redis::in_cluster;

    /// The shards of one cluster, and what they are for `form`.
    async fn started(shards: usize, home: &std::path::Path) -> (Vec<Redis>, Vec<Member>) {
        let (mut running, mut members) = (vec![], vec![]);
        for number in 0..shards {
            let data = home.join(number.to_string());
            std::fs::create_dir(&data).expect("a directory");
            let mut redis = Redis::new(&data);
            let (host, bus) = (redis.address.ip().to_string(), free_port());
            let port = bus.to_string();
            let options = in_cluster(&host, &port);
            let options = options.iter().flat_map(|(name, value)| [*name, *value]);
            let options: Vec<_> = ["--save", ""].into_iter().chain(options).collect();
            redis.start(&options).await.expect("it starts");
            let address = redis.address;
            members.push(Member { address, bus });
            running.push(redis);
        }
        (running, members)
    }

    #[tokio::test]
    async fn shards_become_one_cluster_that_serves_every_slot() {
        for shards in [1, 3] {
            let home = tempfile::tempdir().expect("a directory");
            let (_running, members) = started(shards, home.path()).await;
            form(&members).await.expect("a cluster");
            // Each slot is some shard's: the one that is asked has the key, or names the one that
            // has it.
            for key in ["a", "b", "c", "d", "e"] {
                let mut set = cmd("SET");
                set.arg(key).arg(1);
                let mut taken = 0;
                for member in &members {
                    let answer: Result<String, _> = member.ask(&set).await;
                    taken += usize::from(answer.is_ok());
                }
                assert_eq!(taken, 1, "{key} on one of {shards}");
            }
            // They are one already: nothing is done twice.
            let again = form(&members).await.expect_err("they know each other");
            assert!(matches!(again, Error::Refused { .. }), "{again}");
        }
    }
}
