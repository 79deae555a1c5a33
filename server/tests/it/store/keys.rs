//! Keys, how they are used, and who is connected.

use std::sync::Arc;

use server::clock::Millis;
use server::keys::{ClientInfo, KeyRecord, KeyUse};
use server::message::Mailbox;
use server::store::{Store, presence};

use super::{mailbox, now};
use crate::harness::eventually;

contract!(
    keys_are_kept_listed_and_revoked,
    a_key_is_replaced_while_it_is_there,
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
    let uses = [used(5, None), used(9, Some(12))].map(|used| (key.id.clone(), used));
    for one in uses {
        let nobody = ("nobody".into(), used(1, None));
        store.record_uses(vec![one, nobody]).await.unwrap();
    }
    let last = KeyUse {
        first_at: Millis(5),
        ..used(9, Some(12))
    };
    assert_eq!(store.uses(&ids).await.unwrap(), [Some(last), None, None]);
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

async fn a_key_is_replaced_while_it_is_there(store: Arc<dyn Store>) {
    let key = put_key(&*store, "a").await;
    let later = KeyRecord {
        expires_at: Some(Millis(key.created_at.0 + 60_000)),
        ..key.clone()
    };
    assert!(store.replace_key(later.clone()).await.unwrap());
    assert_eq!(store.key(&key.id).await.unwrap(), Some(later.clone()));
    let of_channel = store.keys_of("a", None, 10).await.unwrap();
    assert_eq!(of_channel, [later.clone()], "it is there once");
    assert!(store.revoke_key(&key.id).await.unwrap());
    assert!(!store.replace_key(later).await.unwrap());
    assert_eq!(store.key(&key.id).await.unwrap(), None);
}
