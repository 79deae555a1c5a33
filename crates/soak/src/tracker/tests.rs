//! The books are right: what is lost, doubled, late or expired is counted as such.

use super::*;

fn up(client: usize, at: Ms) -> Event {
    Event::Up {
        client,
        at,
        away: 100.0,
    }
}

fn down(client: usize, at: Ms) -> Event {
    let reason = "transport close".to_owned();
    Event::Down { client, at, reason }
}

fn message(client: usize, at: Ms) -> Event {
    let id = "m".to_owned();
    Event::Message {
        client,
        at,
        id,
        expires_in: 1.0,
    }
}

fn acknowledged(client: usize, at: Ms) -> Event {
    let id = "m".to_owned();
    Event::Acknowledged { client, at, id }
}

/// Two clients of one channel and one of another; `m` is for the first channel, due at 10 s,
/// expires at 20 s.
fn tracker(events: &[Event]) -> Tracker {
    let mut tracker = Tracker::new([0, 0, 1]);
    for client in 0..3 {
        tracker.apply(&up(client, 0.0));
    }
    tracker.published("m", Audience::Channel(0));
    tracker.accepted("m", 5_000.0, 10_000.0, 20_000.0);
    for event in events {
        tracker.apply(event);
    }
    tracker
}

#[test]
fn what_came_to_one_client_alone_is_lost_to_the_other() {
    let tracker = tracker(&[message(0, 10_002.0), acknowledged(0, 10_003.0)]);
    assert_eq!(tracker.missing(11_000.0), [("m", 1)]);
    let tally = tracker.tally(11_000.0);
    assert_eq!(
        (tally.delivered, tally.lost),
        (1, vec!["m by client 1".to_owned()])
    );
    assert_eq!((tally.lateness.count, tally.lateness.max), (1, 2.0));
    assert_eq!(tracker.reached(11_000.0)["m"], 1);
}

#[test]
fn what_has_expired_is_not_lost_but_missed_by_a_client_that_was_there() {
    let tracker = tracker(&[down(1, 9_000.0), up(1, 30_000.0)]);
    let tally = tracker.tally(30_000.0);
    assert_eq!((tally.expired, tally.lost.len()), (2, 0));
    assert_eq!(tally.missed, ["m by client 0"]);
    assert_eq!(tally.away.count, 1);
}

#[test]
fn what_nobody_took_is_neither_lost_nor_unknown() {
    let mut tracker = Tracker::new([0]);
    tracker.apply(&up(0, 0.0));
    tracker.published("m", Audience::Everyone);
    assert!(tracker.missing(1.0).is_empty());
    // The answer may come after the message.
    tracker.apply(&message(0, 2.0));
    assert_eq!(tracker.tally(3.0).faults, Vec::<String>::new());
}

#[test]
fn lateness_leaves_out_clients_that_had_just_come() {
    let tracker = tracker(&[down(0, 9_000.0), up(0, 9_500.0), message(0, 12_000.0)]);
    assert_eq!(tracker.tally(13_000.0).lateness.count, 0);
}

#[test]
fn a_message_of_another_channel_is_a_fault() {
    let tracker = tracker(&[message(2, 10_000.0)]);
    assert_eq!(
        tracker.tally(11_000.0).faults,
        ["client 2 got m of another channel"]
    );
}

/// What is said of a repeat after these events.
fn faults(events: &[Event]) -> usize {
    tracker(events).tally(100_000.0).faults.len()
}

#[test]
fn a_repeat_on_one_connection_comes_after_15_s_at_the_earliest() {
    assert_eq!(faults(&[message(0, 10_000.0), message(0, 12_000.0)]), 1);
    assert_eq!(faults(&[message(0, 10_000.0), message(0, 25_000.0)]), 0);
    let third = [10_000.0, 25_000.0, 40_000.0].map(|at| message(0, at));
    assert_eq!(faults(&third), 1);
    let third = [10_000.0, 25_000.0, 55_000.0].map(|at| message(0, at));
    assert_eq!(faults(&third), 0);
}

#[test]
fn a_repeat_on_the_next_connection_is_right_while_the_acknowledgement_may_be_lost() {
    let quick = [
        message(0, 10_000.0),
        acknowledged(0, 10_001.0),
        down(0, 10_500.0),
        up(0, 12_000.0),
        message(0, 12_001.0),
    ];
    assert_eq!(faults(&quick), 0);
    let never = [
        message(0, 10_000.0),
        down(0, 30_000.0),
        up(0, 31_000.0),
        message(0, 31_001.0),
    ];
    assert_eq!(faults(&never), 0);
    let settled = [
        message(0, 10_000.0),
        acknowledged(0, 10_001.0),
        down(0, 30_000.0),
        up(0, 31_000.0),
        message(0, 31_001.0),
    ];
    assert_eq!(faults(&settled), 1);
    let mut during_an_outage = tracker(&settled[..4]);
    during_an_outage.outage(9_000.0, 10_500.0);
    during_an_outage.apply(&settled[4]);
    assert_eq!(during_an_outage.tally(100_000.0).faults.len(), 0);
}

#[test]
fn an_acknowledgement_on_a_later_connection_settles_nothing() {
    let late = [
        message(0, 10_000.0),
        down(0, 10_100.0),
        up(0, 10_200.0),
        acknowledged(0, 10_300.0),
        down(0, 30_000.0),
        up(0, 31_000.0),
        message(0, 31_001.0),
    ];
    assert_eq!(faults(&late), 0);
}

#[test]
fn a_refusal_for_good_is_a_fault() {
    let refused = |code: Option<&str>| Event::Refused {
        client: 0,
        code: code.map(str::to_owned),
        text: "xhr poll error".to_owned(),
    };
    assert_eq!(faults(&[refused(None)]), 0);
    assert_eq!(faults(&[refused(Some("invalid_key"))]), 1);
}

#[test]
fn lateness_between_is_that_of_the_wanted_channels_in_that_time() {
    let late = [message(0, 10_002.0), message(1, 16_000.0)];
    let tracker = tracker(&late);
    let max = |from, until, wanted| {
        let spread = tracker.lateness_between(from, until, |channel| channel == wanted);
        (spread.count, spread.max)
    };
    // One client of two is held up: the worst of it tells, half of it does not.
    assert_eq!(max(10_000.0, 10_001.0, 0), (2, 6_000.0));
    assert_eq!(max(10_000.0, 10_001.0, 1), (0, 0.0));
    assert_eq!(max(0.0, 10_000.0, 0), (0, 0.0));
}
