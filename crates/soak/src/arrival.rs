//! What reached a client, and when it was there.

use crate::event::Ms;

/// One connection of a client, from its join to its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Session {
    pub(crate) from: Ms,
    pub(crate) until: Option<Ms>,
}

/// One arrival of a message at a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) at: Ms,
    /// Which of the client's sessions it came on.
    pub(crate) session: usize,
    /// When the client acknowledged it on that session.
    pub(crate) acknowledged: Option<Ms>,
}
