//! Bans: an address that tries too many wrong keys is refused for a while.

use std::time::Duration;

use tokio::sync::broadcast;

use super::rate::Nanos;
use super::{Admission, Client, Reason, Refused, take};

/// The first ban of an address; each further one is twice as long as the last.
const FIRST_BAN: Duration = Duration::from_secs(10);
/// Ends of bans that are not further apart are those of one ban: clocks differ.
const SAME: Duration = Duration::from_secs(5);
/// After so many doublings a ban gets no longer: 640 s.
const MOST_DOUBLINGS: u32 = 6;

impl Admission {
    /// Notes a key that is none. Too many of them are a ban, of backends' keys and plugins' alike.
    pub fn failed_key(&self, client: Client) {
        let (now, first) = (self.now(), FIRST_BAN.as_nanos() as Nanos);
        let banned = self.addresses.with(client.group(), now, |address| {
            if take(self.failures, &mut address.failures, now).is_ok() {
                return None;
            }
            address.forgive(now);
            let ban = first << address.bans.min(MOST_DOUBLINGS);
            address.bans = address.bans.saturating_add(1);
            address.banned_until = now + ban;
            address.failures = 0;
            Some(ban)
        });
        if let Some(Some(ban)) = banned {
            self.metrics.bans.inc();
            let ban = Duration::from_nanos(ban);
            tracing::warn!(%client, seconds = ban.as_secs(), "banned: too many wrong keys");
            // Nobody listens while a node starts or stops.
            let _ = self.bans.send((client, ban));
        }
    }

    /// The bans that this node decides on from now on, each with its length.
    #[must_use]
    pub fn bans(&self) -> broadcast::Receiver<(Client, Duration)> {
        self.bans.subscribe()
    }

    /// Takes a ban of another node, which has so much time left. This node's own, which it hears
    /// too, changes nothing.
    pub fn banned_elsewhere(&self, client: Client, left: Duration) {
        let now = self.now();
        let until = now + left.min(FIRST_BAN * (1 << MOST_DOUBLINGS)).as_nanos() as Nanos;
        let is_new = self.addresses.with(client.group(), now, |address| {
            let is_new = until
                > address
                    .banned_until
                    .saturating_add(SAME.as_nanos() as Nanos);
            if is_new {
                address.forgive(now);
                address.bans = address.bans.saturating_add(1);
                address.banned_until = until;
            }
            is_new
        });
        if is_new == Some(true) {
            tracing::info!(%client, seconds = left.as_secs(), "banned by another node");
        }
    }

    /// Whether the client is banned, and for how long.
    ///
    /// # Errors
    /// It is.
    pub fn not_banned(&self, client: Client) -> Result<(), Refused> {
        let now = self.now();
        self.add(client, |address| match address.banned_until > now {
            true => {
                let left = Duration::from_nanos(address.banned_until - now);
                Err((Reason::Banned, left))
            }
            false => Ok(()),
        })
    }
}
