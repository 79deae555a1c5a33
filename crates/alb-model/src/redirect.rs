//! Redirects: where a request is sent instead.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-action-types.html#redirect-actions>

use http::request::Parts;

use super::config::Redirect;
use super::rule::host;

/// The `Location` of a redirect. As AWS writes it: always with the port.
pub(crate) fn location(redirect: &Redirect, request: &Parts, https: bool, port: u16) -> String {
    let fill = |template: &str| {
        template
            .replace("#{protocol}", if https { "https" } else { "http" })
            .replace("#{host}", &host(request))
            .replace("#{port}", &port.to_string())
            .replace("#{path}", request.uri.path().trim_start_matches('/'))
            .replace("#{query}", request.uri.query().unwrap_or_default())
    };
    let protocol = fill(&redirect.protocol).to_ascii_lowercase();
    let query = fill(&redirect.query);
    let query = if query.is_empty() {
        query
    } else {
        format!("?{query}")
    };
    format!(
        "{protocol}://{}:{}{}{query}",
        fill(&redirect.host),
        fill(&redirect.port),
        fill(&redirect.path)
    )
}
