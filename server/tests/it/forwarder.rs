//! An address that leads to a server, and later to another one: what ElastiCache's primary endpoint
//! does by DNS.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use server::settings::RedisSettings;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

/// An address whose target changes.
pub(crate) struct Forwarder {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    freezing: broadcast::Sender<()>,
}

impl Forwarder {
    pub(crate) async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Mutex::new(target));
        let current = target.clone();
        let freezing = broadcast::Sender::new(1);
        let freezes = freezing.clone();
        tokio::spawn(async move {
            while let Ok((mut inbound, _)) = listener.accept().await {
                let target = *current.lock().unwrap();
                let mut frozen = freezes.subscribe();
                tokio::spawn(async move {
                    // A connection to a server that has gone ends at once.
                    if let Ok(mut outbound) = TcpStream::connect(target).await {
                        tokio::select! {
                            _ = tokio::io::copy_bidirectional(&mut inbound, &mut outbound) => {}
                            _ = frozen.recv() => std::future::pending().await,
                        }
                    }
                });
            }
        });
        Self {
            address,
            target,
            freezing,
        }
    }

    /// Leads new connections elsewhere; those that there are stay.
    pub(crate) fn lead_to(&self, target: SocketAddr) {
        *self.target.lock().unwrap() = target;
    }

    /// Nothing passes any more on the connections that there are, and nobody is told: a host that
    /// is gone without a word.
    pub(crate) fn freeze(&self) {
        self.freezing.send(()).unwrap();
    }

    pub(crate) async fn connect(&self) -> server::store::Redis {
        let settings = RedisSettings {
            url: format!("redis://{}", self.address),
            ..RedisSettings::default()
        };
        crate::redis::open(&settings, &server::tasks::Tasks::new())
            .await
            .unwrap()
    }
}
