//! A plugin that loses its session at one message, and is cured in the end.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::client::{Client, Plugin};
use super::store::HeldStore;
use super::{hub, run};
use crate::delivery::Hub;
use crate::message::{Mailbox, Message};

/// Beyond any pause here.
const LONG: Duration = Duration::from_secs(600);
/// What a client needs to leave after the message at which it breaks.
const BREAKING: Duration = Duration::from_millis(50);
/// What the hub and the store need for anything, and what is on trial takes, in milliseconds.
const SLACK: i64 = 3_000;

struct Trial {
    store: Arc<HeldStore>,
    hub: Arc<Hub>,
}

impl Trial {
    fn publish(&self, deliver_in: Duration) -> Arc<Message> {
        let mailbox = Mailbox::channel("n", "a");
        self.store
            .put(&mailbox, deliver_in, Duration::from_secs(1800))
    }

    fn join(&self, plugin: Plugin) -> Client {
        Client::join(&self.hub, "a", plugin)
    }

    /// Waits until the client is shown the message; returns when, in the store's milliseconds.
    async fn is_shown(&self, client: &Client, message: &Message) -> i64 {
        let shown = async {
            loop {
                if let Some(at) = client.shown_at(message.seq) {
                    return at.0;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(LONG, shown).await.unwrap()
    }

    /// One session of a plugin that breaks at the message. Returns when it was shown it.
    async fn breaks_at(&self, message: &Message) -> i64 {
        let client = self.join(Plugin::BreaksAt(message.seq));
        let at = self.is_shown(&client, message).await;
        sleep(BREAKING).await;
        at
    }

    fn is_acknowledged(&self, message: &Message) -> bool {
        let receipt = (message.seq, Arc::from("a"));
        self.store.lock().receipts.get(&receipt) == Some(&true)
    }
}

#[test]
fn poison_is_tried_alone_after_pauses_that_double() {
    run(0, async {
        let store = Arc::new(HeldStore::new(Duration::from_millis(1)));
        let trial = Trial {
            hub: hub(&store).await,
            store,
        };
        let poison = trial.publish(Duration::from_millis(500));
        let others = [(); 3].map(|()| trial.publish(Duration::from_millis(500)));

        // All four are in flight before the first session ends. In the second it is alone.
        trial.breaks_at(&poison).await;
        let known = trial.breaks_at(&poison).await;

        // In the third the others pass it. The next try comes after 30 s.
        let third = trial.join(Plugin::BreaksAt(poison.seq));
        sleep(Duration::from_millis(SLACK as u64)).await;
        assert!(others.iter().all(|other| trial.is_acknowledged(other)));
        let again = trial.is_shown(&third, &poison).await;
        assert!((30_000..30_000 + SLACK).contains(&(again - known)));
        sleep(BREAKING).await;
        drop(third);

        // The plugin is cured meanwhile, which shows after twice the pause.
        let fourth = trial.join(Plugin::Careful);
        let cured = trial.is_shown(&fourth, &poison).await;
        assert!((60_000..60_000 + SLACK).contains(&(cured - again)));
        sleep(Duration::from_secs(5)).await;
        assert!(trial.is_acknowledged(&poison));
    });
}

#[test]
fn what_is_on_trial_holds_up_others_for_a_second_at_most() {
    run(0, async {
        let store = Arc::new(HeldStore::new(Duration::from_millis(1)));
        let trial = Trial {
            hub: hub(&store).await,
            store,
        };
        let poison = trial.publish(Duration::ZERO);
        trial.breaks_at(&poison).await;
        let known = trial.breaks_at(&poison).await;

        // This session lives with it, without an acknowledgement.
        let client = trial.join(Plugin::BreaksAt(poison.seq));
        let again = trial.is_shown(&client, &poison).await;
        assert!(again - known >= 30_000);
        let beside = trial.publish(Duration::from_millis(100));
        let shown = trial.is_shown(&client, &beside).await;
        assert!((1_000..1_500).contains(&(shown - again)), "{shown} {again}");
    });
}

#[test]
fn two_plugins_whose_network_goes_silent_are_not_kept_off_their_message() {
    run(0, async {
        let store = Arc::new(HeldStore::new(Duration::from_millis(1)));
        let trial = Trial {
            hub: hub(&store).await,
            store,
        };
        let message = trial.publish(Duration::from_secs(1));
        let silent = [(); 2].map(|()| trial.join(Plugin::BreaksAt(message.seq)));
        for client in &silent {
            trial.is_shown(client, &message).await;
        }
        drop(silent);

        let back = trial.join(Plugin::Careful);
        let shown = trial.is_shown(&back, &message).await;
        assert!(shown - message.deliver_at.0 < SLACK);
    });
}
