//! How a run went over time: how late messages were and how long clients were away, with what
//! failed meanwhile. It is drawn by `picture`.

use crate::event::Ms;
use crate::spread::Spread;

/// Points of a line at most.
const POINTS: usize = 160;

/// What happened in a run, and when. Moments are in ms since the epoch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Course {
    /// When messages came, and by how much too late, in ms.
    pub(crate) late: Vec<(Ms, Ms)>,
    /// When clients were back, and how long they had been away beyond their own back-off, in ms.
    pub(crate) away: Vec<(Ms, Ms)>,
    /// What failed.
    pub(crate) faults: Vec<Fault>,
}

/// Something that failed on purpose.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fault {
    pub(crate) what: String,
    pub(crate) from: Ms,
    pub(crate) until: Ms,
}

/// Picks a figure of many.
pub(crate) type Pick = fn(&Spread) -> Ms;

impl Course {
    /// From the first to the last of it.
    pub(crate) fn span(&self) -> (Ms, Ms) {
        let moments = || self.late.iter().chain(&self.away).map(|(at, _)| *at);
        let faults = self.faults.iter().map(|fault| fault.from);
        let start = moments().chain(faults).fold(f64::INFINITY, f64::min);
        (start, moments().fold(0.0, f64::max))
    }

    /// The kinds of faults, in the order in which they came first.
    pub(crate) fn kinds(&self) -> Vec<&str> {
        let mut kinds: Vec<&str> = Vec::new();
        for fault in &self.faults {
            if !kinds.contains(&fault.what.as_str()) {
                kinds.push(&fault.what);
            }
        }
        kinds
    }
}

/// A point for each stretch of time in which there is a figure, in runs without a gap.
pub(crate) fn stretches(
    figures: &[(Ms, Ms)],
    (start, end): (Ms, Ms),
    pick: Pick,
) -> Vec<Vec<(Ms, Ms)>> {
    let mut stretches = vec![Vec::new(); POINTS];
    let width = (end - start) / POINTS as f64;
    for (at, ms) in figures {
        let index = ((at - start) / width) as usize;
        stretches[index.min(POINTS - 1)].push(*ms);
    }
    let mut runs: Vec<Vec<(Ms, Ms)>> = Vec::new();
    let mut before_was_empty = true;
    for (index, stretch) in stretches.into_iter().enumerate() {
        let is_empty = stretch.is_empty();
        if !is_empty {
            let middle = start + (index as f64 + 0.5) * width;
            let point = (middle, pick(&Spread::of(stretch)));
            match runs.last_mut().filter(|_| !before_was_empty) {
                Some(run) => run.push(point),
                None => runs.push(vec![point]),
            }
        }
        before_was_empty = is_empty;
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_no_line() {
        let figures = [(0.0, 1.0), (1.0, 3.0), (50.0, 2.0), (99.9, 4.0)];
        let runs = stretches(&figures, (0.0, 160.0), |spread| spread.max);
        let counts: Vec<_> = runs.iter().map(Vec::len).collect();
        assert_eq!(counts, [2, 1, 1]);
        assert_eq!(runs[0], [(0.5, 1.0), (1.5, 3.0)]);
    }
}
