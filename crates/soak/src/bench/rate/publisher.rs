//! Publishes at a rate, to all nodes in turn, by calls that hold what has fallen due within a few
//! milliseconds.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::ledger::{Ledger, PLUGINS};
use crate::backend::NAMESPACE;
use crate::event::Ms;
use crate::publisher::lock;

/// From one call to the next; messages that are due meanwhile share it.
const TICK: Duration = Duration::from_millis(4);
/// Messages that a call takes at most.
const MOST: usize = 100;
/// Calls that wait for their answers, at most.
const IN_FLIGHT: usize = 48;
/// For how long messages are worth delivering, in ms: all of them end within a measurement.
const TTL: u64 = 2_000;

/// A backend with connections to all nodes.
#[derive(Debug)]
pub(super) struct Backend {
    http: Client,
    /// Of the namespace on each node.
    urls: Vec<String>,
    authorization: String,
    channels: usize,
    ledger: Arc<Mutex<Ledger>>,
}

/// The answer to each message of a call.
#[derive(Debug, Deserialize)]
struct Answer {
    message: Option<Accepted>,
}

#[derive(Debug, Deserialize)]
struct Accepted {
    deliver_at: String,
}

impl Accepted {
    fn due(&self) -> Option<Ms> {
        let due: jiff::Timestamp = self.deliver_at.parse().ok()?;
        Some(due.as_millisecond() as Ms)
    }
}

impl Backend {
    /// One that publishes to so many channels.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(super) fn new(
        nodes: &[SocketAddr],
        backend_key: &str,
        channels: usize,
        ledger: Arc<Mutex<Ledger>>,
    ) -> anyhow::Result<Self> {
        let url = |node: &SocketAddr| format!("http://{node}/v1/namespaces/{NAMESPACE}");
        Ok(Self {
            http: Client::builder().timeout(Duration::from_secs(10)).build()?,
            urls: nodes.iter().map(url).collect(),
            authorization: format!("ApiKey {backend_key}"),
            channels,
            ledger,
        })
    }

    /// Publishes so many messages a second until it is dropped. Those for which no call is free
    /// wait.
    pub(super) async fn publish(self: Arc<Self>, rate: f64) {
        let (mut ticks, start) = (interval(TICK), Instant::now());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let free = Arc::new(Semaphore::new(IN_FLIGHT));
        let (mut sent, mut calls) = (0, 0);
        loop {
            ticks.tick().await;
            loop {
                let wanted = (start.elapsed().as_secs_f64() * rate) as usize;
                let count = wanted.saturating_sub(sent).min(MOST);
                if count == 0 {
                    break;
                }
                let Ok(place) = free.clone().acquire_owned().await else {
                    return;
                };
                sent += count;
                calls += 1;
                let backend = self.clone();
                tokio::spawn(async move {
                    backend.call(calls, count).await;
                    drop(place);
                });
            }
        }
    }

    /// One call to one of the nodes.
    async fn call(&self, call: usize, count: usize) {
        let numbers = lock(&self.ledger).publish(count);
        let accepted = self.ask(call, numbers.clone()).await.unwrap_or_default();
        let mut ledger = lock(&self.ledger);
        let mut refused = count;
        for (number, answer) in numbers.zip(accepted) {
            if let Some(due) = answer.message.and_then(|message| message.due()) {
                ledger.accepted(number, due);
                refused -= 1;
            }
        }
        ledger.refused += refused;
    }

    async fn ask(&self, call: usize, numbers: Range<usize>) -> reqwest::Result<Vec<Answer>> {
        let namespace = &self.urls[call % self.urls.len()];
        let asked = self.http.post(format!("{namespace}/batch"));
        let asked = asked
            .header("authorization", &self.authorization)
            .header("content-type", "application/json")
            .body(body(numbers, self.channels));
        asked.send().await?.error_for_status()?.json().await
    }

    /// Asks the nodes in turn which of these messages both plugins have acknowledged, and counts
    /// those.
    ///
    /// # Errors
    /// When one is not known.
    pub(super) async fn acknowledged_by_all(&self, numbers: &[usize]) -> reqwest::Result<usize> {
        let mut acknowledged = 0;
        for (call, number) in numbers.iter().enumerate() {
            let (namespace, channel) = (&self.urls[call % self.urls.len()], number % self.channels);
            let url = format!("{namespace}/channels/c{channel}/messages/m-{number}");
            let asked = self
                .http
                .get(url)
                .header("authorization", &self.authorization);
            let status: Value = asked.send().await?.error_for_status()?.json().await?;
            let keys = status.pointer("/keys/acknowledged").and_then(Value::as_u64);
            acknowledged += usize::from(keys == Some(PLUGINS as u64));
        }
        Ok(acknowledged)
    }
}

fn body(numbers: Range<usize>, channels: usize) -> String {
    let mut body = String::from("[");
    for number in numbers {
        let separator = if body.len() > 1 { "," } else { "" };
        // Writing to a text does not fail.
        let _ = write!(
            body,
            r#"{separator}{{"channel":"c{}","id":"m-{number}","event":"code","ttl":{TTL},"data":{{"n":{number},"code":"{:016X}"}}}}"#,
            number % channels,
            fastrand::u64(..),
        );
    }
    body.push(']');
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_a_list_of_messages() {
        let body: Value = serde_json::from_str(&body(7..9, 4)).unwrap();
        assert_eq!(body[0]["id"], "m-7");
        assert_eq!(body[0]["data"]["n"], 7);
        assert_eq!(body[1]["channel"], "c0");
    }
}
