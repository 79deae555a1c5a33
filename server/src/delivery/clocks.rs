//! Following the clocks: the store's, by which messages are due, and the machine's, by which the
//! embedded store goes.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Hub;
use crate::clock::{Measured, measure_system, wall_micros};
use crate::metrics::ClockLabel;
use crate::store::{Parts, Store};

/// From one look at a clock to the next.
const LOOK: Duration = Duration::from_secs(1);
/// Looks from one measurement of a store's clock that is steady to the next.
const LOOKS: u32 = 10;
/// A trip to the store and back that tells little of its clock.
const SLOW_TRIP: Duration = Duration::from_millis(100);
/// For how long no measurement is better than one by a slow trip.
const PATIENCE: Duration = Duration::from_secs(60);

impl Hub {
    /// Measures the store's clock for ever: each second while it is not steady.
    pub(super) async fn follow_clock(self: Arc<Self>) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut measured, mut looks) = (Instant::now(), 0);
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    looks += 1;
                    if looks < LOOKS && self.context.clock.is_steady() {
                        continue;
                    }
                }
                // Another machine may be the store now: a poor guess of its clock is better than
                // the old one's.
                () = self.measure_now.notified() => measured = Instant::now() - PATIENCE,
            }
            looks = 0;
            let asked = Instant::now();
            let Ok(micros) = self.context.store.now().await else {
                continue;
            };
            // Half of a slow trip is a poor guess; better no correction, for a while.
            let rough = asked.elapsed() > SLOW_TRIP && measured.elapsed() < PATIENCE;
            if !rough {
                measured = Instant::now();
            }
            let was_steady = self.context.clock.is_steady();
            let outcome = self.context.clock.measure(micros, asked, rough);
            self.tell("store", was_steady, outcome);
            if matches!(outcome, Measured::BegunAnew(_)) {
                // What has been read was judged by a wrong time.
                self.begin_anew(Parts::ALL);
            }
            let metrics = &self.context.metrics;
            let wall = (wall_micros() - self.context.clock.micros()) / 1000;
            metrics.wall_clock_offset.set(wall);
            self.earlier.notify_one();
        }
    }

    /// Measures the machine's clock for ever.
    pub(super) async fn follow_wall_clock(self: Arc<Self>) {
        let mut tick = interval(LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let was_steady = crate::clock::system_is_steady();
            self.tell("wall", was_steady, measure_system());
        }
    }

    /// Counts and logs what a measurement says, when that is news.
    fn tell(&self, clock: &'static str, was_steady: bool, measured: Measured) {
        let metrics = &self.context.metrics;
        let ms = |micros: i64| micros / 1000;
        match measured {
            Measured::Followed(offset) => {
                let label = ClockLabel { clock };
                metrics.clock_correction.get_or_create(&label).set(offset);
            }
            Measured::Leapt(offset) | Measured::BegunAnew(offset) => {
                metrics
                    .clock_leaps
                    .get_or_create(&ClockLabel { clock })
                    .inc();
                tracing::warn!(
                    clock,
                    by_ms = ms(offset),
                    was_steady,
                    "a clock has leapt: nothing expires until it is steady",
                );
            }
            Measured::Believed(offset) => tracing::warn!(
                clock,
                by_ms = ms(offset),
                "a clock has stayed where it leapt to: time makes up for it, a tenth faster or \
                 slower",
            ),
            Measured::Waiting(_) => {}
        }
    }
}
