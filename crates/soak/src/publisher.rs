//! The load: a backend that publishes at a steady rate, and sends what was not accepted again,
//! unchanged, until it is.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::backend::{Answer, Backend};
use crate::event::{Ms, now};
use crate::tracker::{Audience, Tracker};

/// From the last message to the last answer, at most.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries where the server does not say, at least and at most, in ms.
const PAUSE: Range<u64> = 100..400;

/// What is published.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// Messages a second.
    pub(crate) rate: f64,
    /// The channels that they go to, at random.
    pub(crate) channels: Range<usize>,
    /// Messages are due at once or up to so much later.
    pub(crate) ahead: Duration,
    /// One in so many is for everyone; none: 0. A namespace holds 100 of them.
    pub(crate) everyone: u64,
    /// One in so many is worth delivering for two seconds alone; none: 0.
    pub(crate) brief: u64,
    /// One in so many breaks clients that do; none: 0.
    pub(crate) poison: u64,
}

/// Answers other than those that accept, by status; 0 stands for none.
pub(crate) type Refusals = BTreeMap<u16, usize>;

/// A load that is being published. Dropping it abandons what is not accepted yet.
pub(crate) struct Publisher {
    stop: CancellationToken,
    _abandon: DropGuard,
    ticking: tokio::task::JoinHandle<()>,
    sending: TaskTracker,
    shared: Arc<Shared>,
}

struct Shared {
    backend: Backend,
    tracker: Arc<Mutex<Tracker>>,
    refusals: Mutex<Refusals>,
    /// The longest that a 503 was waited for, in ms.
    slowest: Mutex<Ms>,
    stop: CancellationToken,
}

/// For how long messages are worth delivering, in ms: longer than any run, or shorter than an
/// absence.
const TTL: u64 = 1_200_000;
const BRIEF_TTL: u64 = 2_000;

impl Publisher {
    /// Starts; ids are unique among publishers of different names.
    pub(crate) fn start(
        name: &'static str,
        backend: Backend,
        load: Load,
        tracker: Arc<Mutex<Tracker>>,
    ) -> Self {
        let abandoned = CancellationToken::new();
        let abandon = abandoned.clone().drop_guard();
        let stop = abandoned.child_token();
        let sending = TaskTracker::new();
        let shared = Arc::new(Shared {
            backend,
            tracker,
            refusals: Mutex::default(),
            slowest: Mutex::default(),
            stop: stop.clone(),
        });
        let ticking = tokio::spawn({
            let (shared, sending) = (shared.clone(), sending.clone());
            async move {
                let mut ticks = interval(Duration::from_secs_f64(1.0 / load.rate));
                ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                for number in 0_u64.. {
                    tokio::select! {
                        _ = ticks.tick() => {}
                        () = shared.stop.cancelled() => return,
                    }
                    let (audience, body) = message(name, number, &load);
                    let sent = send(shared.clone(), audience, body);
                    sending.spawn(abandoned.clone().run_until_cancelled_owned(sent));
                }
            }
        });
        Self {
            stop,
            _abandon: abandon,
            ticking,
            sending,
            shared,
        }
    }

    /// Stops, and returns once every message was accepted or its time is up: what else was
    /// answered, and the longest wait for a 503 in ms.
    pub(crate) async fn finish(self) -> (Refusals, Ms) {
        self.stop.cancel();
        let _ = self.ticking.await;
        self.sending.close();
        self.sending.wait().await;
        let refusals = std::mem::take(&mut *lock(&self.shared.refusals));
        (refusals, *lock(&self.shared.slowest))
    }
}

fn message(name: &str, number: u64, load: &Load) -> (Audience, Value) {
    let every = |one_in: u64| one_in > 0 && number % one_in == one_in - 1;
    let audience = if every(load.everyone) {
        Audience::Everyone
    } else {
        Audience::Channel(fastrand::usize(load.channels.clone()))
    };
    let ttl = if every(load.brief) { BRIEF_TTL } else { TTL };
    let ahead = fastrand::u64(0..=load.ahead.as_millis() as u64);
    let id = format!("{name}-{number}");
    let code = match every(load.poison) {
        true => "POISON".to_owned(),
        false => format!("{:016X}", fastrand::u64(..)),
    };
    let body = json!({ "event": "code", "data": { "code": code }, "id": id, "deliver_in": ahead, "ttl": ttl });
    (audience, body)
}

async fn send(shared: Arc<Shared>, audience: Audience, body: Value) {
    let id = body["id"].as_str().unwrap_or_default();
    lock(&shared.tracker).published(id, audience);
    let mut deadline = None;
    loop {
        let asked = now();
        let answer = shared.backend.publish(audience, &body).await;
        let (status, pause) = match answer {
            Answer::Accepted {
                deliver_at,
                expires_at,
            } => return lock(&shared.tracker).accepted(id, now(), deliver_at, expires_at),
            Answer::Refused(why) => {
                return lock(&shared.tracker).fault(format!("{id} was refused: {why}"));
            }
            Answer::Later(status, pause) => (status, pause),
        };
        *lock(&shared.refusals)
            .entry(status.unwrap_or_default())
            .or_default() += 1;
        if status == Some(503) {
            let mut slowest = lock(&shared.slowest);
            *slowest = slowest.max(now() - asked);
        }
        if shared.stop.is_cancelled() {
            let deadline = deadline.get_or_insert_with(|| Instant::now() + PATIENCE);
            if Instant::now() > *deadline {
                return;
            }
        }
        let random = Duration::from_millis(fastrand::u64(PAUSE));
        sleep(pause.unwrap_or_default().max(random)).await;
    }
}

/// The tracker and the like are never held across a wait, and nobody panics with them.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
