//! The balancer that a configuration describes: its handle registers and deregisters targets, and
//! serves listeners.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::accept;
use super::config::Config;
use super::cookie::Cookies;
use super::error::Error;
use super::event::{Event, Events, Health};
use super::group::{TargetGroup, TargetStatus};
use super::headers::TraceIds;
use super::health;
use super::shared::Shared;

/// A running load balancer: its handle registers and deregisters targets. Dropping it closes every
/// connection.
pub struct Balancer {
    shared: Arc<Shared>,
}

impl Balancer {
    /// A balancer without targets, and what it will have to tell.
    ///
    /// # Errors
    /// When an action forwards to a group that `config` lacks.
    pub fn new(config: Config) -> Result<(Self, mpsc::Receiver<Event>), Error> {
        config.validate()?;
        let (events, receiver) = Events::new();
        let closing = CancellationToken::new();
        let groups = config
            .groups
            .iter()
            .cloned()
            .map(TargetGroup::new)
            .collect();
        let (cookies, traces, shares) = (Cookies::new(), TraceIds::new(), AtomicU32::new(0));
        let shared = Shared {
            groups,
            cookies,
            traces,
            shares,
            events,
            tasks: TaskTracker::new(),
            closing,
            config,
        };
        Ok((
            Self {
                shared: Arc::new(shared),
            },
            receiver,
        ))
    }

    /// Serves clients of listener number `listener` on `socket` until `shutdown` ends or the
    /// balancer is dropped; then closes their connections.
    ///
    /// # Errors
    /// When the configuration has no such listener.
    pub fn serve<F>(
        &self,
        listener: usize,
        socket: TcpListener,
        shutdown: F,
    ) -> Result<impl Future<Output = ()> + use<F>, Error>
    where
        F: Future<Output = ()>,
    {
        if listener >= self.shared.config.listeners.len() {
            return Err(Error::UnknownListener(listener));
        }
        Ok(accept::accept(
            self.shared.clone(),
            listener,
            socket,
            shutdown,
        ))
    }

    /// Registers `address` with `group`. It gets requests after its first passed health check.
    ///
    /// # Errors
    /// When there is no such group.
    pub fn register(&self, group: &str, address: SocketAddr) -> Result<(), Error> {
        let found = self
            .shared
            .group(group)
            .ok_or_else(|| Error::UnknownGroup(group.to_owned()))?;
        let target = found.register(address);
        let (shared, name) = (Arc::downgrade(&self.shared), group.to_owned());
        self.shared.tasks.spawn(health::watch(shared, name, target));
        Ok(())
    }

    /// Deregisters `address`: no new requests from now on. The future ends when the deregistration
    /// delay has passed and what was still open has been cut, or as soon as nothing is open any
    /// more; it says how many requests and WebSockets were cut.
    ///
    /// # Errors
    /// When no such target is registered.
    pub fn deregister(
        &self,
        group: &str,
        address: SocketAddr,
    ) -> Result<impl Future<Output = usize> + use<>, Error> {
        let found = self
            .shared
            .group(group)
            .ok_or_else(|| Error::UnknownGroup(group.to_owned()))?;
        self.deregister_within(group, address, found.config.deregistration_delay)
    }

    /// The same, with another delay than the group's.
    ///
    /// # Errors
    /// When no such target is registered.
    pub fn deregister_within(
        &self,
        group: &str,
        address: SocketAddr,
        delay: Duration,
    ) -> Result<impl Future<Output = usize> + use<>, Error> {
        let found = self
            .shared
            .group(group)
            .ok_or_else(|| Error::UnknownGroup(group.to_owned()))?;
        let target = found
            .deregister(address)
            .ok_or_else(|| Error::UnknownTarget(group.to_owned(), address))?;
        self.shared.events.send(Event::Health {
            group: group.to_owned(),
            target: address,
            health: Health::Draining,
            reason: "Target.DeregistrationInProgress".to_owned(),
        });
        let (shared, name) = (self.shared.clone(), group.to_owned());
        // A task of its own: the delay runs out whether or not the caller waits for it.
        let done = self.shared.tasks.spawn(async move {
            let _ = tokio::time::timeout(delay, target.drained()).await;
            let open = target.outstanding();
            target.cut();
            if let Some(group) = shared.group(&name) {
                group.forget(&target);
            }
            open
        });
        Ok(async move { done.await.unwrap_or_default() })
    }

    /// Every registered or draining target and its health.
    #[must_use]
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.shared
            .groups
            .iter()
            .flat_map(TargetGroup::status)
            .collect()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.shared.closing.cancel();
    }
}
