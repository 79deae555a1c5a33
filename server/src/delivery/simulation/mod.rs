//! The delivery under trial: a hub, its channels, queues and recorder over a store whose answers
//! are held back, on a paused clock, while announcements and messages are lost, and clients come
//! and go. Each run has a seed.

mod client;
mod poison;
mod store;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime;
use tokio::sync::broadcast;
use tokio::time::{Instant, sleep, sleep_until};

use self::client::{Client, Plugin};
use self::store::HeldStore;
use super::{Context, Hub, Recorder, Suspects, Tuning, Turns};
use crate::clock::{Clock, Millis};
use crate::keys::KeyRecord;
use crate::message::{Mailbox, Message};
use crate::metrics::Metrics;
use crate::store::{Store, Timed};
use crate::tasks::Tasks;

const CHANNELS: [&str; 3] = ["a", "b", "c"];
/// For how long things happen.
const TROUBLE: Duration = Duration::from_secs(150);
/// How late a message may be once nothing happens any more: what is repaired must not wait for the
/// next round of sweeps.
const REPAIR: Duration = Duration::from_secs(5);

/// The key of a client; its name is its channel, with a number behind.
fn key(name: &str) -> KeyRecord {
    KeyRecord {
        id: name.into(),
        kind: crate::keys::KeyKind::Stored,
        hash: [0; 32],
        channel: name[..1].to_owned(),
        namespaces: vec!["n".to_owned()],
        created_at: Millis(0),
        expires_at: None,
        max_sockets: None,
        since: None,
        watch: false,
        receipts_of: None,
    }
}

async fn hub(store: &Arc<HeldStore>) -> Arc<Hub> {
    let (metrics, tasks) = (Arc::new(Metrics::new()), Tasks::new());
    let shared: Arc<dyn Store> = store.clone();
    let timed = Arc::new(Timed::new(shared, metrics.clone()));
    let hub = Hub::new(Arc::new(Context {
        node: "node".into(),
        recorder: Recorder::start(timed.clone(), metrics.clone(), &tasks),
        tasks,
        store: timed,
        clock: Clock::starting_at(store.clock().0 * 1000),
        metrics,
        reads: Turns::new(64),
        suspects: Suspects::default(),
        bans: broadcast::Sender::new(1),
        unacknowledged: Vec::new(),
        tuning: Tuning::default(),
        max_payload: 1024,
    }));
    hub.start().await;
    hub
}

/// Runs `trial` on a runtime of its own, with time that passes only when nothing else is left to
/// do.
fn run(seed: u64, trial: impl Future<Output = ()>) {
    fastrand::seed(seed);
    let runtime = runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.unwrap().block_on(trial);
}

/// What happens until the trouble is over.
struct Trial {
    store: Arc<HeldStore>,
    hub: Arc<Hub>,
    clients: Vec<(String, Client)>,
    published: Vec<Arc<Message>>,
}

impl Trial {
    async fn begin(latency: Duration) -> Self {
        let store = Arc::new(HeldStore::new(latency));
        let hub = hub(&store).await;
        let names = CHANNELS
            .iter()
            .flat_map(|c| (0..2).map(move |n| format!("{c}{n}")));
        let clients =
            names.map(|name| (name.clone(), Client::join(&hub, &name, Plugin::Forgetful)));
        Self {
            clients: clients.collect(),
            published: Vec::new(),
            store,
            hub,
        }
    }

    /// One thing that happens.
    async fn happen(&mut self) {
        match fastrand::u8(0..20) {
            0 if fastrand::bool() => self.leap(),
            0 => self.interrupt().await,
            1 => {
                let (name, client) = fastrand::choice(&mut self.clients).unwrap();
                *client = Client::join(&self.hub, name, Plugin::Forgetful);
            }
            2 | 3 => {
                let some =
                    (!self.published.is_empty()).then(|| fastrand::usize(..self.published.len()));
                if let Some(index) = some
                    && self.store.withdraw(&self.published[index])
                {
                    self.published.remove(index);
                }
            }
            _ => {
                let mailbox = match fastrand::choice(CHANNELS).filter(|_| fastrand::u8(..) < 230) {
                    Some(channel) => Mailbox::channel("n", channel),
                    None => Mailbox::everyone("n"),
                };
                let ahead = Duration::from_millis(fastrand::u64(0..120_000));
                let message = self.store.put(&mailbox, ahead, Duration::from_secs(1800));
                self.published.push(message);
            }
        }
    }

    /// The store's clock is hours off for some seconds: less than it takes to be believed.
    fn leap(&self) {
        self.store.lock().leapt = fastrand::i64(-7_200_000..7_200_000);
        let (store, back) = (
            self.store.clone(),
            Duration::from_millis(fastrand::u64(0..8000)),
        );
        tokio::spawn(async move {
            sleep(back).await;
            store.lock().leapt = 0;
        });
    }

    /// The listener's connection breaks, and often the store loses messages; another node puts
    /// those back.
    async fn interrupt(&self) {
        self.store.deafen();
        let lost: Vec<_> = {
            let mut state = self.store.lock();
            let share = fastrand::u8(0..100);
            let doomed = state
                .messages
                .extract_if(.., |_, _| fastrand::u8(0..100) < share);
            doomed.map(|(_, message)| message).collect()
        };
        let (store, back) = (
            self.store.clone(),
            Duration::from_millis(fastrand::u64(0..2500)),
        );
        tokio::spawn(async move {
            sleep(back).await;
            store.put_back(lost);
        });
        sleep(Duration::from_millis(fastrand::u64(0..1500))).await;
        self.store.resume();
    }

    /// Every message reaches every client of its mailbox in time, and each key's acknowledgement
    /// the store.
    async fn check(&self, seed: u64, end: Millis) {
        for (message, (name, client)) in self
            .published
            .iter()
            .flat_map(|m| self.clients.iter().map(move |c| (m, c)))
        {
            if !client.subscriber.mailboxes.contains(&message.mailbox) {
                continue;
            }
            let until = message.deliver_at.max(end).plus(REPAIR);
            let in_time = client.shown_at(message.seq).is_some_and(|at| at <= until);
            // Its key's earlier socket may have had it.
            let receipt = (message.seq, Arc::from(name.as_str()));
            let acknowledged = self.store.lock().receipts.get(&receipt) == Some(&true);
            assert!(
                in_time || acknowledged,
                "seed {seed}: {name} lacks {message:?}"
            );
            assert!(
                acknowledged,
                "seed {seed}: {name} is asked again for {}",
                message.id
            );
        }
    }
}

/// Things happen for a while, then everything has to arrive.
async fn trouble(seed: u64, latency: Duration) {
    let mut trial = Trial::begin(latency).await;
    let start = Instant::now();
    while start.elapsed() < TROUBLE {
        trial.happen().await;
        sleep(Duration::from_millis(fastrand::u64(0..1000))).await;
    }
    // The last that another node puts back, and the last leap.
    sleep(Duration::from_secs(8)).await;
    let end = trial.store.clock();
    // All is due by then, and a message that a plugin forgot is repeated several times.
    sleep_until(Instant::now() + Duration::from_secs(600)).await;
    trial.check(seed, end).await;
}

#[test]
fn nothing_is_lost_however_answers_and_announcements_interleave() {
    for latency in [1, 70, 200] {
        for seed in 0..12 {
            let latency = Duration::from_millis(latency);
            run(seed, trouble(seed, latency));
        }
    }
}

/// How long a client takes to be shown what waits in its channel.
async fn catches_up(away: Option<Mailbox>) -> Duration {
    let store = Arc::new(HeldStore::new(Duration::from_millis(5)));
    let hub = hub(&store).await;
    let (channel, hour) = (Mailbox::channel("n", "a"), Duration::from_secs(3600));
    let put = |_| store.put(&channel, Duration::ZERO, hour);
    let waiting: Vec<_> = (0..400).map(put).collect();
    let last = waiting[399].seq;
    store.lock().away = away;
    let (client, start) = (Client::join(&hub, "a0", Plugin::Careful), Instant::now());
    while client.shown_at(last).is_none() {
        sleep(Duration::from_millis(10)).await;
    }
    start.elapsed()
}

#[test]
fn a_mailbox_that_is_away_does_not_hold_up_the_other() {
    run(0, async {
        let usual = catches_up(None).await;
        let meanwhile = catches_up(Some(Mailbox::everyone("n"))).await;
        let slack = Duration::from_secs(1);
        assert!(
            meanwhile < usual + slack,
            "{meanwhile:?}, {usual:?} usually"
        );
    });
}

#[test]
fn a_task_of_the_hub_that_dies_is_told() {
    run(0, async {
        let store = Arc::new(HeldStore::new(Duration::from_millis(1)));
        store.lock().broken = true;
        let ended = hub(&store).await.context.tasks.ended().await;
        assert_eq!(
            (ended.task, &*ended.reason),
            ("retire_expired", "it panicked: broken")
        );
    });
}
