//! What a fuzzer drives: a session whose client sends any bytes, while polls, ends and time come in
//! between.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::frames::{Control, Reader, Said, write_control};
use super::machine::{End, How, Machine, Probed};
use super::payload;
use super::protocol::{Config, Packet, Protocol, Transport};

/// Bytes of a message that the session takes.
const MOST: usize = 4096;
/// Bytes that may wait in a session, whatever its client does.
const MOST_WAITING: usize = 1024 * 1024;

/// Runs one session. The first byte says what it is; then each step has a byte that says what
/// happens, one that says how much, and that many bytes.
///
/// # Panics
/// A bound does not hold.
pub fn connection(data: &[u8]) {
    let Some((first, mut data)) = data.split_first() else {
        return;
    };
    let protocol = if first & 1 == 0 {
        Protocol::V4
    } else {
        Protocol::V3
    };
    let transport = if first & 2 == 0 {
        Transport::Polling
    } else {
        Transport::WebSocket
    };
    let config = Arc::new(Config {
        ping_interval: Duration::from_secs(25),
        ping_timeout: Duration::from_secs(20),
        max_payload: MOST,
        polling: true,
        websocket: true,
    });
    let mut now = Instant::now();
    let mut machine = Machine::new(protocol, config, transport, now);
    let mut reader = Reader::new(MOST);
    let mut probe = None;
    while let [step, length, rest @ ..] = data {
        let (bytes, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        data = rest;
        match step % 8 {
            0 => drop(machine.poll()),
            1 => machine.poll_gone(),
            2 => probe = machine.probe(now).ok().or(probe),
            3 => {
                now += Duration::from_secs(u64::from(*length));
                machine.expire(now);
            }
            4 => machine.close(End {
                how: How::Gone,
                cause: "fuzzed",
            }),
            5 => drop(machine.send(&[&String::from_utf8_lossy(bytes)])),
            6 => post(&mut machine, protocol, bytes, now),
            _ => {
                let read = reader.read(&mut bytes.to_vec(), &mut |said| {
                    hear(&mut machine, probe, &said, now);
                    ControlFlow::Continue(())
                });
                if read.is_err() {
                    machine.end(How::Moved, "malformed_packet");
                }
            }
        }
        let _ = machine.answer();
        assert!(machine.outbox().len() < MOST_WAITING, "frames pile up");
    }
    machine.close(End {
        how: How::Moved,
        cause: "fuzzed",
    });
    machine.expire(now + Duration::from_secs(60));
    assert!(machine.ended().is_some(), "the session cannot end");
}

fn post(machine: &mut Machine, protocol: Protocol, bytes: &[u8], now: Instant) {
    for packet in payload::read(protocol, bytes) {
        match packet.and_then(Packet::read) {
            Some(packet) if machine.packet(packet, now).is_ok() => {}
            _ => return machine.end(How::Moved, "malformed_packet"),
        }
    }
}

fn hear(machine: &mut Machine, probe: Option<super::ProbeId>, said: &Said<'_>, now: Instant) {
    match (said, probe) {
        (Said::Text(text), Some(id)) if machine.transport() == Transport::Polling => {
            let probed = Packet::read(text).map(|packet| machine.probed(id, packet));
            if let Some(Ok(Probed::Upgraded)) = probed {
                let _ = machine.answer();
                machine.upgrade();
            }
        }
        (Said::Text(text), _) => {
            let taken = Packet::read(text).map(|packet| machine.packet(packet, now));
            if !matches!(taken, Some(Ok(()))) {
                machine.end(How::Moved, "malformed_packet");
            }
        }
        // The driver answers a ping where nothing waits.
        (Said::Ping(payload), _) if machine.writes_through() => {
            write_control(Control::Pong, payload, machine.outbox());
        }
        _ => {}
    }
}
