//! Learning early that this task is to stop, from the ECS task metadata endpoint: then its clients
//! can be moved over the deregistration delay, instead of all at the end of it.
//!
//! What is known:
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4-response.html>
//! documents `DesiredStatus`, not when it changes. On Fargate it was seen to turn to STOPPED about
//! 30 s before the container died (<https://github.com/ministackorg/ministack/pull/1711>);
//! `KnownStatus` stays RUNNING until the end
//! (<https://github.com/aws/containers-roadmap/issues/2012>). Where it never turns early, SIGTERM
//! says it as before.

use std::time::Duration;

use anyhow::Context as _;
use axum::http::header::HOST;
use axum::http::{Request, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

/// From one question to the next.
const INTERVAL: Duration = Duration::from_secs(1);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(2);
/// Bytes of an answer.
const MOST_ANSWER: usize = 1 << 20;

#[derive(Deserialize)]
struct Task {
    #[serde(rename = "DesiredStatus")]
    desired_status: String,
}

/// Waits until the endpoint at `metadata` says that this task is to stop; for ever where it does
/// not, or there is none.
pub async fn told_to_stop(metadata: Option<&Uri>) {
    let Some(metadata) = metadata else {
        return std::future::pending().await;
    };
    let mut complained = false;
    loop {
        match timeout(ANSWER, desired_status(metadata)).await {
            Ok(Ok(status)) if status == "STOPPED" => return,
            Ok(Err(error)) if !complained => {
                complained = true;
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the task metadata cannot be read; waiting for SIGTERM"
                );
            }
            _ => {}
        }
        sleep(INTERVAL).await;
    }
}

async fn desired_status(metadata: &Uri) -> anyhow::Result<String> {
    let authority = metadata.authority().context("the address has no host")?;
    let address = (authority.host(), authority.port_u16().unwrap_or(80));
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("{}/task", metadata.path().trim_end_matches('/')))
        .header(HOST, authority.as_str())
        .body(Empty::<Bytes>::new())?;
    let response = sender.send_request(request).await?;
    anyhow::ensure!(
        response.status().is_success(),
        "it answered {}",
        response.status()
    );
    let body = Limited::new(response.into_body(), MOST_ANSWER)
        .collect()
        .await;
    connection.abort();
    let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
    Ok(serde_json::from_slice::<Task>(&body)?.desired_status)
}
