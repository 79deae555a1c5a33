//! What is known of a handshake when its session begins.

use std::sync::Arc;

use crate::admission::{Client, Permit};
use crate::connection::{Allowance, Link};
use crate::keys::KeyRecord;

/// What the gate has learnt of a handshake, carried in the request's extensions.
#[derive(Clone)]
pub(super) struct Handshake {
    /// The key of the header, checked.
    pub(super) key: Option<Arc<KeyRecord>>,
    /// The connection that the handshake came on.
    pub(super) link: Arc<Link>,
    /// Who made it.
    pub(super) client: Client,
    /// The place that the session takes.
    pub(super) place: Arc<Permit>,
    /// What the session may send.
    pub(super) allowance: Arc<Allowance>,
}
