//! Asks ECS not to stop this task when the service scales in, while many deliveries are ahead or
//! clients are being moved: stopping it then would cut all of them from what comes next.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html>
//!
//! A deployment waits for a protected task too. So the protection is short, is renewed, and rests
//! after a while. One that cannot be renewed ends by itself.

mod course;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Request, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use crate::http_client::{HttpClient, http_client};
use crate::socketio::Handler;
use course::{Ask, Course};

/// From one look at what is ahead to the next.
const LOOK: Duration = Duration::from_secs(1);
/// Minutes after which ECS forgets a protection; it takes whole ones.
const EXPIRES: u32 = 3;
/// How long the agent may take to answer, and how much.
const ANSWER: Duration = Duration::from_secs(5);
const MOST_ANSWER: usize = 64 << 10;

/// Where the ECS agent takes the state of this task's protection.
struct Agent {
    client: HttpClient,
    url: Uri,
}

/// The agent's answer, if it did what it was asked.
#[derive(Deserialize)]
struct Answer {
    protection: Option<State>,
}

#[derive(Deserialize)]
struct State {
    #[serde(rename = "ProtectionEnabled")]
    enabled: bool,
}

/// Counts the deliveries ahead, and protects the task where the settings and ECS want it; for ever.
///
/// # Errors
/// When the address of the ECS agent is of no use.
pub(crate) fn run(handler: Arc<Handler>) -> anyhow::Result<impl Future<Output = ()> + Send> {
    let settings = &handler.settings;
    let agent = settings.ecs_agent.as_ref().map(Agent::at).transpose()?;
    let protecting = settings.peak_deliveries.map(u64::from).zip(agent);
    Ok(async move {
        let mut course = Course::default();
        let mut complained = false;
        loop {
            let ahead = handler.hub.deliveries_ahead();
            let metrics = &handler.context.metrics;
            metrics
                .deliveries_ahead
                .set(i64::try_from(ahead).unwrap_or(i64::MAX));
            if let Some((peak, agent)) = &protecting {
                let is_peak = ahead >= *peak;
                let draining = handler.is_draining();
                if let Some(ask) = course.next(Instant::now(), is_peak, draining) {
                    let done = timeout(ANSWER, agent.put(ask)).await;
                    let done = done.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer in time")));
                    course.asked(Instant::now(), ask, done.is_ok());
                    tell(ask, ahead, &done, &mut complained, draining);
                }
                metrics.protected.set(i64::from(course.is_protected()));
            }
            tokio::select! {
                () = sleep(LOOK) => {}
                () = handler.began_draining() => {}
            }
        }
    })
}

fn tell(ask: Ask, ahead: u64, done: &anyhow::Result<()>, complained: &mut bool, draining: bool) {
    match done {
        Ok(()) => {
            *complained = false;
            match ask {
                Ask::Protect => tracing::info!(ahead, "ECS does not scale this task in"),
                Ask::Renew => {}
                Ask::Release => tracing::info!(ahead, "ECS may scale this task in"),
            }
        }
        // ECS protects no task that it stops already.
        Err(error) if !*complained && !draining => {
            *complained = true;
            tracing::warn!(
                error = format!("{error:#}"),
                "ECS does not protect this task from scaling in",
            );
        }
        Err(_) => {}
    }
}

impl Agent {
    fn at(base: &Uri) -> anyhow::Result<Self> {
        let base = base.to_string();
        let url = format!("{}/task-protection/v1/state", base.trim_end_matches('/'));
        let url: Uri = url.parse().context("ECS_AGENT_URI")?;
        Ok(Self {
            client: http_client(&url)?,
            url,
        })
    }

    async fn put(&self, ask: Ask) -> anyhow::Result<()> {
        let enabled = ask != Ask::Release;
        let body = match enabled {
            true => json!({ "ProtectionEnabled": true, "ExpiresInMinutes": EXPIRES }),
            false => json!({ "ProtectionEnabled": false }),
        };
        let request = Request::put(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body.to_string())))?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), MOST_ANSWER).collect();
        let body = body.await.map_err(anyhow::Error::from_boxed)?.to_bytes();
        let state = serde_json::from_slice::<Answer>(&body).ok();
        let state = state.and_then(|answer| answer.protection);
        let is_done = state.is_some_and(|state| state.enabled == enabled);
        ensure!(
            status.is_success() && is_done,
            "{} answered {status}: {}",
            self.url,
            String::from_utf8_lossy(&body)
        );
        Ok(())
    }
}
