//! The network between clients and the load balancer, which can go silent: connections stay open,
//! and nothing passes any more. New ones pass.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// The network. It is gone when dropped.
pub(crate) struct Network {
    address: SocketAddr,
    silences: watch::Sender<u32>,
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
        let (silences, heard) = watch::channel(0);
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
        self.silences.send_modify(|silences| *silences += 1);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(mut client: TcpStream, target: SocketAddr, mut silences: watch::Receiver<u32>) {
    silences.mark_unchanged();
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
