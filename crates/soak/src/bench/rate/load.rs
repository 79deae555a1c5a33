//! Plugins and a backend on one thread of their own: a runtime of one thread wakes nobody else, so
//! it takes the least of the cores that it shares with what it measures.

use std::sync::{Arc, Mutex};

use anyhow::Context as _;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;

use super::ledger::{Ledger, PLUGINS};
use super::publisher::Backend;
use crate::bench::plugin::Plugin;
use crate::bench::servers::Servers;
use crate::publisher::lock;

/// Keys and joins at a time.
const AT_A_TIME: usize = 32;

/// Joined plugins, and a backend that can publish. They end when dropped.
pub(super) struct Load {
    pub(super) ledger: Arc<Mutex<Ledger>>,
    pub(super) backend: Arc<Backend>,
    runtime: Handle,
    _end: DropGuard,
}

impl Load {
    /// Joins two plugins for each channel, on different nodes and with keys of their own.
    ///
    /// # Errors
    /// When one is not let in.
    pub(super) async fn start(servers: &Servers, channels: usize) -> anyhow::Result<Self> {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let end = CancellationToken::new();
        let runtime = thread(&end)?;
        let keys = servers.backend()?;
        let nodes: Vec<_> = servers.each.iter().map(|server| server.address).collect();
        stream::iter(0..channels * PLUGINS)
            .map(|n| {
                let (channel, plugin) = (n / PLUGINS, n % PLUGINS);
                let node = nodes[(channel + plugin) % nodes.len()];
                let (keys, ledger, runtime) = (&keys, ledger.clone(), &runtime);
                async move {
                    let key = keys.key(channel).await?;
                    // Its socket belongs to the runtime that it is opened on.
                    let joined = runtime.spawn(async move { Plugin::join(node, &key).await });
                    let joined = joined.await.context("the load has ended")??;
                    runtime.spawn(async move {
                        let heard = |number, at| lock(&ledger).arrived(number, plugin, at);
                        if let Err(error) = joined.listen(heard).await {
                            lock(&ledger).fault(error);
                        }
                    });
                    anyhow::Ok(())
                }
            })
            .buffer_unordered(AT_A_TIME)
            .try_collect::<()>()
            .await?;
        let backend = Backend::new(&nodes, &servers.backend_key, channels, ledger.clone())?;
        Ok(Self {
            ledger,
            backend: Arc::new(backend),
            runtime,
            _end: end.drop_guard(),
        })
    }

    /// Publishes at a rate until what is returned is dropped.
    pub(super) fn publish(&self, rate: f64) -> AbortOnDropHandle<()> {
        let published = self.backend.clone().publish(rate);
        AbortOnDropHandle::new(self.runtime.spawn(published))
    }
}

/// A runtime of one thread, until `end`.
fn thread(end: &CancellationToken) -> anyhow::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (handle, end) = (runtime.handle().clone(), end.clone());
    let thread = std::thread::Builder::new().name("load".to_owned());
    thread.spawn(move || runtime.block_on(end.cancelled_owned()))?;
    Ok(handle)
}
