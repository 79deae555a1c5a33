//! What is published: once, in order, within bounds, until its end.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::to_raw_value;
use server::clock::Millis;
use server::keys::KeyRecord;
use server::message::{Mailbox, State};
use server::store::{
    Announcement, Cancelled, Draft, MAX_CHANNEL_BYTES, MAX_EVERYONE_MESSAGES, Published, Store,
    Tally,
};

use super::{draft, mailbox, now, publish, receipt, sweep};
use crate::harness::eventually;

contract!(
    publishing_twice_stores_once,
    a_repeat_is_one_however_late,
    a_batch_is_answered_in_order,
    cancelling_is_for_what_is_not_due,
    expiry_is_told_once,
    bounds_hold_and_are_freed,
    everything_new_is_announced,
    the_clock_moves,
);

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
