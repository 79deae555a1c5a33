//! What must hold whatever happens: the sums, and what a reading of its journal comes to.

use proptest::prelude::*;
use serde_json::value::to_raw_value;

use super::{Contents, now};
use crate::clock::Millis;
use crate::message::{Mailbox, Position};
use crate::store::embedded::change::Change;
use crate::store::embedded::codec;
use crate::store::{Draft, RETENTION, Receipt};

const CHANNELS: [&str; 2] = ["a", "b"];
const KEYS: [&str; 3] = ["k", "l", "m"];

/// Something that is done to a store. Numbers say which message, in milliseconds from the start.
#[derive(Debug, Clone)]
enum Step {
    Publish {
        channel: usize,
        id: u8,
        due: i64,
        ttl: i64,
    },
    Record {
        channel: usize,
        id: u8,
        key: usize,
        acknowledged: bool,
    },
    Cancel {
        channel: usize,
        id: u8,
    },
    Expire {
        at: i64,
    },
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    let channel = 0..CHANNELS.len();
    prop_oneof![
        4 => (channel.clone(), 0..12_u8, 0..20_i64, 1..40_i64)
            .prop_map(|(channel, id, due, ttl)| Step::Publish { channel, id, due, ttl }),
        6 => (channel.clone(), 0..12_u8, 0..KEYS.len(), any::<bool>())
            .prop_map(|(channel, id, key, acknowledged)| Step::Record { channel, id, key, acknowledged }),
        1 => (channel, 0..12_u8).prop_map(|(channel, id)| Step::Cancel { channel, id }),
        1 => (0..60_i64).prop_map(|at| Step::Expire { at }),
        1 => Just(Step::Forget),
    ]
}

fn mailbox(channel: usize) -> Mailbox {
    Mailbox::channel("n", CHANNELS[channel])
}

/// Carries out a step; `start` lies ahead, so that every message can still be cancelled.
fn carry_out(contents: &mut Contents, step: &Step, start: i64) {
    match *step {
        Step::Publish {
            channel,
            id,
            due,
            ttl,
        } => drop(contents.publish(Draft {
            mailbox: mailbox(channel),
            id: id.to_string(),
            event: "alert".into(),
            data: to_raw_value(&"x".repeat(usize::from(id))).unwrap(),
            created_at: Millis(start),
            deliver_at: Millis(start + due),
            expires_at: Millis(start + due + ttl),
            digest: [id; 32],
        })),
        Step::Record {
            channel,
            id,
            key,
            acknowledged,
        } => {
            let known = contents.mailbox(&mailbox(channel));
            let known = known.and_then(|state| state.status(&id.to_string()));
            if let Some(status) = known {
                contents.record(&Receipt {
                    message: status.message,
                    of_key: codec::untimed(KEYS[key], acknowledged),
                });
            }
        }
        Step::Cancel { channel, id } => {
            contents.cancel(&mailbox(channel), &id.to_string());
        }
        Step::Expire { at } => drop(contents.expire(Millis(start + at), 4)),
        Step::Forget => drop(contents.expire(Millis(start + 60 + RETENTION), 2)),
    }
}

/// What is live, and what each key still has to get of it.
fn view(contents: &Contents, start: i64) -> Vec<String> {
    let mut lines = Vec::new();
    for channel in 0..CHANNELS.len() {
        let Some(state) = contents.mailbox(&mailbox(channel)) else {
            continue;
        };
        for status in state.list(None, 1000) {
            let at = status.message.position();
            if state.live(at).is_some() {
                let (shown, taken) = (status.delivered_keys, status.acknowledged_keys);
                lines.push(format!(
                    "{channel} {} {at:?} {shown} {taken}",
                    status.message.id
                ));
            }
        }
        let ahead = (Millis(0), Millis(start + 1000));
        for key in KEYS {
            let waiting = state.backlog(key, None, ahead, 1000);
            lines.extend(waiting.iter().map(|waiting| {
                let again = waiting.redelivered;
                format!("{channel} {key} {} {again}", waiting.message.id)
            }));
        }
    }
    lines
}

fn read(changes: &[Change]) -> Contents {
    let mut contents = Contents::new(u64::MAX, u64::MAX, true);
    for change in changes {
        contents.apply(change);
    }
    contents
}

proptest! {
    #[test]
    fn its_sums_are_those_of_its_parts(
        steps in proptest::collection::vec(step(), 0..150),
        most_ended in prop_oneof![Just(u64::MAX), 0..5_000_u64],
    ) {
        let start = now().0 + 3_600_000;
        let mut contents = Contents::new(u64::MAX, most_ended, false);
        for step in &steps {
            carry_out(&mut contents, step, start);
            prop_assert_eq!(contents.bytes(), contents.summed_bytes(), "after {:?}", step);
        }
    }

    /// A snapshot is written mailbox by mailbox while changes go on; the segment behind it has
    /// everything since it began.
    #[test]
    fn a_journal_comes_to_what_was_there(
        steps in proptest::collection::vec(step(), 1..150),
        most_ended in prop_oneof![Just(u64::MAX), 0..5_000_u64],
        begun in any::<prop::sample::Index>(),
        taken in [0..40_usize, 0..40],
    ) {
        let start = now().0 + 3_600_000;
        let mut contents = Contents::new(u64::MAX, most_ended, true);
        let (mut all, mut since, mut snapshot) = (Vec::new(), Vec::new(), Vec::new());
        let begun = begun.index(steps.len());
        for (n, step) in steps.iter().enumerate() {
            carry_out(&mut contents, step, start);
            let (changes, _) = contents.take_news();
            all.extend(changes.iter().cloned());
            if n > begun {
                since.extend(changes);
            }
            if n == begun {
                snapshot.extend(contents.head_as_changes());
            }
            for (channel, later) in taken.iter().enumerate() {
                if n == begun + later {
                    snapshot.extend(contents.mailbox_as_changes(&mailbox(channel)));
                }
            }
        }
        prop_assert_eq!(view(&read(&all), start), view(&contents, start));
        let finished = taken.iter().all(|later| begun + later < steps.len());
        if finished {
            snapshot.extend(since);
            let read = read(&snapshot);
            prop_assert_eq!(view(&read, start), view(&contents, start));
            prop_assert_eq!(read.seq(), contents.seq());
            prop_assert_eq!(read.bytes(), read.summed_bytes());
        }
    }
}

/// An id may be used again once its message is forgotten.
#[test]
fn an_id_that_is_used_again_outlives_a_restart() {
    let start = now().0 + 3_600_000;
    let mut contents = Contents::new(u64::MAX, u64::MAX, true);
    let publish = |due| Step::Publish {
        channel: 0,
        id: 1,
        due,
        ttl: 5,
    };
    carry_out(&mut contents, &publish(0), start);
    carry_out(&mut contents, &Step::Expire { at: 50 }, start);
    carry_out(&mut contents, &Step::Forget, start);
    carry_out(&mut contents, &publish(9), start);
    let (changes, _) = contents.take_news();
    let read = read(&changes);
    let at = Position {
        deliver_at: Millis(start + 9),
        seq: 2,
    };
    assert!(
        read.mailbox(&mailbox(0))
            .is_some_and(|state| state.live(at).is_some())
    );
}
