//! Metrics for CloudWatch: a line a minute in the log, in the embedded metric format, from which
//! CloudWatch makes metrics by itself. Few of them and one dimension, since each costs a fee.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::metrics::{MessageState, Metrics, VALID_KEYS};

/// The namespace of all metrics in CloudWatch.
pub const NAMESPACE: &str = "Holdfast";
/// The dimension of all metrics: the service, whose nodes count together.
pub const DIMENSION: &str = "Service";
/// From one line to the next: CloudWatch's own resolution.
const PERIOD: Duration = Duration::from_secs(60);
/// What makes the lines.
pub struct Emf {
    metrics: Arc<Metrics>,
    service: String,
    node: String,
    before: Mutex<Counts>,
}

/// Counters as they were in the last line.
#[derive(Debug, Default, Clone, Copy)]
struct Counts {
    delivered: u64,
    redeliveries: u64,
    expired: u64,
    refused: u64,
    store_errors: u64,
}

impl Counts {
    fn of(metrics: &Metrics) -> Self {
        Self {
            delivered: metrics.counted(MessageState::delivered),
            redeliveries: metrics.redeliveries.get(),
            expired: metrics.counted(MessageState::expired),
            refused: VALID_KEYS
                .map(|reason| metrics.refusals_for(reason))
                .iter()
                .sum(),
            store_errors: metrics.store_errors.get(),
        }
    }
}

impl Emf {
    /// Lines of this node of a service.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, service: &str, node: &str) -> Self {
        Self {
            metrics,
            service: service.to_owned(),
            node: node.to_owned(),
            before: Mutex::default(),
        }
    }

    /// Gives `write` a line each minute, for ever.
    pub async fn run(self: Arc<Self>, write: impl Fn(&str)) {
        let mut tick = interval_at(Instant::now() + PERIOD, PERIOD);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            write(&self.line());
        }
    }

    /// What happened since the last line, with a line break at its end.
    #[must_use]
    pub fn line(&self) -> String {
        let now = Timestamp::now();
        let values = self.values();
        let definitions: Vec<_> = values
            .iter()
            .map(|(name, unit, _)| json!({ "Name": name, "Unit": unit }))
            .collect();
        let directive = json!({
            "Namespace": NAMESPACE,
            "Dimensions": [[DIMENSION]],
            "Metrics": definitions,
        });
        let mut line = Map::new();
        let aws = json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": [directive] });
        line.insert("_aws".to_owned(), aws);
        line.insert("timestamp".to_owned(), format!("{now:.3}").into());
        line.insert("level".to_owned(), "INFO".into());
        line.insert("node".to_owned(), self.node.as_str().into());
        line.insert("message".to_owned(), "metrics".into());
        line.insert(DIMENSION.to_owned(), self.service.as_str().into());
        let values = values
            .into_iter()
            .map(|(name, _, value)| (name.to_owned(), value));
        line.extend(values);
        format!("{}\n", Value::Object(line))
    }

    /// Name, unit and value of each metric.
    fn values(&self) -> Vec<(&'static str, &'static str, Value)> {
        let m = &self.metrics;
        m.measure_memory();
        let now = Counts::of(m);
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |count: fn(&Counts) -> u64| Value::from(count(&now) - count(&before));
        let mut values = vec![
            ("Connections", "Count", m.connections.get().into()),
            (
                "ConnectionsUsed",
                "Percent",
                percent(m.connections.get(), m.connections_limit.get()),
            ),
            ("Delivered", "Count", since(|c| c.delivered)),
            ("Redeliveries", "Count", since(|c| c.redeliveries)),
            ("ExpiredUnacknowledged", "Count", since(|c| c.expired)),
            ("RefusedValidKeys", "Count", since(|c| c.refused)),
            ("StoreErrors", "Count", since(|c| c.store_errors)),
            ("Memory", "Bytes", m.memory.get().into()),
            (
                "MemoryUsed",
                "Percent",
                percent(m.memory.get(), m.memory_limit.get()),
            ),
        ];
        *before = now;
        let late = m.lateness.take();
        if !late.values.is_empty() {
            let late = json!({ "Values": late.values, "Counts": late.counts });
            values.push(("Lateness", "Milliseconds", late));
        }
        values
    }
}

/// How much of the limit is used; nothing where none is known.
fn percent(used: i64, limit: i64) -> Value {
    match limit {
        ..=0 => 0.into(),
        limit => (used as f64 * 100.0 / limit as f64).into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_minute_tells_what_happened_in_it() {
        let metrics = Arc::new(Metrics::new());
        metrics.connections_limit.set(200);
        let emf = Arc::new(Emf::new(metrics.clone(), "acme-drops-prod", "n1"));
        let (sender, lines) = channel();
        let running = tokio::spawn(emf.run(move |line| sender.send(line.to_owned()).unwrap()));
        let minute = async || {
            tokio::time::sleep(PERIOD).await;
            tokio::task::yield_now().await;
            let line: Value = serde_json::from_str(&lines.try_recv().unwrap()).unwrap();
            assert!(lines.try_recv().is_err(), "one line a minute");
            line
        };
        // The first tick is a minute after the start.
        tokio::task::yield_now().await;
        metrics.connections.set(50);
        metrics.count(MessageState::delivered, 3);
        metrics.count(MessageState::expired, 2);
        metrics.refused("key_joins");
        metrics.refused("invalid_key");
        metrics.lateness.observe(0.004);
        let first = minute().await;
        assert_eq!(first["Service"], "acme-drops-prod");
        assert_eq!(
            (&first["Connections"], &first["ConnectionsUsed"]),
            (&json!(50), &json!(25.0))
        );
        assert_eq!(
            (&first["Delivered"], &first["ExpiredUnacknowledged"]),
            (&json!(3), &json!(2))
        );
        assert_eq!(first["RefusedValidKeys"], 1);
        assert_eq!(first["Lateness"], json!({ "Values": [4.0], "Counts": [1] }));
        metrics.count(MessageState::delivered, 1);
        let second = minute().await;
        assert_eq!(second["Delivered"], 1, "only what is new");
        assert_eq!(second.get("Lateness"), None, "nothing was due");
        let named = second["_aws"]["CloudWatchMetrics"][0]["Metrics"].to_string();
        assert!(!named.contains("Lateness"), "{named}");
        running.abort();
    }
}
