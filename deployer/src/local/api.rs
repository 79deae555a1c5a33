//! The server's HTTP API, as far as the deployer is a backend itself: keys, messages.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderValue};
use serde_json::{Value, json};

use socketio_client::{Address, Error as HttpError, Reply, request};

/// How long a key for listening lives, if nobody revokes it before.
const LISTENER_LIVES: Duration = Duration::from_secs(86_400);
/// How long a call may take.
const WITHIN: Duration = Duration::from_secs(10);

/// A server and a backend's key to it.
#[derive(Debug, Clone)]
pub struct Api {
    /// The server.
    pub address: Address,
    /// The backend's key.
    pub backend_key: String,
}

/// Why a call did not come off.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No answer.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// The key has characters that no header takes.
    #[error("the backend key has characters that an HTTP header cannot carry")]
    Key,
    /// The server refused; with its own words.
    #[error("the server answered {status}: {detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The problem's detail or title, or the body.
        detail: String,
    },
    /// The answer lacks what it should have.
    #[error("the server's answer has no `{0}`")]
    Answer(&'static str),
}

impl Api {
    /// Creates a plugin key for a channel; the key itself, which the server never shows again.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn create_key(&self, channel: &str, namespaces: &[String]) -> Result<String, Error> {
        let answer = self
            .post(
                "/v1/keys",
                &json!({ "channel": channel, "namespaces": namespaces }),
            )
            .await?;
        let key = answer
            .get("key")
            .and_then(Value::as_str)
            .ok_or(Error::Answer("key"))?;
        Ok(key.to_owned())
    }

    /// Creates a plugin key that ends by itself after a while: the key's id and the key.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn create_passing_key(
        &self,
        channel: &str,
        namespace: &str,
        lives: Duration,
    ) -> Result<(String, String), Error> {
        let ends = humantime::format_rfc3339_seconds(std::time::SystemTime::now() + lives);
        let body = json!({ "channel": channel, "namespaces": [namespace], "expires_at": ends.to_string() });
        issued(&self.post("/v1/keys", &body).await?)
    }

    /// Creates a key for listening to a channel, which ends by itself within a day: the key's id and
    /// the key. One that only watches counts nowhere.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn create_listener_key(
        &self,
        channel: &str,
        namespace: &str,
        watch: bool,
    ) -> Result<(String, String), Error> {
        let body = json!({
            "channel": channel, "namespaces": [namespace], "watch": watch, "ttl": LISTENER_LIVES.as_millis() as u64,
        });
        issued(&self.post("/v1/keys", &body).await?)
    }

    /// Revokes a key, which also disconnects its sockets.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn revoke_key(&self, id: &str) -> Result<(), Error> {
        let path = format!("/v1/keys/{id}");
        self.call(Method::DELETE, &path, Bytes::new()).await?;
        Ok(())
    }

    /// Publishes a message to a channel; the message as the server has stored it.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn publish(
        &self,
        namespace: &str,
        channel: &str,
        message: &Value,
    ) -> Result<Value, Error> {
        self.post(
            &format!("/v1/namespaces/{namespace}/channels/{channel}/messages"),
            message,
        )
        .await
    }

    /// Whether the server knows the backend's key, whatever it may do.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn is_known(&self) -> Result<bool, Error> {
        match self.call(Method::GET, "/v1/keys/none", Bytes::new()).await {
            Ok(_) => Ok(true),
            Err(Error::Refused { status, .. }) => Ok(status != 401),
            Err(error) => Err(error),
        }
    }

    /// Reads what a path below the server's address has.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn get(&self, path: &str) -> Result<Value, Error> {
        self.call(Method::GET, path, Bytes::new()).await
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        self.call(Method::POST, path, Bytes::from(body.to_string()))
            .await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<Value, Error> {
        let reply = self.send((method, path), body, WITHIN).await?;
        let answer = serde_json::from_slice::<Value>(&reply.body).unwrap_or(Value::Null);
        if (200..300).contains(&reply.status) {
            return Ok(answer);
        }
        let said = ["detail", "title"]
            .iter()
            .find_map(|name| answer.get(name)?.as_str().map(str::to_owned));
        let detail = said.unwrap_or_else(|| reply.text().chars().take(200).collect());
        Err(Error::Refused {
            status: reply.status,
            detail,
        })
    }

    /// Sends any call with the backend's key; its answer, of whatever status, within `within`.
    ///
    /// # Errors
    /// When the server does not answer.
    pub async fn send(
        &self,
        what: (Method, &str),
        body: Bytes,
        within: Duration,
    ) -> Result<Reply, Error> {
        let mut headers = HeaderMap::new();
        let mut key = HeaderValue::from_str(&format!("ApiKey {}", self.backend_key))
            .map_err(|_| Error::Key)?;
        key.set_sensitive(true);
        headers.insert(header::AUTHORIZATION, key);
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        Ok(request(&self.address, what, &headers, body, within).await?)
    }
}

/// A key's id and the key.
fn issued(answer: &Value) -> Result<(String, String), Error> {
    let text = |name: &'static str| {
        let text = answer.get(name).and_then(Value::as_str);
        text.map(str::to_owned).ok_or(Error::Answer(name))
    };
    Ok((text("id")?, text("key")?))
}
