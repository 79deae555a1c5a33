//! What is known of who got a message.

use std::sync::Arc;

use server::clock::Millis;
use server::message::{Happening, Note, State};
use server::receipts::{KeyReceipt, Outcome};
use server::store::{Embedded, MAX_NOTES, MAX_RECEIPTS, Receipt, Store, Tally};

use super::{backlog, mailbox, now, publish, receipt};
use crate::harness::eventually;

contract!(
    receipts_count_keys_once,
    what_the_first_keys_got_is_kept,
    what_happens_to_a_message_is_noted,
);

async fn receipts_count_keys_once(store: Arc<dyn Store>) {
    let at = publish(&*store, "a", 0, 60_000).await;
    let status = async || store.status(&mailbox(), "a").await.unwrap().unwrap();
    assert_eq!(status().await.state(now(&*store).await), State::Pending);
    store
        .record(vec![
            receipt(&at, "k", false),
            receipt(&at, "k", false),
            receipt(&at, "l", false),
        ])
        .await
        .unwrap();
    assert_eq!(
        (
            status().await.delivered_keys,
            status().await.acknowledged_keys
        ),
        (2, 0)
    );
    assert_eq!(status().await.state(now(&*store).await), State::Delivered);
    // An acknowledgement may overtake its emission, and either may be repeated.
    let receipts = vec![
        receipt(&at, "m", true),
        receipt(&at, "m", false),
        receipt(&at, "k", true),
        receipt(&at, "k", true),
    ];
    store.record(receipts).await.unwrap();
    assert_eq!(
        (
            status().await.delivered_keys,
            status().await.acknowledged_keys
        ),
        (3, 2)
    );
    assert_eq!(
        status().await.state(now(&*store).await),
        State::Acknowledged
    );
    // A receipt of another message that had this id, in a store that has been emptied since.
    let elsewhere = Embedded::in_memory().unwrap();
    let lost = publish(&elsewhere, "b", 0, 60_000).await;
    let other = publish(&elsewhere, "a", 0, 60_000).await;
    store
        .record(vec![receipt(&other, "z", true)])
        .await
        .unwrap();
    assert_eq!(status().await.acknowledged_keys, 2);
    assert_eq!(
        store.tally(&mailbox()).await.unwrap(),
        Tally {
            acknowledged: 1,
            ..Tally::default()
        }
    );
    // The same where nothing else is known of the message yet: it is still to be shown.
    let found = publish(&*store, "b", 0, 60_000).await;
    store.record(vec![receipt(&lost, "z", true)]).await.unwrap();
    let waiting = [("a".to_owned(), false), ("b".to_owned(), false)];
    assert_eq!(backlog(&*store, "z").await, waiting);
    store
        .record(vec![receipt(&found, "k", true)])
        .await
        .unwrap();
    let status = store.status(&mailbox(), "b").await.unwrap().unwrap();
    assert_eq!((status.delivered_keys, status.acknowledged_keys), (1, 1));
    assert_eq!(backlog(&*store, "z").await, waiting);
}

/// Of the first keys when and where, of all how many; a receipt that comes twice changes nothing.
async fn what_the_first_keys_got_is_kept(store: Arc<dyn Store>) {
    let message = publish(&*store, "a", 0, 60_000).await;
    let at = |ms: i64| Millis(message.deliver_at.0 + ms);
    let of_key = |key: &str, emitted, acknowledged| Receipt {
        message: message.clone(),
        of_key: KeyReceipt {
            key: key.into(),
            node: "node-1".into(),
            emitted_at: emitted,
            acknowledged,
        },
    };
    let shown = Some((at(9), Outcome::Shown));
    for receipts in [
        vec![
            of_key("k00", Some(at(3)), None),
            of_key("k01", Some(at(4)), Some((at(5), Outcome::Skipped))),
        ],
        vec![of_key("k00", None, shown)],
        vec![of_key(
            "k00",
            Some(at(100)),
            Some((at(101), Outcome::Failed)),
        )],
    ] {
        store.record(receipts).await.unwrap();
    }
    let many = (2..40).map(|n| of_key(&format!("k{n:02}"), Some(at(n)), None));
    store.record(many.collect()).await.unwrap();
    let status = store.status(&mailbox(), "a").await.unwrap().unwrap();
    assert_eq!((status.delivered_keys, status.acknowledged_keys), (40, 2));
    assert_eq!(status.receipts.len(), MAX_RECEIPTS);
    assert_eq!(status.receipts[0], of_key("k00", Some(at(3)), shown).of_key);
    assert_eq!(
        status.receipts[1].acknowledged,
        Some((at(5), Outcome::Skipped))
    );
    assert_eq!(status.receipts[2], of_key("k02", Some(at(2)), None).of_key);
    let listed = store.list(&mailbox(), None, 10).await.unwrap();
    assert!(
        listed[0].receipts.is_empty(),
        "they are read for one message only"
    );
    // They outlive the message, as its counts do.
    let over = Millis(message.expires_at.0 + 1);
    eventually("it is retired", async || {
        store.expire(over, 100).await.unwrap();
        let status = store.status(&mailbox(), "a").await.unwrap().unwrap();
        assert_eq!(status.receipts.len(), MAX_RECEIPTS);
        assert_eq!(status.receipts[0].acknowledged, shown);
        (store.tally(&mailbox()).await.unwrap() == Tally::default()).then_some(())
    })
    .await;
}

async fn what_happens_to_a_message_is_noted(store: Arc<dyn Store>) {
    let message = publish(&*store, "a", -10, 1).await;
    let other = publish(&*store, "b", 0, 60_000).await;
    let note = |at, event| Note {
        at: Millis(at),
        event,
        key: "k".into(),
    };
    let notes = vec![
        note(1, Happening::Poison),
        note(2, Happening::AcknowledgedAfterExpiry),
    ];
    for note in &notes {
        store
            .note(vec![(message.clone(), note.clone())])
            .await
            .unwrap();
    }
    let noted = async |id| store.status(&mailbox(), id).await.unwrap().unwrap().notes;
    assert_eq!(noted("a").await, notes);
    assert!(noted("b").await.is_empty());
    store.expire(now(&*store).await, 100).await.unwrap();
    assert_eq!(noted("a").await, notes, "its end changes nothing of that");
    let many = (0..40).map(|at| (other.clone(), note(at, Happening::GivenUp)));
    store.note(many.collect()).await.unwrap();
    assert_eq!(noted("b").await.len(), MAX_NOTES);
}
