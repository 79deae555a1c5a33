//! Metrics for an OpenTelemetry collector: what `/metrics` shows, sent by OTLP over HTTP.
//!
//! Values count from the start of the process, so what a collector missed is in what comes next.
//! Nothing waits for a collector that is away.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>

mod exposition;
mod message;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use axum::http::Request;
use axum::http::header::{CONTENT_TYPE, USER_AGENT};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use prost::Message as _;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::http_client::{HttpClient, http_client};
use crate::settings::OtlpSettings;
use exposition::Span;
use message::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse, InstrumentationScope, KeyValue,
    Resource, ResourceMetrics, ScopeMetrics,
};

/// How long a collector may take to answer.
const ANSWER: Duration = Duration::from_secs(10);
/// The same for what is sent last.
const LAST_ANSWER: Duration = Duration::from_secs(1);
/// Bytes of an answer.
const MOST_ANSWER: usize = 64 << 10;
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Sends the metrics of one node.
pub struct Otlp {
    settings: OtlpSettings,
    resource: Resource,
    client: HttpClient,
    page: Box<dyn Fn() -> String + Send + Sync>,
    started_at: u64,
    /// Whether the last sending failed, which is told once.
    is_away: AtomicBool,
}

impl Otlp {
    /// Sends what `page` returns, as metrics of this node of a service.
    ///
    /// # Errors
    /// When the endpoint is one of HTTPS, and no certificate authority is known.
    pub fn new(
        settings: &OtlpSettings,
        (service, node): (&str, &str),
        page: impl Fn() -> String + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let attributes = [
            ("service.name", service),
            ("service.instance.id", node),
            ("service.version", VERSION),
        ];
        Ok(Self {
            settings: settings.clone(),
            resource: Resource {
                attributes: attributes
                    .map(|(key, value)| KeyValue::new(key, value))
                    .into(),
            },
            client: http_client(&settings.url)?,
            page: Box::new(page),
            started_at: nanoseconds(),
            is_away: AtomicBool::new(false),
        })
    }

    /// Sends the metrics at every interval, for ever.
    pub async fn run(self: Arc<Self>) {
        let mut tick = interval(self.settings.interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            self.send(ANSWER).await;
        }
    }

    /// Sends what happened since the last interval, before the process ends.
    pub async fn send_last(&self) {
        self.send(LAST_ANSWER).await;
    }

    async fn send(&self, patience: Duration) {
        let sent = timeout(patience, self.post()).await;
        let sent = sent.unwrap_or_else(|_| Err(anyhow::anyhow!("no answer within {patience:?}")));
        let url = &self.settings.url;
        let was_away = self.is_away.swap(sent.is_err(), Ordering::Relaxed);
        match sent {
            Err(error) if !was_away => tracing::warn!(
                endpoint = %url, error = format!("{error:#}"),
                "the collector does not take the metrics; they come with the next ones",
            ),
            Ok(()) if was_away => {
                tracing::info!(endpoint = %url, "the collector takes the metrics again");
            }
            _ => {}
        }
    }

    async fn post(&self) -> anyhow::Result<()> {
        let request = Request::post(&self.settings.url)
            .header(CONTENT_TYPE, "application/x-protobuf")
            .header(USER_AGENT, concat!("holdfast/", env!("CARGO_PKG_VERSION")))
            .body(Full::new(Bytes::from(self.message().encode_to_vec())))?;
        let answer = self.client.request(request).await?;
        let status = answer.status();
        ensure!(status.is_success(), "it answered {status}");
        let body = Limited::new(answer.into_body(), MOST_ANSWER).collect();
        let body = body.await.map_err(anyhow::Error::from_boxed)?.to_bytes();
        let answer = ExportMetricsServiceResponse::decode(body).context("its answer")?;
        let refused = answer.partial_success.unwrap_or_default();
        ensure!(
            refused.rejected_data_points == 0,
            "it refused {} values: {}",
            refused.rejected_data_points,
            refused.error_message
        );
        Ok(())
    }

    fn message(&self) -> ExportMetricsServiceRequest {
        let span = Span {
            start: self.started_at,
            end: nanoseconds(),
        };
        ExportMetricsServiceRequest {
            resource_metrics: vec![ResourceMetrics {
                resource: Some(self.resource.clone()),
                scope_metrics: vec![ScopeMetrics {
                    scope: Some(InstrumentationScope {
                        name: "holdfast".to_owned(),
                        version: VERSION.to_owned(),
                    }),
                    metrics: exposition::read(&(self.page)(), span),
                }],
            }],
        }
    }
}

fn nanoseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
