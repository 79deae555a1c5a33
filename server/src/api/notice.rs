//! What a publisher should know: that nobody can get its message.

use super::App;
use super::why::Why;
use crate::keys::KeyRecord;
use crate::message::Mailbox;
use crate::store::Store;

/// Keys of a channel that are looked at.
const KEYS: usize = 100;

/// The notice for who publishes to a mailbox. A store that is away says nothing.
pub(super) async fn of(app: &App, mailbox: &Mailbox) -> Option<Why> {
    let channel = mailbox.channel_name()?;
    // Who has a token is known by no list.
    if app.settings.token_keys.is_some() {
        return None;
    }
    if app.recipients.has(mailbox) || app.hub.has_recipient(mailbox) {
        return None;
    }
    let keys = app.context.store.keys_of(channel, None, KEYS).await.ok()?;
    let now = app.context.clock.now();
    let valid = |key: &&KeyRecord| !key.has_expired(now) && !key.watch;
    let namespace = mailbox.namespace();
    let opens = |key: &&KeyRecord| key.namespaces.iter().any(|name| name == namespace);
    if keys.iter().filter(valid).any(|key| opens(&key)) || keys.len() == KEYS {
        app.recipients.learn(mailbox);
        return None;
    }
    Some(if keys.iter().any(|key| valid(&key)) {
        Why {
            code: "no_key_in_namespace",
            detail: format!("No key of this channel opens {namespace}; nobody can get the message"),
        }
    } else {
        Why {
            code: "no_key",
            detail: "This channel has no key; nobody can get the message until one is issued"
                .into(),
        }
    })
}
