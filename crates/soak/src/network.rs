//! The network between clients and the load balancer, which can go silent: connections stay open,
//! and nothing passes any more. New ones pass, but for those of the first moment: a client between
//! two polls may have no connection that could go silent.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// For how long new connections are silent, too. No client has noticed anything by then.
const MOMENT: Duration = Duration::from_millis(500);

/// The network. It is gone when dropped.
pub(crate) struct Network {
    address: SocketAddr,
    /// When it went silent last.
    silences: watch::Sender<Option<Instant>>,
    task: AbortHandle,
}

impl Network {
    /// A network that leads to `target`.
    ///
    /// # Errors
    /// When the system has no port.
    pub(crate) async fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (silences, heard) = watch::channel(None);
        let accept = async move {
            // They end with this task.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(pass(stream, target, heard.clone()));
                while connections.try_join_next().is_some() {}
            }
        };
        Ok(Self {
            address,
            silences,
            task: tokio::spawn(accept).abort_handle(),
        })
    }

    /// Where clients connect to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on nothing passes on the connections that are open.
    pub(crate) fn swallow(&self) {
        self.silences.send_replace(Some(Instant::now()));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut client: TcpStream,
    target: SocketAddr,
    mut silences: watch::Receiver<Option<Instant>>,
) {
    let last = *silences.borrow_and_update();
    if last.is_some_and(|silence| silence.elapsed() < MOMENT) {
        return std::future::pending().await;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        return;
    };
    let _ = client.set_nodelay(true);
    let _ = server.set_nodelay(true);
    tokio::select! {
        // An end by reset is an end.
        _ = copy_bidirectional(&mut client, &mut server) => {}
        // Both sides keep an open connection on which nothing comes: not even its end.
        _ = silences.changed() => std::future::pending().await,
    }
}
