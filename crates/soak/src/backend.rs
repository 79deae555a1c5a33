//! A backend: it asks the server's HTTP interface for keys, publishes, and looks up what became of
//! messages.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};

use crate::event::Ms;
use crate::tracker::Audience;

/// The namespace of every run.
pub(crate) const NAMESPACE: &str = "dropcodes";
/// How long the server may take for an answer, a refusal included.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a call that is not a message is tried again.
const TRIES: u32 = 50;
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);

/// The answer to a message.
#[derive(Debug)]
pub(crate) enum Answer {
    /// It is stored: when it is due, and when it expires.
    Accepted { deliver_at: Ms, expires_at: Ms },
    /// Not now: the status, none without an answer, and how long to wait.
    Later(Option<u16>, Option<Duration>),
    /// Never.
    Refused(String),
}

/// A backend with its key to one server or load balancer.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    http: reqwest::Client,
    url: String,
    key: String,
}

/// The name of a channel.
pub(crate) fn channel(number: usize) -> String {
    format!("c{number}")
}

fn path(audience: Audience) -> String {
    match audience {
        Audience::Channel(number) => {
            let channel = channel(number);
            format!("/v1/namespaces/{NAMESPACE}/channels/{channel}/messages")
        }
        Audience::Everyone => format!("/v1/namespaces/{NAMESPACE}/messages"),
    }
}

impl Backend {
    /// One with this key.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(crate) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().timeout(PATIENCE).build()?;
        Ok(Self {
            http,
            url: url.to_owned(),
            key: key.to_owned(),
        })
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> reqwest::Result<reqwest::Response> {
        let request = self
            .http
            .request(method, format!("{}{path}", self.url))
            .header("authorization", format!("ApiKey {}", self.key));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        request.send().await
    }

    /// The same, until it succeeds.
    async fn insist(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let mut last = String::new();
        for _ in 0..TRIES {
            match self.call(method.clone(), path, body).await {
                Ok(answer) if answer.status() == 204 => return Ok(Value::Null),
                Ok(answer) if answer.status().is_success() => return Ok(answer.json().await?),
                Ok(answer) if answer.status().is_client_error() && answer.status() != 429 => {
                    bail!("{method} {path}: {}", answer.text().await?)
                }
                Ok(answer) => last = answer.text().await.unwrap_or_default(),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(PAUSE).await;
        }
        bail!("{method} {path} does not succeed: {last}")
    }

    /// A new plugin key of a channel.
    ///
    /// # Errors
    /// When the server refuses.
    pub(crate) async fn key(&self, number: usize) -> anyhow::Result<String> {
        let body = json!({ "channel": channel(number), "namespaces": [NAMESPACE] });
        let answer = self.insist(Method::POST, "/v1/keys", Some(&body)).await?;
        let key = answer.get("key").and_then(Value::as_str);
        Ok(key.context("the new key's answer has no key")?.to_owned())
    }

    /// Sends a message once.
    pub(crate) async fn publish(&self, audience: Audience, body: &Value) -> Answer {
        let sent = self.call(Method::POST, &path(audience), Some(body)).await;
        let Ok(answer) = sent else {
            return Answer::Later(None, None);
        };
        let status = answer.status().as_u16();
        match status {
            200 | 202 => match answer.json::<Value>().await {
                Ok(message) => {
                    times(&message).unwrap_or_else(|error| Answer::Refused(error.to_string()))
                }
                // The answer was cut off, so nothing is known.
                Err(_) => Answer::Later(None, None),
            },
            429 | 502 | 503 | 504 => {
                let seconds = answer.headers().get("retry-after");
                let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
                Answer::Later(Some(status), seconds.map(Duration::from_secs))
            }
            _ => Answer::Refused(format!(
                "{status}: {}",
                answer.text().await.unwrap_or_default()
            )),
        }
    }

    /// Cancels a message.
    ///
    /// # Errors
    /// When it is due already.
    pub(crate) async fn cancel(&self, audience: Audience, id: &str) -> anyhow::Result<()> {
        let path = format!("{}/{id}", path(audience));
        self.insist(Method::DELETE, &path, None).await.map(drop)
    }

    /// What has become of a message.
    ///
    /// # Errors
    /// When the server does not know it.
    pub(crate) async fn state(&self, audience: Audience, id: &str) -> anyhow::Result<String> {
        let path = format!("{}/{id}", path(audience));
        let message = self.insist(Method::GET, &path, None).await?;
        let state = message.get("state").and_then(Value::as_str);
        Ok(state.context("a message has no state")?.to_owned())
    }

    /// How many live messages of a channel are acknowledged.
    ///
    /// # Errors
    /// When the server does not tell.
    pub(crate) async fn acknowledged_of(&self, number: usize) -> anyhow::Result<u64> {
        let path = format!("/v1/namespaces/{NAMESPACE}/channels/{}", channel(number));
        let channel = self.insist(Method::GET, &path, None).await?;
        let acknowledged = channel.pointer("/messages/acknowledged");
        let acknowledged = acknowledged.and_then(Value::as_u64);
        acknowledged.context("a channel tells of no acknowledged messages")
    }

    /// How many keys have acknowledged each of these mailboxes' messages, by id.
    ///
    /// # Errors
    /// When the server does not tell.
    pub(crate) async fn acknowledged(
        &self,
        audience: Audience,
    ) -> anyhow::Result<HashMap<String, usize>> {
        let mut all = HashMap::new();
        let mut more = String::new();
        loop {
            let path = format!("{}?limit=100{more}", path(audience));
            let page = self.insist(Method::GET, &path, None).await?;
            let items = page.get("items").and_then(Value::as_array);
            for item in items.context("a page of messages has no items")? {
                let id = item.get("id").and_then(Value::as_str);
                let keys = item.pointer("/keys/acknowledged").and_then(Value::as_u64);
                if let (Some(id), Some(keys)) = (id, keys) {
                    all.insert(id.to_owned(), usize::try_from(keys)?);
                }
            }
            match page.get("next").and_then(Value::as_str) {
                Some(next) => more = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }
}

fn times(message: &Value) -> anyhow::Result<Answer> {
    let time = |name: &str| {
        let text = message.get(name).and_then(Value::as_str);
        let text = text.with_context(|| format!("the answer has no {name}: {message}"))?;
        let time: jiff::Timestamp = text.parse()?;
        anyhow::Ok(time.as_millisecond() as Ms)
    };
    Ok(Answer::Accepted {
        deliver_at: time("deliver_at")?,
        expires_at: time("expires_at")?,
    })
}
