//! The HTTP interface call by call: what is accepted, what is refused and how, at both sides of
//! each bound.

mod backends;
mod bounds;
mod description;
mod issue;
mod keys;
mod messages;
mod paths;
mod publish;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::harness::{BACKEND_KEY, Server};

const CHANNEL: &str = "/v1/namespaces/dropcodes/channels/c";
const MESSAGES: &str = "/v1/namespaces/dropcodes/channels/c/messages";
const EVERYONE: &str = "/v1/namespaces/dropcodes/messages";
const BATCH: &str = "/v1/namespaces/dropcodes/batch";

/// An answer with all there is to look at.
struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

/// Sends anything, with these headers alone beside `Host`.
async fn send(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Answer {
    let url = format!("http://{}{path}", server.address);
    let mut request = reqwest::Client::new()
        .request(method.parse().unwrap(), url)
        .body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let text = response.text().await.unwrap();
    assert!(headers.contains_key("x-node-id"), "{method} {path}");
    if status >= 400 && method != "HEAD" {
        let problem: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(headers["content-type"], "application/problem+json");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string());
    }
    Answer {
        status,
        headers,
        text,
    }
}

/// Sends a body as JSON, with the backend key.
async fn post(server: &Server, path: &str, body: impl ToString) -> Answer {
    let key = format!("ApiKey {BACKEND_KEY}");
    let headers = [
        ("authorization", &*key),
        ("content-type", "application/json"),
    ];
    send(server, "POST", path, &headers, body.to_string()).await
}

async fn get(server: &Server, path: &str) -> Value {
    let (status, answer) = server.call(Method::GET, path, None).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

async fn delete(server: &Server, path: &str) -> u16 {
    server.call(Method::DELETE, path, None).await.0
}

/// The fields that a 422 names.
fn fields(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    assert_eq!(answer.status, 422, "{json}");
    let errors = json["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| error["field"].as_str().unwrap().to_owned())
        .collect()
}
