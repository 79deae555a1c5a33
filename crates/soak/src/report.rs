//! What a run comes to: the figures, and whether they are as they must be.

use std::fmt;

use crate::course::Course;
use crate::event::Ms;
use crate::spread::Spread;

/// The figures of a run. Messages are counted once where published or accepted, and once for each
/// client elsewhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Messages that were sent to the server.
    pub(crate) published: usize,
    /// Those that it answered with 200 or 202.
    pub(crate) accepted: usize,
    /// Message and client pairs that came together.
    pub(crate) delivered: usize,
    /// Pairs of which the store knows that the client has acknowledged.
    pub(crate) acknowledged: usize,
    /// Arrivals beyond the first of each pair.
    pub(crate) duplicated: usize,
    /// Pairs of accepted messages that expired before the client got them.
    pub(crate) expired: usize,
    /// Those among them whose client was connected all the while.
    pub(crate) missed: Vec<String>,
    /// Pairs of accepted messages that neither came nor expired.
    pub(crate) lost: Vec<String>,
    /// From `deliver_at` to the client, of messages accepted, at clients connected, a second before
    /// it.
    pub(crate) lateness: Spread,
    /// Times that clients were away, less what their library waited by itself.
    pub(crate) away: Spread,
    /// How it went over time.
    pub(crate) course: Course,
    /// What must not happen, in words.
    pub(crate) faults: Vec<String>,
    /// Further ones, without words.
    pub(crate) more_faults: usize,
}

/// A run's name, figures and remarks.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) name: String,
    pub(crate) tally: Tally,
    /// What else was seen, a line each.
    pub(crate) remarks: Vec<String>,
}

impl Report {
    /// Whether nothing is lost, nothing came too often, and nothing else happened that must not.
    pub(crate) fn is_well(&self) -> bool {
        self.tally.lost.is_empty() && self.tally.faults.is_empty()
    }

    /// The same, where clients may be away for `most` ms beyond their own back-off, all but one in
    /// a hundred times.
    pub(crate) fn with_away_below(mut self, most: Ms) -> Self {
        if self.tally.away.p99 > most {
            let fault = format!("clients were away too long: {}", self.tally.away);
            self.tally.faults.push(fault);
        }
        self
    }

    /// The same, where nothing may expire unseen by a client that was there.
    pub(crate) fn with_nothing_missed(mut self) -> Self {
        if let Some(first) = self.tally.missed.first() {
            let count = self.tally.missed.len();
            let fault = format!("{count} expired unseen by clients that were there, {first} first");
            self.tally.faults.push(fault);
        }
        self
    }

    /// The same, where no message may be earlier, nor half of them later, than `most` ms.
    pub(crate) fn with_lateness_within(mut self, most: Ms) -> Self {
        let Spread { min, p50, .. } = self.tally.lateness;
        if min < -most || p50 > most {
            let fault = format!("wrong moments: earliest {min:.0} ms, p50 {p50:.0} ms late");
            self.tally.faults.push(fault);
        }
        self
    }
}

/// Examples shown of what went wrong.
const SHOWN: usize = 5;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally {
            published,
            accepted,
            delivered,
            acknowledged,
            duplicated,
            expired,
            missed,
            lost,
            lateness,
            away,
            faults,
            more_faults,
            course: _,
        } = &self.tally;
        let name = &self.name;
        let lost_count = lost.len();
        writeln!(
            f,
            "{name}: published {published}, accepted {accepted}, delivered {delivered}, acknowledged {acknowledged}, \
             duplicated {duplicated}, expired {expired}, lost {lost_count}"
        )?;
        writeln!(f, "  lateness at the client: {lateness}")?;
        if away.count > 0 {
            writeln!(f, "  away, beyond the clients' own back-off: {away}")?;
        }
        for remark in &self.remarks {
            writeln!(f, "  {remark}")?;
        }
        for lost in lost.iter().take(SHOWN) {
            writeln!(f, "  LOST {lost}")?;
        }
        for missed in missed.iter().take(SHOWN) {
            writeln!(f, "  MISSED {missed}, which was connected all the while")?;
        }
        for fault in faults {
            writeln!(f, "  FAULT {fault}")?;
        }
        if *more_faults > 0 {
            writeln!(f, "  FAULT and {more_faults} more")?;
        }
        Ok(())
    }
}
