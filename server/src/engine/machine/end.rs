//! How sessions end, and what polls are answered.

/// How a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The client is to come back by itself. No client takes it for final that its connection ends
    /// or its poll fails; some do so with the close packet.
    Moved,
    /// The client has nothing left to do here.
    Gone,
    /// The client has ended it, or is no more.
    Left,
    /// The client reads nothing, not even the end.
    Cut,
}

/// The end of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// How it ends.
    pub how: How,
    /// Why, as it is counted.
    pub cause: &'static str,
}

/// The answer to a poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Packets.
    Payload(String),
    /// A failure: the client is to come back.
    Unavailable,
}
