//! Reads a log to its end: all its pages, from where the last read makes it necessary.

use std::time::SystemTime;

use super::{LogLine, Tail};
use crate::aws::{Clients, Error};

/// A log group, or some of its streams.
#[derive(Clone, Debug)]
pub struct Log {
    /// The group's name.
    pub group: String,
    /// The streams' names; all of them where there is none.
    pub streams: Vec<String>,
}

/// Reads a log to its end, and shows what is new; false as soon as `show` says that nobody wants
/// more.
///
/// # Errors
/// AWS refuses a call, or `show` fails.
pub async fn read_new<E: From<Error>>(
    clients: &Clients,
    log: &Log,
    tail: &mut Tail,
    mut show: impl FnMut(&LogLine) -> Result<bool, E>,
) -> Result<bool, E> {
    let start = tail.start();
    let mut next = None;
    loop {
        let page = clients.log_page(&log.group, &log.streams, start, next);
        let (page, token) = page.await?;
        for new in tail.new_of(page, millis(SystemTime::now())) {
            if !show(&new)? {
                return Ok(false);
            }
        }
        // A page may be empty, and yet not be the last.
        next = token;
        if next.is_none() {
            tail.end_of_read();
            return Ok(true);
        }
    }
}

/// A moment in milliseconds since 1970.
#[must_use]
pub fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}
