//! Keys, how they are used, and who is connected.

use std::sync::Arc;

use server::clock::Millis;
use server::keys::{ClientInfo, KeyRecord, KeyUse};
use server::message::Mailbox;
use server::store::{Announcement, Held, Parts, Store, presence};

use super::{mailbox, now};
use crate::harness::{PATIENCE, eventually};
use crate::redis::Redis;

contract!(
    keys_are_kept_listed_and_revoked,
    a_key_is_prolonged_while_it_is_there,
    what_is_barred_stays_barred,
    keys_are_found_by_channel,
    uses_of_keys_are_kept_while_they_are_keys,
    presence_adds_up,
    presence_is_told_by_node,
);

async fn put_key(store: &dyn Store, channel: &str) -> KeyRecord {
    let issued = KeyRecord::issue(channel.into(), vec!["n".into()], now(store).await, None);
    let (key, _) = issued.unwrap();
    assert!(store.put_key(key.clone()).await.unwrap());
    key
}

async fn keys_are_kept_listed_and_revoked(store: Arc<dyn Store>) {
    let mut ids = Vec::new();
    for n in 0..5 {
        let (record, _) =
            KeyRecord::issue(format!("c{n}"), vec!["n".into()], Millis(n), None).unwrap();
        assert!(store.put_key(record.clone()).await.unwrap());
        assert_eq!(store.key(&record.id).await.unwrap(), Some(record.clone()));
        ids.push(record.id.to_string());
    }
    ids.sort();
    let page = store.keys(None, 3).await.unwrap();
    let rest = store.keys(Some(&page[2].id), 3).await.unwrap();
    assert_eq!(
        page.iter()
            .chain(&rest)
            .map(|k| k.id.to_string())
            .collect::<Vec<_>>(),
        ids
    );
    assert!(store.revoke_key(&ids[0]).await.unwrap());
    assert!(!store.revoke_key(&ids[0]).await.unwrap());
    assert_eq!(store.key(&ids[0]).await.unwrap(), None);
}

async fn keys_are_found_by_channel(store: Arc<dyn Store>) {
    let mut of_c = Vec::new();
    // Names that sort around each other's ends.
    for channel in ["c", "c.1", "c-1", "b", "c", "c:2", "cc", "c"] {
        let key = put_key(&*store, channel).await;
        if channel == "c" {
            of_c.push(key);
        }
    }
    of_c.sort_by(|a, b| a.id.cmp(&b.id));
    assert_eq!(store.keys_of("c", None, 10).await.unwrap(), of_c);
    let after = Some(&*of_c[0].id);
    assert_eq!(store.keys_of("c", after, 1).await.unwrap(), of_c[1..2]);
    assert!(store.keys_of("nobody", None, 10).await.unwrap().is_empty());
    let names = async |prefix: &str, after: Option<&str>, limit: usize| {
        let found = store.channels(prefix, after, limit).await.unwrap();
        let found = found
            .into_iter()
            .map(|(name, keys)| format!("{name} {keys}"));
        found.collect::<Vec<_>>().join(", ")
    };
    assert_eq!(
        names("", None, 10).await,
        "b 1, c 3, c-1 1, c.1 1, c:2 1, cc 1"
    );
    assert_eq!(names("c", None, 2).await, "c 3, c-1 1");
    assert_eq!(names("c", Some("c-1"), 2).await, "c.1 1, c:2 1");
    assert_eq!(names("cc", Some("b"), 2).await, "cc 1");
    assert_eq!(names("d", None, 2).await, "");
    for key in &of_c {
        assert!(store.revoke_key(&key.id).await.unwrap());
    }
    assert!(store.keys_of("c", None, 10).await.unwrap().is_empty());
    assert_eq!(names("c", None, 1).await, "c-1 1");
}

async fn uses_of_keys_are_kept_while_they_are_keys(store: Arc<dyn Store>) {
    let (key, other) = (put_key(&*store, "c").await, put_key(&*store, "c").await);
    let used = |joined: i64, left: Option<i64>| KeyUse {
        first_at: Millis(joined),
        joined_at: Millis(joined),
        left_at: left.map(Millis),
        node: "node-1".into(),
        namespace: "n".into(),
        client: ClientInfo {
            network: "192.0.2.0/24".into(),
            transport: "polling".into(),
            protocol: "5".into(),
        },
    };
    let ids = [key.id.clone(), other.id.clone(), "nobody".into()];
    // The second connection begins before the first one ends.
    let uses = [
        used(5, None),
        used(9, None),
        used(5, Some(11)),
        used(9, Some(12)),
    ];
    let lasts = [(5, None), (9, None), (9, None), (9, Some(12))];
    let uses = uses.map(|used| (key.id.clone(), used));
    for (one, (joined, left)) in uses.into_iter().zip(lasts) {
        let nobody = ("nobody".into(), used(1, None));
        store.record_uses(vec![one, nobody]).await.unwrap();
        let last = KeyUse {
            first_at: Millis(5),
            ..used(joined, left)
        };
        assert_eq!(store.uses(&ids).await.unwrap(), [Some(last), None, None]);
    }
    store.revoke_key(&key.id).await.unwrap();
    assert_eq!(store.uses(&ids).await.unwrap(), [None, None, None]);
    assert!(store.uses(&[]).await.unwrap().is_empty());
}

async fn presence_adds_up(store: Arc<dyn Store>) {
    let set = async |node: &str, changes: &[(Mailbox, u32)]| {
        store.set_presence(node, changes).await.unwrap();
    };
    set("a", &[(mailbox(), 2)]).await;
    set("b", &[(mailbox(), 3), (Mailbox::everyone("n"), 9)]).await;
    // A store that is elsewhere learns of a node within a second.
    eventually("presence adds up", async || {
        (presence(&*store, &mailbox()).await.unwrap() == 5).then_some(())
    })
    .await;
    set("a", &[(mailbox(), 0)]).await;
    assert_eq!(presence(&*store, &mailbox()).await.unwrap(), 3);
}

async fn presence_is_told_by_node(store: Arc<dyn Store>) {
    let key = Mailbox::of_key("k");
    for (node, sockets) in [("node-1", 2), ("node-2", 3)] {
        let changes = [(mailbox(), sockets), (key.clone(), 1)];
        store.set_presence(node, &changes).await.unwrap();
    }
    // A node counts from its first pulse on, which comes within a second.
    let asked = [mailbox(), Mailbox::channel("n", "nobody"), key];
    let places = eventually("both nodes are there", async || {
        let mut places = store.places(&asked).await.unwrap();
        places.iter_mut().for_each(|nodes| nodes.sort());
        (places[0].len() == 2).then_some(places)
    });
    let node = |name: &str, sockets| (name.to_owned(), sockets);
    let wanted = [
        vec![node("node-1", 2), node("node-2", 3)],
        vec![],
        vec![node("node-1", 1), node("node-2", 1)],
    ];
    assert_eq!(places.await, wanted);
}

async fn a_key_is_prolonged_while_it_is_there(store: Arc<dyn Store>) {
    let first = now(&*store).await;
    let ending = |key: &KeyRecord, ms: i64| KeyRecord {
        expires_at: Some(Millis(first.0 + ms)),
        ..key.clone()
    };
    let endless = put_key(&*store, "a").await;
    let key = ending(&endless, 60_000);
    assert!(store.put_key(key.clone()).await.unwrap());
    let later = ending(&key, 120_000);
    assert!(store.prolong_key(later.clone()).await.unwrap());
    assert_eq!(store.key(&key.id).await.unwrap(), Some(later.clone()));
    // An older request that comes late.
    assert!(store.prolong_key(key.clone()).await.unwrap());
    assert_eq!(store.key(&key.id).await.unwrap(), Some(later.clone()));
    let of_channel = store.keys_of("a", None, 10).await.unwrap();
    assert_eq!(of_channel, std::slice::from_ref(&later), "it is there once");
    let other = KeyRecord {
        hash: [1; 32],
        ..ending(&key, 180_000)
    };
    assert!(!store.prolong_key(other).await.unwrap());
    assert!(store.prolong_key(endless.clone()).await.unwrap());
    assert!(store.prolong_key(later.clone()).await.unwrap());
    assert_eq!(store.key(&key.id).await.unwrap(), Some(endless));
    assert!(store.revoke_key(&key.id).await.unwrap());
    assert!(!store.prolong_key(later).await.unwrap());
    assert_eq!(store.key(&key.id).await.unwrap(), None);
}

async fn what_is_barred_stays_barred(store: Arc<dyn Store>) {
    let key = put_key(&*store, "a").await;
    let at = now(&*store).await;
    let bar = KeyRecord::barring(&key.id, at, Millis(at.0 + 60_000));
    let mut heard = store.announcements(Arc::new(|_| true)).await;
    assert!(store.bar_key(bar.clone()).await.unwrap());
    let announced = tokio::time::timeout(PATIENCE, heard.recv()).await;
    let announced = announced.expect("it is announced").unwrap();
    assert!(
        matches!(&announced, Announcement::Revoked(id) if *id == key.id),
        "{announced:?}"
    );
    // Requests that were on their way.
    assert!(!store.put_key(key.clone()).await.unwrap());
    assert!(!store.prolong_key(key.clone()).await.unwrap());
    assert_eq!(store.key(&key.id).await.unwrap(), Some(bar.clone()));
    assert!(store.keys_of("a", None, 10).await.unwrap().is_empty());
    assert!(store.channels("", None, 10).await.unwrap().is_empty());
    let longer = KeyRecord::barring(&key.id, at, Millis(at.0 + 120_000));
    assert!(store.bar_key(longer.clone()).await.unwrap());
    assert_eq!(store.key(&key.id).await.unwrap(), Some(longer));
    assert!(store.revoke_key(&key.id).await.unwrap(), "its time is over");
    assert!(store.put_key(key).await.unwrap());
}

/// A Redis that has lost everything is told what a node holds.
#[tokio::test]
async fn keys_come_back_as_they_were_last() {
    let redis = Redis::start().await;
    let store = redis.connect().await;
    let at = now(&store).await;
    let old = KeyRecord {
        expires_at: Some(Millis(at.0 + 60_000)),
        ..put_key(&store, "a").await
    };
    assert!(store.put_key(old.clone()).await.unwrap());
    let later = KeyRecord {
        expires_at: Some(Millis(at.0 + 120_000)),
        ..old.clone()
    };
    assert!(store.prolong_key(later.clone()).await.unwrap());
    let revoked = put_key(&store, "b").await;
    assert!(store.revoke_key(&revoked.id).await.unwrap());
    let bar = KeyRecord::barring(&revoked.id, at, Millis(at.0 + 60_000));
    assert!(store.bar_key(bar.clone()).await.unwrap());
    redis.ask(&["FLUSHALL"]).await;
    // What a socket joined with, before the key was prolonged.
    let held = Held {
        messages: vec![],
        keys: vec![old.clone()],
        emptied: true,
        parts: Parts::ALL,
    };
    store.restore(held).await.unwrap();
    assert_eq!(store.key(&old.id).await.unwrap(), Some(later.clone()));
    assert_eq!(store.key(&bar.id).await.unwrap(), Some(bar.clone()));
    // Another node, which knows the old end alone, changes nothing.
    let other = redis.connect().await;
    let held = Held {
        messages: vec![],
        keys: vec![old],
        emptied: true,
        parts: Parts::ALL,
    };
    other.restore(held).await.unwrap();
    assert_eq!(store.key(&later.id).await.unwrap(), Some(later));
}
