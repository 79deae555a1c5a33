//! Whether data has gone: a mark that the first node writes into each part and a moment that each
//! node writes every second, which a restart without data or from an old snapshot takes away.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::join_all;
use redis::cmd;
use tokio::time::{Instant, sleep};

use super::primary::Primary;
use super::{PartState, Shared, lock, read};
use crate::store::{Announcement, Part, Parts, Result};

/// How far the store may go back with a failover or a restart from its log, which nobody need be
/// told, in milliseconds.
const WENT_BACK: i64 = 5_000;
/// How long nodes may take to put back what the store has lost.
const PUT_BACK: Duration = Duration::from_secs(10);

impl Shared {
    /// Announcements of these parts are heard again. What was announced meanwhile was not, and data
    /// may have gone too.
    pub(super) async fn resumed(&self, primary: &Primary, parts: Parts, first: bool) {
        loop {
            match self.look_at_epochs(primary, parts).await {
                Ok(true) => return,
                Ok(false) if first => return,
                Ok(false) => {
                    let emptied = false;
                    return self.announce(Announcement::Interrupted { emptied, parts });
                }
                // Elsewhere by now: whoever has them is listened to there.
                Err(_) if primary.parts().without(parts) == primary.parts() => return,
                Err(_) => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Whether data of a primary has gone since the last look; says so to the node. What has gone
    /// from one of its parts has gone from all.
    pub(super) async fn look_at_epochs(&self, primary: &Primary, parts: Parts) -> Result<bool> {
        let looks = parts.iter().map(|part| self.look_at_epoch(part));
        let looks: Result<Vec<bool>> = join_all(looks).await.into_iter().collect();
        let emptied = looks?.contains(&true);
        if emptied {
            self.lost(primary, parts).await;
        }
        Ok(emptied)
    }

    async fn lost(&self, primary: &Primary, seen: Parts) {
        let parts = seen.and(primary.parts());
        for part in parts.without(seen).iter() {
            self.part(part).lost();
            // Its mark is another one, or the old one: either is right from now on.
            *self.part(part).epoch.lock().await = None;
        }
        for part in seen.iter() {
            self.part(part).lost();
        }
        let primary = primary.name();
        tracing::error!(primary, "data of the store has gone");
        let emptied = true;
        self.announce(Announcement::Interrupted { emptied, parts });
    }

    /// Whether the part's data has gone, by a restart without it or from an old snapshot.
    async fn look_at_epoch(&self, part: Part) -> Result<bool> {
        let (state, layout) = (self.part(part), self.primaries.layout);
        let mut known = state.epoch.lock().await;
        // Before the question: a beat that is written meanwhile is not in the answer.
        let written = state.beat.load(Ordering::Relaxed);
        let (mark, beat) = (layout.epoch(part), layout.beat(part, &self.instance));
        let mut both = cmd("MGET");
        both.arg(&*mark).arg(beat);
        let answer = self.primaries.ask(part, &both).await?;
        let (mut found, beat): (Option<String>, Option<i64>) = read(answer)?;
        if found.is_none() {
            let new = ulid::Ulid::generate().to_string();
            let mut command = cmd("SET");
            command.arg(&*mark).arg(&new).arg("NX").arg("GET");
            let other: Option<String> = read(self.primaries.ask(part, &command).await?)?;
            found = other.or(Some(new));
        }
        let went_back = beat.unwrap_or(0) < written - WENT_BACK;
        let emptied = went_back || known.is_some() && *known != found;
        *known = found;
        if emptied {
            state.lost();
        }
        Ok(emptied)
    }

    /// Whether the store may lack keys of a part that nodes are about to put back.
    pub(super) async fn lacks_keys(&self, part: Part) -> Result<bool> {
        let recently = |at: Instant| at.elapsed() < PUT_BACK;
        if lock(&self.part(part).lost_data).is_some_and(recently) {
            return Ok(true);
        }
        let primary = self.primaries.of(part)?;
        let watched = primary.parts().iter().next().unwrap_or(part);
        let both = Parts::from(part).and(watched.into());
        self.look_at_epochs(&primary, both).await
    }
}

impl PartState {
    /// Notes that data of the part has gone.
    fn lost(&self) {
        self.beat.store(0, Ordering::Relaxed);
        *lock(&self.lost_data) = Some(Instant::now());
        self.emptied.store(true, Ordering::Relaxed);
    }
}
