//! How figures are spread.

use std::fmt;

use crate::event::Ms;

/// How figures of one kind are spread, in ms.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spread {
    pub(crate) count: usize,
    pub(crate) min: Ms,
    pub(crate) p50: Ms,
    pub(crate) p99: Ms,
    pub(crate) max: Ms,
}

impl Spread {
    /// Of figures with their moments.
    pub(crate) fn of_figures(all: &[(Ms, Ms)]) -> Self {
        Self::of(all.iter().map(|(_, figure)| *figure).collect())
    }

    /// Of these.
    pub(crate) fn of(mut all: Vec<Ms>) -> Self {
        all.sort_by(f64::total_cmp);
        let at = |q: f64| {
            let index = (all.len().saturating_sub(1) as f64 * q).round() as usize;
            all.get(index).copied().unwrap_or_default()
        };
        Self {
            count: all.len(),
            min: at(0.0),
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            count,
            p50,
            p99,
            max,
            ..
        } = self;
        write!(f, "p50 {p50:.1}, p99 {p99:.1}, max {max:.1} ms of {count}")
    }
}
