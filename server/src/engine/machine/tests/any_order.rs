//! Whatever happens to a session, in any order.

use std::time::Duration;

use proptest::prelude::*;
use tokio::time::Instant;

use super::super::*;
use super::{MOVED, frames, polling};
use crate::engine::protocol::UPGRADE_TIMEOUT;

/// What may happen to a session.
#[derive(Clone, Debug)]
enum Step {
    Send,
    Poll,
    HangUp,
    Lose,
    Probe,
    Confirm,
    Upgrade,
    FailProbe,
    Pong,
    Wait(u8),
    Close,
    Leave,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Send),
        4 => Just(Step::Poll),
        1 => Just(Step::HangUp),
        1 => Just(Step::Lose),
        2 => Just(Step::Probe),
        2 => Just(Step::Confirm),
        2 => Just(Step::Upgrade),
        1 => Just(Step::FailProbe),
        2 => Just(Step::Pong),
        2 => (0u8..80).prop_map(Step::Wait),
        1 => Just(Step::Close),
        1 => Just(Step::Leave),
    ];
    prop::collection::vec(step, 0..60)
}

/// A session with its client, as the steps drive them.
struct Run {
    machine: Machine,
    now: Instant,
    probe: Option<ProbeId>,
    sent: usize,
    got: Vec<usize>,
    lose_next: bool,
}

impl Run {
    fn step(&mut self, step: &Step) {
        let machine = &mut self.machine;
        match step {
            Step::Send => {
                if machine.send(&[&self.sent.to_string()]) {
                    self.sent += 1;
                }
            }
            Step::Poll => drop(machine.poll()),
            Step::HangUp => machine.poll_gone(),
            Step::Lose => self.lose_next = true,
            Step::Probe => self.probe = machine.probe(self.now).ok().or(self.probe),
            Step::Confirm => {
                self.probe
                    .map(|probe| machine.probed(probe, Packet::Ping("probe")));
            }
            Step::Upgrade => {
                let taken = self
                    .probe
                    .map(|probe| machine.probed(probe, Packet::Upgrade));
                if let Some(Ok(Probed::Upgraded)) = taken {
                    self.take_answer();
                    self.machine.upgrade();
                }
            }
            Step::FailProbe => {
                self.probe
                    .take()
                    .inspect(|probe| machine.probe_failed(*probe));
            }
            Step::Pong => drop(machine.packet(Packet::Pong, self.now)),
            Step::Wait(seconds) => {
                self.now += Duration::from_secs(u64::from(*seconds));
                machine.expire(self.now);
            }
            Step::Close => machine.close(MOVED),
            Step::Leave => drop(machine.packet(Packet::Close, self.now)),
        }
        self.take_answer();
        self.take_frames();
    }

    fn take_answer(&mut self) {
        let Some(answer) = self.machine.answer() else {
            return;
        };
        if std::mem::take(&mut self.lose_next) {
            self.machine.put_back(answer);
        } else if let Answer::Payload(text) = answer {
            let packets: Vec<_> = text.split('\x1e').map(str::to_owned).collect();
            self.take(&packets);
        }
    }

    fn take_frames(&mut self) {
        let frames = frames(&mut self.machine);
        self.take(&frames);
    }

    fn take(&mut self, packets: &[String]) {
        let messages = packets.iter().filter_map(|packet| packet.strip_prefix('4'));
        self.got
            .extend(messages.map(|message| message.parse::<usize>().unwrap()));
    }
}

proptest! {
    /// Nothing that was put in is lost, doubled or out of order while the session lives; and
    /// every session can end.
    #[test]
    fn no_order_of_events_loses_a_message_or_leaves_a_session_that_cannot_end(steps in steps()) {
        let (machine, now) = polling();
        let mut run = Run { machine, now, probe: None, sent: 0, got: vec![], lose_next: false };
        for step in &steps {
            run.step(step);
        }
        prop_assert!(run.got.iter().copied().eq(0..run.got.len()), "{:?}", run.got);
        run.lose_next = false;
        if run.machine.ended().is_none() && !matches!(run.machine.life, Life::Ending(_)) {
            // A client that comes gets the rest.
            run.step(&Step::Poll);
            prop_assert_eq!(run.got.len(), run.sent);
        }
        run.machine.close(MOVED);
        run.now = run.machine.deadline().max(run.now + UPGRADE_TIMEOUT);
        run.machine.expire(run.now);
        prop_assert!(run.machine.ended().is_some());
        run.step(&Step::Poll);
        prop_assert_eq!(run.machine.answer(), None, "no poll is left waiting");
    }
}
