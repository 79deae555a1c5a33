//! What a key, or a node, still has to read.

use std::sync::Arc;
use std::time::Duration;

use server::clock::Millis;
use server::message::Message;
use server::store::{Draft, Published, Store};

use super::{backlog, draft, mailbox, now, publish, receipt, sweep};

contract!(
    a_key_gets_what_it_has_not_acknowledged,
    pages_lose_and_double_nothing,
    a_join_finds_what_is_open_among_what_is_settled,
    long_readings_are_whole,
    what_falls_due_is_found_by_moment_and_by_sequence,
);

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
