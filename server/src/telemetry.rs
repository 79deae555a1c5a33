//! How metrics leave the process while it lives, and what is told of it last.

use std::sync::Arc;

use server::emf::Emf;
use server::log_queue::LogQueue;
use server::node::Node;
use server::otlp::Otlp;
use server::settings::Telemetry as Wanted;

/// What tells of the metrics, beside `/metrics`.
pub(crate) enum Telemetry {
    /// Nothing: somebody fetches them.
    Fetched,
    /// Lines in the log, for CloudWatch.
    Emf(Arc<Emf>),
    /// What sends them to a collector.
    Otlp(Arc<Otlp>),
}

impl Telemetry {
    /// Starts what the settings want; it lives as long as the node.
    ///
    /// # Errors
    /// When the collector's endpoint cannot be called at all.
    pub(crate) fn start(node: &Node, log: &LogQueue) -> anyhow::Result<Self> {
        let handler = node.handler();
        let (settings, context) = (&handler.settings, &handler.context);
        let (service, name) = (&settings.service_name, &settings.node_id);
        Ok(match &settings.telemetry {
            Wanted::Prometheus => Self::Fetched,
            Wanted::Emf => {
                let emf = Arc::new(Emf::new(context.metrics.clone(), service, name));
                let log = log.clone();
                let running = emf.clone().run(move |line| log.write_line(line.as_bytes()));
                context.tasks.spawn("emf", running);
                Self::Emf(emf)
            }
            Wanted::Otlp(otlp) => {
                let page = handler.clone();
                let otlp = Otlp::new(otlp, (service, name), move || page.metrics_page())?;
                let otlp = Arc::new(otlp);
                context.tasks.spawn("otlp", otlp.clone().run());
                Self::Otlp(otlp)
            }
        })
    }

    /// Tells what happened since the last time.
    pub(crate) async fn tell_last(self, log: &LogQueue) {
        match self {
            Self::Fetched => {}
            Self::Emf(emf) => log.write_line(emf.line().as_bytes()),
            Self::Otlp(otlp) => otlp.send_last().await,
        }
    }
}
