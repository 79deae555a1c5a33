//! The contract of a store: what every implementation must do. Each test runs on each
//! implementation.
//!
//! Longer than most: one contract, whose tests share one list of implementations.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::to_raw_value;
use server::clock::Millis;
use server::keys::{ClientInfo, KeyRecord, KeyUse};
use server::message::{Happening, Mailbox, Message, Note, State};
use server::receipts::{KeyReceipt, Outcome};
use server::store::{
    Announcement, Cancelled, Draft, Embedded, MAX_CHANNEL_BYTES, MAX_EVERYONE_MESSAGES, MAX_NOTES,
    MAX_RECEIPTS, Published, Receipt, Store, Swept, Tally, presence,
};

use crate::harness::eventually;

/// Runs a test on the store in memory, on the one in a directory and on the one in Redis.
macro_rules! contract {
    ($($name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $name() {
                super::$name(std::sync::Arc::new(server::store::Embedded::in_memory().unwrap())).await;
            })*
        }
        mod redis {
            $(#[tokio::test] async fn $name() {
                let redis = crate::redis::Redis::start().await;
                super::$name(std::sync::Arc::new(redis.connect().await)).await;
            })*
        }
        mod file {
            $(#[tokio::test] async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                super::$name(std::sync::Arc::new(server::store::Embedded::open(directory.path(), &server::tasks::Tasks::new()).unwrap())).await;
            })*
        }
    };
}

contract!(
    publishing_twice_stores_once,
    a_batch_is_answered_in_order,
    a_repeat_is_one_however_late,
    a_key_gets_what_it_has_not_acknowledged,
    pages_lose_and_double_nothing,
    a_join_finds_what_is_open_among_what_is_settled,
    long_readings_are_whole,
    what_falls_due_is_found_by_moment_and_by_sequence,
    cancelling_is_for_what_is_not_due,
    receipts_count_keys_once,
    what_the_first_keys_got_is_kept,
    expiry_is_told_once,
    what_happens_to_a_message_is_noted,
    bounds_hold_and_are_freed,
    keys_are_kept_listed_and_revoked,
    keys_are_found_by_channel,
    uses_of_keys_are_kept_while_they_are_keys,
    presence_is_told_by_node,
    presence_adds_up,
    everything_new_is_announced,
    the_clock_moves,
);

async fn now(store: &dyn Store) -> Millis {
    Millis(store.now().await.unwrap() / 1000)
}

/// A draft for channel `n/c`, due in `due` ms and of use for `ttl` ms from then.
async fn draft(store: &dyn Store, id: &str, due: i64, ttl: i64) -> Draft {
    let now = now(store).await;
    Draft {
        mailbox: Mailbox::channel("n", "c"),
        id: id.into(),
        event: "e".into(),
        data: to_raw_value(id).unwrap(),
        created_at: now,
        deliver_at: Millis(now.0 + due),
        expires_at: Millis(now.0 + due + ttl),
        digest: [7; 32],
    }
}

async fn publish(store: &dyn Store, id: &str, due: i64, ttl: i64) -> Arc<Message> {
    let draft = draft(store, id, due, ttl).await;
    match store.publish(vec![draft]).await.unwrap().remove(0) {
        Published::Stored(status) => status.message,
        other => panic!("{other:?}"),
    }
}

fn mailbox() -> Mailbox {
    Mailbox::channel("n", "c")
}

fn receipt(message: &Arc<Message>, key: &str, acknowledged: bool) -> Receipt {
    Receipt {
        message: message.clone(),
        of_key: KeyReceipt {
            key: key.into(),
            node: "node".into(),
            emitted_at: Some(message.deliver_at),
            acknowledged: acknowledged.then_some((message.deliver_at, Outcome::Shown)),
        },
    }
}

async fn sweep(store: &dyn Store, seq: Option<u64>, after: Millis, until: Millis) -> Swept {
    store.sweep(&mailbox(), seq, after, until).await.unwrap()
}

async fn backlog(store: &dyn Store, key: &str) -> Vec<(String, bool)> {
    let until = now(store).await;
    let found = store
        .backlog(&mailbox(), key, None, until, 100)
        .await
        .unwrap();
    found
        .into_iter()
        .map(|w| (w.message.id.clone(), w.redelivered))
        .collect()
}

async fn publishing_twice_stores_once(store: Arc<dyn Store>) {
    let first = draft(&*store, "a", 0, 60_000).await;
    let same = Draft {
        deliver_at: Millis(first.deliver_at.0 + 5),
        ..first.clone()
    };
    let other = Draft {
        digest: [8; 32],
        ..first.clone()
    };
    let elsewhere = Draft {
        mailbox: Mailbox::channel("n", "d"),
        digest: [8; 32],
        ..first.clone()
    };
    let Published::Stored(stored) = store.publish(vec![first]).await.unwrap().remove(0) else {
        panic!()
    };
    let Published::Repeated(again) = store.publish(vec![same]).await.unwrap().remove(0) else {
        panic!()
    };
    assert_eq!(again.message.position(), stored.message.position());
    assert!(matches!(
        store.publish(vec![other]).await.unwrap()[0],
        Published::Conflict
    ));
    assert!(matches!(
        store.publish(vec![elsewhere]).await.unwrap()[0],
        Published::Stored(_)
    ));
    assert_eq!(store.list(&mailbox(), None, 10).await.unwrap().len(), 1);
}

async fn a_repeat_is_one_however_late(store: Arc<dyn Store>) {
    let first = draft(&*store, "a", 0, 60_000).await;
    let late = Draft {
        deliver_at: first.expires_at,
        ..first.clone()
    };
    let other = Draft {
        id: "b".into(),
        ..late.clone()
    };
    store.publish(vec![first]).await.unwrap();
    let answers = store.publish(vec![late, other]).await.unwrap();
    assert!(matches!(
        &answers[..],
        [Published::Repeated(_), Published::Expired]
    ));
    assert!(store.status(&mailbox(), "b").await.unwrap().is_none());
}

async fn a_batch_is_answered_in_order(store: Arc<dyn Store>) {
    let (a, b) = (
        draft(&*store, "a", 0, 60_000).await,
        draft(&*store, "b", 0, 60_000).await,
    );
    let answers = store.publish(vec![a.clone(), b, a]).await.unwrap();
    assert!(matches!(
        &answers[..],
        [Published::Stored(x), Published::Stored(y), Published::Repeated(z)]
            if x.message.id == "a" && y.message.id == "b" && z.message.id == "a" && x.message.seq < y.message.seq
    ));
}

async fn a_key_gets_what_it_has_not_acknowledged(store: Arc<dyn Store>) {
    let second = publish(&*store, "second", -1_000, 60_000).await;
    let first = publish(&*store, "first", -2_000, 60_000).await;
    publish(&*store, "later", 60_000, 60_000).await;
    publish(&*store, "over", -5, 1).await;
    let shown = |ids: &[(&str, bool)]| {
        ids.iter()
            .map(|(id, r)| ((*id).to_owned(), *r))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        backlog(&*store, "k").await,
        shown(&[("first", false), ("second", false)])
    );
    store
        .record(vec![
            receipt(&first, "k", false),
            receipt(&second, "other", true),
        ])
        .await
        .unwrap();
    assert_eq!(
        backlog(&*store, "k").await,
        shown(&[("first", true), ("second", false)])
    );
    store
        .record(vec![receipt(&first, "k", true)])
        .await
        .unwrap();
    assert_eq!(backlog(&*store, "k").await, shown(&[("second", false)]));
}

async fn pages_lose_and_double_nothing(store: Arc<dyn Store>) {
    let base = draft(&*store, "m", -100, 60_000).await;
    let draft = |n: i64| Draft {
        id: format!("m{n:02}"),
        // Several share a moment.
        deliver_at: Millis(base.deliver_at.0 + n / 4),
        ..base.clone()
    };
    store.publish((0..25).map(draft).collect()).await.unwrap();
    let (mut after, mut forward) = (None, Vec::new());
    loop {
        let page = store
            .backlog(&mailbox(), "k", after, now(&*store).await, 7)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.message.position());
        forward.extend(page.iter().map(|w| w.message.id.clone()));
    }
    assert_eq!(
        forward,
        (0..25).map(|n| format!("m{n:02}")).collect::<Vec<_>>()
    );
    let (mut before, mut backward) = (None, Vec::new());
    loop {
        let page = store.list(&mailbox(), before, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.message.position());
        backward.extend(page.iter().map(|s| s.message.id.clone()));
    }
    backward.reverse();
    assert_eq!(forward, backward);
}

async fn a_join_finds_what_is_open_among_what_is_settled(store: Arc<dyn Store>) {
    let base = draft(&*store, "m", -120_000, 600_000).await;
    let draft = |n: i64| Draft {
        id: format!("m{n:03}"),
        deliver_at: Millis(base.deliver_at.0 + n),
        ..base.clone()
    };
    let published = store.publish((0..400).map(draft).collect()).await.unwrap();
    let messages: Vec<_> = published
        .into_iter()
        .map(|published| match published {
            Published::Stored(status) => status.message,
            other => panic!("{other:?}"),
        })
        .collect();
    // Every 50th stays open; acknowledgements come one by one, and some out of order.
    let is_open = |n: usize| n % 50 == 7;
    for some in messages.chunks(10) {
        let receipts = some.iter().rev();
        let receipts = receipts.filter(|message| !is_open(message.id[1..].parse().unwrap()));
        let receipts = receipts.map(|message| receipt(message, "k", true));
        store.record(receipts.collect()).await.unwrap();
    }
    let open: Vec<String> = (0..400)
        .filter(|n| is_open(*n))
        .map(|n| format!("m{n:03}"))
        .collect();
    let ids = async |key| {
        let found = backlog(&*store, key).await.into_iter();
        found.map(|(id, _)| id).collect::<Vec<_>>()
    };
    // Twice: the first reading may leave behind what the second jumps over.
    assert_eq!(ids("k").await, open);
    assert_eq!(ids("k").await, open);
    assert_eq!(ids("other").await.len(), 100, "a page of all");
    // In pages, too.
    let (mut after, mut paged) = (None, Vec::new());
    loop {
        let until = now(&*store).await;
        let page = store
            .backlog(&mailbox(), "k", after, until, 3)
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.message.position());
        paged.extend(page.iter().map(|w| w.message.id.clone()));
    }
    assert_eq!(paged, open);
    // What comes late lies among what is settled, and is open.
    let late = Draft {
        id: "late".into(),
        deliver_at: Millis(base.deliver_at.0 + 100),
        ..base.clone()
    };
    let stored = store.publish(vec![late]).await.unwrap();
    assert!(matches!(stored[..], [Published::Stored(_)]));
    let mut with_late = open.clone();
    with_late.insert(2, "late".into());
    assert_eq!(ids("k").await, with_late);
    store
        .record(vec![receipt(&messages[7], "k", true)])
        .await
        .unwrap();
    with_late.remove(0);
    assert_eq!(ids("k").await, with_late);
}

async fn long_readings_are_whole(store: Arc<dyn Store>) {
    let base = draft(&*store, "m", 30_000, 60_000).await;
    let draft = |n: i64| Draft {
        id: format!("m{n:04}"),
        // Hundreds share a moment.
        deliver_at: Millis(base.deliver_at.0 + n / 700),
        ..base.clone()
    };
    for first in (0..2_000).step_by(100) {
        let drafts = (first..first + 100).map(draft);
        store.publish(drafts.collect()).await.unwrap();
    }
    let until = Millis(base.deliver_at.0 + 60_000);
    let swept = sweep(&*store, Some(0), base.created_at, until).await;
    let ids = |found: Vec<Arc<Message>>| found.iter().map(|m| m.id.clone()).collect::<Vec<_>>();
    let all: Vec<String> = (0..2_000).map(|n| format!("m{n:04}")).collect();
    assert_eq!(ids(swept.due), all);
    assert_eq!(ids(swept.stored), all);
    assert_eq!(store.tally(&mailbox()).await.unwrap().scheduled, 2_000);
}

async fn what_falls_due_is_found_by_moment_and_by_sequence(store: Arc<dyn Store>) {
    let base = sweep(&*store, None, Millis(0), Millis(0)).await.seq;
    let start = now(&*store).await;
    let far = publish(&*store, "far", 90_000, 60_000).await;
    let near = publish(&*store, "near", 30_000, 60_000).await;
    let past = publish(&*store, "past", -10_000, 60_000).await;
    let ids = |found: Vec<Arc<Message>>| found.iter().map(|m| m.id.clone()).collect::<Vec<_>>();
    let until = start.plus(Duration::from_secs(60));
    assert_eq!(ids(sweep(&*store, None, start, until).await.due), ["near"]);
    assert_eq!(
        ids(
            sweep(&*store, None, until, until.plus(Duration::from_secs(60)))
                .await
                .due
        ),
        ["far"]
    );
    // The lower bound is exclusive, the upper one inclusive.
    assert_eq!(
        ids(sweep(&*store, None, near.deliver_at, far.deliver_at)
            .await
            .due),
        ["far"]
    );
    assert_eq!(
        ids(sweep(&*store, Some(base), Millis(0), Millis(0))
            .await
            .stored),
        ["far", "near", "past"]
    );
    assert_eq!(
        ids(sweep(&*store, Some(far.seq), Millis(0), Millis(0))
            .await
            .stored),
        ["near", "past"]
    );
    let all = sweep(&*store, None, Millis(0), Millis(0)).await;
    assert!(all.stored.is_empty());
    assert_eq!(all.seq, past.seq);
}

async fn cancelling_is_for_what_is_not_due(store: Arc<dyn Store>) {
    publish(&*store, "due", -1, 60_000).await;
    publish(&*store, "ahead", 60_000, 60_000).await;
    assert_eq!(
        store.cancel(&mailbox(), "due").await.unwrap(),
        Cancelled::TooLate
    );
    assert_eq!(
        store.cancel(&mailbox(), "none").await.unwrap(),
        Cancelled::Unknown
    );
    assert_eq!(
        store.cancel(&mailbox(), "ahead").await.unwrap(),
        Cancelled::Done
    );
    assert_eq!(
        store.cancel(&mailbox(), "ahead").await.unwrap(),
        Cancelled::Done
    );
    let status = store.status(&mailbox(), "ahead").await.unwrap().unwrap();
    assert_eq!(status.state(now(&*store).await), State::Cancelled);
    let horizon = now(&*store).await.plus(Duration::from_secs(3600));
    let swept = sweep(&*store, Some(0), Millis(0), horizon).await;
    assert!(
        swept
            .due
            .iter()
            .chain(&swept.stored)
            .all(|m| m.id != "ahead")
    );
}

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
    publish(&elsewhere, "b", 0, 60_000).await;
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

async fn expiry_is_told_once(store: Arc<dyn Store>) {
    publish(&*store, "alone", -10, 1).await;
    let at = publish(&*store, "read", -10, 1).await;
    publish(&*store, "live", 0, 60_000).await;
    store.record(vec![receipt(&at, "k", true)]).await.unwrap();
    let expired = store.expire(now(&*store).await, 100).await.unwrap();
    assert_eq!(
        expired
            .iter()
            .map(|e| (e.id.as_str(), e.delivered_keys))
            .collect::<Vec<_>>(),
        [("alone", 0)]
    );
    assert!(
        store
            .expire(now(&*store).await, 100)
            .await
            .unwrap()
            .is_empty()
    );
    // What became of it stays known, and its id stays taken.
    let status = store.status(&mailbox(), "alone").await.unwrap().unwrap();
    assert_eq!(status.state(now(&*store).await), State::Expired);
    let again = draft(&*store, "alone", 0, 60_000).await;
    assert!(matches!(
        store.publish(vec![again]).await.unwrap()[0],
        Published::Repeated(_)
    ));
    assert_eq!(store.list(&mailbox(), None, 10).await.unwrap().len(), 3);
    assert_eq!(
        store.tally(&mailbox()).await.unwrap(),
        Tally {
            pending: 1,
            ..Tally::default()
        }
    );
}

async fn bounds_hold_and_are_freed(store: Arc<dyn Store>) {
    let base = draft(&*store, "m", 60_000, 60_000).await;
    let everyone = |n: u32| Draft {
        mailbox: Mailbox::everyone("n"),
        id: format!("m{n}"),
        ..base.clone()
    };
    let answers = store
        .publish((0..=MAX_EVERYONE_MESSAGES).map(everyone).collect())
        .await
        .unwrap();
    let (last, stored) = answers.split_last().unwrap();
    assert!(stored.iter().all(|a| matches!(a, Published::Stored(_))));
    assert!(matches!(last, Published::Full(_)), "{last:?}");
    assert_eq!(
        store.cancel(&Mailbox::everyone("n"), "m0").await.unwrap(),
        Cancelled::Done
    );
    let next = everyone(MAX_EVERYONE_MESSAGES);
    assert!(matches!(
        store.publish(vec![next]).await.unwrap()[0],
        Published::Stored(_)
    ));

    let quarter =
        to_raw_value(&"x".repeat(usize::try_from(MAX_CHANNEL_BYTES / 4).unwrap() - 2)).unwrap();
    let large = |n: u32| Draft {
        id: format!("l{n}"),
        data: quarter.clone(),
        ..base.clone()
    };
    let answers = store.publish((0..5).map(large).collect()).await.unwrap();
    assert!(
        answers[..4]
            .iter()
            .all(|a| matches!(a, Published::Stored(_)))
    );
    assert!(matches!(answers[4], Published::Full(_)));
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

async fn everything_new_is_announced(store: Arc<dyn Store>) {
    let mut announcements = store
        .announcements(Arc::new(|name: &str| name == "n/c"))
        .await;
    let at = publish(&*store, "a", 60_000, 60_000).await;
    store.cancel(&mailbox(), "a").await.unwrap();
    let (key, _) = KeyRecord::issue("c".into(), vec![], Millis(0), None).unwrap();
    store.put_key(key.clone()).await.unwrap();
    store.revoke_key(&key.id).await.unwrap();
    assert!(
        matches!(announcements.recv().await.unwrap(), Announcement::Published(m) if m.position() == at.position())
    );
    assert!(
        matches!(announcements.recv().await.unwrap(), Announcement::Cancelled(m, p) if m == mailbox() && p == at.position())
    );
    assert!(
        matches!(announcements.recv().await.unwrap(), Announcement::Revoked(id) if id == key.id)
    );
}

async fn the_clock_moves(store: Arc<dyn Store>) {
    let start = store.now().await.unwrap();
    eventually("the clock moves", async || {
        (store.now().await.unwrap() > start).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_directory_keeps_everything_and_belongs_to_one_process() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path(), &server::tasks::Tasks::new()).unwrap();
    let at = publish(&store, "a", 0, 60_000).await;
    store.record(vec![receipt(&at, "k", true)]).await.unwrap();
    assert!(
        Embedded::open(directory.path(), &server::tasks::Tasks::new()).is_err(),
        "it is open already"
    );
    drop(store);
    let store = eventually("the file is closed", async || {
        Embedded::open(directory.path(), &server::tasks::Tasks::new()).ok()
    })
    .await;
    assert_eq!(backlog(&store, "l").await, [("a".to_owned(), false)]);
    assert!(backlog(&store, "k").await.is_empty());
    assert!(publish(&store, "b", 0, 60_000).await.seq > at.seq);
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

async fn put_key(store: &dyn Store, channel: &str) -> KeyRecord {
    let issued = KeyRecord::issue(channel.into(), vec!["n".into()], now(store).await, None);
    let (key, _) = issued.unwrap();
    assert!(store.put_key(key.clone()).await.unwrap());
    key
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
