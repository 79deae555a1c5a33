//! What is known of a handshake when its session begins.

use std::sync::Arc;

use crate::admission::{Client, Permit};
use crate::keys::KeyRecord;

/// What the gate has learnt of a handshake.
pub(super) struct Handshake {
    /// The key of the header, checked.
    pub(super) key: Option<Arc<KeyRecord>>,
    /// Who made it.
    pub(super) client: Client,
    /// The place that the session takes.
    pub(super) place: Permit,
    /// Whether the client is told before its session is moved.
    pub(super) takes_moved: bool,
}
