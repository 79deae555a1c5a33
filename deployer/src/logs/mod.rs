//! The server's log on AWS, read to its end and followed, and how its lines are shown. Where lines come from is the
//! business of [`crate::aws`].

mod line;
#[cfg(feature = "aws")]
mod page;
mod tail;

use std::time::SystemTime;

pub use line::Shown;
#[cfg(feature = "aws")]
pub(crate) use line::visible;
#[cfg(feature = "aws")]
pub use page::{Log, look, millis};
pub use tail::Tail;

/// A line as CloudWatch has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// CloudWatch's id of it: no other line has the same.
    pub id: String,
    /// The stream, one for each task: `server/server/0123…`.
    pub stream: String,
    /// When it was written, in milliseconds since 1970.
    pub time: i64,
    /// The text.
    pub text: String,
}

impl LogLine {
    /// The task that wrote it: the last part of the stream's name.
    #[must_use]
    pub fn task(&self) -> &str {
        task_of(&self.stream)
    }

    /// When it was written.
    #[must_use]
    pub fn at(&self) -> SystemTime {
        let since = std::time::Duration::from_millis(self.time.unsigned_abs());
        if self.time < 0 {
            SystemTime::UNIX_EPOCH - since
        } else {
            SystemTime::UNIX_EPOCH + since
        }
    }
}

/// The task that a log stream belongs to.
#[must_use]
pub fn task_of(stream: &str) -> &str {
    stream.rsplit('/').next().unwrap_or(stream)
}

/// The node that wrote a line, as the server names itself in `x-node-id`; none where it is not the server's.
#[must_use]
pub fn node_of(text: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(text).ok()?;
    line.get("node")?.as_str().map(str::to_owned)
}
