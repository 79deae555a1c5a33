//! A client of a trial: it notes what it is shown, and its plugin acknowledges that a moment later.

use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::clock::Millis;
use crate::delivery::{Context, Emission, Hub, Outlet, Settled, Subscriber};
use crate::keys::ClientInfo;
use crate::receipts::Outcome;

/// A client of a trial.
pub(super) struct Client {
    pub(super) subscriber: Arc<Subscriber>,
    outlet: Arc<Screen>,
    hub: Arc<Hub>,
}

/// What a plugin does with what it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) enum Plugin {
    /// Now and then it forgets to acknowledge; the message is repeated.
    Forgetful,
    /// It acknowledges everything.
    Careful,
    /// It acknowledges everything but the message with this sequence number, at which it breaks.
    BreaksAt(u64),
}

impl Plugin {
    fn acknowledges(self, seq: u64) -> bool {
        match self {
            Self::Forgetful => fastrand::u8(..) < 240,
            Self::Careful => true,
            Self::BreaksAt(unreadable) => seq != unreadable,
        }
    }
}

struct Screen {
    plugin: Plugin,
    client: OnceLock<(Weak<Subscriber>, Weak<Hub>)>,
    shown: Mutex<Vec<(u64, Millis)>>,
    context: Weak<Context>,
}

impl Client {
    /// A client that joins with the key of this name.
    pub(super) fn join(hub: &Arc<Hub>, name: &str, plugin: Plugin) -> Self {
        let outlet = Arc::new(Screen {
            plugin,
            client: OnceLock::new(),
            shown: Mutex::default(),
            context: Arc::downgrade(&hub.context),
        });
        let key = Arc::new(super::key(name));
        let context = hub.context.clone();
        let subscriber = Subscriber::new("n", key, name.into(), outlet.clone(), context);
        let _ = outlet
            .client
            .set((Arc::downgrade(&subscriber), Arc::downgrade(hub)));
        hub.join(&subscriber);
        Self {
            subscriber,
            outlet,
            hub: hub.clone(),
        }
    }

    /// When it was shown this message first.
    pub(super) fn shown_at(&self, seq: u64) -> Option<Millis> {
        let shown = self.outlet.shown.lock().unwrap();
        shown.iter().find(|(s, _)| *s == seq).map(|(_, at)| *at)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.hub.leave(&self.subscriber);
    }
}

impl Outlet for Screen {
    fn emit(&self, emission: &Emission<'_>) -> bool {
        let context = self.context.upgrade().unwrap();
        let seq = emission.message.seq;
        self.shown.lock().unwrap().push((seq, context.clock.now()));
        if self.plugin.acknowledges(seq) {
            let (number, id) = (emission.number.unwrap(), emission.message.id.clone());
            let (subscriber, hub) = self.client.get().cloned().unwrap();
            tokio::spawn(async move {
                sleep(Duration::from_millis(fastrand::u64(0..200))).await;
                if let Some((subscriber, hub)) = subscriber.upgrade().zip(hub.upgrade())
                    && let Ok(Settled::Now(message)) =
                        subscriber.acknowledge(number, &id, Outcome::Received)
                {
                    hub.settled(&subscriber, &message);
                }
            });
        }
        true
    }

    fn client_info(&self) -> ClientInfo {
        ClientInfo::default()
    }

    fn is_polling(&self) -> bool {
        false
    }

    fn last_heard(&self) -> Instant {
        Instant::now()
    }

    fn probe(&self) {}

    fn cut_silent_client(&self) {}

    fn dismiss(&self) {}
}
