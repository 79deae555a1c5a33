//! What happens at a client, as `clients.cjs` tells it: a JSON array a line.

use std::time::SystemTime;

use anyhow::{Context as _, bail};
use serde_json::Value;

/// Milliseconds since the epoch by this machine's clock, or a number of them.
pub(crate) type Ms = f64;

/// The time by this machine's clock.
pub(crate) fn now() -> Ms {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64() * 1e3
}

/// What happens at a client, by its number.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    /// It has joined; it was away for so long beyond what its library chose to wait.
    Up { client: usize, at: Ms, away: Ms },
    /// Its connection has ended.
    Down {
        client: usize,
        at: Ms,
        reason: String,
    },
    /// It was not let in; with a code it does not try again.
    Refused {
        client: usize,
        code: Option<String>,
        text: String,
    },
    /// A message came, worth rendering for so long.
    Message {
        client: usize,
        at: Ms,
        id: String,
        expires_in: Ms,
    },
    /// It acknowledged a message.
    Acknowledged { client: usize, at: Ms, id: String },
}

impl Event {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is none of those above.
    pub(crate) fn read(line: &str) -> anyhow::Result<Self> {
        let values: Vec<Value> =
            serde_json::from_str(line).with_context(|| format!("clients.cjs said {line:?}"))?;
        let number = |at: usize| {
            values
                .get(at)
                .and_then(Value::as_f64)
                .with_context(|| format!("clients.cjs said {line:?}, which lacks a number at {at}"))
        };
        let text = |at: usize| {
            let value = values.get(at).and_then(Value::as_str);
            value.unwrap_or_default().to_owned()
        };
        let client = number(1)? as usize;
        let at = number(2)?;
        Ok(match text(0).as_str() {
            "up" => Self::Up {
                client,
                at,
                away: number(3)? - number(4)?,
            },
            "down" => Self::Down {
                client,
                at,
                reason: text(3),
            },
            "refused" => Self::Refused {
                client,
                code: values.get(3).and_then(Value::as_str).map(str::to_owned),
                text: text(4),
            },
            "message" => Self::Message {
                client,
                at,
                id: text(3),
                expires_in: number(5)?,
            },
            "acknowledged" => Self::Acknowledged {
                client,
                at,
                id: text(3),
            },
            _ => bail!("clients.cjs said {line:?}"),
        })
    }
}
