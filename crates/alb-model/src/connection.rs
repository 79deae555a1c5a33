//! A connection to a target, kept for reuse.

use std::sync::Arc;

use hyper::client::conn::http1::SendRequest;

use super::activity::Activity;
use super::request_body::RequestBody;

/// One connection to a target. Dropping it closes it once its response has ended.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<RequestBody>,
    pub(crate) activity: Arc<Activity>,
}
