//! A name that moves: connections to it go to whichever Redis is the primary. ElastiCache's primary
//! endpoint does this by DNS, so open connections stay with the old one until they break.

use std::net::{Ipv4Addr, SocketAddr};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The endpoint. It is gone when dropped.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    target: watch::Sender<SocketAddr>,
    task: tokio::task::JoinHandle<()>,
}

impl Endpoint {
    /// An endpoint that leads to `target`.
    ///
    /// # Errors
    /// When the system has no port.
    pub(crate) async fn start(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (target, current) = watch::channel(target);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let target = *current.borrow();
                tokio::spawn(pass(stream, target));
            }
        });
        Ok(Self {
            address,
            target,
            task,
        })
    }

    /// Leads new connections to `target`.
    pub(crate) fn point_to(&self, target: SocketAddr) {
        self.target.send_replace(target);
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Ends with either side; one that cannot be reached is a connection closed at once.
async fn pass(mut client: TcpStream, target: SocketAddr) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        let _ = client.set_nodelay(true);
        let _ = server.set_nodelay(true);
        // An end by reset is an end.
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}
