//! The machine's clock, made steady: the wall clock is read when the process starts, and followed
//! without leaps.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::slew::{Measured, Slew};

struct System {
    origin: Instant,
    slew: Mutex<Slew>,
}

/// Microseconds since the Unix epoch, as the machine's clock says without its leaps.
#[must_use]
pub fn system_micros() -> i64 {
    let system = system();
    let at = system.at();
    system.lock().micros(at)
}

/// Whether the wall clock was where it should be for long enough.
#[must_use]
pub fn system_is_steady() -> bool {
    system().lock().is_steady()
}

/// Reads the wall clock, which is to be done every second or so.
pub fn measure_system() -> Measured {
    let system = system();
    let at = system.at();
    system.lock().measure(at, wall_micros(), false)
}

fn system() -> &'static System {
    static SYSTEM: OnceLock<System> = OnceLock::new();
    SYSTEM.get_or_init(|| System {
        origin: Instant::now(),
        slew: Mutex::new(Slew::starting(0, wall_micros())),
    })
}

impl System {
    fn at(&self) -> i64 {
        i64::try_from(self.origin.elapsed().as_micros()).unwrap_or(i64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Slew> {
        self.slew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the wall clock says: microseconds since the Unix epoch.
#[must_use]
pub fn wall_micros() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX)
}
