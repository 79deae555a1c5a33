//! The figures that the page shows of a node, or of all nodes, from its metrics.

use std::collections::BTreeMap;

use serde::Serialize;

use super::exposition::Values;
use super::window::Sums;

/// What the page shows of a node, or of all. Rates are a second's, times in milliseconds.
#[derive(Debug, Serialize)]
pub(super) struct Figures {
    connections: f64,
    sessions: f64,
    banned: f64,
    sockets: Vec<Sockets>,
    connects: f64,
    refusals: Vec<Counted>,
    /// Within the last minute.
    refused: f64,
    disconnects: Vec<Counted>,
    messages: Vec<Counted>,
    redeliveries: f64,
    lateness: Histogram,
    store: Histogram,
    store_errors: f64,
}

/// Sockets that are alike.
#[derive(Debug, Serialize)]
struct Sockets {
    transport: String,
    protocol: String,
    namespace: String,
    count: f64,
}

/// A counter of one reason or state.
#[derive(Debug, Serialize)]
struct Counted {
    name: String,
    total: f64,
    rate: f64,
}

/// Times of the last minute.
#[derive(Debug, Default, Serialize)]
struct Histogram {
    /// How many there were.
    count: f64,
    /// The bound that half of them stay within; none where there were none, or it is beyond all.
    p50: Option<f64>,
    p99: Option<f64>,
    /// The number within each bound and above the one before; no bound for what is beyond all.
    buckets: Vec<(Option<f64>, f64)>,
}

impl Figures {
    /// Whether somebody was refused of late, or is banned.
    pub(super) fn refuses(&self) -> bool {
        self.banned > 0.0 || self.refused > 0.0
    }

    /// What the values say.
    pub(super) fn of(sums: &Sums) -> Self {
        let gauge = |name: &str| total(&sums.now, name);
        let counted = |name: &str, label: &str| counted(sums, name, label);
        let store = "holdfast_store_latency_seconds_count";
        let failed = |values: &Values| -> f64 {
            let outcomes = by(values, store, "outcome").into_iter();
            let failed = outcomes.filter(|(outcome, _)| *outcome != "ok");
            failed.fold(0.0, |sum, (_, number)| sum + number)
        };
        Self {
            connections: gauge("holdfast_connections"),
            sessions: gauge("holdfast_sessions"),
            banned: gauge("holdfast_banned_addresses"),
            sockets: sockets(&sums.now),
            connects: total(&sums.rates, "holdfast_connects_total"),
            refused: total(&sums.minute, "holdfast_refusals_total"),
            refusals: counted("holdfast_refusals_total", "reason"),
            disconnects: counted("holdfast_disconnects_total", "reason"),
            messages: counted("holdfast_messages_total", "state"),
            redeliveries: total(&sums.rates, "holdfast_redeliveries_total"),
            lateness: Histogram::of(&sums.minute, "holdfast_lateness_seconds_bucket"),
            store: Histogram::of(&sums.minute, "holdfast_store_latency_seconds_bucket"),
            store_errors: failed(&sums.rates),
        }
    }
}

/// The sum of a metric over its labels.
fn total(values: &Values, name: &str) -> f64 {
    let of_name = values.iter().filter(|(series, _)| series.name == name);
    // `sum` of nothing is -0.
    of_name.fold(0.0, |sum, (_, value)| sum + value)
}

/// A metric's sums by one of its labels.
fn by<'a>(values: &'a Values, name: &str, label: &str) -> BTreeMap<&'a str, f64> {
    let mut sums = BTreeMap::new();
    for (series, value) in values.iter().filter(|(series, _)| series.name == name) {
        *sums.entry(series.label(label)).or_default() += value;
    }
    sums
}

fn counted(sums: &Sums, name: &str, label: &str) -> Vec<Counted> {
    let rates = by(&sums.rates, name, label);
    by(&sums.now, name, label)
        .into_iter()
        .map(|(word, total)| Counted {
            name: word.to_owned(),
            total,
            rate: rates.get(word).copied().unwrap_or_default(),
        })
        .collect()
}

fn sockets(values: &Values) -> Vec<Sockets> {
    values
        .iter()
        .filter(|(series, _)| series.name == "holdfast_sockets")
        .map(|(series, count)| Sockets {
            transport: series.label("transport").to_owned(),
            protocol: series.label("protocol").to_owned(),
            namespace: series.label("namespace").to_owned(),
            count: *count,
        })
        .collect()
}

impl Histogram {
    fn of(values: &Values, name: &str) -> Self {
        let mut upto: Vec<(f64, f64)> = by(values, name, "le")
            .into_iter()
            .filter_map(|(bound, number)| Some((bound_of(bound)?, number)))
            .collect();
        upto.sort_by(|one, other| one.0.total_cmp(&other.0));
        let count = upto.last().map_or(0.0, |(_, number)| *number);
        let within = |part: f64| {
            let found = upto.iter().find(|(_, number)| *number >= part * count)?;
            (count > 0.0 && found.0.is_finite()).then_some(found.0 * 1000.0)
        };
        let mut below = 0.0;
        let buckets = upto.iter().map(|(bound, number)| {
            let here = number - below;
            below = *number;
            (bound.is_finite().then_some(bound * 1000.0), here)
        });
        Self {
            count,
            buckets: buckets.collect(),
            p50: within(0.5),
            p99: within(0.99),
        }
    }
}

fn bound_of(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        text => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::parse;
    use super::*;

    fn lateness(text: &str) -> Histogram {
        Histogram::of(&parse(text), "holdfast_lateness_seconds_bucket")
    }

    #[test]
    fn quantiles_are_the_bounds_that_hold_them() {
        let name = "holdfast_lateness_seconds_bucket";
        let found = lateness(&format!(
            "{name}{{le=\"0.001\"}} 50\n{name}{{le=\"0.005\"}} 98\n{name}{{le=\"0.1\"}} 99\n{name}{{le=\"+Inf\"}} 100\n"
        ));
        assert_eq!(
            (found.count, found.p50, found.p99),
            (100.0, Some(1.0), Some(100.0))
        );
        let numbers: Vec<_> = found.buckets.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbers, [50.0, 48.0, 1.0, 1.0]);
        let beyond = lateness(&format!(
            "{name}{{le=\"0.001\"}} 1\n{name}{{le=\"+Inf\"}} 100\n"
        ));
        assert_eq!((beyond.p50, beyond.p99), (None, None));
        assert_eq!(lateness("").p50, None);
    }
}
