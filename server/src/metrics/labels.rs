//! The labels of metrics. A new label multiplies the series that somebody pays for.

use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};

/// A Socket.IO socket, as it is counted.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct SocketLabels {
    /// `polling` or `websocket`.
    pub transport: &'static str,
    /// The Socket.IO protocol: 4 or 5.
    pub protocol: &'static str,
    /// The namespace.
    pub namespace: String,
}

/// One label whose values the code knows.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct Reason {
    /// What happened, in `snake_case`.
    pub reason: &'static str,
}

/// A message's state.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq, EncodeLabelValue)]
pub enum MessageState {
    /// Stored.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    accepted,
    /// Emitted to a key, redeliveries not counted.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    delivered,
    /// Acknowledged by a key.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    acknowledged,
    /// Acknowledged by a key after it had expired.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    acknowledged_late,
    /// Expired without any acknowledgement.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    expired,
    /// Cancelled before it was due.
    #[expect(non_camel_case_types, reason = "label values are lower case")]
    cancelled,
}

impl MessageState {
    /// Each of them.
    pub(super) const ALL: [Self; 6] = [
        Self::accepted,
        Self::delivered,
        Self::acknowledged,
        Self::acknowledged_late,
        Self::expired,
        Self::cancelled,
    ];
}

/// The label of message counts.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StateLabel {
    /// What became of it.
    pub state: MessageState,
}

/// Which clock was measured.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ClockLabel {
    /// `store`, or `wall`: the machine's.
    pub clock: &'static str,
}

/// A call of the store.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct StoreCall {
    /// The trait's method.
    pub call: &'static str,
    /// `ok` or `unavailable`.
    pub outcome: &'static str,
}
