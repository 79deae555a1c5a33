//! The pieces that a stack is started from: sockets, ports, keys, processes that listen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::error::Error;
use super::notice::Notice;
use crate::local::process::{Life, Line};
use crate::local::setup::Setup;

/// How long a process may take until it listens.
const LISTENING: Duration = Duration::from_secs(30);
/// Ports of nodes and stores; `ip_local_port_range` begins at 32768.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
/// Ports that are tried.
const TRIES: usize = 100;
/// Between two looks whether it does.
const LOOK: Duration = Duration::from_millis(20);

pub(super) fn ended(life: &Life) -> Error {
    Error::Ended {
        name: life.name.clone(),
        status: life.exit().unwrap_or_default(),
        said: life.last_lines(),
    }
}

/// A socket for each listener: the main one on `port`, that of backends on `api_port`, the others on
/// any.
pub(super) async fn listen(
    setup: &Setup,
    (port, api_port): (u16, u16),
) -> Result<(Vec<TcpListener>, Vec<u16>), Error> {
    let (mut sockets, mut ports) = (vec![], vec![]);
    for number in 0..setup.balancer.listeners.len() {
        let port = match number {
            _ if number == setup.main => port,
            _ if Some(number) == setup.backends => api_port,
            _ => 0,
        };
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

/// Waits until a process accepts connections.
pub(super) async fn listening(life: &Life, address: SocketAddr) -> Result<(), Error> {
    let accepts = async {
        while TcpStream::connect(address).await.is_err() {
            sleep(LOOK).await;
        }
    };
    tokio::select! {
        _ = life.exited() => Err(ended(life)),
        accepted = timeout(LISTENING, accepts) => accepted.map_err(|_| Error::Deaf {
            name: life.name.clone(),
            address,
            said: life.last_lines(),
        }),
    }
}

/// An address that nobody listens on, at a random port below those that Linux gives to outgoing
/// connections: one of them could take it before the process that it is for. Another listener still
/// could; the process then ends and says so.
pub(super) fn free_address() -> std::io::Result<SocketAddr> {
    let mut busy = std::io::ErrorKind::AddrInUse.into();
    for _ in 0..TRIES {
        let mut bytes = [0_u8; 2];
        getrandom::fill(&mut bytes)?;
        let port = PORTS.start + u16::from_ne_bytes(bytes) % (PORTS.end - PORTS.start);
        match StdListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return listener.local_addr(),
            Err(error) => busy = error,
        }
    }
    Err(busy)
}

/// A backend key: 128 random bits.
pub(super) fn secret() -> std::io::Result<String> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
