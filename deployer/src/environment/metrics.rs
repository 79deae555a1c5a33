//! `metrics:`, who fetches the metrics of the tasks, and where their collector writes them.

use std::borrow::Cow;
use std::net::Ipv4Addr;

use http::Uri;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use timeouts::Setting as ServerSetting;

use super::field::{FromNode, Setting, section, wrong};
use super::image::Image;
use super::server::Server;
use super::unit::{inline_schema, parsed};
use cloudformation::diagnostic::{Mistake, Mistakes};
use cloudformation::node::{Node, Scalar, Value};

/// What the collector does where the metrics are for a Prometheus that takes remote writes signed
/// for Amazon Managed Service for Prometheus. The template has what it does otherwise.
const REMOTE_WRITE: &str = r#"extensions: { sigv4auth: { service: aps } }
receivers: { otlp: { protocols: { http: { endpoint: "127.0.0.1:4318" } } } }
exporters:
  prometheusremotewrite: { endpoint: "${env:REMOTE_WRITE}", auth: { authenticator: sigv4auth } }
service:
  extensions: [sigv4auth]
  pipelines: { metrics: { receivers: [otlp], exporters: [prometheusremotewrite] } }
"#;

section! {
    /// Who fetches the metrics of the tasks, and where their collector writes them.
    Metrics {
        /// Whoever may fetch `/metrics` on port 9100 of each task: a security group, or a range of
        /// addresses. Nobody unless given; never the load balancer.
        fetched_from: Option<Setting<Peer>>,
        /// Where the collector of `telemetry: otlp` writes instead of CloudWatch: the remote write
        /// URL of a workspace of Amazon Managed Service for Prometheus.
        remote_write: Option<Setting<WriteUrl>>,
        /// The collector's image, where tasks do not reach `public.ecr.aws`.
        collector_image: Option<Setting<Image>>,
    }
}

impl Metrics {
    /// The template's parameters.
    pub(super) fn parameters(&self) -> Vec<(&'static str, Node)> {
        let peer = self.fetched_from.as_ref();
        let peer = peer.map(|peer| (peer.value.parameter(), peer.node(|peer| peer.0.clone())));
        let image = self.collector_image.as_ref();
        let image = image.map(|image| ("Collector", image.node(|image| image.0.clone())));
        let url = self.remote_write.as_ref();
        let config = url.map(|url| ("CollectorConfig", url.node(|_| REMOTE_WRITE.to_owned())));
        let url = url.map(|url| ("RemoteWrite", url.node(|url| url.0.clone())));
        [peer, image, url, config].into_iter().flatten().collect()
    }

    /// A collector's settings, where the tasks have none.
    pub(super) fn check(&self, server: &Server, mistakes: &mut Mistakes) {
        let is_otlp = server.text(ServerSetting::Telemetry) == Some("otlp");
        let endpoint = server.text(ServerSetting::OtlpEndpoint);
        let is_own = endpoint.is_none_or(|url| Some(url) == default_endpoint());
        if is_otlp && is_own {
            return;
        }
        let remote_write = self.remote_write.as_ref().map(|url| &url.origin);
        let image = self.collector_image.as_ref().map(|image| &image.origin);
        let settings = [("remote_write", remote_write), ("collector_image", image)];
        for (key, origin) in settings {
            let Some(origin) = origin else {
                continue;
            };
            mistakes.push(Mistake {
                message: format!("`{key}` is of a collector, and the tasks have none"),
                place: origin.first().cloned(),
                help: Some(
                    "set `telemetry: otlp` below `server`, without an `otlp_endpoint`".to_owned(),
                ),
            });
        }
    }
}

fn default_endpoint() -> Option<&'static str> {
    ServerSetting::OtlpEndpoint.spec().default
}

/// The port of a collector elsewhere that tasks must reach, where it is not that of HTTPS, which
/// they always do.
pub(super) fn collector_port(server: &Server) -> Option<(&'static str, Node)> {
    if server.text(ServerSetting::Telemetry) != Some("otlp") {
        return None;
    }
    let endpoint = server.node(ServerSetting::OtlpEndpoint)?;
    let url = endpoint.as_text()?.parse::<Uri>().ok()?;
    if ["127.0.0.1", "localhost", "[::1]"].contains(&url.host()?) {
        return None;
    }
    let is_https = url.scheme_str() == Some("https");
    let port = url.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    let text = Value::Scalar(Scalar::text(port.to_string()));
    (port != 443).then(|| ("OtlpPort", Node::new(text, endpoint.origin.clone())))
}

/// A security group, or a range of IPv4 addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer(pub String);

impl Peer {
    fn parameter(&self) -> &'static str {
        match self.0.contains('/') {
            true => "MetricsRange",
            false => "MetricsGroup",
        }
    }
}

impl FromNode for Peer {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let expected = "a security group or a range, `sg-0f1e2d3c4b5a69788` or `10.0.0.0/16` for \
                        instance, and none wider than /8";
        parsed(node, expected, mistakes, |text| {
            let group = text.strip_prefix("sg-").is_some_and(|id| {
                [8, 17].contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit())
            });
            let range = text.split_once('/').is_some_and(|(address, bits)| {
                let bits = bits.parse::<u8>();
                // A network of a VPC's has 8 at least; all addresses are no answer to "who".
                let is_network = bits.is_ok_and(|bits| (8..=32).contains(&bits));
                address.parse::<Ipv4Addr>().is_ok() && is_network
            });
            (group || range).then(|| Self(text.to_owned()))
        })
    }
}

inline_schema!([] Peer, "Peer", json_schema!({
    "type": "string", "pattern": "^(sg-([0-9a-f]{8}|[0-9a-f]{17})|[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+/[0-9]+)$"
}));

/// Where a Prometheus takes remote writes: an HTTPS URL without credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteUrl(pub String);

impl FromNode for WriteUrl {
    fn from_node(node: &Node, mistakes: &mut Mistakes) -> Option<Self> {
        let url = node.as_text().filter(|text| text.starts_with("https://"));
        let url = url.filter(|text| ServerSetting::OtlpEndpoint.parse(text).is_ok());
        if url.is_none() {
            let expected = "a URL such as https://aps-workspaces.eu-west-1.amazonaws.com/\
                            workspaces/ws-…/api/v1/remote_write";
            mistakes.push(wrong(node, expected));
        }
        url.map(|url| Self(url.to_owned()))
    }
}

inline_schema!([] WriteUrl, "WriteUrl", json_schema!({
    "type": "string", "pattern": "^https://[A-Za-z0-9.:-]+(/[A-Za-z0-9._~/-]*)?$"
}));
