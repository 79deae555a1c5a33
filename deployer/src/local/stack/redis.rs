//! The Redis that a stack starts: one process, or the shards of a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::sync::mpsc;

use super::Options;
use super::error::Error;
use super::launch::{free_address, listening};
use crate::local::process::{Line, Process, Signal};
use crate::local::redis::{Data, NAME, shard_spec};
use crate::local::redis_cluster::{self, Member};

/// A Redis of the stack's own. What it holds outlives its processes, but not the stack.
pub(super) struct Redis {
    program: PathBuf,
    pub(super) shards: Vec<Shard>,
    /// Removed after what the shards keep in it.
    _root: Data,
}

/// One process of it.
pub(super) struct Shard {
    pub(super) name: String,
    pub(super) address: SocketAddr,
    /// Where it listens for the other shards.
    pub(super) bus: Option<u16>,
    pub(super) process: Option<Process>,
    /// Its process accepts connections.
    pub(super) listens: bool,
    pub(super) stopped: bool,
    pub(super) data: Data,
    /// What somebody wants after its end.
    pub(super) after: After,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    Restart { empty: bool },
}

impl Redis {
    /// One Redis, or so many shards of a cluster, ready to take messages.
    pub(super) async fn start(
        program: PathBuf,
        shards: Option<usize>,
        root: Data,
        options: &Options,
        lines: &mpsc::Sender<Line>,
    ) -> Result<Self, Error> {
        let names = match shards {
            None => vec![NAME.to_owned()],
            Some(shards) => (1..=shards)
                .map(|number| format!("{NAME}-{number}"))
                .collect(),
        };
        let mut redis = Self {
            program,
            shards: vec![],
            _root: root,
        };
        for name in names {
            let shard = redis.shard(name, shards.is_some()).map_err(failed)?;
            redis.shards.push(shard);
        }
        for at in 0..redis.shards.len() {
            let process = redis.spawn(at, options, lines)?;
            let shard = &mut redis.shards[at];
            listening(&process.life, shard.address).await?;
            (shard.process, shard.listens) = (Some(process), true);
        }
        redis_cluster::form(&redis.members()).await?;
        Ok(redis)
    }

    fn shard(&self, name: String, in_cluster: bool) -> std::io::Result<Shard> {
        let address = self.free_address(None)?;
        let bus = in_cluster.then(|| self.free_address(Some(address)));
        Ok(Shard {
            address,
            bus: bus.transpose()?.map(|bus| bus.port()),
            process: None,
            listens: false,
            stopped: false,
            data: Data::create(self._root.0.join(&name))?,
            after: After::Nothing,
            name,
        })
    }

    /// An address that no other shard is to have, and not `other` either: none listens yet.
    fn free_address(&self, other: Option<SocketAddr>) -> std::io::Result<SocketAddr> {
        loop {
            let found = free_address()?;
            let port = found.port();
            let has = |shard: &Shard| shard.address.port() == port || shard.bus == Some(port);
            if other != Some(found) && !self.shards.iter().any(has) {
                return Ok(found);
            }
        }
    }

    /// Those that are a cluster.
    fn members(&self) -> Vec<Member> {
        let member = |shard: &Shard| {
            let address = shard.address;
            shard.bus.map(|bus| Member { address, bus })
        };
        self.shards.iter().filter_map(member).collect()
    }

    /// Where the server finds it.
    pub(super) fn url(&self) -> String {
        let hosts: Vec<_> = self.shards.iter().map(|s| s.address.to_string()).collect();
        let cluster = self.shards.iter().any(|shard| shard.bus.is_some());
        let scheme = if cluster { "redis+cluster" } else { "redis" };
        format!("{scheme}://{}", hosts.join(","))
    }

    pub(super) fn spawn(
        &self,
        at: usize,
        options: &Options,
        lines: &mpsc::Sender<Line>,
    ) -> Result<Process, Error> {
        let shard = &self.shards[at];
        let (program, data) = (self.program.clone(), &shard.data.0);
        let spec = shard_spec(&shard.name, program, shard.address, shard.bus, data);
        Process::start(&options.supervisor, &spec, lines.clone()).map_err(failed)
    }

    /// The shards of that name, or all.
    pub(super) fn chosen(&self, name: Option<&str>) -> Result<Vec<usize>, String> {
        let Some(name) = name else {
            return Ok((0..self.shards.len()).collect());
        };
        let known: Vec<_> = self.shards.iter().map(|s| s.name.as_str()).collect();
        match known.iter().position(|known| *known == name) {
            Some(at) => Ok(vec![at]),
            None => Err(format!(
                "there is no Redis {name:?}; there are {}",
                known.join(", ")
            )),
        }
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.shards.iter().position(|shard| shard.name == name)
    }
}

/// A process that cannot be started.
pub(super) fn failed(source: std::io::Error) -> Error {
    Error::Start {
        name: NAME.to_owned(),
        source,
    }
}

impl Shard {
    /// What its process is at, as a word.
    pub(super) fn state(&self) -> &'static str {
        match self.process {
            None => "ended",
            Some(_) if self.stopped => "stopped",
            Some(_) => "running",
        }
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.pid)
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(process) = &self.process {
            process.signal(signal);
        }
    }
}
