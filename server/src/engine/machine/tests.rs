mod any_order;

use std::time::Duration;

use tokio::time::Instant;

use super::super::protocol::{CLOSE, UPGRADE_TIMEOUT};
use super::*;

const INTERVAL: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(20);

fn session(protocol: Protocol, transport: Transport) -> (Machine, Instant) {
    let config = Config {
        ping_interval: INTERVAL,
        ping_timeout: TIMEOUT,
        max_payload: 1024,
        polling: true,
        websocket: true,
    };
    let now = Instant::now();
    (
        Machine::new(protocol, Arc::new(config), transport, now),
        now,
    )
}

fn polling() -> (Machine, Instant) {
    session(Protocol::V4, Transport::Polling)
}

fn payload(text: &str) -> Option<Answer> {
    Some(Answer::Payload(text.to_owned()))
}

/// The texts of the frames that wait, which it takes out.
fn frames(machine: &mut Machine) -> Vec<String> {
    let mut bytes = std::mem::take(machine.outbox());
    let mut texts = Vec::new();
    let mut rest = &mut bytes[..];
    while let [0x81, length, after @ ..] = rest {
        let (text, next) = after.split_at_mut(usize::from(*length));
        texts.push(String::from_utf8(text.to_vec()).unwrap());
        rest = next;
    }
    assert!(rest.is_empty(), "{rest:?}");
    texts
}

const MOVED: End = End {
    how: How::Moved,
    cause: "draining",
};

#[test]
fn a_poll_waits_until_there_is_something() {
    let (mut machine, _) = polling();
    machine.poll().unwrap();
    assert_eq!(machine.answer(), None);
    assert!(machine.send(&["a", "b"]) && machine.send(&["c"]));
    assert_eq!(machine.answer(), payload("4ab\x1e4c"));
    assert_eq!(machine.answer(), None, "nobody waits");
    machine.send(&["d"]);
    assert_eq!(machine.answer(), None);
    machine.poll().unwrap();
    assert_eq!(machine.answer(), payload("4d"));
}

#[test]
fn what_a_lost_poll_would_have_brought_comes_with_the_next() {
    let (mut machine, _) = polling();
    machine.poll().unwrap();
    machine.send(&["a"]);
    let lost = machine.answer().unwrap();
    machine.send(&["b"]);
    machine.put_back(lost);
    machine.poll().unwrap();
    assert_eq!(machine.answer(), payload("4a\x1e4b"));
    // A poll whose client hangs up is no second one.
    machine.poll().unwrap();
    machine.poll_gone();
    machine.poll().unwrap();
    assert_eq!(machine.ended(), None);
}

#[test]
fn two_polls_at_once_end_the_session() {
    let (mut machine, _) = polling();
    machine.poll().unwrap();
    assert_eq!(machine.poll(), Err(RequestError::BadRequest));
    assert_eq!(machine.answer(), payload("6"));
    assert_eq!(machine.ended().unwrap().cause, "two_polls_at_once");
    assert_eq!(machine.poll(), Err(RequestError::UnknownSession));
}

#[test]
fn the_server_pings_after_the_interval_and_silence_ends_the_session() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let (mut machine, start) = session(Protocol::V4, transport);
        assert_eq!(machine.deadline(), start + INTERVAL);
        machine.expire(start + INTERVAL - Duration::from_millis(1));
        assert!(machine.outbox().is_empty() && machine.payload.is_empty());
        let pinged = start + INTERVAL;
        machine.expire(pinged);
        match transport {
            Transport::WebSocket => assert_eq!(frames(&mut machine), ["2"]),
            Transport::Polling => assert_eq!(machine.payload, "2"),
        }
        assert_eq!(machine.deadline(), pinged + TIMEOUT);
        machine.packet(Packet::Pong, pinged + TIMEOUT / 2).unwrap();
        let next = pinged + TIMEOUT / 2 + INTERVAL;
        assert_eq!(machine.deadline(), next);
        machine.expire(next);
        machine.expire(next + TIMEOUT);
        let end = machine.ended().unwrap();
        assert_eq!((end.how, end.cause), (How::Left, "heartbeat_timeout"));
    }
}

#[test]
fn the_client_of_protocol_3_pings() {
    let (mut machine, start) = session(Protocol::V3, Transport::WebSocket);
    let most = INTERVAL + TIMEOUT;
    assert_eq!(machine.deadline(), start + most);
    let later = start + most / 2;
    machine.packet(Packet::Ping(""), later).unwrap();
    assert_eq!(machine.deadline(), later + most);
    // Only one answer waits, however often it asks.
    machine.packet(Packet::Ping(""), later).unwrap();
    assert_eq!(frames(&mut machine), ["3"]);
    assert_eq!(machine.packet(Packet::Pong, later), Err(Unexpected));
    machine.expire(later + most);
    assert_eq!(machine.ended().unwrap().cause, "heartbeat_timeout");
}

#[test]
fn a_ping_is_answered_whatever_a_message_before_it_ends_with() {
    let (mut machine, now) = session(Protocol::V3, Transport::Polling);
    machine.send(&["1:3"]);
    for _ in 0..2 {
        machine.packet(Packet::Ping(""), now).unwrap();
    }
    machine.poll().unwrap();
    assert_eq!(machine.answer(), payload("4:41:31:3"));
}

#[test]
fn packets_out_of_place_are_unexpected() {
    let (mut machine, now) = polling();
    for packet in [Packet::Ping(""), Packet::Ping("probe"), Packet::Upgrade] {
        assert_eq!(machine.packet(packet, now), Err(Unexpected));
    }
    assert_eq!(machine.packet(Packet::Noop, now), Ok(()));
    assert_eq!(machine.ended(), None);
}

#[test]
fn an_upgrade_moves_what_waits_to_the_websocket() {
    for protocol in [Protocol::V3, Protocol::V4] {
        let (mut machine, now) = session(protocol, Transport::Polling);
        let probe = machine.probe(now).unwrap();
        assert!(machine.probe(now).is_err(), "one at a time");
        machine.poll().unwrap();
        assert_eq!(machine.answer(), None);
        let works = machine.probed(probe, Packet::Ping("probe"));
        assert_eq!(works, Ok(Probed::Works("3probe")));
        // The client is to poll no more: the poll that waits, and any that comes, ends.
        for _ in 0..2 {
            let noop = if protocol == Protocol::V3 { "1:6" } else { "6" };
            assert_eq!(machine.answer(), payload(noop));
            machine.poll().unwrap();
        }
        machine.answer();
        machine.send(&["a"]);
        machine.poll().unwrap();
        let lost = machine.answer().unwrap();
        machine.send(&["é"]);
        assert_eq!(machine.probed(probe, Packet::Upgrade), Ok(Probed::Upgraded));
        machine.upgrade();
        assert_eq!(machine.transport(), Transport::WebSocket);
        assert_eq!(frames(&mut machine), ["4é"]);
        machine.put_back(lost);
        assert_eq!(frames(&mut machine), ["4a"]);
        assert_eq!(machine.poll(), Err(RequestError::BadRequest));
        assert!(machine.probe(now).is_err());
    }
}

#[test]
fn a_try_that_fails_or_takes_too_long_leaves_polling_as_it_was() {
    let (mut machine, now) = polling();
    let first = machine.probe(now).unwrap();
    machine.probe_failed(first);
    let second = machine.probe(now).unwrap();
    machine.probe_failed(first);
    assert_eq!(machine.deadline(), now + UPGRADE_TIMEOUT);
    machine.expire(now + UPGRADE_TIMEOUT);
    assert_eq!(machine.probed(second, Packet::Upgrade), Err(Unexpected));
    machine.poll().unwrap();
    machine.send(&["a"]);
    assert_eq!(machine.answer(), payload("4a"));
    let third = machine.probe(now).unwrap();
    for packet in [Packet::Message("a"), Packet::Pong, Packet::Close] {
        assert_eq!(machine.probed(third, packet), Err(Unexpected));
    }
    assert_eq!(machine.probed(first, Packet::Upgrade), Err(Unexpected));
}

#[test]
fn an_end_waits_until_an_upgrade_is_settled() {
    let upgraded: fn(&mut Machine, ProbeId, Instant) = |machine, probe, _| {
        machine.probed(probe, Packet::Upgrade).unwrap();
        machine.upgrade();
    };
    let failed: fn(&mut Machine, ProbeId, Instant) = |machine, probe, _| {
        machine.probe_failed(probe);
    };
    let late: fn(&mut Machine, ProbeId, Instant) = |machine, _, now| {
        machine.expire(now + UPGRADE_TIMEOUT);
    };
    for settle in [upgraded, failed, late] {
        let (mut machine, now) = polling();
        let probe = machine.probe(now).unwrap();
        machine.close(MOVED);
        assert_eq!(machine.ended(), None);
        assert!(machine.send(&["farewell"]), "what is said last is taken");
        settle(&mut machine, probe, now);
        assert_eq!(machine.ended(), Some(MOVED));
        assert!(!machine.send(&["more"]));
    }
}

#[test]
fn a_client_that_leaves_ends_its_session_whatever_is_under_way() {
    let (mut machine, now) = polling();
    let probe = machine.probe(now).unwrap();
    machine.close(MOVED);
    machine.packet(Packet::Close, now).unwrap();
    let end = machine.ended().unwrap();
    assert_eq!((end.how, end.cause), (How::Left, "draining"));
    assert_eq!(machine.probed(probe, Packet::Upgrade), Err(Unexpected));
}

#[test]
fn each_end_answers_the_poll_that_waits() {
    for (how, answer) in [
        (How::Moved, Answer::Unavailable),
        (How::Cut, Answer::Unavailable),
        (How::Left, Answer::Payload("6".to_owned())),
        (How::Gone, Answer::Payload(CLOSE.to_owned())),
    ] {
        let (mut machine, _) = polling();
        machine.poll().unwrap();
        machine.close(End { how, cause: "test" });
        assert_eq!(machine.answer(), Some(answer));
    }
    let (mut machine, now) = polling();
    machine.probe(now).unwrap();
    machine.send(&["a"]);
    machine.end(How::Gone, "test");
    machine.poll_gone();
    assert_eq!(machine.answer(), None);
}

#[test]
fn what_waits_is_bounded() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let (mut machine, _) = session(Protocol::V4, transport);
        let large = "x".repeat(64 * 1024);
        let taken = (0..1000).take_while(|_| machine.send(&[&large])).count();
        assert!((8..=9).contains(&taken), "{taken}");
    }
    let (mut machine, _) = polling();
    let taken = (0..1000).take_while(|_| machine.send(&["a"])).count();
    assert_eq!(taken, MOST_PACKETS);
}
