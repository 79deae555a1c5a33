//! What a store in a directory has after its process: whatever was answered, however it ended.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use serde_json::value::to_raw_value;
use tempfile::tempdir;

use super::*;
use crate::message::{Happening, State};
use crate::receipts::{KeyReceipt, Outcome};

fn mailbox() -> Mailbox {
    Mailbox::channel("n", "c")
}

fn draft(id: &str, ttl: i64) -> Draft {
    let now = now();
    Draft {
        mailbox: mailbox(),
        id: id.into(),
        event: "say \"é\"".into(),
        data: to_raw_value(&"x".repeat(200)).unwrap(),
        created_at: now,
        deliver_at: now,
        expires_at: Millis(now.0 + ttl),
        digest: [7; 32],
    }
}

async fn publish(store: &Embedded, id: &str, ttl: i64) -> Arc<Message> {
    match store.publish(vec![draft(id, ttl)]).await.unwrap().remove(0) {
        Published::Stored(status) => status.message,
        other => panic!("{other:?}"),
    }
}

async fn record(store: &Embedded, message: &Arc<Message>, key: &str, acknowledged: bool) {
    let receipt = Receipt {
        message: message.clone(),
        of_key: KeyReceipt {
            key: key.into(),
            node: "node".into(),
            emitted_at: Some(message.deliver_at),
            acknowledged: acknowledged.then_some((message.deliver_at, Outcome::Shown)),
        },
    };
    store.record(vec![receipt]).await.unwrap();
}

/// Opens a directory again, once its thread has let go of it.
async fn reopen(store: Embedded, directory: &Path) -> Embedded {
    drop(store);
    let opened = async {
        loop {
            match Embedded::open(directory, &Tasks::new()) {
                Ok(store) => return store,
                Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            }
        }
    };
    let patience = std::time::Duration::from_secs(60);
    tokio::time::timeout(patience, opened).await.unwrap()
}

async fn backlog(store: &Embedded, key: &str) -> Vec<(String, bool)> {
    let found = store.backlog(&mailbox(), key, None, now(), 100).await;
    let found = found.unwrap().into_iter();
    found
        .map(|w| (w.message.id.clone(), w.redelivered))
        .collect()
}

fn files(directory: &Path, kind: &str) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(kind)
        })
        .collect();
    paths.sort();
    paths
}

/// Everything that a store can be told.
async fn fill(store: &Embedded) {
    let [a, b, c] = ["a", "b", "c"].map(|id| async move { publish(store, id, 60_000).await });
    let (a, b, c) = (a.await, b.await, c.await);
    record(store, &a, "k", true).await;
    record(store, &b, "k", false).await;
    record(store, &c, "k", true).await;
    let note = Note {
        at: now(),
        event: Happening::GivenUp,
        key: "k".into(),
    };
    store.note(vec![(b, note)]).await.unwrap();
    publish(store, "over", 1).await;
    while store.expire(now(), 10).await.unwrap().is_empty() {}
    let (key, _) = KeyRecord::issue("c".into(), vec!["n".into()], now(), None).unwrap();
    store.put_key(key).await.unwrap();
}

async fn is_filled(store: &Embedded) {
    assert_eq!(backlog(store, "k").await, [("b".to_owned(), true)]);
    assert_eq!(backlog(store, "l").await.len(), 3);
    let b = store.status(&mailbox(), "b").await.unwrap().unwrap();
    assert_eq!((b.delivered_keys, b.notes.len()), (1, 1));
    assert_eq!(b.message.event, "say \"é\"");
    let over = store.status(&mailbox(), "over").await.unwrap().unwrap();
    assert_eq!(over.state(now()), State::Expired);
    assert!(
        store.expire(now(), 10).await.unwrap().is_empty(),
        "told once"
    );
    assert_eq!(store.keys(None, 10).await.unwrap().len(), 1);
    let tally = store.tally(&mailbox()).await.unwrap();
    assert_eq!((tally.acknowledged, tally.delivered), (2, 1));
}

#[tokio::test]
async fn everything_is_there_after_a_restart_and_after_two() {
    let directory = tempdir().unwrap();
    let store = Embedded::open(directory.path(), &Tasks::new()).unwrap();
    fill(&store).await;
    is_filled(&store).await;
    let store = reopen(store, directory.path()).await;
    is_filled(&store).await;
    let last = publish(&store, "d", 60_000).await.seq;
    let store = reopen(store, directory.path()).await;
    assert!(publish(&store, "e", 60_000).await.seq > last);
}

#[tokio::test]
async fn half_a_change_at_the_end_is_none() {
    let directory = tempdir().unwrap();
    let store = Embedded::open(directory.path(), &Tasks::new()).unwrap();
    fill(&store).await;
    drop(reopen(store, directory.path()).await);
    for damage in [&b"\x20\0\0\0half"[..], &[255; 100], &[0; 7]] {
        let segment = files(directory.path(), "journal").pop().unwrap();
        let mut file = File::options().append(true).open(segment).unwrap();
        file.write_all(damage).unwrap();
        let store = {
            let none = Embedded::in_memory().unwrap();
            reopen(none, directory.path()).await
        };
        is_filled(&store).await;
        drop(store);
    }
}

/// Flips a byte of a file, and returns why the store then does not open.
async fn refusal(directory: &Path, file: &Path, byte: usize) -> String {
    let mut bytes = fs::read(file).unwrap();
    bytes[byte] ^= 1;
    fs::write(file, bytes).unwrap();
    loop {
        let refused = Embedded::open(directory, &Tasks::new()).err().unwrap();
        let refused = refused.to_string();
        if refused.contains("damaged") {
            return refused;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn damage_is_refused_and_named() {
    let directory = tempdir().unwrap();
    let store = Embedded::open(directory.path(), &Tasks::new()).unwrap();
    fill(&store).await;
    let segment = files(directory.path(), "journal").pop().unwrap();
    drop(store);
    let refused = refusal(directory.path(), &segment, 20).await;
    assert!(
        refused.contains("journal-0000000001 is damaged at byte 0"),
        "{refused}"
    );

    let directory = tempdir().unwrap();
    let store = Embedded::open(directory.path(), &Tasks::new()).unwrap();
    fill(&store).await;
    store.journal.as_ref().unwrap().fail_next_write();
    assert!(store.publish(vec![draft("d", 60_000)]).await.is_err());
    while store.publish(vec![draft("e", 60_000)]).await.is_err() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let snapshot = files(directory.path(), "snapshot").pop().unwrap();
    let last = fs::metadata(&snapshot).unwrap().len() as usize - 1;
    drop(store);
    let refused = refusal(directory.path(), &snapshot, last).await;
    assert!(refused.contains("snapshot-"), "{refused}");
}

#[tokio::test]
async fn what_a_later_release_has_written_is_not_read_over() {
    let directory = tempdir().unwrap();
    let store = Embedded::open(directory.path(), &Tasks::new()).unwrap();
    publish(&store, "a", 60_000).await;
    drop(reopen(store, directory.path()).await);
    let payload = b"?new";
    let mut frame = 4_u32.to_le_bytes().to_vec();
    frame.extend(crc32fast::hash(payload).to_le_bytes());
    frame.extend(payload);
    fs::write(directory.path().join("journal-0000000099"), frame).unwrap();
    let patience = std::time::Duration::from_secs(60);
    let refused = tokio::time::timeout(patience, async {
        loop {
            let error = Embedded::open(directory.path(), &Tasks::new())
                .err()
                .unwrap()
                .to_string();
            if error.contains("a later release") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    });
    refused.await.unwrap();
}

#[tokio::test]
async fn a_long_journal_is_shortened_and_nothing_is_missing() {
    let directory = tempdir().unwrap();
    let store = Arc::new(Embedded::open(directory.path(), &Tasks::new()).unwrap());
    fill(&store).await;
    let data = to_raw_value(&"x".repeat(16_000)).unwrap();
    // Twice what makes a journal long; most of it is withdrawn at once.
    for batch in 0..25 {
        let drafts = (0..100).map(|n| Draft {
            mailbox: Mailbox::channel("n", "other"),
            deliver_at: Millis(now().0 + 60_000),
            expires_at: Millis(now().0 + 120_000),
            data: data.clone(),
            ..draft(&format!("m-{batch}-{n}"), 0)
        });
        store.publish(drafts.collect()).await.unwrap();
        for n in 0..100 {
            let id = format!("m-{batch}-{n}");
            let other = Mailbox::channel("n", "other");
            assert_eq!(store.cancel(&other, &id).await.unwrap(), Cancelled::Done);
        }
    }
    let patience = std::time::Duration::from_secs(60);
    let shortened = tokio::time::timeout(patience, async {
        while files(directory.path(), "snapshot").is_empty() {
            publish(&store, &ulid::Ulid::generate().to_string(), 60_000).await;
        }
    });
    shortened.await.unwrap();
    let count = store.list(&mailbox(), None, 10_000).await.unwrap().len();
    let store = reopen(Arc::into_inner(store).unwrap(), directory.path()).await;
    assert_eq!(
        store.list(&mailbox(), None, 10_000).await.unwrap().len(),
        count
    );
    let k = backlog(&store, "k").await;
    assert_eq!(k.first(), Some(&("b".to_owned(), true)));
    let other = Mailbox::channel("n", "other");
    let kept = store.status(&other, "m-24-99").await.unwrap().unwrap();
    assert_eq!(kept.state(now()), State::Cancelled);
}

#[tokio::test]
async fn a_disk_that_failed_is_written_again_and_what_it_lacks_is_there() {
    let directory = tempdir().unwrap();
    let store = Embedded::open(directory.path(), &Tasks::new()).unwrap();
    publish(&store, "before", 60_000).await;
    // A directory where the snapshot is to be written: it cannot be.
    let segment = files(directory.path(), "journal").pop().unwrap();
    let obstacle = directory.path().join("unfinished");
    fs::create_dir(&obstacle).unwrap();
    store.journal.as_ref().unwrap().fail_next_write();
    let failed = store.publish(vec![draft("meanwhile", 60_000)]).await;
    assert!(
        matches!(failed, Err(StoreError::Unavailable(_))),
        "{failed:?}"
    );
    // The journal says so a moment after its callers have been dropped.
    while store.trouble().is_none() {
        tokio::task::yield_now().await;
    }
    let refused = store.publish(vec![draft("refused", 60_000)]).await;
    assert!(matches!(refused, Err(StoreError::Disk(_))), "{refused:?}");
    fs::remove_dir(&obstacle).unwrap();
    // By itself.
    while store.trouble().is_some() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let again = store
        .publish(vec![draft("meanwhile", 60_000)])
        .await
        .unwrap();
    assert!(matches!(again[0], Published::Repeated(_)), "{again:?}");
    assert!(!segment.exists(), "its end is not known");
    let store = reopen(store, directory.path()).await;
    let ids: Vec<_> = backlog(&store, "k").await;
    assert_eq!(ids.len(), 2, "{ids:?}");
}

#[tokio::test]
async fn receipts_count_towards_the_bound() {
    let mut contents = Contents::new(100_000, 100_000, false);
    let everyone = Draft {
        mailbox: Mailbox::everyone("n"),
        ..draft("a", 60_000)
    };
    let Published::Stored(status) = contents.publish(everyone) else {
        panic!()
    };
    for key in 0..1_000 {
        contents.record(&Receipt {
            message: status.message.clone(),
            of_key: codec::untimed(&format!("k{key}"), true),
        });
    }
    let answer = contents.publish(draft("b", 60_000));
    assert!(matches!(answer, Published::Full(_)), "{answer:?}");
    // When the message ends, so does what keys have settled of it.
    let (expired, _) = contents.expire(Millis(now().0 + 120_000), 10);
    assert!(expired.is_empty(), "it was acknowledged");
    assert!(matches!(
        contents.publish(draft("b", 60_000)),
        Published::Stored(_)
    ));
}
