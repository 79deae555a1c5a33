//! The pieces that a stack is started from: sockets, ports, a store, processes that listen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::error::Error;
use super::{Notice, Options};
use crate::local::process::{Line, Process};
use crate::local::redis;
use crate::local::shape::{Shape, Store};

/// How long a process may take until it listens.
const LISTENING: Duration = Duration::from_secs(30);
/// Between two looks whether it does.
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn ended(process: &Process) -> Error {
    let status = process.exit().unwrap_or_default();
    Error::Ended {
        name: process.name.clone(),
        status,
        said: process.last_lines(),
    }
}

/// A socket for each listener: the main one on `port`, the others on any.
pub(super) async fn listen(
    shape: &Shape,
    port: u16,
) -> Result<(Vec<TcpListener>, Vec<u16>), Error> {
    let (mut sockets, mut ports) = (vec![], vec![]);
    for number in 0..shape.balancer.listeners.len() {
        let port = if number == shape.main { port } else { 0 };
        let failed = |source| Error::Port { port, source };
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(failed)?;
        ports.push(socket.local_addr().map_err(failed)?.port());
        sockets.push(socket);
    }
    Ok((sockets, ports))
}

/// The lines of every process, as notices.
pub(super) fn pass_lines(notices: mpsc::Sender<Notice>) -> mpsc::Sender<Line> {
    let (lines, mut received) = mpsc::channel(256);
    tokio::spawn(async move {
        while let Some(line) = received.recv().await {
            let _ = notices.send(Notice::Line(line)).await;
        }
    });
    lines
}

/// The server's store, and the Redis that was started for it.
pub(super) async fn store(
    store: &Store,
    options: &Options,
    lines: mpsc::Sender<Line>,
) -> Result<(String, Option<Process>), Error> {
    match (store, &options.redis) {
        (Store::Own(own), _) => Ok((own.clone(), None)),
        (Store::Redis, Some(url)) => Ok((url.clone(), None)),
        (Store::Redis, None) => {
            let program = redis::installed().await.ok_or(Error::NoRedis)?;
            let failed = |source| Error::Start {
                name: "redis".to_owned(),
                source,
            };
            let address = free_address().map_err(failed)?;
            let spec = redis::spec(program, address);
            let process = Process::start(&options.leash, &spec, lines).map_err(failed)?;
            listening(&process, address).await?;
            Ok((format!("redis://{address}"), Some(process)))
        }
    }
}

/// Waits until a process accepts connections.
pub(super) async fn listening(process: &Process, address: SocketAddr) -> Result<(), Error> {
    let accepts = async {
        while TcpStream::connect(address).await.is_err() {
            sleep(LOOK).await;
        }
    };
    tokio::select! {
        _ = process.exited() => Err(ended(process)),
        accepted = timeout(LISTENING, accepts) => accepted.map_err(|_| Error::Deaf {
            name: process.name.clone(),
            address,
            said: process.last_lines(),
        }),
    }
}

/// An address that nobody listens on. Another process could take it before the one that it is for; that one then ends
/// and says so.
pub(super) fn free_address() -> std::io::Result<SocketAddr> {
    StdListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// A backend key: 128 random bits.
pub(super) fn secret() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    // So few bytes come whole, or not at all.
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
