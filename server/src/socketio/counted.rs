//! A socket as `/metrics` counts it: by what it is, for as long as it is.

use prometheus_client::metrics::gauge::Gauge;

use crate::metrics::{Metrics, SocketLabels};

/// One of the sockets of its kind, until it is dropped.
pub(super) struct Counted(Gauge);

impl Counted {
    /// A socket that is of this kind from now on.
    pub(super) fn new(metrics: &Metrics, kind: &SocketLabels) -> Self {
        let gauge = metrics.sockets.get_or_create(kind).clone();
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}
